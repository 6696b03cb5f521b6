"""Two gateways on one store: what `scripts/soak durability` does for 20 minutes, in short, and its plainest cases."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from gateway.store import keys
from gateway.store.journal import Journal
from tests.durability.world import FROZEN_SECONDS, World, world
from tests.live import Replica
from tests.soak.durability import replays, soak

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def two(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("two"), random.Random(1)) as made:
        yield made


def gateways(two: World) -> tuple[Replica, Replica]:
    a, b = (seat.gateway for seat in two.seats)
    assert a is not None and b is not None
    return a, b


async def ended(gateway: Replica, run_id: str) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while (run := await gateway.call("result", run_id=run_id, wait_seconds=5))["status"] in ("running", "waiting"):
            await asyncio.sleep(0.05)
    return run


async def test_a_run_that_sleeps_on_a_killed_gateway_wakes_on_the_other(two: World) -> None:
    a, b = gateways(two)
    run = await a.call("execute", code="await sleep(3000); return 7", wait_seconds=0.6)
    await two.all_waiting(run["run_id"])
    a.process.kill()
    await a.process.wait()
    done = await ended(b, run["run_id"])
    assert (done["status"], done["result"], done["stats"]["replays"]) == ("completed", 7, 1), done
    await two.all_up()


async def test_a_gateway_that_stands_still_for_twice_its_lease_does_nothing_twice(two: World) -> None:
    a, b = gateways(two)
    label = "frozen"
    code = f'for (let i = 0; i < 300; i++) await tools.rec.act({{ label: "{label}", site: "s", i }}); return "through"'
    run = await a.call("execute", code=code, wait_seconds=0)
    a.process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(FROZEN_SECONDS)
    async with asyncio.timeout(60):
        while (await two.ask_store(("HGET", keys.run(run["run_id"]), "epoch")))[0] == b"1":
            await asyncio.sleep(0.05)
    a.process.send_signal(signal.SIGCONT)
    async with asyncio.timeout(60):
        while (found := await b.call("result", run_id=run["run_id"], wait_seconds=1))["status"] in (
            "running",
            "waiting",
        ):
            if found.get("waiting", {}).get("for") == "in_doubt":
                # It stood still between the intent and the answer.
                body = {"choice": "supply", "value": {"got": "", "pad": ""}}
                await two.post(b, f"/runs/{run['run_id']}/resolution", body)
    assert (found["status"], found.get("result")) == ("completed", "through"), found
    entries = await Journal(two.client, owner="test").entries(run["run_id"])
    for kind in ("call", "done"):
        cids = [entry.data["cid"] for entry in entries if entry.kind == kind]
        assert sorted(cids) == list(range(1, 301)), f"a {kind} is missing or recorded twice"
    sent = [call["i"] for call in two.upstream.calls() if call["run"] == run["run_id"]]
    assert len(sent) == len(set(sent)), "an unsafe call was sent twice"
    assert any(entry.kind == "resumed" and entry.data["epoch"] > 1 for entry in entries), "the other did not take over"


async def test_random_programs_amid_faults_do_what_they_do_without(two: World) -> None:
    async with replays(two.folder) as pool:
        assert await soak(two, pool, 60, rounds=1, width=8) == 0
