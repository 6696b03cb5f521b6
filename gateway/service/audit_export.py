"""Feeding the sinks: each gets every record of every tenant, from one replica at a time, at least once and in order.

How far a sink has come is kept in the store, so that another replica, or this one after a restart, goes on from there.
A sink that is away holds nothing up but itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from gateway.engine.record import Filter
from gateway.errors import StoreError
from gateway.service.audit_chain import within
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
        self._stopping = asyncio.Event()
        self.problem: str | None = None
        """Why it does not go on, while it does not."""

    @property
    def name(self) -> str:
        return self._sink.name

    async def run(self) -> None:
        """Send what there is, and look again, until `stop`; then once more."""
        pause = LOOK_SECONDS
        stopping = False
        while not stopping:
            stopping = self._stopping.is_set()
            try:
                while await self.step():
                    pass
            except (*SINK_ERRORS, StoreError) as error:
                self._failed(error)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            else:
                self._works()
                pause = LOOK_SECONDS
            await within(self._stopping, pause)
        await self._leave()

    def stop(self) -> None:
        """Soon: a batch is not broken off, since it would come twice."""
        self._stopping.set()

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

    async def _leave(self) -> None:
        """Let another replica go on at once."""
        try:
            if self._leads:
                await self._store.give_up(self.name)
        except StoreError as error:
            log.info("the lease on %s runs out by itself: %s", self.name, error)

    async def close(self) -> None:
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
        self._running: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self._running = [self._tasks.start(one.run(), name=f"audit to {one.name}") for one in self._exporters]

    async def close(self) -> None:
        """Send what is left, where that is quickly done."""
        for exporter in self._exporters:
            exporter.stop()
        if self._running:
            await asyncio.wait(self._running, timeout=CLOSE_SECONDS)
        await self._tasks.close()
        for exporter in self._exporters:
            await exporter.close()

    @property
    def problems(self) -> dict[str, str]:
        return {one.name: one.problem for one in self._exporters if one.problem is not None}
