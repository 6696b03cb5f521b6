"""Runs that wait: for time, a person, an event; what they cost meanwhile, and how they go on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import Conflict
from gateway.service import drive
from gateway.store import keys
from gateway.store.clock import StoreClock
from gateway.store.journal import LEASE_MS
from gateway.store.timers import Timers
from gateway.web.auth import ADMIN
from tests.live import Live, agent, live, stdio

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def waiting(gateway: Live, code: str, what: str, **more: Any) -> dict[str, Any]:
    """Start a run and see it waiting for `what`, without a process or an owner."""
    run = await gateway.execute(code, **more)
    assert run["status"] == "waiting" and run["waiting"]["for"] == what, run
    assert run["run_id"] not in gateway.services.runner.drives
    return run


async def finished(gateway: Live, run: dict[str, Any]) -> dict[str, Any]:
    return (await gateway.services.runs.result(await gateway.principal(), run["run_id"], wait_seconds=20)).as_dict()


async def test_an_event_wakes_a_run_with_its_payload(gateway: Live) -> None:
    run = await waiting(gateway, 'const p: any = await waitFor("paid"); return p.amount', "event")
    assert "signal" in run["waiting"]["answer"]
    await gateway.services.runs.signal(await gateway.principal(), run["run_id"], "other", None)
    assert (await finished(gateway, run | {}))["status"] == "waiting"
    await gateway.services.runs.signal(await gateway.principal(), run["run_id"], "paid", {"amount": 12})
    done = await finished(gateway, run)
    assert (done["status"], done["result"], done["stats"]["replays"]) == ("completed", 12, 1), done


async def test_an_event_that_comes_first_is_kept(gateway: Live) -> None:
    run = await waiting(gateway, 'await waitFor("a"); const b = await waitFor("b"); return b', "event")
    principal = await gateway.principal()
    await gateway.services.runs.signal(principal, run["run_id"], "b", 2)
    await gateway.services.runs.signal(principal, run["run_id"], "a", 1)
    assert (await finished(gateway, run))["result"] == 2


async def test_events_that_come_first_are_kept_for_several_waits_at_once(gateway: Live) -> None:
    code = 'await waitFor("go"); return await Promise.all([waitFor("a"), waitFor("b"), waitFor("c")])'
    run = await waiting(gateway, code, "event")
    principal = await gateway.principal()
    for name in ("b", "c", "go", "a"):
        await gateway.services.runs.signal(principal, run["run_id"], name, name)
    assert (await finished(gateway, run))["result"] == ["a", "b", "c"]


async def test_an_event_whose_name_fills_a_page_keeps_no_other_from_coming(gateway: Live) -> None:
    code = 'return await Promise.race([waitFor("x".repeat(100_000)), waitFor("go")])'
    run = await waiting(gateway, code, "event")
    await gateway.services.runs.signal(await gateway.principal(), run["run_id"], "go", 1)
    assert (await finished(gateway, run))["result"] == 1


@pytest.mark.parametrize("approved", [True, False])
async def test_an_approval_wakes_a_run(gateway: Live, approved: bool) -> None:
    run = await waiting(gateway, 'return await approve("Refund 12 EUR?")', "approval")
    assert run["waiting"]["detail"] == "Refund 12 EUR?"
    principal = await gateway.principal()
    await gateway.services.runs.approve(principal, run["run_id"], approved=approved, comment="ok")
    done = await finished(gateway, run)
    assert done["result"]["approved"] is approved and done["result"]["comment"] == "ok", done
    with pytest.raises(Conflict):
        await gateway.services.runs.approve(principal, run["run_id"], approved=True)


async def test_an_answer_wakes_a_run(gateway: Live) -> None:
    code = 'return await ask("How many?", { type: "object", properties: { n: { type: "integer" } } })'
    run = await waiting(gateway, code, "input")
    await gateway.services.runs.answer(await gateway.principal(), run["run_id"], {"n": 3})
    assert (await finished(gateway, run))["result"] == {"n": 3}


async def test_a_wait_with_a_timeout_ends_by_itself(gateway: Live) -> None:
    run = await gateway.execute(
        'try { await waitFor("never", { timeout: 50 }); return "came" } catch (e) { return e instanceof TimeoutError }'
    )
    assert run["result"] is True, run


async def test_what_happened_before_is_not_done_again(gateway: Live) -> None:
    code = """
    const before = [Math.random(), crypto.randomUUID(), Date.now()];
    const { sum } = await tools.fast.add({ a: 1, b: 1 });
    await waitFor("go");
    const again = await tools.fast.add({ a: sum, b: 1 });
    return { before, sum: again.sum };
    """
    run = await waiting(gateway, code, "event")
    await gateway.services.runs.signal(await gateway.principal(), run["run_id"], "go", None)
    done = await finished(gateway, run)
    assert done["result"]["sum"] == 3 and done["stats"]["tool_calls"] == 2, done
    shown = await gateway.services.runs.show(await gateway.principal(), run["run_id"])
    assert shown.steps is not None
    assert [(s["kind"], s["state"]) for s in shown.steps] == [("tool", "done"), ("event", "done"), ("tool", "done")]


async def test_a_run_that_was_woken_comes_back_if_its_gateway_dies_at_once(gateway: Live) -> None:
    run = await waiting(gateway, 'await waitFor("go"); await sleep(4_000)', "event")
    await gateway.services.runs.signal(await gateway.principal(), run["run_id"], "go", None)
    later = Timers(gateway.services.floor.client, StoreClock())
    later.shift_ms = LEASE_MS
    assert run["run_id"] in {run_id for _, run_id in await later.due()}
    await gateway.services.runs.cancel(await gateway.principal(), run["run_id"])


async def test_a_replay_of_large_values_runs_through(gateway: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    # What the program asks for fills its pipe while what it is told fills the other one.
    monkeypatch.setattr(drive, "REPLAYED_AT_ONCE", 1)
    code = """
    const text = "x".repeat(600_000);
    let said = 0;
    for (let i = 0; i < 3; i++) {
      for (const one of await Promise.all([0, 1].map(() => tools.fast.echo({ text })))) said += String(one).length;
    }
    await waitFor("go");
    return said;
    """
    run = await waiting(gateway, code, "event")
    await gateway.services.runs.signal(await gateway.principal(), run["run_id"], "go", None)
    assert (await finished(gateway, run))["result"] == 3_600_000


async def test_promise_combinators_behave_the_same_over_hibernation(gateway: Live) -> None:
    code = """
    const order: string[] = [];
    const mark = (name: string) => (value: unknown) => { order.push(name); return value; };
    const all = Promise.all([
      tools.fast.echo({ text: "a" }).then(mark("a")),
      waitFor("one").then(mark("one")),
      tools.fast.echo({ text: "b" }).then(mark("b")),
    ]);
    const raced = await Promise.race([waitFor("two").then(mark("two")), sleep("30 days").then(mark("slept"))]);
    await all;
    return { order, raced };
    """
    run = await waiting(gateway, code, "event")
    principal = await gateway.principal()
    await gateway.services.runs.signal(principal, run["run_id"], "two", "second")
    await gateway.services.runs.signal(principal, run["run_id"], "one", "first")
    done = await finished(gateway, run)
    assert done["status"] == "completed", done
    assert sorted(done["result"]["order"][:2]) == ["a", "b"]
    assert done["result"]["order"][2:] == ["two", "one"] and done["result"]["raced"] == "second"


async def test_a_long_sleep_costs_no_process_and_says_until_when(gateway: Live) -> None:
    run = await waiting(gateway, 'await sleep("3 days"); return 1', "sleep", wait_seconds=1)
    assert run["waiting"]["until"] > run["waiting"]["since"]
    cancelled = (await gateway.services.runs.cancel(await gateway.principal(), run["run_id"])).as_dict()
    assert cancelled["status"] == "cancelled"


async def test_a_sleep_that_is_over_by_the_clock_wakes(gateway: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    run = await waiting(
        gateway, 'const t = Date.now(); await sleep("30 days"); return Date.now() - t', "sleep", wait_seconds=1
    )
    floor = gateway.services.floor
    clock = floor.clock
    monkeypatch.setattr(floor, "clock", lambda: clock() + 31 * 86_400_000)
    await gateway.services.runner.resume(run["run_id"])
    done = await finished(gateway, run)
    assert done["status"] == "completed" and done["result"] >= 30 * 86_400_000, done


async def test_revoking_ends_runs_that_sleep_and_runs_that_spin(gateway: Live) -> None:
    services = gateway.services
    issued = await services.tokens.issue("tester", ttl_seconds=60)
    principal = await services.tokens.resolve(issued["token"])
    asleep = await services.runs.execute(principal, 'await waitFor("x")')
    spins = await services.runs.execute(principal, "while (true) {}", wait_seconds=0)
    told = await services.revoker.revoke(token_id=issued["id"])
    assert told == {"revoked": [issued["id"]], "runs_stopped": 2}
    for run in (asleep, spins):
        record = await services.floor.journal.record(run.run_id)
        assert record is not None and record["status"] == "revoked"
    late = await services.runs.execute(principal, "return 1")
    assert late.status == "revoked"


async def test_an_ended_run_leaves_nothing_without_an_end(gateway: Live) -> None:
    run = await gateway.execute('await tools.fast.echo({ text: "x" }); return "y".repeat(100000)')
    client = gateway.services.floor.client
    found = await client.send("KEYS", f"{keys.PREFIX}*{run['run_id']}*")
    assert len(found) == 4
    async with asyncio.timeout(5):
        while min(await client.batch([("TTL", key) for key in found])) < 0:
            await asyncio.sleep(0.01)


SAYS = 'console.log("before"); emit({ type: "text", text: "block" }); const r = await waitFor("x"); return r'


async def test_what_a_run_said_stays_when_it_is_cancelled_or_revoked_asleep(gateway: Live) -> None:
    services = gateway.services
    issued = await services.tokens.issue("tester", ttl_seconds=60)
    principal = await services.tokens.resolve(issued["token"])
    runs = [await services.runs.execute(principal, SAYS) for _ in range(2)]
    cancelled = await services.runs.cancel(principal, runs[0].run_id)
    await services.revoker.revoke(token_id=issued["id"])
    revoked = await services.runs.show(ADMIN, runs[1].run_id)
    for view, status in ((cancelled, "cancelled"), (revoked, "revoked")):
        assert (view.status, view.body["logs"]) == (status, ["before"])
        assert view.emitted == ({"type": "text", "text": "block"},)


async def test_the_checkers_warnings_outlast_a_sleep(gateway: Live) -> None:
    run = await gateway.execute("const unused = 1; return await waitFor('x')")
    assert "unused" in run["warnings"][0]["message"]
    await gateway.services.runs.signal(await gateway.principal(), run["run_id"], "x", None)
    done = await finished(gateway, run)
    assert (done["status"], done["warnings"]) == ("completed", run["warnings"])


async def test_a_long_call_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drive, "STAY_MS", 50)
    config = {"mcpServers": {"odd": stdio("odd.py")}, "agents": {"tester": agent("odd")}}
    async with live(tmp_path, config) as gateway:
        for code, told in (
            ("return await tools.odd.slow()", "odd:slow has not answered yet."),
            ("return await Promise.all([1, 2, 3].map(() => tools.odd.slow()))", "odd:slow and 2 more calls have not"),
        ):
            run = await gateway.execute(code, wait_seconds=1)
            assert (run["status"], run["waiting"]["for"]) == ("waiting", "tool"), run
            assert run["waiting"]["detail"].startswith(told)
            await gateway.services.runs.cancel(await gateway.principal(), run["run_id"])
