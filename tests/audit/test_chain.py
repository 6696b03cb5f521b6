"""Writing the chain: several replicas at once, replies that get lost, a store that goes away and comes back."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import signal
from typing import Any

import pytest

from gateway.engine.record import Filter
from gateway.errors import StoreUnavailable
from gateway.model import RunStatus
from gateway.service.audit import ORIGIN, Origin
from gateway.service.audit_chain import CHECKPOINT_RECORDS, Draft
from gateway.store import keys
from gateway.store.audit import Append
from gateway.store.client import Client
from gateway.store.embedded import Embedded
from tests.audit.parts import DAY, SECRET, Clock, Replica, done, principal, tool


async def records(replica: Replica, wanted: Filter | None = None) -> list[dict[str, Any]]:
    await replica.audit.flush()
    found: list[dict[str, Any]] = []
    page = await replica.reader.page(wanted or Filter())
    found += page.records
    while page.more:
        page = await replica.reader.page(wanted or Filter(), page.cursor)
        found += page.records
    return found


async def test_two_replicas_write_one_unbroken_chain(replica: Replica, other: Replica) -> None:
    async def work(one: Replica) -> None:
        for number in range(25):
            await one.run(tool(1, "crm:create", {"n": number}), done(1))
            await one.audit.record("token.issued", agent="triage", token_id=f"tok_{number}")

    async def prove() -> None:
        for _ in range(5):
            assert (await other.verifier.verify()).first_bad is None

    await asyncio.gather(work(replica), work(other), work(replica), work(other), prove())
    verdict = await other.verify()
    assert verdict["ok"], verdict
    await replica.audit.flush()
    found = await records(replica)
    events = [one["event"] for one in found]
    assert (events.count("run.opened"), events.count("run.ended"), events.count("tool.call")) == (100, 100, 100)
    assert events.count("token.issued") == 100
    assert {one["node"] for one in found if "node" in one} == {"a", "b"}


async def test_what_is_recorded_concurrently_shares_appends(replica: Replica) -> None:
    before = await appends(replica.client)
    await asyncio.gather(*(replica.audit.record("config.reloaded", reason=str(n)) for n in range(200)))
    assert await appends(replica.client) - before <= 5


async def appends(client: Client) -> int:
    found = re.search(rb"cmdstat_evalsha:calls=(\d+)", await client.send("INFO", "commandstats"))
    return int(found[1]) if found else 0


async def test_an_append_whose_reply_was_lost_is_not_written_twice(replica: Replica) -> None:
    await replica.audit.record("config.reloaded")
    chain = replica.audit.chain("default")
    stands = await replica.store.state("default")
    append: Append = chain._sealed(stands, [Draft(chain.body("config.reloaded", {"reason": "once"}))], False)
    assert (await replica.store.append("default", append))[0] == "ok"
    await replica.audit.chain("default").checkpoint(now=True)
    word, now = await replica.store.append("default", append)
    assert word == "ok"
    assert [one.get("reason") for one in await records(replica)].count("once") == 1
    assert now == await replica.store.state("default")


async def test_a_chain_that_was_cut_in_the_store_says_so_for_ever(replica: Replica, clock: Clock) -> None:
    for _ in range(4):
        await replica.audit.record("config.reloaded")
    state, listed = keys.audit("default"), keys.audit_records("default")
    elements = await replica.client.send("LRANGE", listed, 0, -1)
    # Whoever cuts the chain, and makes its state fit, cannot know what a running replica has seen.
    await replica.client.batch(
        [
            ("LTRIM", listed, 0, 2),
            ("HSET", state, "length", 3, "head", elements[2][:32]),
        ]
    )
    await replica.audit.record("token.issued", agent="triage")
    verdict = await replica.verify()
    assert not verdict["ok"]
    assert verdict["first_bad"] == {"seq": 3, "reason": "the store had lost or replaced records before number 5"}


async def test_a_flushed_store_is_found_too(replica: Replica) -> None:
    await replica.audit.record("config.reloaded")
    await replica.client.send("FLUSHALL")
    await replica.audit.record("config.reloaded")
    verdict = await replica.verify()
    assert not verdict["ok"] and verdict["first_bad"]["seq"] == 0


async def test_checkpoints_come_with_the_records_and_with_time(replica: Replica, clock: Clock) -> None:
    chain = replica.audit.chain("default")
    for _ in range(CHECKPOINT_RECORDS * 2 + 50):
        last = chain.add(Draft(chain.body("config.reloaded", {})))
    await chain.durable(last)
    marks = [one["seq"] for one in await records(replica, Filter(event="checkpoint"))]
    assert all(later - earlier - 1 <= CHECKPOINT_RECORDS for earlier, later in itertools.pairwise([-1, *marks]))
    assert len(marks) >= 3
    await replica.audit.record("config.reloaded")
    await replica.upkeep.look()
    assert [one["seq"] for one in await records(replica, Filter(event="checkpoint"))] == marks
    clock.pass_by(seconds=60)
    await replica.upkeep.look()
    assert len(await records(replica, Filter(event="checkpoint"))) == len(marks) + 1
    clock.pass_by(seconds=600)
    await replica.upkeep.look()
    assert len(await records(replica, Filter(event="checkpoint"))) == len(marks) + 1, "there was nothing to sign"


async def test_a_run_may_not_call_before_the_record_names_it(replica: Replica, embedded: Embedded) -> None:
    writer = await replica.open()
    await replica.audit.named(writer.run_id)
    await embedded.close()
    replica.audit.opened(writer.run_id, principal(), "default", writer, code_sha256="", module="")
    with pytest.raises(StoreUnavailable):
        await replica.audit.named(writer.run_id)
    with pytest.raises(StoreUnavailable, match="not in the audit record"):
        await replica.audit.named("run_unknown")


async def test_what_cannot_be_recorded_is_refused_and_not_recorded_later(replica: Replica, embedded: Embedded) -> None:
    await replica.audit.record("token.issued", agent="triage", token_id="tok_1")
    await embedded.close()
    with pytest.raises(StoreUnavailable):
        await replica.audit.record("token.issued", agent="triage", token_id="tok_2")
    await embedded.start()
    await replica.audit.record("token.issued", agent="triage", token_id="tok_3")
    issued = await records(replica, Filter(event="token.*"))
    assert [one["token_id"] for one in issued] == ["tok_1", "tok_3"]
    assert (await replica.verify())["ok"]


async def test_what_nobody_waits_for_is_written_when_the_store_is_back(replica: Replica, embedded: Embedded) -> None:
    writer = await replica.open()
    await replica.audit.named(writer.run_id)
    await replica.write(writer, ("ended", {"status": "completed"}), status="completed")
    await embedded.close()
    await replica.audit.settled(writer.run_id, principal(), "default", writer, RunStatus.COMPLETED, keep_seconds=DAY)
    with pytest.raises(StoreUnavailable):
        await replica.audit.flush()
    await embedded.start()
    assert (await replica.verify())["ok"]
    assert [one["event"] for one in await records(replica, Filter(event="run.*"))] == ["run.opened", "run.ended"]


async def test_nothing_acknowledged_is_lost_when_the_store_is_killed(replica: Replica, embedded: Embedded) -> None:
    for number in range(5):
        await replica.audit.record("token.issued", agent="triage", token_id=f"tok_{number}")
        assert embedded.pid is not None
        killed = embedded.pid
        os.kill(killed, signal.SIGKILL)
        while embedded.pid == killed:
            await asyncio.sleep(0.01)
        await embedded.wait_until_up()
    verdict = await replica.verify()
    assert verdict["ok"], verdict
    assert len(await records(replica, Filter(event="token.issued"))) == 5


async def test_closing_writes_and_signs_what_is_left(replica: Replica, other: Replica) -> None:
    writer = await other.open()
    await other.write(writer, tool(1, "crm:create", {}), done(1))
    await other.audit.close()
    found = await records(replica)
    assert [one["event"] for one in found][-3:] == ["tool.call", "run.progress", "checkpoint"]


async def test_a_run_is_followed_over_its_sleeps_and_owners(replica: Replica, other: Replica) -> None:
    writer = await replica.open()
    await replica.write(writer, tool(1, "crm:one", {}), done(1))
    await replica.write(writer, ("waiting", {"for": "sleep"}), status="waiting", lease_until=0)
    await replica.audit.settled(writer.run_id, principal(), "default", writer, RunStatus.WAITING, keep_seconds=1)
    await replica.audit.flush()
    taken = await other.journal.claim(writer.run_id)
    assert taken is not None
    await other.audit.resumed(writer.run_id, principal(), "default", taken)
    await other.audit.named(writer.run_id)
    await other.write(taken, tool(2, "crm:two", {}), done(2))
    await other.end(taken)
    found = [(one["event"], one.get("tool")) for one in await records(other) if one["event"] != "checkpoint"]
    assert found == [
        ("run.opened", None),
        ("tool.call", "one"),
        ("run.waiting", None),
        ("run.resumed", None),
        ("tool.call", "two"),
        ("run.ended", None),
    ]
    assert (await other.verify())["ok"]


async def test_a_run_that_wakes_before_its_sleep_is_written_is_told_once(replica: Replica, other: Replica) -> None:
    for waker in (replica, other):
        writer = await replica.open()
        await replica.audit.named(writer.run_id)
        await replica.write(writer, tool(1, "crm:one", {}), done(1), ("waiting", {}), status="waiting", lease_until=0)
        await replica.audit.settled(writer.run_id, principal(), "default", writer, RunStatus.WAITING, keep_seconds=DAY)
        taken = await waker.journal.claim(writer.run_id)
        assert taken is not None
        await waker.audit.resumed(writer.run_id, principal(), "default", taken)
        await replica.audit.flush()
        await waker.end(taken)
        await waker.audit.flush()
        assert len(await records(replica, Filter(run_id=writer.run_id, event="tool.call"))) == 1
    assert (await replica.verify())["ok"]


async def test_tenants_have_chains_of_their_own(replica: Replica) -> None:
    await replica.run(tool(1, "crm:create", {}), done(1), who=principal("triage", "acme"))
    await replica.run(who=principal("other", "default"))
    assert await replica.store.tenants() == ["acme", "default"]
    assert {one["tenant"] for one in await records(replica, Filter(agent="triage"))} == {"acme"}
    assert (await replica.verify())["records"] == 6


async def test_records_say_who_asked_and_never_a_secret(replica: Replica) -> None:
    ORIGIN.set(Origin("admin", client_id="cli", ip="127.0.0.1", trace_id="ab" * 16))
    reason = f"the token {SECRET} \ud800 was changed"
    await replica.audit.record("config.reloaded", reason=reason, settings=[reason], person="bob \udfff")
    await replica.run()
    found = {one["event"]: one for one in await records(replica)}
    reloaded = found["config.reloaded"]
    assert reloaded["actor"] == {"sub": "bob ?", "client_id": "cli", "ip": "127.0.0.1"}
    assert reloaded["reason"] == "the token ••• ? was changed" and reloaded["settings"] == [reloaded["reason"]]
    opened = found["run.opened"]
    assert opened["actor"]["sub"] == "triage" and opened["actor"]["act"] == "admin"
    assert opened["trace_id"] == "ab" * 16 and len(opened["policy_hash"]) == 16


async def test_keys_without_a_time_to_live_are_known(replica: Replica) -> None:
    await replica.run(tool(1, "crm:create", {}), done(1))
    await replica.store.set_position("otlp", "x")
    await replica.verify()
    for key in await replica.client.send("KEYS", "*"):
        name = key.decode().removeprefix(keys.PREFIX)
        assert await replica.client.send("TTL", key) > 0 or name.startswith(keys.LASTING), name
