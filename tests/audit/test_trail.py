"""A journal read as what a run did: each call once, with what became of it."""

from __future__ import annotations

from typing import Any

from gateway.engine import trail
from gateway.engine.trail import Step
from gateway.model import Entry
from tests.audit.parts import done, tool

REFUSED = {"code": "policy_denied", "message": "no"}


def entries(*written: tuple[str, dict[str, Any]]) -> list[Entry]:
    journal = [("started", {"code_hash": "c"}), *written]
    return [Entry(n, kind, 1_000 + n, data) for n, (kind, data) in enumerate(journal)]


def told(*written: tuple[str, dict[str, Any]]) -> list[Step]:
    journal = entries(*written)
    return list(trail.steps(journal, 0, len(journal)))


def test_a_call_is_told_with_its_outcome() -> None:
    [step] = told(tool(1, "crm:create", {"a": 1}), done(1, v={"id": 7}))
    assert (step.event, step.entry, step.at) == ("tool.call", 2, 1_001)
    assert step.facts["decision"] == "allow" and step.facts["rule"] == "agents.triage.grants[0]"
    assert step.facts["result"]["status"] == "ok" and step.facts["result"]["bytes"] == len('{"id":7}')
    assert step.facts["duration_ms"] == 7


def test_a_failed_call_says_with_which_code() -> None:
    [step] = told(tool(1, "crm:create", {}), done(1, e={"code": "tool_error", "message": "x"}))
    assert step.facts["result"]["status"] == "tool_error"


def test_a_large_result_is_told_by_its_digest() -> None:
    [step] = told(tool(1, "crm:list", {}), done(1, blob="d" * 64, bytes=99_999))
    assert step.facts["result"] == {"status": "ok", "bytes": 99_999, "sha256": "d" * 64}


def test_a_refused_call_is_told_once() -> None:
    denied = ("denied", {"cid": 1, "rule": "deny[0]", "reason": "delete_* is denied"})
    [step] = told(tool(1, "crm:delete", {}), denied, done(1, e=REFUSED))
    assert (step.event, step.facts) == (
        "tool.denied",
        {"decision": "deny", "rule": "deny[0]", "reason": "delete_* is denied"},
    )


def test_an_approved_call_names_who_approved() -> None:
    steps = told(
        tool(1, "crm:refund", {"id": 1}),
        ("needs_approval", {"cid": 1, "by": "role:finance", "until": 5_000}),
        ("approval", {"id": "m", "cid": 1, "approved": True, "by": "bob", "comment": "fine"}),
        ("sent", {"cid": 1, "attempt": 1, "epoch": 1}),
        done(1),
    )
    assert [step.event for step in steps] == ["approval.asked", "approval.given", "tool.call"]
    assert steps[1].facts == {"by": "bob", "reason": "fine"}
    assert steps[2].facts["reason"] == "approved by bob"


def test_a_call_that_nobody_approved_is_a_denied_one() -> None:
    steps = told(
        tool(1, "crm:refund", {"id": 1}),
        ("needs_approval", {"cid": 1, "by": "role:finance", "until": 5_000}),
        ("approval", {"id": "m", "cid": 1, "approved": False, "by": "bob", "comment": None}),
        done(1, e=REFUSED),
    )
    assert [step.event for step in steps] == ["approval.asked", "approval.denied", "tool.denied"]


def test_what_was_under_way_when_a_run_ended_is_unknown_or_known_not_to_be_sent() -> None:
    steps = told(
        tool(1, "crm:read", {}),
        tool(2, "crm:write", {}, **{"class": "unsafe"}),
        tool(3, "crm:write", {}, **{"class": "unsafe"}),
        ("sent", {"cid": 3, "attempt": 1, "epoch": 1}),
        tool(4, "crm:refund", {}),
        ("needs_approval", {"cid": 4, "by": "owner", "until": 5_000}),
        ("ended", {"status": "revoked"}),
    )
    ended = [step for step in steps if step.event == "tool.call"]
    assert [step.facts["result"]["status"] for step in ended] == ["unknown", "not_sent", "unknown", "not_sent"]
    assert ended[3].facts["decision"] == "approval"


def test_a_call_that_the_program_went_on_without_is_abandoned() -> None:
    [step] = told(tool(1, "crm:read", {}), ("cleared", {"cids": [1]}), ("ended", {"status": "completed"}))
    assert step.facts["result"] == {"status": "abandoned"}


def test_people_and_events_are_told_too_and_sleep_is_not() -> None:
    steps = told(
        ("call", {"cid": 1, "kind": "sleep", "name": "sleep", "args": {"ms": 1}}),
        done(1),
        ("call", {"cid": 2, "kind": "ask", "name": "ask", "args": {}}),
        ("answer", {"id": "m", "cid": 2, "by": "bob"}),
        done(2),
        ("event", {"id": "n", "name": "paid"}),
        tool(3, "crm:write", {}, **{"class": "unsafe"}),
        ("sent", {"cid": 3, "attempt": 1, "epoch": 1}),
        ("resolved", {"id": "o", "cid": 3, "choice": "fail", "by": "bob"}),
    )
    assert [(step.event, step.facts.get("by")) for step in steps] == [
        ("input.given", "bob"),
        ("run.signalled", None),
        ("call.resolved", "bob"),
    ]


def test_parts_of_a_journal_tell_together_what_the_whole_tells() -> None:
    journal = entries(
        tool(1, "crm:a", {}),
        tool(2, "crm:b", {}),
        done(2),
        done(1),
        tool(3, "crm:c", {}),
        ("ended", {"status": "failed"}),
    )
    whole = list(trail.steps(journal, 0, len(journal)))
    for cut in range(len(journal) + 1):
        assert [*trail.steps(journal, 0, cut), *trail.steps(journal, cut, len(journal))] == whole
