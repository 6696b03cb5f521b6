"""What time does to the record: retention of runs and of records, and what a crash left out."""

from __future__ import annotations

from typing import Any

from gateway.engine.record import Filter
from gateway.model import RunStatus
from gateway.store import keys
from tests.audit.parts import DAY, Clock, Replica, done, principal, tool


async def published(replica: Replica, event: str = "*") -> list[dict[str, Any]]:
    await replica.audit.flush()
    return (await replica.reader.page(Filter(event=event), limit=1_000)).records


async def expire(replica: Replica, run_id: str) -> None:
    """The store has let the run go."""
    await replica.client.send("DEL", keys.run(run_id), keys.journal(run_id))


async def test_a_run_whose_retention_is_over_leaves_the_record_whole(replica: Replica, clock: Clock) -> None:
    kept = await replica.run(tool(1, "crm:create", {}), done(1))
    trimmed = await replica.run(tool(1, "crm:create", {}), done(1), keep_seconds=DAY)
    await expire(replica, trimmed)
    assert not (await replica.verify())["ok"], "it went before its time"
    clock.pass_by(seconds=DAY)
    verdict = await replica.verify()
    assert verdict["ok"], verdict
    page = await replica.reader.page(Filter(event="tool.call"))
    assert [one["run_id"] for one in page.records] == [kept] and page.gaps == [trimmed]


async def test_the_store_keeps_a_run_as_long_as_the_record_says(replica: Replica) -> None:
    run_id = await replica.run(keep_seconds=1_000)
    [ended] = await published(replica, "run.ended")
    left = await replica.client.send("PTTL", keys.journal(run_id))
    assert ended["keep_until"] <= replica.clock() + left + 1_000


async def test_old_records_are_trimmed_up_to_a_checkpoint_and_the_rest_proves_itself(
    replica: Replica, clock: Clock
) -> None:
    for _ in range(3):
        await replica.run(tool(1, "crm:create", {}), done(1), keep_seconds=DAY)
        await replica.audit.flush()
        await replica.audit.chain("default").checkpoint(now=True)
        clock.pass_by(seconds=1)
    exported = await published(replica, "checkpoint")
    clock.pass_by(seconds=366 * DAY)
    await replica.audit.record("token.issued", agent="triage")
    await replica.upkeep.look()
    await replica.audit.flush()
    stands = await replica.store.state("default")
    assert stands.first == exported[-1]["seq"]
    left = await published(replica)
    assert [one["event"] for one in left] == ["checkpoint", "token.issued", "checkpoint", "record.trimmed"]
    assert left[-1]["before"] == stands.first
    verdict = await replica.verify(exported)
    assert verdict["ok"], verdict
    # All checkpoints are still there, signed; those of before prove what was exported then.
    assert verdict["checkpoints"] == len(exported) + 1
    await replica.client.send("ZREMRANGEBYRANK", keys.audit_checkpoints("default"), 0, 0)
    assert not (await replica.verify(exported))["ok"]


async def test_trimming_again_and_by_another_replica_changes_nothing(
    replica: Replica, other: Replica, clock: Clock
) -> None:
    await replica.run(keep_seconds=DAY)
    await replica.audit.flush()
    await replica.audit.chain("default").checkpoint(now=True)
    clock.pass_by(seconds=366 * DAY)
    await replica.upkeep.look()
    await other.upkeep.look()
    await replica.audit.flush()
    assert (await other.verify())["ok"]
    before = await replica.store.state("default")
    clock.pass_by(seconds=3_600)
    await replica.upkeep.look()
    after = await replica.store.state("default")
    assert after.first == before.first


async def test_runs_that_a_crash_left_without_an_end_get_it(replica: Replica, other: Replica, clock: Clock) -> None:
    """The first replica dies right after it wrote the last entry of a run, and of another one that sleeps."""
    ended = await replica.open()
    asleep = await replica.open()
    busy = await replica.open()
    for writer in (ended, asleep, busy):
        await replica.audit.named(writer.run_id)
        await replica.write(writer, tool(1, "crm:create", {}), done(1))
    await replica.write(ended, ("ended", {"status": "completed"}), status="completed", lease_until=0)
    await replica.journal.expire(ended.run_id, 30 * DAY)
    await replica.write(asleep, ("waiting", {"for": "event"}), status="waiting", lease_until=0)

    await other.upkeep.look()
    assert await published(other, "tool.call") == [], "they may still be on their way"
    clock.pass_by(seconds=660)
    await replica.client.send("HSET", keys.run(busy.run_id), "lease_until", clock() + 1_000)
    await other.upkeep.look()
    by_event = {one["event"]: one for one in await published(other, "run.*")}
    assert by_event["run.ended"]["run_id"] == ended.run_id and by_event["run.ended"]["status"] == "completed"
    assert by_event["run.ended"]["keep_until"] > clock() + 29 * DAY * 1000
    assert by_event["run.progress"]["run_id"] == asleep.run_id
    assert {one["run_id"] for one in await published(other, "tool.call")} == {ended.run_id, asleep.run_id}
    assert (await other.verify())["ok"]
    length = (await other.store.state("default")).length
    clock.pass_by(seconds=660)
    await other.upkeep.look()
    events = [one["event"] for one in await published(other)][-2:]
    assert (await other.store.state("default")).length <= length + 2, events


async def test_a_run_that_vanished_is_not_explained_away(replica: Replica, other: Replica, clock: Clock) -> None:
    writer = await replica.open()
    await replica.audit.named(writer.run_id)
    await expire(replica, writer.run_id)
    clock.pass_by(seconds=660)
    await other.upkeep.look()
    verdict = await other.verify()
    assert verdict["first_bad"]["reason"].startswith(f"the journal of {writer.run_id} is gone")


async def test_what_a_long_run_does_is_anchored_every_minute(replica: Replica, clock: Clock) -> None:
    await replica.upkeep.look()
    writer = await replica.open()
    await replica.write(writer, tool(1, "crm:create", {}), done(1))
    await replica.upkeep.look()
    assert await published(replica, "tool.call") == []
    clock.pass_by(seconds=60)
    await replica.upkeep.look()
    assert len(await published(replica, "tool.call")) == 1
    clock.pass_by(seconds=60)
    await replica.upkeep.look()
    assert len(await published(replica, "run.progress")) == 1, "it has done nothing since"


async def test_a_run_revoked_in_its_sleep_keeps_its_name(replica: Replica, other: Replica) -> None:
    writer = await replica.open()
    await replica.write(writer, ("waiting", {"for": "event"}), status="waiting", lease_until=0)
    await replica.audit.settled(writer.run_id, principal(), "default", writer, RunStatus.WAITING, keep_seconds=DAY)
    await replica.audit.flush()
    taken = await other.journal.claim(writer.run_id)
    assert taken is not None
    nobody = principal()
    nobody = type(nobody)(nobody.token_id, nobody.agent, "", nobody.tenant, nobody.sid, nobody.chain, ())
    await other.end(taken, nobody, RunStatus.REVOKED)
    [ended] = await published(other, "run.ended")
    assert ended["actor"]["owner"] == "alice@example.com" and ended["status"] == "revoked"
