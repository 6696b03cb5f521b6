"""The form of the record: anybody can check it with SHA-256 and a JSON library, and no change goes unnoticed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.engine import record
from gateway.engine.chain import DIGEST, GENESIS
from gateway.engine.record import Filter
from gateway.errors import StoreCorrupt
from tests.audit.parts import is_intact

Body = dict[str, Any]


def body(event: str = "token.issued", **more: Any) -> Body:
    return {"v": 1, "tenant": "t", "ts": 1_000, "node": "a", "event": event, **more}


def sealed(count: int = 5) -> list[bytes]:
    return record.seal(GENESIS, 0, [body(note=f"ü {n}", ts=1_000 + n) for n in range(count)])[1]


def test_the_published_form_can_be_checked_without_this_code() -> None:
    previous = "00" * 32
    for one in record.read(sealed(), GENESIS, 0, "t"):
        published = json.loads(json.dumps(one.published()))
        assert published["prev"] == previous and is_intact(published)
        assert not is_intact({**published, "note": "other"})
        previous = published["hash"]


@settings(deadline=None)
@given(st.data())
def test_every_changed_byte_is_found_at_its_record(data: st.DataObject) -> None:
    elements = sealed()
    place = data.draw(st.integers(0, len(elements) - 1))
    byte = data.draw(st.integers(0, len(elements[place]) - 1))
    bit = data.draw(st.integers(0, 7))
    changed = bytearray(elements[place])
    changed[byte] ^= 1 << bit
    elements[place] = bytes(changed)
    with pytest.raises(StoreCorrupt) as caught:
        list(record.read(elements, GENESIS, 0, "t"))
    assert caught.value.details["seq"] == place


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"not json", "it is not an audit record"),
        (b"[1]", "it is not an audit record"),
        (b'{"seq":0}', "it is not an audit record"),
        (b'{"event":"e","seq":0,"tenant":"t","ts":"now"}', "it is not an audit record"),
        (b'{"actor":"x","event":"e","seq":0,"tenant":"t","ts":1}', "it is not an audit record"),
        (b'{"event":"e","seq":7,"tenant":"t","ts":1}', "it calls itself number 7"),
        (b'{"event":"e","seq":0,"tenant":"u","ts":1}', "it belongs to tenant u"),
    ],
)
def test_a_well_chained_element_that_is_no_record_here_is_refused(text: bytes, reason: str) -> None:
    element = hashlib.sha256(GENESIS + text).digest() + text
    with pytest.raises(StoreCorrupt, match=reason):
        list(record.read([element], GENESIS, 0, "t"))
    [shown] = record.loose([element], GENESIS, 0, "t")
    assert (shown.event, shown.body["reason"]) == (record.CORRUPT, reason)


def test_an_anchor_that_is_malformed_is_bad() -> None:
    assert record.anchor(body()) is None
    with pytest.raises(StoreCorrupt, match="anchor"):
        record.anchor(body("run.ended", seq=3, run_id="run_1", journal={"length": 2}))


def test_the_journals_hashes_are_those_of_its_elements() -> None:
    elements = sealed(3)
    assert record.journal_heads(elements) == [GENESIS, *(element[:DIGEST] for element in elements)]
    assert record.journal_heads([elements[0], elements[2]]) == [GENESIS, elements[0][:DIGEST]]


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (Filter(), True),
        (Filter(agent="triage"), True),
        (Filter(agent="other"), False),
        (Filter(server="crm", tool="create_*"), True),
        (Filter(server="git"), False),
        (Filter(tool="create"), False),
        (Filter(run_id="run_1", event="tool.*"), True),
        (Filter(run_id="run_2"), False),
        (Filter(event="run.*"), False),
        (Filter(since=1_000, until=1_001), True),
        (Filter(since=1_001), False),
        (Filter(until=1_000), False),
    ],
)
def test_filters(wanted: Filter, fits: bool) -> None:
    call = body("tool.call", actor={"sub": "triage"}, run_id="run_1", server="crm", tool="create_ticket")
    assert wanted.fits(call) is fits


def test_a_record_about_an_agent_is_found_by_its_name_whoever_acted() -> None:
    assert Filter(agent="triage").fits(body(actor={"sub": "admin"}, agent="triage"))
    assert not Filter(server="crm").fits(body())
