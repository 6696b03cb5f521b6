"""What replicas tell each other at once. Nothing depends on it alone: what is missed is found by polling."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from redis.exceptions import RedisError

from gateway.store import keys
from gateway.store.client import Client, Command

PAUSE_SECONDS = 0.25


class Bus:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def say(self, kind: str, about: str) -> None:
        await self._client.send(*self.saying(kind, about))

    @staticmethod
    def saying(kind: str, about: str) -> Command:
        """The command of `say`, to be sent along with others."""
        return ("PUBLISH", keys.channel(), f"{kind} {about}")

    async def listen(self) -> AsyncIterator[tuple[str, str]]:
        """Messages as (kind, about). After each (re)connection first `("connected", "")`: what was said in between is
        lost, so look for yourself."""
        while True:
            try:
                async with self._client.subscribe() as channel:
                    await channel.subscribe(keys.channel())
                    yield "connected", ""
                    async for message in channel.listen():
                        if message["type"] == "message":
                            kind, _, about = message["data"].decode().partition(" ")
                            yield kind, about
            except (RedisError, OSError):
                await asyncio.sleep(PAUSE_SECONDS)
