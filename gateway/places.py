"""A number of places, and whose turn it is: nobody keeps others waiting by asking much or by staying long."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterator

from gateway.engine.fairness import Owner, choose

NOBODY: Owner = ("", "")
Turn = asyncio.Future[None]


class Places:
    """`count` places. A free one goes to the waiting owner who has the fewest (engine/fairness.py), and to none who
    has `share` times as many as are free: so there is one for a newcomer, however many one owner wants."""

    def __init__(self, count: int, *, share: int) -> None:
        self._free = count
        self._share = share
        self._taken: Counter[Owner] = Counter()
        self._arrivals = itertools.count()
        self._waiting: dict[Owner, dict[Turn, int]] = {}

    def is_free(self, owner: Owner) -> bool:
        """Whether `take` would not wait."""
        return self._taken[owner] < self._share * self._free

    async def take(self, owner: Owner) -> None:
        """Wait for a place. Whoever took one has to `give_back`."""
        if self.is_free(owner):
            self._take(owner)
            return
        turn: Turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, {})[turn] = next(self._arrivals)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._forget(owner, turn)
            else:
                self.give_back(owner)
            raise

    def give_back(self, owner: Owner) -> None:
        self._free += 1
        self._taken[owner] -= 1
        if not self._taken[owner]:
            del self._taken[owner]
        while chosen := choose(self._due(), 1, [*self._taken.elements()]):
            next_owner, turn = chosen[0]
            self._forget(next_owner, turn)
            self._take(next_owner)
            turn.set_result(None)

    def _due(self) -> Iterator[tuple[float, Owner, tuple[Owner, Turn]]]:
        """Of each owner who may have a place, who has waited longest."""
        for owner, queue in self._waiting.items():
            first = next((turn for turn in queue if not turn.done()), None)
            if first is not None and self.is_free(owner):
                yield queue[first], owner, (owner, first)

    def _forget(self, owner: Owner, turn: Turn) -> None:
        queue = self._waiting[owner]
        del queue[turn]
        if not queue:
            del self._waiting[owner]

    def _take(self, owner: Owner) -> None:
        self._free -= 1
        self._taken[owner] += 1
