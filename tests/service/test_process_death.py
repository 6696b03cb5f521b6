"""A program's process that is killed: the run goes on from its journal, however often, as long as it gets anywhere."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from tests.live import Live, agent, live, stdio

CONFIG = {"mcpServers": {"fast": stdio("fast.py")}, "agents": {"tester": agent("fast")}}
STEPS = 4
CODE = f"""
const seen: string[] = [];
for (let i = 0; i < {STEPS}; i++) {{
  seen.push(await tools.fast.echo({{ text: `step ${{i}}` }}));
  await sleep(1_000);
}}
return seen.length;
"""


async def _after_call(gateway: Live, run_id: str, count: int) -> None:
    """Until the run has made so many calls, or has ended."""
    async with asyncio.timeout(60):
        while (drive := gateway.services.runner.drives.get(run_id)) is None or drive.pen.history.tool_calls < count:
            if drive is None:
                return
            await asyncio.sleep(0.01)


async def test_a_process_that_is_killed_after_every_step_does_not_end_the_run(tmp_path: Path) -> None:
    async with live(tmp_path, CONFIG) as gateway:
        run = await gateway.execute(CODE, wait_seconds=0)
        for count in range(1, STEPS):
            await _after_call(gateway, run["run_id"], count)
            for process in list(gateway.services.floor.pool._active):
                os.kill(process.pid, signal.SIGKILL)
        view = await gateway.services.runs.result(await gateway.principal(), run["run_id"], wait_seconds=60)
        assert view.as_dict()["result"] == STEPS, view.as_dict()
        assert view.as_dict()["stats"] | {"duration_ms": 0} == {
            "tool_calls": STEPS,
            "duration_ms": 0,
            "replays": STEPS - 1,
        }


async def _killed(gateway: Live, times: int) -> None:
    """Kill what runs, and each process that takes its place."""
    pool, killed = gateway.services.floor.pool, set[int]()
    async with asyncio.timeout(60):
        while len(killed) < times:
            for process in [one for one in pool._active if one.pid not in killed]:
                killed.add(process.pid)
                os.kill(process.pid, signal.SIGKILL)
            await asyncio.sleep(0.01)


async def test_two_deaths_at_one_point_are_bad_luck(tmp_path: Path) -> None:
    async with live(tmp_path, CONFIG) as gateway:
        run = await gateway.execute("for (let i = 0; i < 3e9; i++); return 1", wait_seconds=0)
        await _killed(gateway, 2)
        view = await gateway.services.runs.result(await gateway.principal(), run["run_id"], wait_seconds=60)
        assert view.as_dict()["result"] == 1


async def test_a_third_death_at_one_point_is_the_end(tmp_path: Path) -> None:
    async with live(tmp_path, CONFIG) as gateway:
        run = await gateway.execute("while (true);", wait_seconds=0)
        await _killed(gateway, 3)
        view = await gateway.services.runs.result(await gateway.principal(), run["run_id"], wait_seconds=60)
        assert (view.status, view.body["error"]["code"]) == ("failed", "process_died"), view
