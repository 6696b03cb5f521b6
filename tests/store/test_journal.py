"""One writer per run, fenced by epoch and length; entries chained; large values beside the journal."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from gateway.errors import NotFound, StaleWriter, StoreCorrupt, StoreUnavailable
from gateway.model import Entry
from gateway.store import keys
from gateway.store.client import Client, Command
from gateway.store.embedded import Embedded
from gateway.store.journal import Journal, Writer

FIELDS = {"status": "running", "chain": "[]"}


def entry(seq: int, **data: object) -> Entry:
    return Entry(seq, "call", 1_000 + seq, data)


async def opened(journal: Journal, run_id: str = "run_1") -> Writer:
    writer, _ = await journal.open(run_id, FIELDS, [Entry(0, "started", 1_000, {"seed": "ab"})], tenant="t", now=1_000)
    return writer


class LosesAnAnswer(Client):
    """To a store whose next answer gets lost, after it has done what was asked."""

    loses = False

    async def _once(self, commands: Sequence[Command]) -> list[Any]:
        replies = await super()._once(commands)
        if self.loses:
            self.loses = False
            raise RedisConnectionError
        return replies


async def lapse(client: Client, run_id: str = "run_1") -> None:
    """The lease has run out, by the store's clock."""
    await client.send("HSET", keys.run(run_id), "lease_until", 1)


async def test_what_was_appended_is_read_back_in_order(client: Client) -> None:
    journal = Journal(client, owner="a")
    writer = await opened(journal)
    await journal.append(writer, [entry(1, cid=1), entry(2, cid=2)])
    await journal.append(writer, [entry(3, cid=3)], {"status": "waiting"})
    entries = await journal.entries("run_1")
    assert [(e.seq, e.kind, e.data) for e in entries] == [
        (0, "started", {"seed": "ab"}),
        (1, "call", {"cid": 1}),
        (2, "call", {"cid": 2}),
        (3, "call", {"cid": 3}),
    ]
    record = await journal.record("run_1")
    assert record is not None and (record["length"], record["status"]) == ("4", "waiting")


async def test_opening_twice_changes_nothing(client: Client) -> None:
    journal = Journal(client, owner="a")
    writer = await opened(journal)
    await opened(journal)
    await journal.append(writer, [entry(1)])
    with pytest.raises(StaleWriter):
        await opened(journal)
    assert len(await journal.entries("run_1")) == 2


async def test_a_run_that_somebody_else_has_opened_is_theirs(client: Client) -> None:
    await opened(Journal(client, owner="a"))
    other = Entry(0, "started", 1_000, {"seed": "cd"})
    with pytest.raises(StaleWriter, match="begun already"):
        await Journal(client, owner="b").open("run_1", FIELDS, [other], tenant="t", now=1_000)
    assert [entry.data for entry in await Journal(client, owner="c").entries("run_1")] == [{"seed": "ab"}]


async def test_a_run_is_claimed_by_one_when_its_lease_has_run_out(client: Client) -> None:
    first, second = Journal(client, owner="a"), Journal(client, owner="b")
    await opened(first)
    assert await second.claim("run_1") is None
    await lapse(client)
    both = await asyncio.gather(second.claim("run_1"), first.claim("run_1"))
    assert [writer is not None for writer in both].count(True) == 1


async def test_a_claim_whose_answer_is_lost_is_not_held_by_nobody(embedded: Embedded) -> None:
    client = LosesAnAnswer(embedded.url)
    journal = Journal(client, owner="a")
    await opened(journal)
    await lapse(client)
    client.loses = True
    writer = await journal.claim("run_1")
    assert writer is not None and not client.loses
    await journal.append(writer, [entry(1)])
    assert await journal.claim("run_1") is None
    await client.close()


async def test_a_lease_that_was_given_back_is_not_kept_by_a_renewal_that_comes_late(client: Client) -> None:
    first, second = Journal(client, owner="a"), Journal(client, owner="b")
    writer = await opened(first)
    assert await first.renew(writer)
    await first.append(writer, [entry(1)], {"status": "waiting", "lease_until": 0})
    assert not await first.renew(writer)
    assert await second.claim("run_1") is not None


async def test_a_stale_epoch_is_refused_and_nothing_is_written(client: Client) -> None:
    first, second = Journal(client, owner="a"), Journal(client, owner="b")
    old = await opened(first)
    await lapse(client)
    new = await second.claim("run_1")
    assert new is not None and new.lease.epoch == 2
    with pytest.raises(StaleWriter):
        await first.append(old, [entry(1)])
    assert not await first.renew(old)
    assert await second.renew(new)
    assert len(await second.entries("run_1")) == 1


async def test_a_wrong_length_is_refused(client: Client) -> None:
    journal = Journal(client, owner="a")
    writer = await opened(journal)
    behind = Writer("run_1", writer.lease, 0, writer.head)
    with pytest.raises(StaleWriter):
        await journal.append(behind, [entry(1)])


