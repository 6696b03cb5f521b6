"""Writing one run's journal: entries gather here and go to the store in one atomic append, in order, one at a time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from gateway.clock import Clock
from gateway.engine import replay
from gateway.errors import StoreError
from gateway.model import JSON, Entry
from gateway.store.client import Command
from gateway.store.journal import Append, Fields, Journal, Writer
from gateway.tasks import Tasks


class Pen:
    """`history` follows what is written here, so it is the journal as it will be once `flush` has returned."""

    def __init__(self, journal: Journal, writer: Writer, clock: Clock, tasks: Tasks) -> None:
        self._journal = journal
        self._writer = writer
        self._clock = clock
        self._tasks = tasks
        self._pending: list[Entry] = []
        self._first: list[Command] = []
        self._next = writer.length
        self._late: asyncio.Task[None] | None = None
        self._unsettled: tuple[Append, list[Command]] | None = None
        self.history = replay.read(writer.entries)

    @property
    def writer(self) -> Writer:
        return self._writer

    def write(self, kind: str, data: Mapping[str, JSON], first: list[Command] | None = None) -> None:
        """Add an entry to the next append; `first` must be durable before it."""
        entry = Entry(self._next, kind, self._clock(), data)
        self._next += 1
        self._pending.append(entry)
        self._first += first or []
        self.history.add(entry)

    def value(self, outcome: Mapping[str, JSON]) -> tuple[Mapping[str, JSON], list[Command]]:
        """An outcome as an entry holds it: a large value goes into a blob."""
        if "v" not in outcome:
            return outcome, []
        stored, blobs = self._journal.offload(self._writer.run_id, outcome["v"])
        return {**{key: value for key, value in outcome.items() if key != "v"}, **stored}, blobs

    async def flush(
        self, fields: Fields | None = None, first: list[Command] | None = None, *, pack: bool = False
    ) -> list[Any]:
        """Make everything written so far durable; `pack` it for a long sleep. Returns the replies to `first`.

        Raises `StaleWriter`, `StoreUnavailable`. What a cancelled flush has sent is sent again by the next one, under
        the same id: it lands once."""
        await self._settle()
        if not (self._pending or fields or first):
            return []
        self._prepare(fields)
        replies = await self._commit(first or [], pack=pack)
        return replies[: len(first or [])]

    def flush_soon(self, fields: Fields | None = None) -> None:
        """Start a flush of what has been written up to here, without waiting for it."""
        if self._pending and self._unsettled is None:
            self._prepare(fields)
            self._late = self._tasks.start(self._commit_late(), name=f"append {self._writer.run_id}")

    async def _commit_late(self) -> None:
        # A refusal is for whoever flushes next: the append is kept, and refused again.
        with contextlib.suppress(StoreError):
            await self._commit([])

    async def _settle(self) -> None:
        if self._late is not None:
            # Whoever is cancelled here leaves it to the next: an append that is under way must not be sent twice.
            await asyncio.wait([self._late])
            self._late = None
        if self._unsettled is not None:
            await self._commit([])

    def _prepare(self, fields: Fields | None) -> None:
        """Make one append of all that is pending, kept until it is known to have landed. Nothing that is written later
        gets into it: the last entry of a run must not be in the store before the status that goes with it."""
        entries, self._pending = self._pending, []
        first, self._first = self._first, []
        self._unsettled = self._journal.prepare(self._writer, entries, fields), first

    async def _commit(self, first: list[Command], *, pack: bool = False) -> list[Any]:
        assert self._unsettled is not None
        append, before = self._unsettled
        replies = await self._journal.commit(self._writer, append, [*first, *before], pack=pack)
        self._unsettled = None
        return replies

    async def renew(self) -> bool:
        return await self._journal.renew(self._writer)
