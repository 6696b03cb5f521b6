"""Keeping the store small: ended runs go `retention` after their end, and with them what names them. The audit record
says of each until when its journal is kept, so that it stays provable without."""

from __future__ import annotations

import asyncio
import logging

from gateway.errors import StoreError
from gateway.service.floor import Floor
from gateway.store.retention import Retention

log = logging.getLogger(__name__)

LOOK_SECONDS = 3_600.0


async def keep_trimmed(floor: Floor) -> None:
    """For ever; every replica does it, which does no harm."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            await trim(floor)
        except StoreError as error:
            log.warning("old runs could not be trimmed: %s", error)


async def trim(floor: Floor) -> int:
    """Drop the names of runs that are gone, and give the sessions of dead tokens an end. Returns how many runs went.
    Raises `StoreError`."""
    store, settings, now = Retention(floor.client), floor.config.gateway, floor.clock()
    before, dropped = now - settings.retention * 1000, 0
    for tenant in sorted({agent.tenant for agent in floor.config.agents.values()}):
        dropped += await store.trim_runs(tenant, before)
        tokens = await floor.sessions.tokens(tenant)
        names = await floor.sessions.all_names([token.session for token in tokens])
        for token, sessions in zip(tokens, names, strict=True):
            for name in sessions:
                await store.trim_session(token.session, name, before)
            if token.expires_at <= now or not await floor.liveness.is_alive(token.chain):
                await store.expire_sessions(token.session, sessions, settings.retention)
    return dropped