async def test_nothing_is_appended_after_the_end(client: Client) -> None:
    journal = Journal(client, owner="a")
    writer = await opened(journal)
    await journal.append(writer, [entry(1)], {"status": "completed"})
    with pytest.raises(StaleWriter):
        await journal.append(writer, [entry(2)])
    assert await journal.claim("run_1") is None


async def test_scripts_are_loaded_again_after_a_flush(client: Client) -> None:
    journal = Journal(client, owner="a")
    writer = await opened(journal)
    await client.send("SCRIPT", "FLUSH")
    await journal.append(writer, [entry(1)])
    assert len(await journal.entries("run_1")) == 2


async def test_what_is_read_with_a_claim_is_not_older_than_it_though_scripts_were_missing(
    embedded: Embedded, client: Client
) -> None:
    class Slow(Client):
        async def _load_scripts(self) -> None:
            await first.append(writer, [entry(1)], {"lease_until": 0})
            await super()._load_scripts()

    first, slow = Journal(client, owner="a"), Slow(embedded.url)
    writer = await opened(first)
    await lapse(client)
    await client.send("SCRIPT", "FLUSH")
    taken = await Journal(slow, owner="b").claim("run_1")
    assert taken is not None and taken.length == 2
    await slow.close()


async def test_a_run_that_sleeps_takes_a_fraction_of_the_room_and_goes_on(client: Client) -> None:
    first, second = Journal(client, owner="a"), Journal(client, owner="b")
    writer = await opened(first)
    await first.append(writer, [entry(n, cid=n, text="x" * 100) for n in range(1, 40)])
    loose = await client.send("MEMORY", "USAGE", keys.journal("run_1"))
    await first.commit(writer, first.prepare(writer, [entry(40)], {"status": "waiting"}), pack=True)
    assert await client.send("MEMORY", "USAGE", keys.journal("run_1")) < loose / 3
    for length in (51, 61):
        await lapse(client)
        taken = await second.claim("run_1")
        assert taken is not None and len(taken.entries) == taken.length == length - 10
        more = [entry(n) for n in range(length - 10, length)]
        await second.commit(taken, second.prepare(taken, more, {"status": "waiting"}), pack=True)
    assert [e.seq for e in await first.entries("run_1")] == list(range(61))
    with pytest.raises(StaleWriter):
        await first.commit(writer, first.prepare(writer, [entry(41)] * 20), pack=True)
    assert len(await first.entries("run_1")) == 61


@pytest.mark.parametrize("tamper", ["flip", "drop", "swap", "insert", "cut"])
async def test_tampering_is_found_and_named(client: Client, tamper: str) -> None:
    journal = Journal(client, owner="a")
    writer = await opened(journal)
    await journal.append(writer, [entry(n, cid=n) for n in (1, 2, 3)])
    key = keys.journal("run_1")
    elements = await client.send("LRANGE", key, 0, -1)
    match tamper:
        case "flip":
            elements[2] = elements[2].replace(b'"cid":2', b'"cid":9')
        case "drop":
            del elements[2]
        case "swap":
            elements[1], elements[2] = elements[2], elements[1]
        case "insert":
            elements.insert(2, elements[1])
        case "cut":
            elements.pop()
    await client.batch([("DEL", key), ("RPUSH", key, *elements)])
    await lapse(client)
    with pytest.raises(StoreCorrupt) as caught:
        await journal.claim("run_1")
    assert caught.value.details["seq"] == {"flip": 2, "drop": 2, "swap": 1, "insert": 2, "cut": 3}[tamper]


async def test_large_values_live_beside_the_journal_and_die_with_it(client: Client) -> None:
    journal = Journal(client, owner="a")
    writer = await opened(journal)
    value = {"text": "x" * 100_000}
    stored, commands = journal.offload("run_1", value)
    await journal.append(writer, [entry(1, **stored)], first=commands)
    assert await journal.blob("run_1", stored["blob"]) == value
    await journal.expire("run_1", 100)
    for key in (keys.run("run_1"), keys.journal("run_1"), keys.blob("run_1", stored["blob"]), keys.blobs("run_1")):
        assert 0 < await client.send("TTL", key) <= 100, key
    with pytest.raises(NotFound):
        await journal.blob("run_1", "0" * 64)


async def test_data_outlive_a_kill_of_the_store(embedded: Embedded, client: Client) -> None:
    journal = Journal(client, owner="a")
    writer = await opened(journal)
    await journal.append(writer, [entry(1, cid=1)])
    assert embedded.pid is not None
    old = embedded.pid
    os.kill(old, signal.SIGKILL)
    while embedded.pid == old:
        await asyncio.sleep(0.01)
    await embedded.wait_until_up()
    await journal.append(writer, [entry(2, cid=2)])
    assert [e.data for e in (await journal.entries("run_1"))[1:]] == [{"cid": 1}, {"cid": 2}]


async def test_a_store_that_is_away_is_said_at_once(embedded: Embedded, client: Client) -> None:
    await embedded.close()
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        await client.send("PING")
