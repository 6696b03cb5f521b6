"""Who wakes runs: those that are due get the places that there are, fairly and oldest first; none is forgotten.

However many are due at once, only so many are taken as the pool can hold, and a share of its places is left to programs
that clients have just sent. What is not taken stays in the queue, for this replica or another.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping

from gateway.engine.fairness import choose
from gateway.errors import StoreError
from gateway.service.drive import Drive
from gateway.service.floor import Floor
from gateway.store import keys
from gateway.store.timers import HIDDEN_MS

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
"""How often the queue is looked at, give or take a fifth, so that replicas do not look all at once."""
AHEAD = 4
"""How many runs for each place are put into order at a time."""
RESERVED = 8
"""One place in so many is left to newcomers."""
SWEEP_SECONDS = 5.0
SWEPT_AT_ONCE = 500


class Waker:
    """`resume` takes over one run; it raises nothing. `freed` is to be called when a place may have become free."""

    def __init__(self, floor: Floor, drives: Mapping[str, Drive], resume: Callable[[str], Awaitable[None]]) -> None:
        self._floor = floor
        self._drives = drives
        self._resume = resume
        self._next: deque[str] = deque()
        """Due runs in the order in which they get their turn."""
        self._more = False
        """Whether there were more of them than that."""
        self._stale_at = 0.0
        self._freed = asyncio.Event()

    def freed(self) -> None:
        self._freed.set()

    async def start(self) -> None:
        """Read the store's clock: what is put into the queue before would be due at once. Raises `StoreError`."""
        await self._look()

    async def wake(self) -> None:
        """Wake what is due, for ever."""
        while True:
            self._freed.clear()
            try:
                await self._wake_due()
            except StoreError as error:
                log.warning("the queue could not be read: %s", error)
            await self._pause()

    async def _pause(self) -> None:
        """Until the next look, or, while runs wait for a place, until there is one."""
        seconds = LOOK_SECONDS * random.uniform(0.8, 1.2)
        if self._next or self._more:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._freed.wait()
        else:
            await asyncio.sleep(seconds)

    async def _wake_due(self) -> None:
        if self._room() >= 1 and (not self._next or time.monotonic() > self._stale_at):
            await self._look()
        # Those that another replica holds, or that have nothing to do yet, take no place.
        while self._next and (room := self._room()) >= 1:
            turn = [self._next.popleft() for _ in range(min(room, len(self._next)))]
            await asyncio.gather(*(self._resume(run_id) for run_id in await self._floor.timers.take(turn)))

    def _room(self) -> int:
        most = self._floor.config.gateway.max_active_runs
        return most - most // RESERVED - sum(not drive.evicted for drive in self._drives.values())

    async def _look(self) -> None:
        due = [one for one in await self._floor.timers.due() if one[1] not in self._drives]
        at_work = [keys.owner(run_id) for run_id in self._drives]
        window = AHEAD * self._floor.config.gateway.max_active_runs
        self._next.clear()
        self._next.extend(choose(((at, keys.owner(run_id), run_id) for at, run_id in due), window, at_work))
        self._more = len(due) > window
        self._stale_at = time.monotonic() + LOOK_SECONDS

    async def sweep(self) -> None:
        """Go through the index of runs, a page at a time, and see that each that is alive is looked after in time: the
        queue lies in other slots of the store than the runs, and may have lost what they have not."""
        first = dict.fromkeys((agent.tenant for agent in self._floor.config.agents.values()), 0)
        while True:
            await asyncio.sleep(SWEEP_SECONDS * random.uniform(0.8, 1.2))
            for tenant in first:
                try:
                    first[tenant] = await self._sweep_page(tenant, first[tenant])
                except StoreError as error:
                    log.warning("the runs could not be swept: %s", error)

    async def _sweep_page(self, tenant: str, first: int) -> int:
        """Returns where the next page begins."""
        run_ids = await self._floor.journal.listed(tenant, first, SWEPT_AT_ONCE)
        latest = await self._floor.journal.due(run_ids)
        # One that is due may just have been taken, which hides it for so long.
        soon = self._floor.timers.at(HIDDEN_MS)
        if found := await self._floor.timers.look_by({run_id: max(at, soon) for run_id, at in latest.items()}):
            log.warning("the queue had lost %d runs, or would have woken them too late; they are in it again", found)
        return first + SWEPT_AT_ONCE if len(run_ids) == SWEPT_AT_ONCE else 0
