"""Who may act: one key per identity (tenant, agent, token) that must exist. Absent means dead, so that a flushed store
lets nobody in; the revocations are a list besides, so that a restored snapshot brings nobody back."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Sequence

from gateway.store import keys
from gateway.store.client import Client, Command

CHECK_HOLDS_SECONDS = 0.25
"""A request goes out within this long of the liveness check that allowed it, or the check is made again."""
SETTLE_SECONDS = 0.4


class Liveness:
    def __init__(self, client: Client) -> None:
        self._client = client

    @staticmethod
    def check(chain: Sequence[str]) -> Command:
        """The command whose reply `alive` reads, to be sent along with others."""
        return ("MGET", *(keys.live(identity) for identity in chain))

    @staticmethod
    def alive(reply: Sequence[bytes | None]) -> bool:
        return None not in reply

    async def is_alive(self, chain: Sequence[str]) -> bool:
        """Whether every identity of the chain may act, asked now and of the store itself."""
        return self.alive(await self._client.send(*self.check(chain)))

    async def admit(self, identity: str, ttl_seconds: int | None = None) -> None:
        """Let an identity act, for a time or until it is revoked."""
        await self.admit_all([(identity, ttl_seconds)])

    async def admit_all(self, identities: Iterable[tuple[str, int | None]]) -> None:
        await self._client.batch(
            [
                ("SET", keys.live(identity), "1", *(("EX", ttl) if ttl is not None else ()))
                for identity, ttl in identities
            ]
        )

    async def revoke(self, identities: Sequence[str]) -> None:
        """Durably dead, and known to every replica: returns when each has acknowledged, or after `SETTLE_SECONDS`.

        The list is written first, for it outlives the keys. A replica that does not answer in time is harmless: it
        sends nothing on a liveness check that is older than `CHECK_HOLDS_SECONDS`."""
        await self._client.send("RPUSH", keys.revocations(), *identities)
        note = secrets.token_hex(8)
        words = " ".join(["revoked", note, *identities])
        *_, receivers = await self._client.batch(
            [*(("DEL", keys.live(identity)) for identity in identities), ("PUBLISH", keys.channel(), words)]
        )
        deadline = time.monotonic() + SETTLE_SECONDS
        for _ in range(receivers):
            left = deadline - time.monotonic()
            if left <= 0 or not await self._client.send("BLPOP", keys.acknowledgements(note), round(left, 3)):
                return

    async def acknowledge(self, note: str) -> None:
        """This replica has stopped whatever the revocation `note` was about."""
        key = keys.acknowledgements(note)
        await self._client.batch([("RPUSH", key, "1"), ("EXPIRE", key, 10)])

    async def revoked(self) -> set[str]:
        """Every identity ever revoked."""
        return {one.decode() for one in await self._client.send("LRANGE", keys.revocations(), 0, -1)}
