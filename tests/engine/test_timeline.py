"""A journal as a person reads it."""

from __future__ import annotations

from typing import Any

from gateway.engine import timeline
from gateway.model import Entry


def told(*said: tuple[str, dict[str, Any]]) -> list[timeline.Line]:
    return timeline.lines(Entry(seq, kind, 100 * seq, data) for seq, (kind, data) in enumerate(said))


def call(cid: int, kind: str = "tool") -> tuple[str, dict[str, Any]]:
    return "call", {"cid": cid, "kind": kind, "name": f"s:t{cid}", "args_hash": "", "line": cid}


def test_each_step_is_told_with_its_outcome_and_how_often_it_was_replayed() -> None:
    lines = told(
        ("started", {"now": 0}),
        call(1),
        ("done", {"cid": 1, "now": 1, "v": None, "ms": 7}),
        call(2, "sleep"),
        ("waiting", {"for": "sleep", "until": 900, "cids": [2]}),
        ("resumed", {"epoch": 2}),
        ("done", {"cid": 2, "now": 2, "v": None}),
        call(3),
        ("sent", {"cid": 3, "attempt": 1, "epoch": 2}),
        ("resumed", {"epoch": 3}),
        ("done", {"cid": 3, "now": 3, "e": {"message": "no luck"}}),
        call(4, "timer"),
        ("cleared", {"cids": [4]}),
        ("ended", {"status": "failed", "error": {"message": "no luck"}}),
    )
    assert [line["event"] for line in lines] == [
        *("started", "step", "step", "waiting", "resumed", "step", "resumed", "step", "ended")
    ]
    steps = {line["cid"]: line for line in lines if line["event"] == "step"}
    assert steps[1] == {
        **{"at": 100, "event": "step", "cid": 1, "kind": "tool", "name": "s:t1", "line": 1},
        **{"state": "done", "ms": 7, "replayed": 2},
    }
    assert (steps[2]["ms"], steps[2]["replayed"]) == (300, 1)
    assert (steps[3]["state"], steps[3]["attempts"], steps[3]["detail"]) == ("failed", 1, "no luck")
    assert steps[4]["state"] == "cleared" and "ms" not in steps[4]
    assert [line["replayed"] for line in lines if line["event"] == "resumed"] == [1, 2]
    assert lines[-1] == {"at": 1300, "event": "ended", "state": "failed", "detail": "no luck"}


def test_what_people_did_is_told() -> None:
    lines = told(
        ("started", {"now": 0, "forked_from": {"run_id": "run_1", "at": 2}}),
        call(1),
        ("needs_approval", {"cid": 1, "by": "owner", "until": 500}),
        ("approval", {"id": "a", "cid": 1, "approved": False, "by": "alice", "comment": "too much"}),
        ("denied", {"cid": 1, "rule": "r", "reason": "no"}),
        ("event", {"id": "b", "name": "go", "v": 1}),
    )
    assert lines[0]["forked_from"] == {"run_id": "run_1", "at": 2}
    assert [(line["event"], line.get("by"), line.get("detail")) for line in lines[2:]] == [
        ("asked", "owner", None),
        ("refused", "alice", "too much"),
        ("signalled", None, "go"),
    ]
    assert lines[1]["state"] == "denied"
