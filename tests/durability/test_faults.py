"""What single faults come to: answers that get lost, a store that takes no writes, a gateway that is late."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import pytest

from gateway import clock as host
from gateway.clock import Clock
from gateway.engine import replay
from gateway.errors import ProcessDied, StoreUnavailable
from gateway.service import runner
from gateway.service.drive import Drive
from gateway.service.outcome import Outcome
from gateway.service.talk import Talk
from gateway.service.work import SENDS, Work
from gateway.store import clock, keys
from gateway.store.client import Client
from gateway.store.journal import Journal
from gateway.store.scripts import APPEND
from gateway.store.timers import Timers
from tests.durability.points import labels
from tests.durability.scene import Scene

pytestmark = pytest.mark.asyncio(loop_scope="module")

ACT = 'tools.rec.act({ label: "l", site: "s" })'


@pytest.mark.parametrize("tool", ["read", "put"])
async def test_a_call_that_is_safe_to_repeat_is_sent_again_when_its_answer_is_lost(scene: Scene, tool: str) -> None:
    scene.upstream.order("drop")
    run = await scene.gateway.execute(f'return (await tools.rec.{tool}({{ label: "l", site: "s" }})).got')
    assert (run["status"], run.get("result")) == ("completed", "l/s"), run
    assert scene.sends(run, tool) == 2


async def test_answers_that_get_lost_again_and_again_are_the_programs_matter(scene: Scene) -> None:
    for _ in range(SENDS):
        scene.upstream.order("drop")
    run = await scene.gateway.execute('await tools.rec.read({ label: "l", site: "s" })')
    assert (run["status"], run["error"]["code"]) == ("failed", "upstream_unavailable"), run
    assert scene.sends(run, "read") == SENDS


async def test_an_unsafe_call_whose_answer_is_lost_is_in_doubt(scene: Scene) -> None:
    scene.upstream.order("drop")
    run = await scene.gateway.execute(f"return (await {ACT}).got")
    assert (run["status"], run["waiting"]["for"]) == ("waiting", "in_doubt"), run
    await scene.resolve(run, "supply", {"got": "supplied"})
    done = await scene.settled(run)
    assert (done["status"], done["result"]) == ("completed", "supplied"), done
    assert scene.sends(run, "act") == 1


async def test_a_retry_that_somebody_agreed_to_is_one_retry(scene: Scene) -> None:
    scene.upstream.order("drop")
    run = await scene.gateway.execute(f"return (await {ACT}).got")
    scene.upstream.order("drop")
    await scene.resolve(run, "retry")
    await scene.until(lambda: _doubtful_again(scene, run))
    # Whoever takes it over now does not send it a third time.
    await scene.gateway.services.runner.resume(run["run_id"])
    assert (await scene.settled(run))["waiting"]["for"] == "in_doubt"
    await scene.resolve(run, "retry")
    assert (await scene.settled(run))["result"] == "l/s"
    assert scene.sends(run, "act") == 3


async def _doubtful_again(scene: Scene, run: dict[str, Any]) -> bool:
    return scene.sends(run, "act") == 2 and await scene.status(run["run_id"]) == ["waiting"]


async def test_of_two_decisions_about_a_doubt_that_come_at_once_the_call_has_one_outcome(scene: Scene) -> None:
    scene.upstream.order("drop")
    slow = 'tools.rec.read({ label: "l", site: "slow", ms: 1500 })'
    run = await scene.gateway.execute(
        f"const first = {ACT}; const second = {slow}; return (await Promise.all([first, second])).map((r) => r.got)",
        wait_seconds=0,
    )
    await scene.until(lambda: _doubts(scene, run))
    decisions: list[dict[str, Any]] = [{"choice": "retry"}, {"choice": "supply", "value": {"got": "supplied"}}]
    said = [{"type": "resolve", "id": f"decision{n}", "cid": 1, "by": "me", **one} for n, one in enumerate(decisions)]
    await scene.client.batch([Journal.post(run["run_id"], one) for one in said])
    await scene.gateway.services.runner.poke(run["run_id"])
    done = await scene.settled(run)
    assert (done["status"], done.get("result")) == ("completed", ["supplied", "l/slow"]), done
    assert scene.sends(run, "act") == 1


async def _doubts(scene: Scene, run: dict[str, Any]) -> bool:
    drive = scene.gateway.services.runner.drives.get(run["run_id"])
    waits = drive.waiting() if drive else None
    return waits is not None and waits.for_ == "in_doubt"


async def test_a_doubt_about_a_call_that_was_not_awaited_is_decided_before_the_run_ends(scene: Scene) -> None:
    scene.upstream.order("drop")
    run = await scene.gateway.execute(f"void {ACT}; return 1")
    assert (run["status"], run["waiting"]["for"]) == ("waiting", "in_doubt"), run
    await scene.resolve(run, "retry")
    done = await scene.settled(run)
    assert (done["status"], done["result"]) == ("completed", 1), done
    assert scene.sends(run, "act") == 2


async def test_an_answer_that_comes_while_the_program_is_brought_back_is_no_doubt(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies at a delivery; the second call's answer comes before the new process asks for it again."""
    deliver, opened = Talk.deliver, Talk.open
    state: dict[str, Any] = {"died": False}

    async def dies(talk: Talk, items: Any) -> Any:
        if not state["died"]:
            state["died"] = True
            talk.kill_now()
            raise ProcessDied("It was killed.")
        return await deliver(talk, items)

    async def late(talk: Talk, *args: Any) -> Any:
        if state["died"]:
            await scene.until(answered)
        return await opened(talk, *args)

    async def answered() -> bool:
        drives = scene.gateway.services.runner.drives.values()
        return any(cid == 2 for drive in drives for cid, _ in drive.work.completions)

    monkeypatch.setattr(Talk, "deliver", dies)
    monkeypatch.setattr(Talk, "open", late)
    slow = 'tools.rec.act({ label: "l", site: "slow", ms: 1000 })'
    run = await scene.gateway.execute(f"return (await Promise.all([{ACT}, {slow}])).map((r) => r.got)")
    assert (run["status"], run.get("result")) == ("completed", ["l/s", "l/slow"]), run
    assert scene.sends(run, "act") == 2


