"""Records with an end, used up once, and rates; on a real store."""

from __future__ import annotations

import asyncio

import pytest

from gateway.store import keys
from gateway.store.client import Client
from gateway.store.grants import Grants
from gateway.store.scripts import SWAP


@pytest.fixture
def grants(client: Client) -> Grants:
    return Grants(client)


async def test_a_record_is_kept_for_its_time(grants: Grants, client: Client) -> None:
    await grants.put("code", "a", b"record", ttl_ms=50_000)
    kept = await grants.get("code", "a")
    assert kept is not None and kept.record == b"record"
    assert await grants.get("refresh", "a") is None, "another kind has names of its own"
    assert 40_000 < await client.send("PTTL", keys.record("code", "a")) <= 50_000
    await grants.drop("code", "a")
    assert await grants.get("code", "a") is None


async def test_of_many_who_take_a_record_one_has_it(grants: Grants) -> None:
    await grants.put("request", "a", b"record", ttl_ms=50_000)
    taken = await asyncio.gather(*(grants.take("request", "a") for _ in range(10)))
    assert [record for record in taken if record] == [b"record"]


async def test_of_many_who_replace_what_they_read_one_does_and_its_end_stays(grants: Grants, client: Client) -> None:
    await grants.put("refresh", "a", b"fresh", ttl_ms=50_000)
    before = await grants.get("refresh", "a")
    assert before is not None
    done = await asyncio.gather(*(grants.swap("refresh", "a", before, b"used") for _ in range(10)))
    assert done.count(True) == 1, "also when all write the same"
    after = await grants.get("refresh", "a")
    assert after is not None and after.record == b"used"
    assert 40_000 < await client.send("PTTL", keys.record("refresh", "a")) <= 50_000
    await grants.drop("refresh", "a")
    assert not await grants.swap("refresh", "a", after, b"more")


async def test_a_swap_that_is_sent_again_after_a_lost_reply_is_done(grants: Grants, client: Client) -> None:
    await grants.put("code", "a", b"fresh", ttl_ms=50_000)
    before = await grants.get("code", "a")
    assert before is not None
    call = (SWAP, [keys.record("code", "a")], [before.stored, b"0123456789abcdefused"])
    assert [await client.run(*call), await client.run(*call)] == [1, 1]


async def test_a_rate_lets_a_burst_pass_and_then_says_how_long_to_wait(grants: Grants, client: Client) -> None:
    waits = [await grants.wait_ms("token", "a", per_minute=60, burst=5) for _ in range(8)]
    assert waits[:5] == [0] * 5
    assert all(0 < wait <= 1_000 for wait in waits[5:])
    assert await grants.wait_ms("token", "b", per_minute=60, burst=5) == 0
    assert await grants.wait_ms("page", "a", per_minute=60, burst=5) == 0
    assert 0 < await client.send("PTTL", keys.rate("token", "a")) <= 5_000
