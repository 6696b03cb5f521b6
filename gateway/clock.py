"""The wall clock, in one place, so that a test can move it. Durations use `time.monotonic` directly."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Milliseconds since the epoch, UTC."""


def now_ms() -> int:
    """The host's wall clock in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