async def test_a_program_may_decide_about_a_lost_answer_itself(scene: Scene) -> None:
    scene.upstream.order("drop")
    call = ACT.removesuffix(")") + ', { onDoubt: "throw" })'
    run = await scene.gateway.execute(f"try {{ await {call}; return 1 }} catch (e) {{ return e.name }}")
    assert run["result"] == "InDoubtError", run


async def test_a_long_sleep_ends_on_time_beside_other_work(scene: Scene) -> None:
    run = await scene.gateway.execute(
        "const slept = sleep(600);"
        'for (let i = 0; i < 3; i++) await tools.rec.read({ label: "l", site: "s", ms: 250 });'
        "await slept; return 1",
        wait_seconds=10,
    )
    assert (run["status"], run.get("result")) == ("completed", 1), run


async def test_a_large_value_that_comes_while_there_is_no_process_is_delivered(scene: Scene) -> None:
    run = await scene.gateway.execute(
        'return (await tools.rec.read({ label: "l", site: "s", ms: 700, size: 100000 })).pad.length'
    )
    assert (run["status"], run.get("result")) == ("completed", 100_000), run
    assert run["stats"]["replays"] == 1


async def test_a_store_without_memory_says_that_it_takes_no_writes_now(scene: Scene) -> None:
    await scene.client.send("CONFIG", "SET", "maxmemory", 1)
    try:
        with pytest.raises(StoreUnavailable, match="does not take writes"):
            await scene.client.send("SET", f"{keys.PREFIX}test", 1, "EX", 10)
    finally:
        await scene.client.send("CONFIG", "SET", "maxmemory", 0)


