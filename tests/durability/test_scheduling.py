"""Many runs that are due at once, and runs that the queue has lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from benchmarks.durability import copies
from gateway.store import keys
from tests.durability.scene import Scene

pytestmark = pytest.mark.asyncio(loop_scope="module")

DAY = 86_400_000
SLEEPER = 'await tools.rec.read({ label: "l", site: "s" }); await sleep("30 days"); return 1'


async def asleep(scene: Scene, agent: str = "tester") -> str:
    run = await scene.gateway.execute(SLEEPER, agent=agent, wait_seconds=0.5)
    assert run["status"] == "waiting" and run["waiting"]["for"] == "sleep", run
    return str(run["run_id"])


@pytest.fixture
def later(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Moves the clocks of the gateway and of the store's queue."""
    floor = scene.gateway.services.floor
    clock = floor.clock

    def move(ms: int) -> None:
        monkeypatch.setattr(floor, "clock", lambda: clock() + ms)
        monkeypatch.setattr(floor.timers, "shift_ms", ms)

    return move


async def all_done(scene: Scene, run_ids: list[str]) -> bool:
    return set(await scene.status(*run_ids)) == {"completed"}


async def make_due(scene: Scene, run_ids: list[str], first: int = 1) -> None:
    """All at once, but so that their order is known."""
    due = [("ZADD", keys.alive(keys.shard(one)), first + at, one) for at, one in enumerate(run_ids)]
    await scene.client.batch(due)


async def queued_by(scene: Scene, run_id: str, ms: int) -> None:
    """Until somebody is going to look after the run in so many ms at the latest."""
    latest = scene.gateway.services.floor.timers.at(ms)

    async def is_queued() -> bool:
        at = await scene.client.send("ZSCORE", keys.alive(keys.shard(run_id)), run_id)
        return at is not None and float(at) <= latest

    await scene.until(is_queued)


async def woken(scene: Scene, run_ids: list[str]) -> list[str]:
    """The runs in the order in which they were woken."""
    entries = [await scene.gateway.services.floor.journal.entries(run_id) for run_id in run_ids]
    at = [next(entry.at for entry in some if entry.kind == "resumed") for some in entries]
    return [run_id for _, run_id in sorted(zip(at, run_ids, strict=True), key=lambda one: one[0])]


async def test_a_run_that_sleeps_30_days_wakes_by_itself_when_the_clock_has_moved(scene: Scene, later: Any) -> None:
    run_id = await asleep(scene)
    later(30 * DAY - 60_000)
    await scene.gateway.execute("return 1")
    assert await scene.status(run_id) == ["waiting"]
    later(30 * DAY + 1)
    await scene.until(lambda: all_done(scene, [run_id]))


async def test_300_runs_due_at_once_drain_oldest_first_while_a_newcomer_is_served(scene: Scene, later: Any) -> None:
    template = await asleep(scene)
    many = await copies(scene.client, template, 300, "aaaabbbb")
    later(31 * DAY)
    await make_due(scene, many)
    call = 'await tools.rec.read({ label: "l", site: "s" }); '
    newcomer = await scene.gateway.execute(call * 3 + 'return "new"')
    assert newcomer["result"] == "new"
    assert not await all_done(scene, many), "the newcomer had to wait for all of them"
    await scene.until(lambda: all_done(scene, [*many, template]))
    order = await woken(scene, many)
    places = scene.gateway.services.config.gateway.max_active_runs
    late = [abs(order.index(run_id) - place) for place, run_id in enumerate(many)]
    assert max(late) <= 2 * places, "they were not woken oldest first"


async def test_an_agent_with_many_due_runs_does_not_keep_another_waiting(scene: Scene, later: Any) -> None:
    template = await asleep(scene)
    many = await copies(scene.client, template, 100, "ccccdddd")
    few = await copies(scene.client, template, 2, "cccceeee")
    later(31 * DAY)
    await make_due(scene, many)
    await make_due(scene, few, first=1_000)
    await scene.until(lambda: all_done(scene, few))
    assert not await all_done(scene, many)
    await scene.until(lambda: all_done(scene, [*many, template]))


async def test_what_is_in_no_queue_is_put_back(scene: Scene, later: Any) -> None:
    run_id = await asleep(scene)
    await scene.client.send("ZREM", keys.alive(keys.shard(run_id)), run_id)
    await queued_by(scene, run_id, 31 * DAY)
    later(31 * DAY)
    await scene.until(lambda: all_done(scene, [run_id]))


async def test_what_would_be_woken_too_late_is_woken_in_time(scene: Scene, later: Any) -> None:
    run_id = await asleep(scene)
    await scene.client.send("ZADD", keys.alive(keys.shard(run_id)), 10**15, run_id)
    await queued_by(scene, run_id, 31 * DAY)
    later(31 * DAY)
    await scene.until(lambda: all_done(scene, [run_id]))


async def test_two_replicas_take_each_due_run_once(scene: Scene) -> None:
    timers, queue = scene.gateway.services.floor.timers, [f"run_ffffffff{number:04d}" for number in range(50)]
    # As if nobody else looked: these are no runs.
    timers.shift_ms = -DAY
    try:
        await timers.look_by(dict.fromkeys(queue, timers.at(0) - 1))
        taken = await asyncio.gather(*(timers.take(queue) for _ in range(2)))
        assert sorted([*taken[0], *taken[1]]) == queue
        assert not {run_id for _, run_id in await timers.due()} & set(queue)
    finally:
        for run_id in queue:
            await timers.drop(run_id)
        timers.shift_ms = 0
