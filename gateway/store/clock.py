"""The store's clock, which all replicas go by: their own may differ, and jump."""

from __future__ import annotations

import time

from gateway.clock import now_ms


class StoreClock:
    """Milliseconds since the epoch as the store counts them: our monotonic clock, and what the store's is ahead of it.
    Until the store was heard, the host's wall clock stands for it."""

    def __init__(self) -> None:
        self._ahead = now_ms() - time.monotonic() * 1000

    def __call__(self) -> int:
        return int(time.monotonic() * 1000 + self._ahead)

    def heard(self, told_ms: float, asked: float) -> None:
        """The store said what time it is (ms, perhaps cut off) in answer to what was asked at `asked` (monotonic,
        seconds). That leaves a span of what it may be ahead; what is believed changes only if it lies outside of it, so
        slow answers do no harm (as in Marzullo's algorithm, with one source)."""
        least = told_ms - time.monotonic() * 1000
        most = told_ms + 1 - asked * 1000
        self._ahead = min(max(self._ahead, least), most)
