"""YAML as people mean it, and hostile YAML."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from gateway.config import load
from gateway.config.source import MAX_BYTES, parse
from gateway.errors import ConfigError
from tests.config.files import Files


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("18:00", "18:00"),
        ("2026-10-19", "2026-10-19"),
        ("1_000", "1_000"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("007", 7),
        ("-3", -3),
        ("0x1f", 31),
        ("0o17", 15),
        ("1.50", 1.5),
        ("1e3", 1000.0),
        (".inf", ".inf"),
        ("1.2.3", "1.2.3"),
        ('"7"', "7"),
        ("'true'", "true"),
        ("!!str 7", "7"),
        ("|\n  a\n  b", "a\nb"),
        ("[1, {a: x}]", [1, {"a": "x"}]),
    ],
)
def test_values_are_those_of_yaml_1_2(written: str, value: Any) -> None:
    found = parse(f"key: {written}", name="f").value["key"]
    assert (found, type(found)) == (value, type(value))


def test_every_key_and_item_has_its_line() -> None:
    source = parse("a:\n  b:\n    - x\n    - c: 1\n      d: 2\n", name="f")
    assert {path: source.lines[path] for path in [("a",), ("a", "b"), ("a", "b", 1), ("a", "b", 1, "d")]} == {
        ("a",): 1,
        ("a", "b"): 2,
        ("a", "b", 1): 4,
        ("a", "b", 1, "d"): 5,
    }
    assert source.line(("a", "b", 1, "nowhere", 7)) == 4
    assert source.line(("nowhere",)) is None


def test_aliases_are_values_of_their_own(files: Files) -> None:
    config = files.load(
        """
        mcpServers:
          a: &base {command: x, env: {A: '${V}'}}
          b: *base
    """,
        {"V": "1"},
    )
    assert config.servers["a"] == config.servers["b"]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", None, "is empty. Start with 'mcpServers:'"),
        ("# nothing\n", None, "is empty."),
        ("- a\n", None, "is not a mapping of keys."),
        ("just words", None, "is not a mapping of keys."),
        ("a: [1\nb: 2", 2, "is not valid YAML:"),
        ("a: 'x", 1, "is not valid YAML:"),
        ("a:\n\t- b", 2, "is not valid YAML:"),
        ("a: 1\nb: 2\na: 3", 3, "the key 'a' is there twice, first in line 1. Keep one of them."),
        ("a: {b: 1, b: 2}", 1, "the key 'b' is there twice"),
        ("a: 1\n---\nb: 2", 2, "has a second document."),
        ("a: 1\n? [x]\n: 2", 2, "a key is not a plain word."),
        ("a: !!python/object:os.system x", 1, "the tag 'tag:yaml.org,2002:python/object:os.system' is not supported."),
        ("a: !secret x", 1, "the tag '!secret' is not supported."),
        ("a: *b", 1, "the alias *b is not defined before it is used."),
        ("a: &x [1, *x]", 1, "the alias *x contains itself."),
        ("a: \x07", None, "has a character that YAML does not allow."),
        ("a: " + "[" * 50 + "]" * 50, 1, "is nested deeper than 32 levels."),
    ],
)
def test_what_cannot_be_read(text: str, line: int | None, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(text, name="gw.yaml")
    assert str(refused.value).startswith(f"gw.yaml:{line}: {says}" if line else f"gw.yaml: {says}")
    assert refused.value.details["line"] == line
    assert refused.value.fix


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "\n".join(
        f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 12)
    )
    start = time.perf_counter()
    with pytest.raises(ConfigError, match="more than 50,000 values"):
        parse(bomb, name="f")
    assert time.perf_counter() - start < 5


def test_a_tower_of_brackets_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="nested deeper"):
        parse("a: " + "[" * 500_000, name="f")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"a: \xff\n", r":1: is not UTF-8 text"),
        (b"x: 1\ny: 2\nz: \xe9\n", r":3: is not UTF-8 text"),
        ("a: 1".encode("utf-16"), r"is not UTF-8 text"),
        (b"#" * (MAX_BYTES + 1), r"is larger than 1 MiB"),
    ],
)
def test_files_that_are_no_text(tmp_path: Path, data: bytes, says: str) -> None:
    (tmp_path / "f.yaml").write_bytes(data)
    with pytest.raises(ConfigError, match=says):
        load(tmp_path / "f.yaml")


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_bytes(b"\xef\xbb\xbfagents: {}")
    assert load(tmp_path / "f.yaml").agents == {}


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is a folder. Name a file in it with -c FILE"):
        load(tmp_path)
