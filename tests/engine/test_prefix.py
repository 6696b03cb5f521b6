"""What a fork or a retry takes over of a journal."""

from __future__ import annotations

from typing import Any

from gateway.engine import prefix, replay
from gateway.model import Entry

Said = tuple[str, dict[str, Any]]


def journal(*said: Said) -> list[Entry]:
    return [Entry(seq, kind, 10 * seq, data) for seq, (kind, data) in enumerate([("started", {"now": 0}), *said])]


def call(cid: int, safety: str = "unsafe", kind: str = "tool", **more: Any) -> Said:
    return "call", {"cid": cid, "kind": kind, "name": f"s:t{cid}", "args_hash": "", "class": safety, **more}


def sent(cid: int) -> Said:
    return "sent", {"cid": cid, "attempt": 1, "epoch": 1}


def done(cid: int, **outcome: Any) -> Said:
    return "done", {"cid": cid, "now": 5, **(outcome or {"v": cid})}


def kinds(taken: list[prefix.Taken]) -> list[tuple[str, int | None]]:
    return [(kind, data.get("cid")) for kind, data in taken]


def test_what_led_to_a_command_is_taken_and_the_command_is_not() -> None:
    entries = journal(call(1), sent(1), done(1), call(2), sent(2), done(2), ("ended", {"status": "completed"}))
    cut = prefix.place_of_call(entries, 2)
    assert cut is not None
    taken = prefix.take(entries, cut)
    assert kinds(taken) == [("call", 1), ("sent", 1), ("done", 1)]
    assert all(data[prefix.COPIED] for _, data in taken)
    assert prefix.place_of_call(entries, 3) is None


def test_an_effect_keeps_the_outcome_that_came_after_the_cut() -> None:
    entries = journal(call(1), sent(1), call(2), done(1), done(2))
    assert kinds(prefix.take(entries, 3)) == [("call", 1), ("sent", 1), ("done", 1)]


def test_a_wait_that_was_open_at_the_cut_is_waited_for_anew() -> None:
    entries = journal(call(1, kind="event"), call(2), ("event", {"id": "e", "name": "go"}), done(1, v=1, event="e"))
    assert kinds(prefix.take(entries, 2)) == [("call", 1)]


def test_a_call_whose_outcome_nobody_knows_is_never_sent_again_by_itself() -> None:
    for safety in ("unsafe", "idempotent"):
        entries = journal(call(1, safety), *([sent(1)] if safety == "unsafe" else []), call(2))
        history = replay.read(Entry(seq, kind, 0, data) for seq, (kind, data) in enumerate(prefix.take(entries, 3)))
        assert (history.calls[1].data["class"], history.calls[1].attempts) == ("unsafe", 1)


def test_the_command_that_is_done_again_is_as_if_just_asked_for() -> None:
    entries = journal(call(1, until=100), sent(1), call(2, "read_only"), done(2), done(1, e={"code": "tool_error"}))
    failure = prefix.last_failure(entries)
    assert failure is not None and failure.data["cid"] == 1
    taken = prefix.take(entries, failure.seq, again=1, now=1_010)
    assert kinds(taken) == [("call", 1), ("call", 2), ("done", 2)]
    assert taken[0][1]["until"] == 1_100


def test_blobs_of_arguments_and_of_outcomes_are_named() -> None:
    entries = journal(call(1, blob="a"), done(1, blob="b"), call(2, blob="c"))
    assert prefix.blobs(prefix.take(entries, 3)) == {"a", "b"}
