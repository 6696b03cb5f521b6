"""What is counted against the limits of grants, on a real store and by more than one replica."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.clock import now_ms
from gateway.engine.rules import Limit
from gateway.store import keys
from gateway.store.client import Client
from gateway.store.embedded import Embedded
from gateway.store.usage import Usage

MINUTE, DAY, RUN = (Limit("rule", f"per_{window}", 5) for window in ("minute", "day", "run"))
BYTES = Limit("rule", "bytes", 100)


@pytest.fixture
async def other(embedded: Embedded) -> AsyncIterator[Usage]:
    """Another replica's."""
    client = Client(embedded.url)
    yield Usage(client)
    await client.close()


async def count(usage: Usage, *limits: Limit, call: str = "a/1", run: str = "a", **more: Any) -> Limit | None:
    known = {"tenant": "default", "agent": "triage", "size": 10, "now_ms": now_ms(), **more}
    return await usage.count(limits, run_id=run, call=call, **known)


@pytest.mark.parametrize("limit", [MINUTE, DAY, RUN], ids=lambda limit: limit.window)
async def test_two_replicas_at_once_let_no_more_than_the_cap_pass(client: Client, other: Usage, limit: Limit) -> None:
    replicas = (Usage(client), other)
    found = await asyncio.gather(*(count(replicas[n % 2], limit, call=f"a/{n}") for n in range(20)))
    assert (found.count(None), found.count(limit)) == (5, 15)
    another = {"tenant": "acme"}, {"agent": "batch"}
    assert [await count(other, limit, **one) for one in another] == [None, None], "others count for themselves"
    assert await count(other, limit, call="b/1", run="b") == (None if limit is RUN else limit)


async def test_a_minute_is_the_last_sixty_seconds_and_a_call_counts_once(client: Client) -> None:
    usage = Usage(client)
    for _ in range(9):
        assert await count(usage, MINUTE, call="same") is None
    for number in range(4):
        assert await count(usage, MINUTE, call=f"a/{number}") is None
    assert await count(usage, MINUTE, call="one more") == MINUTE
    key = keys.usage("default", "triage", "rule", "minute")
    await client.send("ZADD", key, now_ms() - 60_001, "same")
    assert await count(usage, MINUTE, call="one more") is None
    assert 0 < await client.send("TTL", key) <= 120


async def test_a_day_ends_at_midnight(client: Client) -> None:
    usage, noon = Usage(client), 1_794_916_800_000
    found = [await count(usage, DAY, call=f"a/{n}", now_ms=noon) for n in range(6)]
    assert found == [None] * 5 + [DAY]
    assert await count(usage, DAY, now_ms=noon + 12 * 3_600_000) is None


async def test_bytes_are_those_of_arguments_and_results(client: Client, other: Usage) -> None:
    usage = Usage(client)
    assert await count(usage, BYTES, size=60) is None
    assert await count(other, BYTES, size=41) == BYTES
    await other.add_bytes([BYTES], tenant="default", agent="triage", run_id="a", size=35)
    assert await count(usage, BYTES, size=6) == BYTES
    assert await count(usage, BYTES, size=5) is None


async def test_a_call_counts_against_all_limits_or_none(client: Client) -> None:
    usage = Usage(client)
    assert await count(usage, DAY, BYTES, MINUTE, size=101) == BYTES
    used = await usage.used([DAY, BYTES, MINUTE], tenant="default", agent="triage", now_ms=now_ms())
    assert used == {("rule", "per_day"): 0, ("rule", "per_minute"): 0}
