"""What replicas share about generated modules and learnt result types."""

from __future__ import annotations

import zlib

import orjson

from gateway.model import JSON
from gateway.store import keys
from gateway.store.client import Client

MODULE_TTL = 30 * 86_400
OBSERVED_TTL = 90 * 86_400


class Modules:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def put(self, digest: str, runtime: JSON) -> None:
        """Keep the run-time part of a module for as long as runs may need it (30 days since its last use)."""
        await self._client.send("SET", keys.module(digest), zlib.compress(orjson.dumps(runtime), 1), "EX", MODULE_TTL)

    async def get(self, digest: str) -> JSON | None:
        raw, _ = await self._client.batch([("GET", keys.module(digest)), ("EXPIRE", keys.module(digest), MODULE_TTL)])
        return None if raw is None else orjson.loads(zlib.decompress(raw))

    async def put_observed(self, pin: str, shape: JSON) -> None:
        await self._client.send("SET", keys.observed(pin), orjson.dumps(shape), "EX", OBSERVED_TTL)

    async def observed(self, pins: list[str]) -> dict[str, JSON]:
        """The learnt shapes of those pins that have one."""
        raw = await self._client.batch([("GET", keys.observed(pin)) for pin in pins]) if pins else []
        return {pin: orjson.loads(one) for pin, one in zip(pins, raw, strict=True) if one is not None}
