"""Journals for people: written out as they stand, or followed as they grow."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

from gateway.engine import exported
from gateway.engine.chain import GENESIS
from gateway.errors import Busy, Unauthenticated
from gateway.model import JSON, Entry, Principal
from gateway.service import legs
from gateway.service.floor import Floor
from gateway.service.visible import may_see, newest, own

LOOK_SECONDS = 0.25
LOOK_AT_ALL_SECONDS = 0.5
"""All runs at once are more to look at."""
NEWEST = 1_000
MOST_FOLLOWERS = 64
"""Streams at once on this replica: each looks into the store again and again."""
NEXT_LEG_SECONDS = 60.0
"""A leg whose gateway died in the very moment takes this long at most to be begun by another."""
SIGN_OF_LIFE_SECONDS = 10.0
_LIVE = ("running", "waiting")
_GLANCE = ("length", "token", "chain")

Lines = AsyncIterator[JSON]
"""One document each; None is a sign of life."""


class Archive:
    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._followers = 0

    async def export(self, principal: Principal, run_id: str) -> Lines:
        """The journal of a run so far, in the form of engine/exported.py. Raises `NotFound`."""
        record = await own(self._floor, principal, run_id)
        return self._exported(run_id, record)

    async def tail(self, principal: Principal, run_id: str) -> Lines:
        """The entries of a run's journal, those there are and then each as it is written, until the run has ended;
        through all legs of one that was continued.
        Raises `NotFound`."""
        await own(self._floor, principal, run_id)
        return self._with_signs(self._followed(run_id), principal)

    def tail_all(self, principal: Principal) -> Lines:
        """What all runs that the principal may see (of the newest `NEWEST`) write from now on. It never ends."""
        return self._with_signs(self._all(principal), principal)

    # --- writing out -------------------------------------------------------------------------------------------

    async def _exported(self, run_id: str, record: Mapping[str, str]) -> Lines:
        module = await self._floor.modules.get(record["module"]) or {"tools": {}}
        redactor = self._floor.audit.redactor
        code = redactor.scrub(record["code"])
        entries = await self._floor.journal.entries(run_id)
        yield {
            "format": exported.FORMAT,
            "version": exported.VERSION,
            "run_id": run_id,
            "agent": record["agent"],
            "session": record["session"],
            "status": record["status"],
            "exported": self._floor.clock(),
            "entries": len(entries),
            "code": code,
            "tools": module["tools"],
            "limits": self._floor.config.gateway.limits.model_dump(),
            **({exported.REDACTED: True} if code != record["code"] else {}),
        }
        for entry in entries:
            whole = await self._whole(run_id, entry)
            yield exported.line(run_id, whole, redactor, hashes=True)

    async def _whole(self, run_id: str, entry: Entry) -> Entry:
        handed = entry.data.get("continued")
        if handed is not None:
            return replace(entry, data={**entry.data, "continued": await legs.state(self._floor, run_id, handed)})
        if "blob" not in entry.data:
            return entry
        value = await self._floor.journal.blob(run_id, entry.data["blob"])
        data: dict[str, Any] = {key: v for key, v in entry.data.items() if key not in ("blob", "bytes")}
        return Entry(entry.seq, entry.kind, entry.at, {**data, "args" if entry.kind == "call" else "v": value})

    # --- following ---------------------------------------------------------------------------------------------

    async def _followed(self, run_id: str) -> Lines:
        head, length, begins_by = GENESIS, 0, 0.0
        while True:
            head, entries, status = await self._floor.journal.news(run_id, head, length)
            for entry in entries:
                yield self._line(run_id, entry)
            length += len(entries)
            if entries:
                begins_by = time.monotonic() + NEXT_LEG_SECONDS
            if entries and "continued_as" in entries[-1].data:
                run_id, head, length = entries[-1].data["continued_as"], GENESIS, 0
            elif status not in _LIVE and not entries and (status or length or time.monotonic() > begins_by):
                return
            if not entries:
                yield None
                await asyncio.sleep(LOOK_SECONDS)

    async def _all(self, principal: Principal) -> Lines:
        known: dict[str, tuple[bytes, int]] = {}
        first = True
        while True:
            lengths = await self._lengths(principal)
            for run_id, length in lengths.items():
                if first or (run_id in known and known[run_id][1] == length):
                    known.setdefault(run_id, (b"", length))
                    continue
                async for line in self._news(run_id, known):
                    yield line
            known = {run_id: at for run_id, at in known.items() if run_id in lengths}
            first = False
            yield None
            await asyncio.sleep(LOOK_AT_ALL_SECONDS)

    async def _news(self, run_id: str, known: dict[str, tuple[bytes, int]]) -> Lines:
        head, length = known.get(run_id, (GENESIS, 0))
        head, entries, _ = await self._floor.journal.news(
            run_id, head or await self._floor.journal.head(run_id, length), length
        )
        known[run_id] = head, length + len(entries)
        for entry in entries:
            yield self._line(run_id, entry)

    async def _lengths(self, principal: Principal) -> dict[str, int]:
        """How long the journals of the newest runs are, the oldest run first."""
        ids = await newest(self._floor, principal, NEWEST)
        found = await self._floor.journal.glance(ids, _GLANCE)
        seen = ((run_id, one) for run_id, one in zip(ids, found, strict=True) if one and may_see(principal, one))
        return {run_id: int(one["length"]) for run_id, one in reversed(list(seen))}

    def _line(self, run_id: str, entry: Entry) -> JSON:
        return exported.line(run_id, entry, self._floor.audit.redactor, hashes=False)

    async def _with_signs(self, lines: Lines, principal: Principal) -> Lines:
        """Most looks find nothing: of those, one in `SIGN_OF_LIFE_SECONDS` is told. Ends with an error when the
        token that follows is dead."""
        if self._followers >= MOST_FOLLOWERS:
            raise Busy("As many follow journals here as may.", fix="Try again later, or end another `runs tail`.")
        self._followers += 1
        told = time.monotonic()
        try:
            async for line in lines:
                if line is None and not (principal.admin or await self._floor.liveness.is_alive(principal.chain)):
                    raise Unauthenticated("The token was revoked.", fix="Ask for a new one.")
                if line is not None or time.monotonic() - told >= SIGN_OF_LIFE_SECONDS:
                    told = time.monotonic()
                    yield line
        finally:
            self._followers -= 1
