"""What was made before, remembered within a bound on its size rather than on its number: definitions differ a
thousandfold in size, and whoever sends them must not decide how much memory that takes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(Generic[K, V]):
    """key → what `make` made of it, while the keys together weigh at most `most`: the least recently used go first.

    Threads may share it: two of them may make the same, and either is kept."""

    def __init__(self, make: Callable[[K], V], weigh: Callable[[K], int], most: int) -> None:
        self._make, self._weigh, self._most = make, weigh, most
        self._known: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._lock = Lock()
        self.weight = 0

    def __call__(self, key: K) -> V:
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
                return known[0]
        made = self._make(key)
        with self._lock:
            if key not in self._known:
                self._known[key] = made, self._weigh(key)
                self.weight += self._known[key][1]
            while self.weight > self._most:
                self.weight -= self._known.popitem(last=False)[1][1]
        return made
