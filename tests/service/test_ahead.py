"""A program is compiled in its process while it is still being checked, or while its run is being woken."""

from __future__ import annotations

from pathlib import Path

from tests.live import agent, live


async def test_refused_programs_give_back_the_processes_that_compiled_them(tmp_path: Path) -> None:
    config = {"agents": {"tester": agent()}, "gateway": {"max_active_runs": 1}}
    async with live(tmp_path, config) as gateway:
        for _ in range(3):
            assert (await gateway.execute("return fetch('http://example.com')"))["status"] == "rejected"
        # With one slot for all, this would wait for ever for one that was lost.
        assert (await gateway.execute("return 1"))["result"] == 1


async def test_runs_that_have_nothing_to_wake_for_give_back_the_processes_that_compiled_them(tmp_path: Path) -> None:
    config = {"agents": {"tester": agent()}, "gateway": {"max_active_runs": 1}}
    async with live(tmp_path, config) as gateway:
        runs, principal = gateway.services.runs, await gateway.principal()
        run_id = (await gateway.execute('return await waitFor("go")'))["run_id"]
        for _ in range(3):
            await runs.signal(principal, run_id, "noise", None)
        await runs.signal(principal, run_id, "go", 1)
        assert (await runs.result(principal, run_id, wait_seconds=20)).as_dict()["result"] == 1
