"""What codegen remembers stays within its bound, however large the definitions are and however many come."""

from __future__ import annotations

from codegen import ServerSpec, generate, render, tooltypes
from codegen.kept import Kept


def test_the_least_recently_used_go_first() -> None:
    made: list[str] = []

    def make(key: str) -> str:
        made.append(key)
        return key.upper()

    kept = Kept(make, len, 10)
    assert [kept(key) for key in ("aaaa", "bbbb", "aaaa", "cccc", "aaaa", "bbbb")] == [
        *("AAAA", "BBBB", "AAAA", "CCCC", "AAAA", "BBBB")
    ]
    assert made == ["aaaa", "bbbb", "cccc", "bbbb"]
    assert kept.weight == 8


def test_what_is_larger_than_the_bound_is_not_kept() -> None:
    kept = Kept(str.upper, len, 3)
    assert kept("long") == "LONG"
    assert kept.weight == 0


def test_generating_for_ever_new_servers_remembers_no_more_than_its_bound() -> None:
    for number in range(30):
        schema = {"type": "object", "properties": {"a": {"enum": [f"{number} {i} {'x' * 200}" for i in range(8_000)]}}}
        generate([ServerSpec("s", [{"name": "t", "inputSchema": schema}])])
    assert 0 < render._server.weight <= tooltypes.REMEMBERED
    assert 0 < tooltypes.tool_types.weight <= tooltypes.REMEMBERED
