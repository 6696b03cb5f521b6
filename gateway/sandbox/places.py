"""A number of places, and whose turn it is: nobody keeps others waiting by asking much or by staying long."""

from __future__ import annotations

import asyncio
from collections import Counter

from gateway.engine.fairness import Owner, choose

NOBODY: Owner = ("", "")


class Places:
    """`count` places. A free one goes to the waiting owner who has the fewest (engine/fairness.py), and to none who
    has `share` times as many as are free: so there is one for a newcomer, however many one owner wants."""

    def __init__(self, count: int, *, share: int) -> None:
        self._free = count
        self._share = share
        self._taken: Counter[Owner] = Counter()
        self._waiting: dict[asyncio.Future[None], Owner] = {}

    def is_free(self, owner: Owner) -> bool:
        """Whether `take` would not wait."""
        return self._taken[owner] < self._share * self._free

    async def take(self, owner: Owner) -> None:
        """Wait for a place. Whoever took one has to `give_back`."""
        if self.is_free(owner):
            self._take(owner)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[turn] = owner
        try:
            await turn
        except asyncio.CancelledError:
            if self._waiting.pop(turn, None) is None:
                self.give_back(owner)
            raise

    def give_back(self, owner: Owner) -> None:
        self._free += 1
        self._taken[owner] -= 1
        if not self._taken[owner]:
            del self._taken[owner]
        while chosen := choose(self._due(), 1, [*self._taken.elements()]):
            turn = chosen[0]
            self._take(self._waiting.pop(turn))
            turn.set_result(None)

    def _due(self) -> list[tuple[float, Owner, asyncio.Future[None]]]:
        """Who waits and may have a place, in the order in which they came."""
        waiting = enumerate(self._waiting.items())
        return [(at, owner, turn) for at, (turn, owner) in waiting if not turn.done() and self.is_free(owner)]

    def _take(self, owner: Owner) -> None:
        self._free -= 1
        self._taken[owner] += 1
