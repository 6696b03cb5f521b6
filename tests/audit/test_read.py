"""Asking the record: who did what, in pages, with what the journals hold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.engine.record import Filter
from gateway.errors import UsageError
from gateway.service.audit_read import Page
from gateway.store import keys
from tests.audit.parts import DAY, SECRET, Clock, Replica, done, is_intact, principal, tool

TUESDAY = datetime(2026, 11, 17, tzinfo=UTC)


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


async def everything(replica: Replica, wanted: Filter, *, limit: int = 1_000) -> list[dict[str, Any]]:
    await replica.audit.flush()
    page = await replica.reader.page(wanted, limit=limit)
    found = list(page.records)
    while page.more:
        page = await replica.reader.page(wanted, page.cursor, limit=limit)
        assert len(page.records) <= limit
        found += page.records
    return found


async def test_everything_that_triage_did_to_crm_last_tuesday(replica: Replica, clock: Clock) -> None:
    clock.now = ms(TUESDAY.replace(day=16, hour=12))
    await replica.run(tool(1, "crm:create", {"title": "monday"}), done(1))
    clock.now = ms(TUESDAY.replace(hour=23))
    # A run that goes on past midnight: what it did before belongs to Tuesday.
    writer = await replica.open()
    await replica.write(writer, tool(1, "crm:create", {"title": "late", "tags": [1, 2]}), done(1, v={"id": 7}))
    await replica.run(tool(1, "git:log", {"n": 1}), done(1))
    await replica.run(tool(1, "crm:create", {"title": "not triage"}), done(1), who=principal("other"))
    denied = ("denied", {"cid": 1, "rule": "deny[0]", "reason": f"delete_* is denied, {SECRET}"})
    refused = done(1, e={"code": "policy_denied", "message": "x"})
    await replica.run(tool(1, "crm:delete", {"id": 7}), denied, refused)
    clock.now = ms(TUESDAY.replace(day=18, hour=1))
    await replica.write(writer, tool(2, "crm:create", {"title": "wednesday"}), done(2))
    await replica.end(writer)

    wanted = Filter(agent="triage", server="crm", since=ms(TUESDAY), until=ms(TUESDAY) + DAY * 1000)
    found = await everything(replica, wanted)
    created, deleted = sorted(found, key=lambda one: str(one["tool"]))
    assert (created["event"], created["args_preview"]) == (
        "tool.call",
        {"title": "string(4)", "tags": ["number", "number"]},
    )
    assert created["result"]["status"] == "ok" and created["result"]["bytes"] == len('{"id":7}')
    assert len(created["args_hmac"]) == 64 and created["tool_pin"] == "ab" * 32 and created["duration_ms"] == 7
    assert created["decision"] == "allow" and created["rule"] == "agents.triage.grants[0]"
    assert created["run_id"] == writer.run_id and created["actor"]["owner"] == "alice@example.com"
    assert (deleted["event"], deleted["decision"], deleted["rule"]) == ("tool.denied", "deny", "deny[0]")
    assert deleted["reason"] == "delete_* is denied, •••"


async def test_a_record_has_the_fields_of_an_audit_record(replica: Replica) -> None:
    await replica.run(tool(1, "crm:create", {"a": 1}), done(1))
    [call] = await everything(replica, Filter(event="tool.call"))
    assert call.keys() >= {
        *("v", "seq", "tenant", "ts", "event", "actor", "jti", "sid", "run_id", "cid", "server", "tool", "tool_pin"),
        *(
            "policy_hash",
            "rule",
            "decision",
            "args_hmac",
            "args_preview",
            "result",
            "duration_ms",
            "code_sha256",
            "prev",
        ),
    }
    assert call["result"].keys() == {"status", "bytes", "sha256"}


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 1_000])
async def test_pages_tell_together_what_one_tells(replica: Replica, limit: int) -> None:
    for tenant in ("default", "acme"):
        for _ in range(3):
            calls = [entry for cid in range(1, 5) for entry in (tool(cid, "crm:create", {"n": cid}), done(cid))]
            await replica.run(*calls, tool(5, "crm:a", {}), tool(6, "crm:b", {}), who=principal("triage", tenant))
    whole = await everything(replica, Filter())
    assert [one["event"] for one in whole].count("tool.call") == 2 * 3 * 6
    assert await everything(replica, Filter(), limit=limit) == whole
    calls_only = [one for one in whole if one["event"] == "tool.call"]
    assert await everything(replica, Filter(tool="*"), limit=limit) == calls_only


async def test_the_latest_and_then_what_comes(replica: Replica) -> None:
    for number in range(5):
        await replica.run(tool(1, "crm:create", {"n": number}), done(1))
    await replica.audit.flush()
    page = await replica.reader.latest(Filter(event="tool.call"), limit=2)
    assert len(page.records) == 2
    assert (await replica.reader.page(Filter(), page.cursor)).records == []
    await replica.run(tool(1, "crm:new", {}), done(1))
    await replica.audit.flush()
    follow = await replica.reader.page(Filter(event="tool.call"), page.cursor)
    assert [one["tool"] for one in follow.records] == ["new"]


async def test_records_of_the_chain_can_be_checked_by_who_got_them(replica: Replica) -> None:
    await replica.run(tool(1, "crm:create", {}), done(1))
    await replica.audit.flush()
    page: Page = await replica.reader.page(Filter())
    chained = [one for one in page.records if "hash" in one]
    assert len(chained) == 3 and all(is_intact(one) for one in chained)
    assert [one["prev"] for one in chained[1:]] == [one["hash"] for one in chained[:-1]]


async def test_arguments_and_results_in_blobs_are_read_from_there(replica: Replica) -> None:
    writer = await replica.open()
    args = {"text": "x" * 100_000}
    stored, commands = replica.journal.offload(writer.run_id, args)
    await replica.client.batch(commands)
    intent = tool(1, "crm:create", {})
    del intent[1]["args"]
    await replica.write(writer, (intent[0], {**intent[1], **stored}), done(1, **stored))
    await replica.end(writer)
    [call] = await everything(replica, Filter(event="tool.call"))
    assert call["args_preview"] == {"text": "string(100000)"}
    assert call["args_hmac"] == replica.redactor.fingerprint(args)
    assert call["result"] == {"status": "ok", "bytes": stored["bytes"], "sha256": stored["blob"]}


async def test_runs_whose_journal_is_gone_or_broken_are_said(replica: Replica) -> None:
    gone = await replica.run(tool(1, "crm:create", {}), done(1))
    broken = await replica.run(tool(1, "crm:create", {}), done(1))
    await replica.client.send("DEL", keys.journal(gone))
    await replica.client.send("LSET", keys.journal(broken), 1, b"x" * 40)
    await replica.audit.flush()
    page = await replica.reader.page(Filter(tool="create"))
    assert (page.records, page.gaps) == ([], [gone, broken])
    ended = (await replica.reader.page(Filter(event="run.ended"))).records
    assert [one.get("kept") for one in ended] == [None, None], "nothing of them was asked for"
    whole = (await replica.reader.page(Filter(run_id=gone))).records
    assert whole[-1]["kept"] is False and is_intact(whole[-1])


async def test_what_is_broken_in_the_chain_is_shown_and_the_rest_too(replica: Replica) -> None:
    for number in range(3):
        await replica.audit.record("token.issued", token_id=f"tok_{number}")
    await replica.client.send("LSET", keys.audit_records("default"), 2, b"y" * 40)
    page = await replica.reader.page(Filter())
    assert [one["event"] for one in page.records] == ["token.issued", "checkpoint", "record.corrupt", "token.issued"]


@pytest.mark.parametrize("cursor", ["", "x", "!!!", "W10=", "eyJhIjoxfQ==", "eyJhIjpbMV19"])
async def test_what_is_no_cursor_is_said(replica: Replica, cursor: str) -> None:
    with pytest.raises(UsageError, match="no cursor"):
        await replica.reader.page(Filter(), cursor)
