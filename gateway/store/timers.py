"""What wakes and repairs runs: for each run that has not ended, the time from which somebody should look after it.

These are hints in slots of their own, by the store's clock; the sweeper (`service/wake.py`) repairs them from the runs.
A look that comes too early costs little and one that comes too late may cost hours, so whoever does not own a run only
ever lets somebody look earlier. The owner of one that falls asleep says when it is to be woken."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import chain

from gateway.store import keys
from gateway.store.client import Client, Command
from gateway.store.clock import StoreClock
from gateway.store.journal import LEASE_MS
from gateway.store.scripts import DUE, TAKE

HIDDEN_MS = LEASE_MS
"""How long a run that was taken from the queue stays hidden from other replicas."""
SEEN_AT_ONCE = 10_000
"""Due runs of a shard that one look takes into account."""

Due = tuple[float, str]
"""Since when (ms) which run is due."""


class Timers:
    """`shift_ms` moves the store's clock, as far as this queue goes: for tests of long sleeps."""

    def __init__(self, client: Client, clock: StoreClock) -> None:
        self.shift_ms = 0
        self._client = client
        self._clock = clock

    def at(self, delay_ms: int) -> int:
        """The time in so many ms, by the store's clock."""
        return self._clock() + self.shift_ms + max(delay_ms, 0)

    async def set(self, run_id: str, at_ms: int) -> None:
        """Look after `run_id` from `at_ms` (store's clock, ms since the epoch) on: for who has just let go of it."""
        await self._client.send("ZADD", keys.alive(keys.shard(run_id)), at_ms, run_id)

    @staticmethod
    def by(run_id: str, at_ms: int) -> Command:
        """The command that lets somebody look after `run_id` at `at_ms` at the latest. It answers 1 if that is news."""
        return ("ZADD", keys.alive(keys.shard(run_id)), "LT", "CH", at_ms, run_id)

    async def look_by(self, latest: Mapping[str, int]) -> int:
        """Let somebody look after each run at its time at the latest. Returns for how many that is news."""
        return sum(await self._client.batch([self.by(run_id, at) for run_id, at in latest.items()])) if latest else 0

    async def drop(self, run_id: str) -> None:
        await self._client.send("ZREM", keys.alive(keys.shard(run_id)), run_id)

    async def due(self) -> list[Due]:
        """The runs that are due now, the oldest of each shard first. The store's clock is read along the way."""
        looks = [
            self._client.call(DUE, [keys.alive(shard)], [SEEN_AT_ONCE, self.shift_ms]) for shard in range(keys.SHARDS)
        ]
        asked = time.monotonic()
        (seconds, micros), *shards = await self._client.batch([("TIME",), *looks])
        self._clock.heard(int(seconds) * 1000 + int(micros) / 1000, asked)
        found = chain.from_iterable(shards)
        return [(float(score), run_id.decode()) for run_id, score in zip(found, found, strict=True)]

    async def take(self, run_ids: Sequence[str]) -> list[str]:
        """Those of the due runs that nobody has taken meanwhile, in their order. They are hidden for `HIDDEN_MS`:
        whoever takes them and dies loses nothing."""
        takes = [
            self._client.call(TAKE, [keys.alive(keys.shard(run_id))], [run_id, HIDDEN_MS, self.shift_ms])
            for run_id in run_ids
        ]
        taken = await self._client.batch(takes) if takes else []
        return [run_id for run_id, ours in zip(run_ids, taken, strict=True) if ours]

    async def all(self) -> list[str]:
        """Every run that has not ended."""
        shards = await self._client.batch([("ZRANGE", keys.alive(s), 0, -1) for s in range(keys.SHARDS)])
        return [run_id.decode() for shard in shards for run_id in shard]
