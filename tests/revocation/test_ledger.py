"""The file in which a replica keeps who was shut off."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import ConfigError, StoreError
from gateway.store.ledger import SPARE_LINES, Entry, Ledger


def written(path: Path, *entries: Entry) -> Ledger:
    ledger = Ledger(path)
    ledger.take(entries)
    ledger.write()
    return ledger


def test_it_is_read_again_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "revocations.jsonl"
    written(path, Entry("1-0", ("tok_a", "agent:x"), until=5), Entry("2-0", open=("agent:x",)), Entry("3-0", ("t",)))
    again = Ledger(path)
    assert (again.shut, again.last) == ({"tok_a": 5, "t": None}, "3-0")
    written(path, Entry("4-0", ("tok_b",), until=7))
    assert (Ledger(path).shut, Ledger(path).last) == ({"tok_a": 5, "t": None, "tok_b": 7}, "4-0")
    assert path.stat().st_mode & 0o077 == 0, "it is nobody else's"


def test_half_an_entry_that_a_crash_left_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "revocations.jsonl"
    written(path, Entry("1-0", ("tok_a",)))
    with path.open("ab") as file:
        file.write(b'{"id":"2-0","shut":["tok')
    written(path, Entry("3-0", ("tok_c",)))
    assert Ledger(path).shut.keys() == {"tok_a", "tok_c"}


@pytest.mark.parametrize("damage", [b"not json\n", b"[]\n", b"{}\n", b'{"id":"1-0","shut":3}\n'])
def test_a_damaged_file_is_said_and_not_passed_over(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "revocations.jsonl"
    written(path, Entry("1-0", ("tok_a",)))
    path.write_bytes(damage + path.read_bytes())
    with pytest.raises(ConfigError, match="not known who was shut off"):
        Ledger(path)


def test_what_has_expired_leaves_it(tmp_path: Path) -> None:
    path = tmp_path / "revocations.jsonl"
    ledger = written(path, Entry("0-1", ("agent:x",)))
    for hundred in range(0, SPARE_LINES + 200, 100):
        ledger.take([Entry(f"{one}-2", (f"tok_{one}",), until=one) for one in range(hundred, hundred + 100)])
        ledger.forget(now=hundred + 100)
        ledger.write()
    assert len(path.read_text().splitlines()) <= SPARE_LINES
    assert "agent:x" in Ledger(path).shut


def test_what_cannot_be_written_is_said_and_written_later(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    ledger = Ledger(folder / "revocations.jsonl")
    ledger.take([Entry("1-0", ("tok_a",))])
    with pytest.raises(StoreError, match="was not written"):
        ledger.write()
    folder.mkdir()
    ledger.take([Entry("2-0", ("tok_b",))])
    ledger.write()
    assert Ledger(folder / "revocations.jsonl").shut.keys() == {"tok_a", "tok_b"}
