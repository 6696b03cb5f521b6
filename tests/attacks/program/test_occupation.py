"""One agent that asks for everything there is: places for programs, the queue for them, a server. Others still get in.

phoenix#14784: one `execute` could kill the server. FastMCP has no limits by default (fastmcp#4170).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.config import Limits, ServerConfig, base_environment
from gateway.errors import Busy
from gateway.sandbox.pool import ProcessPool
from gateway.upstream.pool import Upstreams
from tests.live import agent, live, stdio

PLACES = 8
ATTACKER, NEIGHBOUR = ("tenant", "attacker"), ("tenant", "neighbour")


@pytest_asyncio.fixture
async def small(sandbox_dir: Path) -> AsyncIterator[ProcessPool]:
    pool = ProcessPool(limits=Limits(), data_dir=sandbox_dir, size=1, max_active=PLACES)
    await pool.start()
    yield pool
    await pool.close()


async def test_one_agent_does_not_get_all_places(small: ProcessPool) -> None:
    held = [await small.acquire(ATTACKER) for _ in range(PLACES - 1)]
    greedy = [asyncio.ensure_future(small.acquire(ATTACKER)) for _ in range(PLACES)]
    process = await small.acquire(NEIGHBOUR)
    assert small.active == PLACES
    next_one = asyncio.ensure_future(small.acquire(NEIGHBOUR))
    await process.kill()
    # The place that it gave back is the neighbour's again, however long the others have waited.
    await (await next_one).kill()
    await held[0].kill()
    done, _ = await asyncio.wait(greedy, return_when=asyncio.FIRST_COMPLETED)
    assert len(done) == 1
    for one in greedy:
        one.cancel()


@pytest.mark.parametrize("kept", [[], [0]], ids=["all of them", "one of them"])
async def test_who_gives_up_waiting_takes_no_place_along(small: ProcessPool, kept: list[int]) -> None:
    held = [await small.acquire(ATTACKER) for _ in range(PLACES - 1)]
    waiting = [asyncio.ensure_future(small.acquire(ATTACKER)) for _ in range(2)]
    await asyncio.sleep(0)
    for number, one in enumerate(waiting):
        if number not in kept:
            one.cancel()
    for process in held:
        await process.kill()
    for number in kept:
        await (await waiting[number]).kill()
    again = [await small.acquire(ATTACKER) for _ in range(PLACES - 1)]
    assert small.active == len(again)


async def test_one_agent_does_not_keep_a_server_to_itself() -> None:
    config = ServerConfig.model_validate({**stdio("odd.py"), "max_concurrency": 8})
    upstreams = Upstreams({"odd": config}, base_env=base_environment())
    await upstreams.start(settle=20)
    endless = [asyncio.ensure_future(upstreams.call("odd", "slow", {"n": n}, caller=ATTACKER)) for n in range(20)]
    await asyncio.sleep(0)
    assert (await upstreams.call("odd", "pid", {}, caller=NEIGHBOUR)).content
    for one in endless:
        one.cancel()
    await asyncio.wait(endless)
    await upstreams.close()


async def test_one_agent_does_not_fill_the_queue(tmp_path: Path) -> None:
    config = {
        "agents": {"tester": agent(), "neighbour": agent()},
        "gateway": {"max_active_runs": 4, "max_queued_runs": 4},
    }
    async with live(tmp_path, config) as gateway:
        sleeping = [asyncio.ensure_future(gateway.execute("await sleep('4 s'); return 1")) for _ in range(PLACES - 1)]
        while len(gateway.services.runner.drives) < PLACES - 1:
            await asyncio.sleep(0.01)
        with pytest.raises(Busy):
            await gateway.execute("return 1")
        assert (await gateway.execute("return 1", agent="neighbour"))["result"] == 1
        assert [(await one)["result"] for one in sleeping] == [1] * len(sleeping)
