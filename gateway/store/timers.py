"""What wakes and repairs runs: for each run that has not ended, the time from which somebody should look after it.
These are hints in slots of their own, by the store's clock; `service/sweep.py` repairs them from the runs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from gateway.store import keys
from gateway.store.client import Client, Command
from gateway.store.scripts import DUE, TAKE

HIDDEN_MS = 30_000
"""How long a run that was taken from the queue stays hidden from other replicas."""
SEEN_AT_ONCE = 10_000
"""Due runs of a shard that one look takes into account."""

Due = tuple[float, str]
"""Since when (ms) which run is due."""


class Timers:
    """`shift_ms` moves the store's clock, as far as this queue goes: for tests of long sleeps."""

    def __init__(self, client: Client) -> None:
        self.shift_ms = 0
        self._client = client
        self._ahead = 0.0
        """What the store's clock is ahead of our monotonic one (ms), by its last answer."""

    def at(self, delay_ms: int) -> int:
        """The time in so many ms, by the store's clock: those of the gateways may differ, and jump."""
        return round(time.monotonic() * 1000 + self._ahead) + self.shift_ms + max(delay_ms, 0)

    async def set(self, run_id: str, at_ms: int) -> None:
        """Look after `run_id` from `at_ms` (store's clock, ms since the epoch) on."""
        await self._client.send(*self.setting(run_id, at_ms))

    @staticmethod
    def setting(run_id: str, at_ms: int) -> Command:
        """The command of `set`, to be sent along with others."""
        return ("ZADD", keys.alive(keys.shard(run_id)), at_ms, run_id)

    async def set_many(self, due: Mapping[str, int]) -> None:
        if due:
            await self._client.batch([("ZADD", keys.alive(keys.shard(r)), at, r) for r, at in due.items()])

    async def add_missing(self, run_ids: Iterable[str]) -> int:
        """Let somebody look now after those that are in no queue. Returns how many there were."""
        now = self.at(0)
        adds = [("ZADD", keys.alive(keys.shard(run_id)), "NX", now, run_id) for run_id in run_ids]
        return sum(await self._client.batch(adds)) if adds else 0

    async def drop(self, run_id: str) -> None:
        await self._client.send("ZREM", keys.alive(keys.shard(run_id)), run_id)

    async def due(self) -> list[Due]:
        """The runs that are due now, the oldest of each shard first. The store's clock is read along the way."""
        looks = [
            self._client.call(DUE, [keys.alive(shard)], [SEEN_AT_ONCE, self.shift_ms]) for shard in range(keys.SHARDS)
        ]
        (seconds, micros), *shards = await self._client.batch([("TIME",), *looks])
        self._ahead = int(seconds) * 1000 + int(micros) / 1000 - time.monotonic() * 1000
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
