"""What a program meets at a closed door, and at one that has a limit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from gateway.engine import replay
from gateway.engine.record import Filter
from gateway.errors import Conflict
from gateway.service import drive
from gateway.service import open as waits
from gateway.store import keys
from tests.live import Live, live, stdio

pytestmark = pytest.mark.asyncio(loop_scope="module")

OWNER = {"owner": "test@example.com"}
LIMITED = [
    {"server": "fast", "tools": ["add"], "limits": {"per_run": 1}},
    {"server": "fast", "tools": ["add", "echo"], "limits": {"per_run": 1, "per_day": 1_000}},
    {"server": "fast", "tools": ["getItem", "get_item"], "args": {"id": {"range": [1, 5]}}, "limits": {"per_day": 2}},
]
ASKING = [
    {"server": "fast", "tools": ["echo"], "limits": {"per_run": 1}},
    {"server": "fast", "tools": ["echo"], "approval": {"by": "owner"}},
]
HASTY = [{"server": "fast", "tools": ["echo"], "approval": {"by": "owner", "ttl": 1}}]
SOON = [{"server": "fast", "tools": ["echo"], "approval": {"by": "owner", "ttl": 3}}]
GRANTS = {"limited": LIMITED, "asking": ASKING, "hasty": HASTY, "soon": SOON}
AGENTS = {name: {**OWNER, "grants": grants} for name, grants in GRANTS.items()}
CONFIG = {"mcpServers": {"fast": stdio("fast.py")}, "agents": AGENTS}
THREE = """
const told = [];
for (const b of [1, 2, 3]) {
  try { told.push((await tools.fast.add({ a: 0, b })).sum); }
  catch (error) { told.push(error instanceof PolicyError ? [error.rule, error.message] : "other"); }
}
return told;
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    async with live(tmp_path_factory.mktemp("gateway"), CONFIG) as started:
        yield started


async def test_another_grant_opens_when_the_limit_of_one_is_used_up(gateway: Live) -> None:
    run = await gateway.execute(THREE, agent="limited")
    assert run["status"] == "completed", run
    assert run["result"][:2] == [1, 2]
    rule, message = run["result"][2]
    assert rule == "default"
    assert "agents.limited.grants[0]: its limit per_run: 1 is used up" in message
    assert "agents.limited.grants[1]: its limit per_run: 1 is used up" in message


async def test_the_record_names_the_rule_that_opened(gateway: Live) -> None:
    run = await gateway.execute(THREE, agent="limited")
    page = await gateway.services.audit.page(Filter(run_id=run["run_id"], event="tool.*"))
    assert [record["rule"] for record in page.records] == [
        "agents.limited.grants[0]",
        "agents.limited.grants[1]",
        "default",
    ]


async def test_a_call_outside_the_grants_is_a_policy_error_with_its_rule(gateway: Live) -> None:
    code = (
        "try { await tools.fast.getItem({ id: 9 }) } catch (error) { return [error.name, error.rule, error.message] }"
    )
    run = await gateway.execute(code, agent="limited")
    name, rule, message = run["result"]
    assert (name, rule) == ("PolicyError", "default")
    assert "argument 'id' does not satisfy range" in message


async def test_explaining_a_call_says_what_is_used_of_a_limit(gateway: Live) -> None:
    question: dict[str, Any] = {"agent": "limited", "server": "fast", "tool": "get_item", "args": {"id": 2}}
    ask = {**question, "token_id": None}
    before = (await gateway.services.explain(**ask))["limits"][0]["used"]
    await gateway.execute("return await tools.fast.getItem({ id: 2 })", agent="limited")
    assert (await gateway.services.explain(**ask))["limits"] == [{"window": "per_day", "cap": 2, "used": before + 1}]
    await gateway.execute("return await tools.fast.getItem({ id: 2 })", agent="limited")
    assert (await gateway.services.explain(**ask))["effect"] == "deny"


