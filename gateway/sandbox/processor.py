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


def cpu_seconds(pid: int) -> float:
    """Of all threads of a process (its CPU clock, as clock_getcpuclockid(3) names it); 0 when it is gone."""
    try:
        return time.clock_gettime(~pid << 3 | 2) if sys.platform == "linux" else 0.0
    except OSError:
        return 0.0


def give_way(pid: int, nice: int) -> None:
    """Make a process group nicer than this process by `nice`. By a niceness of its own it might gain: a gateway may be
    nice too, and root may take that back."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PGRP, pid, min(os.getpriority(os.PRIO_PROCESS, 0) + nice, _NICEST))


def weigh_session(pid: int, nice: int) -> bool:
    """Set how nice the session that a process leads is, where the kernel shares the processors among sessions
    (autogroup): a process's own niceness counts within its session only. False when it is to be asked again."""
    try:
        with open(_AUTOGROUP.format(pid), "w") as group:
            group.write(str(nice))
    except BlockingIOError:
        return False  # The kernel takes a few a second.
    except OSError:
        pass  # The process is gone, or nothing is shared that way here.
    return True
