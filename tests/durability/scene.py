"""One gateway in the test's own process, one upstream that obeys orders, and what tests do to runs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from gateway.store import keys
from gateway.store.client import Client
from tests.durability.world import Upstream
from tests.live import Live


@dataclass(slots=True)
class Scene:
    gateway: Live
    upstream: Upstream

    @property
    def client(self) -> Client:
        return self.gateway.services.floor.client

    def sends(self, run: dict[str, Any], tool: str) -> int:
        """How often the upstream saw a tool of a run."""
        return sum((call["run"], call["tool"]) == (run["run_id"], tool) for call in self.upstream.calls())

    async def settled(self, run: dict[str, Any]) -> dict[str, Any]:
        """The run when it has ended or waits for somebody."""
        principal = await self.gateway.principal()
        return (await self.gateway.services.runs.result(principal, run["run_id"], wait_seconds=30)).as_dict()

    async def status(self, *run_ids: str) -> list[str]:
        found = await self.client.batch([("HGET", keys.run(run_id), "status") for run_id in run_ids])
        return [status.decode() for status in found]

    async def resolve(self, run: dict[str, Any], choice: str, value: Any = None) -> None:
        await self.gateway.services.runs.resolve(await self.gateway.principal(), run["run_id"], choice, value=value)

    async def lapse(self, run_id: str) -> None:
        """The owner's lease has run out by the store's clock, and the queue knows it."""
        await self.client.batch(
            [("HSET", keys.run(run_id), "lease_until", 1), ("ZADD", keys.alive(keys.shard(run_id)), 1, run_id)]
        )

    async def until(self, condition: Any) -> None:
        """Wait for what other tasks bring about."""
        async with asyncio.timeout(120):
            while not await condition():
                await asyncio.sleep(0.01)
