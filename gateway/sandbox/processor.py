"""The processor's time: how much of it a process has had, and how it leaves it to others.

Only what the standard library has: the launcher, which is small, uses it.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress

_AUTOGROUP = "/proc/{}/autogroup"
_NICEST = 19
_BACK = 10


def cpu_seconds(pid: int) -> float:
    """Of all threads of a process (its CPU clock, as clock_getcpuclockid(3) names it); 0 when it is gone."""
    try:
        return time.clock_gettime(~pid << 3 | 2) if sys.platform == "linux" else 0.0
    except OSError:
        return 0.0


def stand_back() -> None:
    """For a process that has just begun a session of its own: where the kernel shares processors among sessions
    (autogroup), a hundred sessions of programs would leave the gateway's a hundredth."""
    _weigh("self", _BACK)


def give_way(pid: int, nice: int) -> bool:
    """Whether the process is nicer than this one by `nice` now; if not, ask again. By a niceness of its own it might
    gain: a gateway may be nice too, and root may take that back. Each process leads a session, and where the kernel
    shares processors among sessions, niceness counts within one only: the session's is set too."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PGRP, pid, min(os.getpriority(os.PRIO_PROCESS, 0) + nice, _NICEST))
    return _weigh(str(pid), max(nice, _BACK))


def _weigh(pid: str, nice: int) -> bool:
    try:
        with open(_AUTOGROUP.format(pid), "w") as group:
            group.write(str(nice))
    except BlockingIOError:
        return False  # The kernel takes a few a second.
    except OSError:
        pass  # The process is gone, or nothing is shared that way here.
    return True
