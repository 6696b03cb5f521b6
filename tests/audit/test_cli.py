"""`gateway audit`, as it is typed, against the real API over HTTP."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
import uvicorn
from click.testing import CliRunner, Result
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from gateway.cli.main import gateway
from gateway.errors import GatewayError
from gateway.service.audit_desk import AuditDesk
from gateway.store import keys
from gateway.web.audit import OPERATIONS, moment
from gateway.web.auth import ADMIN
from gateway.web.operations import error_response, route
from tests.audit.parts import DAY, Clock, Replica, done, tool

Run = Callable[..., Awaitable[Result]]


@pytest.fixture
async def run(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Run]:
    """`await run("audit", "verify")` in a thread, while the API is served here."""
    desk = AuditDesk(replica.audit, replica.store, replica.reader, replica.verifier)
    services = SimpleNamespace(audit=desk)
    inner = Starlette(
        routes=[route(operation, services, "/api/v1") for operation in OPERATIONS],
        exception_handlers={GatewayError: lambda request, error: error_response(error)},
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await inner({**scope, "principal": ADMIN}, receive, send)

    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_config=None, access_log=False))
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(server._serve())
        while not server.started:
            await asyncio.sleep(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        monkeypatch.setenv("GATEWAY_URL", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("GATEWAY_ADMIN_TOKEN", "gwa_x")

        async def command(*words: str) -> Result:
            return await asyncio.to_thread(CliRunner().invoke, gateway, words, catch_exceptions=False)

        yield command
        server.should_exit = True
        await serving


@pytest.fixture
async def week(replica: Replica, clock: Clock) -> None:
    """Monday to Wednesday: on each day a call of crm and one of git."""
    for day in (16, 17, 18):
        clock.now = int(datetime(2026, 11, day, 12, tzinfo=UTC).timestamp() * 1000)
        await replica.run(tool(1, "crm:create", {"title": f"day {day}"}), done(1), keep_seconds=DAY * 3650)
        await replica.run(tool(1, "git:log", {"n": day}), done(1), keep_seconds=DAY * 3650)


@pytest.mark.usefixtures("week")
async def test_everything_that_triage_did_to_crm_last_tuesday_is_one_command(run: Run) -> None:
    told = await run(
        *("audit", "export", "--agent", "triage", "--server", "crm", "--since", "2026-11-17", "--until", "2026-11-18")
    )
    assert told.exit_code == 0, told.output
    [call] = [json.loads(line) for line in told.stdout.splitlines()]
    assert (call["event"], call["tool"], call["args_preview"]) == ("tool.call", "create", {"title": "string(6)"})
    assert call["result"]["status"] == "ok" and told.stderr == ""


@pytest.mark.usefixtures("week")
async def test_export_as_one_document_and_with_globs(run: Run) -> None:
    told = await run("audit", "export", "--event", "tool.*", "--tool", "l?g", "--json")
    assert [one["server"] for one in json.loads(told.stdout)] == ["git"] * 3


@pytest.mark.usefixtures("week")
async def test_tail_shows_the_latest_for_people(run: Run) -> None:
    told = await run("audit", "tail", "-n", "2", "--event", "tool.call")
    header, *rows = told.stdout.splitlines()
    assert header.split()[:5] == ["TIME", "EVENT", "AGENT", "SERVER", "TOOL"]
    assert [row.split()[2:8] for row in rows] == [
        ["tool.call", "triage", "crm", "create", "allow", "ok"],
        ["tool.call", "triage", "git", "log", "allow", "ok"],
    ]
    assert rows[1].startswith("2026-11-18 12:00:00 ") and rows[1].endswith('{"n":"number"}')
    assert (await run("audit", "tail", "--agent", "nobody")).stderr == "Nothing fits.\n"
    assert len(json.loads((await run("audit", "tail", "--json")).stdout)) == 20


@pytest.mark.usefixtures("run")
async def test_tail_follows_what_comes(replica: Replica) -> None:
    await replica.audit.record("token.issued", token_id="tok_1")
    command = [sys.executable, "-m", "gateway", "audit", "tail", "-f", "--json", "--event", "token.*"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        for number in (1, 2):
            assert json.loads(await process.stdout.readline())["token_id"] == f"tok_{number}"
            await replica.audit.record("token.issued", token_id=f"tok_{number + 1}")
    finally:
        process.kill()
        await process.communicate()


async def test_verify_says_fine_or_names_the_first_bad_record(run: Run, replica: Replica) -> None:
    await replica.run(tool(1, "crm:create", {}), done(1))
    told = await run("audit", "verify", "--json")
    assert (told.exit_code, json.loads(told.stdout)) == (
        0,
        {"ok": True, "records": 3, "checkpoints": 1, "first_bad": None},
    )
    assert (await run("audit", "verify")).stdout == "✓ 3 records and 1 checkpoints are as they were written.\n"
    await replica.client.send("LSET", keys.audit_records("default"), 1, b"x" * 80)
    told = await run("audit", "verify", "--json")
    assert told.exit_code == 1
    assert json.loads(told.stdout)["first_bad"] == {
        "seq": 1,
        "reason": "its hash does not follow from the record before it",
    }
    told = await run("audit", "verify")
    assert told.exit_code == 1 and told.stdout.startswith("✗ Record 1: its hash does not follow")


@pytest.mark.parametrize("form", ["lines", "document", "export"])
async def test_a_checkpoint_is_taken_away_and_held_against_the_record(
    run: Run, replica: Replica, tmp_path: Path, form: str
) -> None:
    await replica.run()
    options = {"lines": ["checkpoint"], "document": ["checkpoint", "--json"], "export": ["export"]}
    if form == "export":
        await run("audit", "checkpoint")
    taken = await run("audit", *options[form])
    (tmp_path / "taken").write_text(taken.stdout)
    held = await run("audit", "verify", "--checkpoint", str(tmp_path / "taken"), "--json")
    assert held.exit_code == 0, held.output
    await replica.client.send("FLUSHALL")
    held = await run("audit", "verify", "--checkpoint", str(tmp_path / "taken"), "--json")
    assert held.exit_code == 1
    assert json.loads(held.stdout)["first_bad"]["reason"].startswith("records 0 to ")


async def test_the_checkpoint_is_made_now(run: Run, replica: Replica) -> None:
    await replica.run()
    first = json.loads((await run("audit", "checkpoint")).stdout)
    again = json.loads((await run("audit", "checkpoint")).stdout)
    assert first["event"] == "checkpoint" and first == again, "nothing new was there to sign"
    assert (await replica.store.state("default")).checkpoint == first["seq"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["export", "--since", "soon"], "since: expected a time such as 2026-11-17"),
        (["tail", "-n", "0"], "0 is not in the range"),
        (["verify", "--checkpoint", "missing"], "does not exist"),
        (["verify", "--checkpoint", "empty"], "has no checkpoint in it"),
        (["verify", "--checkpoint", "text"], "is not JSON"),
    ],
)
async def test_wrong_usage(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").write_text("{}")
    Path("text").write_text("hello\nworld")
    told = await run("audit", *words)
    assert told.exit_code == 2, told.output
    assert says in told.stderr


async def test_runs_whose_journal_is_gone_are_said(run: Run, replica: Replica) -> None:
    gone = await replica.run(tool(1, "crm:create", {}), done(1))
    await replica.client.send("DEL", keys.journal(gone))
    told = await run("audit", "export", "--server", "crm")
    assert (told.exit_code, told.stdout) == (0, "")
    assert "The journals of 1 runs are no longer kept" in told.stderr


def test_moments() -> None:
    assert moment("2026-11-17") == 1_794_873_600_000
    assert moment("2026-11-17T01:00+01:00") == 1_794_873_600_000
    assert abs(moment("2h") - moment("90 min") + 30 * 60_000) < 5_000
