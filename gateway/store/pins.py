"""The approved definitions of tools, shared by all replicas, and which difference from them was told last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import orjson

from gateway.model import JSON
from gateway.store import keys
from gateway.store.client import Client
from gateway.store.scripts import PINS


class Pins:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def first_seen(self, server: str, listed: Mapping[str, JSON]) -> tuple[bool, dict[str, JSON]]:
        """What is approved of a server, by tool: what it lists now, if it was never seen before (then also True)."""
        given = [part for tool, value in listed.items() for part in (tool.encode("utf-8", "replace"), _text(value))]
        first, *found = await self._client.run(PINS, [keys.pins(server)], given)
        pairs = zip(found[::2], found[1::2], strict=True)
        return bool(first), {tool.decode(): orjson.loads(value) for tool, value in pairs}

    async def approve(self, server: str, pinned: Mapping[str, JSON], gone: Iterable[str]) -> None:
        """Take over the definitions of `pinned`, and forget the tools that are `gone`."""
        key = keys.pins(server)
        commands = [("HSET", key, tool, _text(value)) for tool, value in pinned.items()]
        await self._client.batch([*commands, *(("HDEL", key, tool) for tool in gone)])

    async def is_news(self, server: str, difference: str) -> bool:
        """Note the difference that is there now ("": none). True for the replica that is the first to note it."""
        before = await self._client.send("SET", keys.drift(server), difference, "GET")
        return (before or b"").decode() != difference


def _text(value: JSON) -> bytes:
    return orjson.dumps(value)
