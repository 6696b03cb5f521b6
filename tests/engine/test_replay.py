"""What a journal says about each command of a replay."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.engine import replay
from gateway.engine.canonical import args_hash
from gateway.engine.frames import Command
from gateway.model import Entry

ARGS = {"b": 1, "a": [1.0, "x"]}


def history(*entries: tuple[str, dict[str, Any]]) -> replay.History:
    return replay.read(Entry(seq, kind, seq, data) for seq, (kind, data) in enumerate(entries))


def call(cid: int, safety: str = "unsafe", name: str = "crm:create") -> tuple[str, dict[str, Any]]:
    return "call", {"cid": cid, "kind": "tool", "name": name, "args_hash": args_hash(ARGS), "class": safety}


COMMAND = Command(1, "tool", "crm:create", ARGS)
SENT = ("sent", {"cid": 1, "attempt": 1, "epoch": 1})
DONE = ("done", {"cid": 1, "now": 5, "v": None})


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([], replay.Perform(args_hash(ARGS), fresh=True)),
        ([call(1)], replay.Perform(args_hash(ARGS), fresh=False)),
        ([call(1), SENT, DONE], replay.Replay()),
        ([call(1, "read_only")], replay.Perform(args_hash(ARGS), fresh=False)),
        ([call(1, "idempotent"), SENT], replay.Perform(args_hash(ARGS), fresh=False)),
        ([call(1), SENT, ("resolved", {"cid": 1, "choice": "retry"})], replay.Perform(args_hash(ARGS), fresh=False)),
    ],
    ids=["new", "intended", "done", "read-only", "idempotent, sent", "retried by a person"],
)
def test_decision(entries: list[tuple[str, dict[str, Any]]], expected: replay.Decision) -> None:
    assert replay.decide(history(*entries), COMMAND) == expected


def test_an_unsafe_call_that_was_sent_is_in_doubt() -> None:
    decision = replay.decide(history(call(1), SENT), COMMAND)
    assert isinstance(decision, replay.InDoubt) and decision.call.attempts == 1


@pytest.mark.parametrize(
    "command",
    [
        Command(1, "tool", "crm:delete", ARGS),
        Command(1, "tool", "crm:create", {**ARGS, "b": 2}),
        Command(1, "state", "crm:create", ARGS),
    ],
    ids=["other tool", "other arguments", "other kind"],
)
def test_another_command_under_the_same_cid_diverges(command: Command) -> None:
    assert isinstance(replay.decide(history(call(1), SENT, DONE), command), replay.Diverged)


def test_the_order_of_keys_is_no_divergence() -> None:
    same = Command(1, "tool", "crm:create", {"a": [1.0, "x"], "b": 1})
    assert replay.decide(history(call(1), SENT, DONE), same) == replay.Replay()


def test_a_replay_that_asks_for_less_is_found() -> None:
    read = history(call(1), DONE, call(2))
    assert replay.missing(read, 2) is None
    lost = replay.missing(read, 1)
    assert lost is not None and (lost.cid, lost.got) == (2, "nothing")


def test_deliveries_keep_the_order_of_the_journal() -> None:
    read = history(call(1), call(2), ("done", {"cid": 2, "now": 1, "v": 1}), ("done", {"cid": 1, "now": 2, "v": 2}))
    assert read.order == [2, 1] and read.open_calls() == []


def test_cleared_timers_are_not_open() -> None:
    timer = ("call", {"cid": 1, "kind": "timer", "name": "timer", "args_hash": "0"})
    assert len(history(timer).open_calls()) == 1
    assert history(timer, ("cleared", {"cids": [1]})).open_calls() == []
