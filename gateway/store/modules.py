"""What replicas share about generated modules, learnt result types, and tools that were listed."""

from __future__ import annotations

import time
import zlib

import orjson

from gateway.model import JSON
from gateway.store import keys
from gateway.store.client import Client

MODULE_TTL = 30 * 86_400
RENEW_SECONDS = 86_400
"""How long one use of a module is as good as another one."""
MODULES_KNOWN = 64
OBSERVED_TTL = 90 * 86_400
LISTED_TTL = 90 * 86_400


class Modules:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, tuple[float, JSON]] = {}
        """By digest, so they never change: when we last put or got each, and what it is."""

    async def put(self, digest: str, runtime: JSON) -> None:
        """Keep the run-time part of a module for as long as runs may need it (30 days since its last use)."""
        if self._recent(digest) is not None:
            return
        await self._client.send("SET", keys.module(digest), zlib.compress(orjson.dumps(runtime), 1), "EX", MODULE_TTL)
        self._note(digest, runtime)

    async def get(self, digest: str) -> JSON | None:
        known = self._recent(digest)
        if known is not None:
            return known
        raw, _ = await self._client.batch([("GET", keys.module(digest)), ("EXPIRE", keys.module(digest), MODULE_TTL)])
        if raw is None:
            return None
        runtime = orjson.loads(zlib.decompress(raw))
        self._note(digest, runtime)
        return runtime

    def _recent(self, digest: str) -> JSON | None:
        at, runtime = self._known.get(digest, (-RENEW_SECONDS, None))
        return runtime if time.monotonic() - at < RENEW_SECONDS else None

    def _note(self, digest: str, runtime: JSON) -> None:
        self._known.pop(digest, None)
        self._known[digest] = time.monotonic(), runtime
        if len(self._known) > MODULES_KNOWN:
            del self._known[next(iter(self._known))]

    async def put_listed(self, digest: str, listing: JSON) -> None:
        await self._client.send("SET", keys.listed(digest), zlib.compress(orjson.dumps(listing), 1), "EX", LISTED_TTL)

    async def listed(self, digests: list[str]) -> dict[str, JSON]:
        """The listings that are kept, of these."""
        asked = [("GETEX", keys.listed(digest), "EX", LISTED_TTL) for digest in digests]
        raw = await self._client.batch(asked) if asked else []
        return {d: orjson.loads(zlib.decompress(one)) for d, one in zip(digests, raw, strict=True) if one is not None}

    async def put_observed(self, pin: str, shape: JSON) -> None:
        await self._client.send("SET", keys.observed(pin), orjson.dumps(shape), "EX", OBSERVED_TTL)

    async def observed(self, pins: list[str]) -> dict[str, JSON]:
        """The learnt shapes of those pins that have one."""
        raw = await self._client.batch([("GET", keys.observed(pin)) for pin in pins]) if pins else []
        return {pin: orjson.loads(one) for pin, one in zip(pins, raw, strict=True) if one is not None}