async def test_a_run_goes_on_after_its_state_could_not_be_written(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = scene.gateway.services.floor.sessions

    async def fails(*_: Any) -> None:
        raise StoreUnavailable("The store does not take writes now.")

    with monkeypatch.context() as patch:
        patch.setattr(sessions, "set", fails)
        run = await scene.gateway.execute('await state.set("k", 1); return await state.get("k")', wait_seconds=0)
        await scene.until(lambda: _left(scene, run))
    await scene.lapse(run["run_id"])
    assert (await scene.settled(run))["result"] == 1


async def test_a_call_that_was_not_awaited_and_met_no_store_is_not_forgotten(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_: Work) -> None:
        raise StoreUnavailable("The store cannot be reached.")

    with monkeypatch.context() as patch:
        patch.setattr(Work, "_check_alive", fails)
        run = await scene.gateway.execute(f"void {ACT}; return 1", wait_seconds=0)
        await scene.until(lambda: _left(scene, run))
    await scene.lapse(run["run_id"])
    asks = await scene.settled(run)
    assert (asks["status"], asks["waiting"]["for"]) == ("waiting", "in_doubt"), asks
    await scene.resolve(run, "retry")
    done = await scene.settled(run)
    assert (done["status"], done["result"]) == ("completed", 1), done
    assert scene.sends(run, "act") == 1


async def test_a_run_ends_once_though_nothing_can_be_written_after_its_last_entry(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program ends in the very moment in which the completion that it computed with is written on its own."""
    finish, batch = Drive._finish, Client.batch
    state: dict[str, bool] = {"ended": False}

    async def late(drive: Drive) -> Outcome:
        drive._write_late()
        return await finish(drive)

    async def fails(client: Client, commands: Any) -> list[Any]:
        if state["ended"] and any(APPEND.sha in command for command in commands):
            raise StoreUnavailable("The store cannot be reached.")
        replies = await batch(client, commands)
        state["ended"] |= "terminal" in labels(commands)
        return replies

    with monkeypatch.context() as patch:
        patch.setattr(Drive, "_finish", late)
        patch.setattr(Client, "batch", fails)
        run = await scene.gateway.execute('await tools.rec.read({ label: "l", site: "s" }); return 1', wait_seconds=0)
        await scene.until(lambda: _left(scene, run))
    await scene.lapse(run["run_id"])
    assert (await scene.settled(run))["result"] == 1
    entries = await scene.gateway.services.floor.journal.entries(run["run_id"])
    assert [entry.kind for entry in entries].count("ended") == 1


@pytest.mark.parametrize(("early_ms", "result"), [(1, {"paid": 12}), (-1, "TimeoutError")])
async def test_what_was_posted_in_time_counts_though_the_run_is_taken_up_later(
    scene: Scene, early_ms: int, result: Any
) -> None:
    code = 'try { return await waitFor("paid", { timeout: "2s" }) } catch (e: any) { return e.name }'
    run = await scene.gateway.execute(code)
    run_id, floor = run["run_id"], scene.gateway.services.floor
    assert run["status"] == "waiting", run
    # Its owner is dead, and nobody may take it up yet.
    await scene.client.send("HSET", keys.run(run_id), "lease_until", host.now_ms() + 60_000)
    [call] = replay.read(await floor.journal.entries(run_id)).open_calls()
    assert call.until is not None
    message = {"type": "event", "name": "paid", "payload": {"paid": 12}, "id": "e", "at": call.until - early_ms}
    await scene.client.batch([Journal.post(run_id, message)])
    await scene.until(lambda: _is_past(floor.clock, call.until))
    await scene.lapse(run_id)
    await scene.until(lambda: _is_completed(scene, run_id))
    assert (await scene.settled(run))["result"] == result


async def _is_completed(scene: Scene, run_id: str) -> bool:
    return await scene.status(run_id) == ["completed"]


async def _is_past(clock: Clock, until: int | None) -> bool:
    return clock() > (until or 0)


async def _left(scene: Scene, run: dict[str, Any]) -> bool:
    return run["run_id"] not in scene.gateway.services.runner.drives


async def test_a_call_that_is_late_after_its_check_is_checked_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = Work._check_alive
    late: list[bool] = []

    async def slowly(work: Work) -> None:
        await check(work)
        if not late:
            late.append(True)
            # The whole process stands still, for longer than a check holds: that is the fault.
            time.sleep(0.3)

    monkeypatch.setattr(Work, "_check_alive", slowly)
    run = await scene.gateway.execute(f"return (await {ACT}).got")
    assert (run["status"], run.get("result")) == ("completed", "l/s"), run
    assert scene.sends(run, "act") == 1


async def gone_at(monkeypatch: pytest.MonkeyPatch, label: str, when: str, request: Coroutine[Any, Any, Any]) -> None:
    """What a client asked for, when the client goes away before or after the store has got what `label` is about."""
    exchange, task = Client._exchange, asyncio.get_running_loop().create_task(request)

    async def watched(client: Client, pool: Any, commands: Any) -> list[Any]:
        found = label in labels(commands)
        if found and when == "before":
            task.cancel()
            await asyncio.wait([task])
        replies = await exchange(client, pool, commands)
        if found and when == "after":
            task.cancel()
            await asyncio.wait([task])
        return replies

    monkeypatch.setattr(Client, "_exchange", watched)
    with pytest.raises(asyncio.CancelledError):
        await task
    monkeypatch.undo()


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_client_that_goes_away_while_its_run_begins_loses_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    runs, principal = scene.gateway.services.runs, await scene.gateway.principal()
    code = f"return (await {ACT}).got"
    await gone_at(monkeypatch, "open", when, runs.execute(principal, code, session=f"gone-{when}"))
    await scene.until(lambda: runs.list(principal, session=f"gone-{when}"))
    [run] = await runs.list(principal, session=f"gone-{when}")
    done = await scene.settled(run.as_dict())
    assert (done["status"], done.get("result")) == ("completed", "l/s"), done
    assert done["stats"]["replays"] == 0, "it was left for others to find"


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_client_that_goes_away_while_it_wakes_a_run_has_woken_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    run = await scene.gateway.execute('return await waitFor("go")')
    runs, principal = scene.gateway.services.runs, await scene.gateway.principal()
    await gone_at(monkeypatch, "claim", when, runs.signal(principal, run["run_id"], "go", 7))

    async def ended() -> bool:
        return await scene.status(run["run_id"]) == ["completed"]

    await scene.until(ended)
    epoch = await scene.client.send("HGET", keys.run(run["run_id"]), "epoch")
    assert epoch == b"2", "it was left for others to find"


async def test_leases_that_are_kept_do_not_hold_runs_that_fell_asleep(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, principal = scene.gateway.services.runs, await scene.gateway.principal()
    # All the time, so that some renewal is always under way.
    monkeypatch.setattr(runner, "LEASE_MS", 1)
    keeping = asyncio.get_running_loop().create_task(scene.gateway.services.runner._keep_leases())
    asleep = [await scene.gateway.execute('return await waitFor("go")') for _ in range(20)]
    keeping.cancel()
    for run in asleep:
        assert await scene.client.send("HGET", keys.run(run["run_id"]), "lease_until") == b"0"
        await runs.signal(principal, run["run_id"], "go", 7)
    for run in asleep:
        assert (await scene.settled(run))["result"] == 7


async def test_a_replica_whose_own_clock_is_wrong_wakes_runs_when_the_others_would(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now_ms", lambda: 1_000_000)
    wrong = clock.StoreClock()
    assert wrong() < 10_000_000
    await Timers(scene.client, wrong).due()
    assert abs(wrong() - scene.gateway.services.floor.clock()) < 1_000


async def test_the_doctor_tells_of_clocks_that_differ(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    async def told() -> Any:
        return next(one for one in await scene.gateway.services.doctor() if one["name"] == "clock")

    assert (await told())["ok"]
    ours = host.now_ms()
    monkeypatch.setattr(host, "now_ms", lambda: ours + 3_600_000)
    found = await told()
    assert not found["ok"] and "behind this machine's" in found["detail"], found


async def test_no_wait_ends_early_when_the_clock_goes_back(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    floor, deliver, behind = scene.gateway.services.floor, Talk.deliver, [0]
    clock = floor.clock
    monkeypatch.setattr(floor, "clock", lambda: clock() - behind[0])

    async def delivered(talk: Talk, items: Any) -> Any:
        turn = await deliver(talk, items)
        behind[0] = 500
        return turn

    monkeypatch.setattr(Talk, "deliver", delivered)
    run = await scene.gateway.execute(
        f"await {ACT}; await {ACT}; const since = Date.now(); await sleep(100); return Date.now() - since"
    )
    assert run["status"] == "completed" and run["result"] >= 100, run


async def test_a_clock_that_is_wrong_does_not_keep_others_from_a_lost_run(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    floor = scene.gateway.services.floor
    clock = floor.clock
    monkeypatch.setattr(floor, "clock", lambda: clock() + 3_600_000)
    run = await scene.gateway.execute('await tools.rec.read({ label: "l", site: "s", ms: 1000 })', wait_seconds=0)
    at = await scene.client.send("ZSCORE", keys.alive(keys.shard(run["run_id"])), run["run_id"])
    assert float(at) < await _now(scene) + 60_000
    await scene.settled(run)


async def _now(scene: Scene) -> float:
    seconds, _ = await scene.client.send("TIME")
    return int(seconds) * 1000
