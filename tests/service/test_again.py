"""Forks and retries: what a run did is not done again, and the audit record does not say that it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.engine.record import Filter
from gateway.errors import Conflict, NotFound, UsageError
from tests.live import Live, agent, live
from tests.servers import launch

pytestmark = pytest.mark.asyncio(loop_scope="package")

ODD = Path(launch.__file__).parent / "odd.py"


async def ended(gateway: Live, run_id: str) -> dict[str, Any]:
    return (await gateway.services.runs.result(await gateway.principal(), run_id, wait_seconds=20)).as_dict()


async def fork(gateway: Live, run: dict[str, Any], at: int, **more: Any) -> dict[str, Any]:
    made = await gateway.services.runs.again.fork(await gateway.principal(), run["run_id"], at, **more)
    return await ended(gateway, made)


async def retry(gateway: Live, run: dict[str, Any], **more: Any) -> dict[str, Any]:
    made = await gateway.services.runs.again.retry(await gateway.principal(), run["run_id"], **more)
    return await ended(gateway, made)


CODE = """
const dice = Math.random();
const a = await tools.fast.add({ a: 1, b: 1 });
const b = await tools.fast.add({ a: a.sum, b: 1 });
return { dice, sum: b.sum };
"""


async def test_a_fork_goes_on_from_the_journal_of_another_run(gateway: Live) -> None:
    run = await gateway.execute(CODE)
    forked = await fork(gateway, run, 2)
    assert (forked["status"], forked["result"]) == ("completed", run["result"]), forked
    assert forked["forked_from"] == {"run_id": run["run_id"], "at": 2}
    assert forked["run_id"] != run["run_id"] and forked["session"] == run["session"]


async def test_a_fork_may_have_another_program(gateway: Live) -> None:
    run = await gateway.execute(CODE)
    forked = await fork(gateway, run, 2, code=CODE.replace("b: 1 });\nreturn", "b: 40 });\nreturn"))
    assert forked["result"] == {"dice": run["result"]["dice"], "sum": 42}
    rejected = await fork(gateway, run, 2, code="return nothing.at.all")
    assert rejected["status"] == "rejected" and rejected["diagnostics"]


async def test_a_program_that_does_not_fit_the_prefix_says_where(gateway: Live) -> None:
    run = await gateway.execute(CODE)
    forked = await fork(gateway, run, 2, code="return await tools.fast.echo({ text: 'x' })")
    assert forked["status"] == "waiting" and "command 1 was fast:add" in forked["waiting"]["detail"], forked
    assert "fork --at 1" in forked["waiting"]["detail"]
    await gateway.services.runs.resolve(await gateway.principal(), forked["run_id"], "retry")
    again = await ended(gateway, forked["run_id"])
    assert again["waiting"]["for"] == "in_doubt" and again["stats"]["replays"] > forked["stats"]["replays"], again
    await gateway.services.runs.cancel(await gateway.principal(), forked["run_id"])


async def test_a_fork_into_another_session_leaves_the_state_of_the_first_alone(gateway: Live) -> None:
    code = 'await state.set("n", 1); await tools.fast.echo({ text: "" }); await state.set("m", 2); return state.keys()'
    run = await gateway.execute(code, session="first")
    assert (await fork(gateway, run, 2, session="second"))["result"] == ["m"]


async def test_large_values_of_the_prefix_come_along(gateway: Live) -> None:
    code = 'const r = await tools.fast.echo({ text: "x".repeat(100000) }); await waitFor("go"); return r.length'
    run = await gateway.execute(code)
    made = await gateway.services.runs.again.fork(await gateway.principal(), run["run_id"], 2)
    await gateway.services.runs.signal(await gateway.principal(), made, "go", None)
    assert (await ended(gateway, made))["result"] == 100_000
    await gateway.services.runs.cancel(await gateway.principal(), run["run_id"])


async def test_what_cannot_be_forked_or_retried_says_why(gateway: Live) -> None:
    again, principal = gateway.services.runs.again, await gateway.principal()
    done = await gateway.execute(CODE)
    with pytest.raises(UsageError, match="no command 3"):
        await again.fork(principal, done["run_id"], 3)
    with pytest.raises(UsageError, match="no session name"):
        await again.fork(principal, done["run_id"], 1, session="a b")
    with pytest.raises(NotFound):
        await again.fork(await gateway.principal("other"), done["run_id"], 1)
    with pytest.raises(Conflict, match="is completed"):
        await again.retry(principal, done["run_id"])
    bug = await gateway.execute('throw new Error("always")')
    with pytest.raises(Conflict, match="fail in the same way"):
        await again.retry(principal, bug["run_id"])
    assert (await retry(gateway, bug, from_start=True))["retry_of"] == bug["run_id"]


async def test_a_cancelled_run_goes_on_where_it_was(gateway: Live) -> None:
    run = await gateway.execute('const a = await tools.fast.add({ a: 1, b: 2 }); return [a.sum, await waitFor("go")]')
    principal = await gateway.principal()
    await gateway.services.runs.cancel(principal, run["run_id"])
    made = await gateway.services.runs.again.retry(principal, run["run_id"])
    await gateway.services.runs.signal(principal, made, "go", "on")
    assert (await ended(gateway, made))["result"] == [3, "on"]


async def test_a_retry_makes_the_failed_call_again_and_no_other(tmp_path: Path) -> None:
    recorded = tmp_path / "calls.jsonl"
    async with launch.http(ODD, "--record", str(recorded)) as odd:
        config = {"mcpServers": {"odd": {"url": odd}}, "agents": {"tester": agent("odd")}}
        async with live(tmp_path, config) as gateway:
            code = "const a = await tools.odd.content(); await tools.odd.ask(); return a"
            run = await gateway.execute(code)
            assert run["status"] == "failed", run
            again = await retry(gateway, run)
            assert (again["status"], again["retry_of"]) == ("failed", run["run_id"])
            calls = [event["tool"] for event in launch.recorded(recorded) if "tool" in event]
            assert calls == ["content", "ask", "ask"]
            audit = gateway.services.audit
            await gateway.services.floor.audit.flush()
            told = (await audit.page(Filter(run_id=again["run_id"], event="tool.*"))).records
            assert [record["tool"] for record in told] == ["ask"]
            assert (await audit.verify())["ok"]
