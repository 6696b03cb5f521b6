"""`continueWith`: runs of many legs, which a client sees as one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gateway.service import drive as drives
from gateway.service import legs
from gateway.store import keys
from tests.live import Live

pytestmark = pytest.mark.asyncio(loop_scope="package")

COUNT = """
const n = (continued?.n ?? 0) + (await tools.fast.add({ a: 0, b: 1 })).sum;
if (n < 4) await continueWith({ n });
return n;
"""
ASKS = """
if (!continued) await continueWith({ big: "x".repeat(100_000) });
return [await waitFor("go"), continued.big.length];
"""


@pytest_asyncio.fixture(autouse=True, loop_scope="package")
async def quick(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setattr(drives, "LEG_MS", 0)
    yield


async def record(gateway: Live, run_id: str) -> dict[str, str]:
    found = await gateway.services.floor.journal.record(run_id)
    assert found is not None
    return found


async def result(gateway: Live, run_id: str, wait_seconds: float = 20) -> dict[str, Any]:
    runs = gateway.services.runs
    return (await runs.result(await gateway.principal(), run_id, wait_seconds=wait_seconds)).as_dict()


async def test_a_run_goes_on_as_another_and_its_client_follows(gateway: Live) -> None:
    last = await gateway.execute(COUNT)
    assert (last["status"], last["result"], last["stats"]["tool_calls"]) == ("completed", 4, 1), last
    first = last["first"]
    assert await result(gateway, first) == last
    shown = (await gateway.services.runs.show(await gateway.principal(), first)).as_dict()
    assert (shown["status"], "result" in shown) == ("completed", False)
    assert [(step["kind"], step["state"]) for step in shown["steps"]] == [("tool", "done"), ("continue", "open")]
    second = keys.next_run_id(first)
    assert (await record(gateway, second))["continued_as"] == keys.next_run_id(second)
    assert last["continues"] == keys.next_run_id(second)
    entries = await gateway.services.floor.journal.entries(second)
    assert entries[0].data["continued"] == {"v": {"n": 1}} and entries[0].data["continues"] == first
    assert (await gateway.services.audit.verify())["ok"]


async def test_what_is_said_to_the_first_leg_reaches_the_last(gateway: Live) -> None:
    run = await gateway.execute(ASKS)
    assert run["status"] == "waiting" and run["waiting"]["for"] == "event", run
    await gateway.services.runs.signal(await gateway.principal(), run["first"], "go", 1)
    assert (await result(gateway, run["first"]))["result"] == [1, 100_000]
    other = await gateway.execute(ASKS)
    cancelled = await gateway.services.runs.cancel(await gateway.principal(), other["first"])
    assert (cancelled.run_id, cancelled.status) == (other["run_id"], "cancelled")


async def test_a_leg_whose_gateway_died_before_it_began_is_begun(gateway: Live) -> None:
    run = await gateway.execute(ASKS)
    first, floor = run["first"], gateway.services.floor
    await gateway.services.runs.cancel(await gateway.principal(), run["run_id"])
    own = await floor.client.send("KEYS", f"{keys.PREFIX}run:{{{run['run_id']}}}*")
    await floor.client.send("DEL", *own)
    assert (await result(gateway, first, 0))["status"] == "running"
    await gateway.services.runner.resume(first)
    await gateway.services.runner.resume(first)
    assert (await result(gateway, first))["waiting"]["for"] == "event"
    await gateway.services.runs.cancel(await gateway.principal(), first)


async def test_a_leg_that_two_replicas_begin_at_once_is_begun_by_one(
    gateway: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await gateway.execute(ASKS)
    services, journal = gateway.services, gateway.services.floor.journal
    before, principal = await record(gateway, run["first"]), await gateway.principal()
    job = await services.runner.job(run["first"], before, principal)

    async def not_yet(_: str) -> None:
        """When this replica looked, the other had not begun it."""

    with monkeypatch.context() as patch:
        patch.setattr(journal, "record", not_yet)
        assert await legs.begin_next(services.floor, job, before, principal) is None
    await services.runs.signal(principal, run["run_id"], "go", 1)
    assert (await result(gateway, run["first"]))["result"] == [1, 100_000]


async def test_the_record_of_the_first_leg_stays_until_the_last_has_ended(gateway: Live) -> None:
    code = 'const n = continued ?? 0; if (n < 2) await continueWith(n + 1); await waitFor("go"); return n'
    run = await gateway.execute(code)
    client = gateway.services.floor.client
    first, second = keys.run(run["first"]), keys.journal(keys.next_run_id(run["first"]))
    assert (await record(gateway, run["first"]))["continued_as"] == run["run_id"]
    async with asyncio.timeout(5):
        while await client.send("TTL", second) < 0:
            await asyncio.sleep(0.01)
    assert await client.send("TTL", first) == -1
    await gateway.services.runs.cancel(await gateway.principal(), run["first"])
    async with asyncio.timeout(5):
        while await client.send("TTL", first) < 0:
            await asyncio.sleep(0.01)


async def test_a_leg_that_is_forked_keeps_what_it_was_handed(gateway: Live) -> None:
    last = await gateway.execute(COUNT)
    made = await gateway.services.runs.again.fork(await gateway.principal(), last["run_id"], 1)
    assert (await result(gateway, made))["result"] == 4


async def test_revoking_between_two_legs_leaves_none_alive(gateway: Live) -> None:
    issued = await gateway.services.tokens.issue("tester", ttl_seconds=60)
    principal = await gateway.services.tokens.resolve(issued["token"])
    run = await gateway.services.runs.execute(principal, "await continueWith(1)", wait_seconds=1)
    assert run.status == "running"
    await gateway.services.revoker.revoke(token_id=issued["id"])
    async with asyncio.timeout(5):
        while any(d.job.principal.token_id == issued["id"] for d in gateway.services.runner.drives.values()):
            await asyncio.sleep(0.01)
    found = await gateway.services.runs.list(principal, limit=1_000)
    assert {one.status for one in found} == {"completed", "revoked"}
