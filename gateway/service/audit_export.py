"""Feeding the sinks: each gets every record of every tenant, from one replica at a time, at least once and in order.

How far a sink has come is kept in the store, so that another replica, or this one after a restart, goes on from there.
A sink that is away holds nothing up but itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from gateway.engine.record import Filter
from gateway.errors import StoreError
from gateway.service.audit_read import AuditReader
from gateway.service.audit_sinks import SINK_ERRORS, Sink
from gateway.store.audit import AuditStore
from gateway.tasks import Tasks

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
CLOSE_SECONDS = 1.0
AT_ONCE = 200
"""Records of one batch."""


class Exporter:
    """One sink's supply."""

    def __init__(self, sink: Sink, reader: AuditReader, store: AuditStore, *, node: str) -> None:
        self._sink = sink
        self._reader = reader
        self._store = store
        self._node = node
        self._leads = False
        self.problem: str | None = None
        """Why it does not go on, while it does not."""

    @property
    def name(self) -> str:
        return self._sink.name

    async def run(self) -> None:
        """For ever: send what there is, look again."""
        pause = LOOK_SECONDS
        while True:
            try:
                while await self.step():
                    pass
            except (*SINK_ERRORS, StoreError) as error:
                self._failed(error)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            else:
                self._works()
                pause = LOOK_SECONDS
            await asyncio.sleep(pause)

    async def step(self) -> bool:
        """Send one batch, if this replica is the one to do it. True when there is more. Raises `SINK_ERRORS` or
        `StoreError`; then it is sent again."""
        self._leads = await self._store.lead(self.name, self._node)
        if not self._leads:
            return False
        position = await self._store.position(self.name)
        page = await self._reader.page(Filter(), position, limit=AT_ONCE)
        if page.records:
            await self._sink.send(page.records)
        if page.cursor != position:
            await self._store.set_position(self.name, page.cursor)
        return page.more

    async def close(self) -> None:
        """Send what is left if that is quickly done, and let another replica go on."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                while self.problem is None and await self.step():
                    pass
                if self._leads:
                    await self._store.give_up(self.name)
        except (*SINK_ERRORS, StoreError) as error:
            log.warning("the audit record was not sent to %s to its end: %s", self.name, error)
        await self._sink.close()

    def _failed(self, error: Exception) -> None:
        if self.problem is None:
            log.error("the audit record cannot be sent to %s: %s", self.name, error)
        self.problem = str(error) or type(error).__name__

    def _works(self) -> None:
        if self.problem is not None:
            log.info("the audit record is sent to %s again", self.name)
        self.problem = None


class Exporters:
    """All of them. `problems` names those that do not get on, with the reason."""

    def __init__(self, sinks: Sequence[Sink], reader: AuditReader, store: AuditStore, *, node: str) -> None:
        self._exporters = [Exporter(sink, reader, store, node=node) for sink in sinks]
        self._tasks = Tasks()

    async def start(self) -> None:
        for exporter in self._exporters:
            self._tasks.start(exporter.run(), name=f"audit to {exporter.name}")

    async def close(self) -> None:
        await self._tasks.close()
        for exporter in self._exporters:
            await exporter.close()

    @property
    def problems(self) -> dict[str, str]:
        return {one.name: one.problem for one in self._exporters if one.problem is not None}
