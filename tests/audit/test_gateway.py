"""The record of a whole gateway: what an agent did over MCP, found again with one command, and proved."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.config.load import load
from gateway.engine.record import Filter
from gateway.model import Principal
from gateway.store import keys
from tests.live import Live, agent, live, stdio

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONFIG: dict[str, Any] = {
    "mcpServers": {"crm": stdio("fast.py"), "git": stdio("fast.py")},
    "agents": {"triage": agent("crm", "git"), "other": {**agent("crm"), "tenant": "acme"}},
    "deny": [{"server": "*", "tools": ["list_*"]}],
    "gateway": {"audit": {"redact": {"crm:echo": "full"}, "jsonl": {}}},
}
PROGRAM = """
await tools.crm.echo({ text: "hello" });
await tools.git.add({ a: 1, b: 2 });
try { await tools.crm.fail({ message: "no luck" }); } catch {}
return 1;
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    async with live(tmp_path_factory.mktemp("gateway"), CONFIG) as running:
        yield running


async def command(gateway: Live, *words: str) -> tuple[int, str]:
    """`gateway …` as an administrator types it elsewhere."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", *words, "--url", gateway.url),
        stdout=asyncio.subprocess.PIPE,
        env={"GATEWAY_ADMIN_TOKEN": gateway.services.admin_key},
    )
    told, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, told.decode()


async def records(gateway: Live, wanted: Filter) -> list[dict[str, Any]]:
    return (await gateway.services.audit.page(wanted, limit=1_000)).records


async def test_what_an_agent_did_is_found_with_one_command_and_proved(gateway: Live) -> None:
    token = await gateway.token("triage")
    answer = await gateway.call(token, "execute", code=PROGRAM)
    run_id = answer["result"]["structuredContent"]["run_id"]
    code, told = await command(gateway, "audit", "export", "--agent", "triage", "--server", "crm", "--since", "1h")
    assert code == 0
    echo, fail = [json.loads(line) for line in told.splitlines()]
    assert (echo["tool"], echo["args_preview"], echo["result"]["status"]) == ("echo", {"text": "hello"}, "ok")
    assert (fail["tool"], fail["args_preview"], fail["result"]["status"]) == (
        "fail",
        {"message": "string(7)"},
        "tool_error",
    )
    for call in (echo, fail):
        assert call["run_id"] == run_id and call["decision"] == "allow" and call["rule"] == "agents.triage.grants[0]"
        assert len(call["tool_pin"]) == 64 and call["duration_ms"] >= 0 and call["actor"]["ip"] == "127.0.0.1"
        assert call["actor"]["owner"] == "test@example.com"
    by_event = {one["event"]: one for one in await records(gateway, Filter(agent="triage"))}
    assert by_event["token.issued"]["jti"] == echo["jti"]
    assert by_event["run.opened"]["code_sha256"] == echo["code_sha256"]
    assert by_event["run.ended"]["status"] == "completed"
    code, told = await command(gateway, "audit", "verify", "--json")
    assert (code, json.loads(told)["ok"]) == (0, True), told


async def test_a_rejected_program_and_a_revoked_token_are_in_it(gateway: Live) -> None:
    principal = await gateway.principal("other")
    rejected = await gateway.execute("return tools.crm.nothing()", agent="other")
    assert rejected["status"] == "rejected"
    waiting = await gateway.execute('await waitFor("never")', agent="other")
    assert waiting["status"] == "waiting"
    await gateway.services.revoker.revoke(token_id=principal.token_id)
    found = [one for one in await records(gateway, Filter(agent="other")) if one["event"] != "run.opened"]
    assert [(one["event"], one["tenant"]) for one in found] == [
        ("run.rejected", "acme"),
        ("run.waiting", "acme"),
        ("run.ended", "acme"),
        ("token.revoked", "acme"),
    ]
    assert found[2]["status"] == "revoked" and found[3]["tokens"] == [principal.token_id]
    assert (await gateway.services.audit.verify())["ok"]


async def test_a_run_that_sleeps_and_wakes_is_told_as_one(gateway: Live) -> None:
    program = 'await tools.crm.echo({ text: "a" }); await waitFor("go"); await tools.crm.echo({ text: "b" }); return 2'
    run = await gateway.execute(program, agent="triage")
    principal = await gateway.principal("triage")
    await gateway.services.runs.signal(principal, run["run_id"], "go", None)
    await gateway.services.runs.result(principal, run["run_id"], wait_seconds=20)
    found = await records(gateway, Filter(run_id=run["run_id"]))
    assert [one["event"] for one in found] == [
        "run.opened",
        "tool.call",
        "run.waiting",
        "run.resumed",
        "run.signalled",
        "tool.call",
        "run.ended",
    ]
    assert (await gateway.services.audit.verify())["ok"]


async def test_without_its_record_a_run_calls_nothing(gateway: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    principal = await gateway.principal("triage")
    client, records_key = gateway.services.floor.client, keys.audit_records("default")
    sent: list[str] = []
    call = gateway.services.upstreams.call

    async def recording(server: str, tool: str, *args: Any, **more: Any) -> Any:
        sent.append(f"{server}:{tool}")
        return await call(server, tool, *args, **more)

    monkeypatch.setattr(gateway.services.upstreams, "call", recording)
    await gateway.services.audit.page(Filter())
    # The chain cannot be written: its key is of another type now.
    await client.batch([("RENAME", records_key, "kept"), ("SET", records_key, "x")])
    try:
        run = await refused(gateway, principal)
    finally:
        await client.batch([("DEL", records_key), ("RENAME", "kept", records_key)])
    assert sent == []
    assert run["status"] in ("failed", "running"), run
    assert (await gateway.execute('return (await tools.crm.echo({ text: "x" }))', agent="triage"))["result"] == "x"
    assert (await gateway.services.audit.verify())["ok"]


async def refused(gateway: Live, principal: Principal) -> dict[str, Any]:
    view = await gateway.services.runs.execute(
        principal, 'return await tools.crm.echo({ text: "never" })', wait_seconds=3
    )
    return view.as_dict()


async def test_what_changes_in_the_configuration_is_in_it(gateway: Live, tmp_path: Path) -> None:
    changed = {**CONFIG, "agents": {**CONFIG["agents"], "third": agent("git")}}
    settings = {"data_dir": str(gateway.services.config.gateway.data_dir), **CONFIG["gateway"]}
    file = tmp_path / "gateway.json"
    file.write_text(json.dumps({**changed, "gateway": settings}))
    await gateway.services.reload(load(file))
    found = {one["event"]: one for one in await records(gateway, Filter())}
    assert found["config.reloaded"]["agents"] == ["third"]
    assert (found["agent.changed"]["agent"], found["agent.changed"]["reason"]) == ("third", "added")


async def test_the_files_hold_what_the_record_holds(gateway: Live) -> None:
    path = gateway.services.config.gateway.data_dir / "audit" / "audit.jsonl"
    wanted = {(one["tenant"], one["seq"], one.get("cid")) for one in await records(gateway, Filter())}

    def held() -> set[tuple[Any, ...]]:
        lines = path.read_text().splitlines() if path.exists() else []
        return {(one["tenant"], one["seq"], one.get("cid")) for one in map(json.loads, lines)}

    async with asyncio.timeout(10):
        while not wanted <= held():
            await asyncio.sleep(0.05)
