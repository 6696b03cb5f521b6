"""The gateway's own keys while it runs: what there is, rotation, and what another replica has rotated."""

from __future__ import annotations

import asyncio
import logging

from gateway.errors import ConfigError
from gateway.identity.keychain import KeyChain
from gateway.identity.keys import Accepted, KeyRing
from gateway.model import JSON
from gateway.service.floor import Floor
from gateway.service.revoke import Revoker
from gateway.service.servers import beginnings
from gateway.service.tokens import Tokens
from gateway.service.views import iso
from gateway.tasks import Tasks

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
"""How soon a replica takes over what another one has written into the folder that they share."""


class KeyDesk:
    def __init__(self, keys: KeyChain, tokens: Tokens, revoker: Revoker, floor: Floor) -> None:
        self._rings = {ring.purpose.name: ring for ring in (keys.tokens, keys.checkpoints)}
        self._tokens = tokens
        self._revoker = revoker
        self._floor = floor
        self._tasks = Tasks()

    @property
    def tokens(self) -> KeyRing:
        return self._rings["tokens"]

    async def start(self) -> None:
        self._tasks.start(self._follow(), name="keys")

    async def close(self) -> None:
        await self._tasks.close()

    async def list(self) -> list[dict[str, JSON]]:
        """Every accepted key: `{"purpose", "kid", "state": "signing"|"accepted", "until", "source"}`."""
        return [self._shown(ring, kid, one) for ring in self._rings.values() for kid, one in ring.accepted.items()]

    async def rotate(self, purpose: str, *, emergency: bool) -> dict[str, JSON]:
        """Sign with a new key from now on. A former key of tokens is accepted until the last of them has ended; in an
        emergency it is not, all tokens are dead at once on every replica, and their runs are stopped. Returns `{"kid",
        "revoked": [ids], "runs_stopped": N}`. Raises `Conflict` for keys that are not in a file."""
        ring = self._rings[purpose]
        ring.refuse_unless_ours(emergency=emergency)
        now, former = self._floor.clock(), ring.kid
        until = await self._tokens.last_end()
        await self._floor.audit.record("keys.rotated", purpose=purpose, kid=former, emergency=emergency)
        await asyncio.to_thread(ring.rotate, now_s=now // 1000, until_s=-(-until // 1000), emergency=emergency)
        self._blank_tokens()
        ended: dict[str, JSON] = {"revoked": [], "runs_stopped": 0}
        if emergency:
            # Dead in the store, so that a replica that has not read the file yet refuses them too.
            ended = await self._revoker.tokens()
        return {"kid": ring.kid, **ended}

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for ring in self._rings.values():
                try:
                    if await asyncio.to_thread(ring.refresh):
                        log.info("the keys for %s were read again", ring.purpose.name)
                        self._blank_tokens()
                except ConfigError as error:
                    log.error("the keys for %s stay as they were: %s", ring.purpose.name, error)

    def _blank_tokens(self) -> None:
        self._floor.upstreams.scrubber.blank(tokens=beginnings(self.tokens))

    @staticmethod
    def _shown(ring: KeyRing, kid: str, one: Accepted) -> dict[str, JSON]:
        return {
            "purpose": ring.purpose.name,
            "kid": kid,
            "state": "signing" if kid == ring.kid else "accepted",
            "until": None if one.until is None else iso(one.until * 1000),
            "source": ring.source,
        }