async def test_asking_about_an_agent_that_was_shut_off_does_not_let_it_in(gateway: Live) -> None:
    await gateway.token("limited")
    await gateway.services.revoker.revoke(agent="limited")
    question: dict[str, Any] = {"agent": "limited", "server": "fast", "tool": "add", "args": {}, "token_id": None}
    assert (await gateway.services.explain(**question))["effect"] == "allow"
    assert not await gateway.services.floor.liveness.is_alive(["agent:default/limited"])


async def test_more_than_the_limit_waits_for_a_person(gateway: Live) -> None:
    code = "const a = await tools.fast.echo({ text: 'a' }); return [a, await tools.fast.echo({ text: 'b' })]"
    run = await gateway.execute(code, agent="asking", wait_seconds=10)
    assert (run["status"], run["waiting"]["for"]) == ("waiting", "approval"), run
    admin = replace(await gateway.principal("asking"), admin=True)
    await gateway.services.runs.approve(admin, run["run_id"], approved=True)
    ended = (await gateway.services.runs.result(admin, run["run_id"], wait_seconds=10)).as_dict()
    assert ended["status"] == "completed", ended
    page = await gateway.services.audit.page(Filter(run_id=run["run_id"], event="tool.*"))
    assert [record["rule"] for record in page.records] == ["agents.asking.grants[0]", "agents.asking.grants[1]"]


async def test_what_nobody_approves_in_time_is_refused_and_cannot_be_approved_later(gateway: Live) -> None:
    code = "try { return await tools.fast.echo({ text: 'a' }) } catch (e) { return [e.name, e.message] }"
    run = await gateway.execute(code, agent="hasty", wait_seconds=10)
    # A second may be over already.
    assert run["status"] in ("waiting", "completed"), run
    admin = replace(await gateway.principal("hasty"), admin=True)
    async with asyncio.timeout(20):
        while (ended := await gateway.services.runs.result(admin, run["run_id"], wait_seconds=5)).status == "waiting":
            await asyncio.sleep(0.05)
    name, message = ended.as_dict()["result"]
    assert name == "PolicyError" and message.startswith("Nobody approved fast:echo"), message
    with pytest.raises(Conflict):
        await gateway.services.runs.approve(admin, run["run_id"], approved=True)
    page = await gateway.services.audit.page(Filter(run_id=run["run_id"], event="tool.*"))
    assert [record["event"] for record in page.records] == ["tool.denied"]


async def test_what_was_approved_in_time_is_called_though_the_run_is_taken_up_later(
    gateway: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (drive, waits):
        monkeypatch.setattr(module, "STAY_MS", 100)
    run = await gateway.execute("return await tools.fast.echo({ text: 'a' })", agent="soon", wait_seconds=2)
    assert (run["status"], run["waiting"]["for"]) == ("waiting", "approval"), run
    run_id, floor = run["run_id"], gateway.services.floor
    [call] = replay.read(await floor.journal.entries(run_id)).open_calls()
    assert call.until is not None and run_id not in gateway.services.runner.drives
    message = {"type": "approval", "approved": True, "cid": 1, "by": "owner", "id": "a", "at": call.until - 1}
    await floor.client.batch(
        [
            # Its owner is dead, and nobody may take it up yet.
            ("HSET", keys.run(run_id), "lease_until", call.until + 60_000),
            floor.journal.post(run_id, message),
        ]
    )
    async with asyncio.timeout(20):
        while floor.clock() <= call.until:
            await asyncio.sleep(0.05)
        await floor.client.send("HSET", keys.run(run_id), "lease_until", 1)
        await gateway.services.runner.resume(run_id)
        admin = replace(await gateway.principal("soon"), admin=True)
        while (ended := await gateway.services.runs.result(admin, run_id, wait_seconds=5)).status == "waiting":
            await asyncio.sleep(0.05)
    assert ended.as_dict()["result"] == "a", ended.as_dict()
