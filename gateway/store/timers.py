"""What wakes and repairs runs: for each run that has not ended, the time from which somebody should look after it.
These are hints in slots of their own; a sweeper repairs them from the runs (service/wake.py)."""

from __future__ import annotations

from gateway.store import keys
from gateway.store.client import Client
from gateway.store.scripts import DUE

HIDDEN_MS = 30_000
"""How long a run that was taken from the queue stays hidden from other replicas."""


class Timers:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def set(self, run_id: str, at_ms: int) -> None:
        """Look after `run_id` from `at_ms` (store's clock, ms since the epoch) on."""
        await self._client.send("ZADD", keys.alive(keys.shard(run_id)), at_ms, run_id)

    async def set_many(self, due: dict[str, int]) -> None:
        if due:
            await self._client.batch([("ZADD", keys.alive(keys.shard(r)), at, r) for r, at in due.items()])

    async def drop(self, run_id: str) -> None:
        await self._client.send("ZREM", keys.alive(keys.shard(run_id)), run_id)

    async def due(self, limit: int) -> list[str]:
        """Take up to `limit` due runs, oldest first within each shard."""
        if limit < 1:
            return []
        calls = [self._client.call(DUE, [keys.alive(s)], [limit, HIDDEN_MS]) for s in range(keys.SHARDS)]
        return [run_id.decode() for shard in await self._client.batch(calls) for run_id in shard]

    async def all(self) -> list[str]:
        """Every run that has not ended."""
        shards = await self._client.batch([("ZRANGE", keys.alive(s), 0, -1) for s in range(keys.SHARDS)])
        return [run_id.decode() for shard in shards for run_id in shard]

    async def next_at(self) -> int | None:
        """The earliest time in the queue, in ms since the epoch."""
        calls = [("ZRANGE", keys.alive(s), 0, 0, "WITHSCORES") for s in range(keys.SHARDS)]
        heads = [_score(reply) for reply in await self._client.batch(calls) if reply]
        return min(heads, default=None)

    async def clock(self) -> int:
        """The store's own clock, in ms since the epoch."""
        seconds, micros = await self._client.send("TIME")
        return int(seconds) * 1000 + int(micros) // 1000


def _score(reply: list[object]) -> int:
    head = reply[0]
    score = head[1] if isinstance(head, list | tuple) else reply[1]
    return int(float(score))  # type: ignore[arg-type]  # bytes or float, by protocol version
