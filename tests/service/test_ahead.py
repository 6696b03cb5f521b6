"""A program is compiled in its process while it is still being checked, or while its run is being woken."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.live import agent, live


async def test_refused_programs_give_back_the_processes_that_compiled_them(tmp_path: Path) -> None:
    config = {"agents": {"tester": agent()}, "gateway": {"max_active_runs": 1}}
    async with live(tmp_path, config) as gateway:
        for _ in range(3):
            assert (await gateway.execute("return fetch('http://example.com')"))["status"] == "rejected"
        # With one slot for all, this would wait for ever for one that was lost.
        assert (await gateway.execute("return 1"))["result"] == 1


async def test_a_program_that_runs_ahead_of_its_record_ends_with_its_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with live(tmp_path, {"agents": {"tester": agent()}}) as gateway:
        services, floor = gateway.services, gateway.services.floor
        issued = await services.tokens.issue("tester", ttl_seconds=600)
        principal = await services.tokens.resolve(issued["token"])
        begun, go_on, write = asyncio.Event(), asyncio.Event(), floor.journal.open

        async def slowly(*arguments: Any, **more: Any) -> Any:
            begun.set()
            await go_on.wait()
            return await write(*arguments, **more)

        monkeypatch.setattr(floor.journal, "open", slowly)
        running = asyncio.create_task(services.runs.execute(principal, "while (true) {}"))
        await begun.wait()
        assert floor.pool.active == 1, "it runs, and has no record yet"
        await services.revoker.revoke(token_id=issued["id"])
        async with asyncio.timeout(0.25):
            while floor.pool.active:
                await asyncio.sleep(0.005)
        go_on.set()
        assert (await running).status == "revoked"


async def test_runs_that_have_nothing_to_wake_for_give_back_the_processes_that_compiled_them(tmp_path: Path) -> None:
    config = {"agents": {"tester": agent()}, "gateway": {"max_active_runs": 1}}
    async with live(tmp_path, config) as gateway:
        runs, principal = gateway.services.runs, await gateway.principal()
        run_id = (await gateway.execute('return await waitFor("go")'))["run_id"]
        for _ in range(3):
            await runs.signal(principal, run_id, "noise", None)
        await runs.signal(principal, run_id, "go", 1)
        assert (await runs.result(principal, run_id, wait_seconds=20)).as_dict()["result"] == 1
