"""The processes below a gateway as the kernel knows them (Linux): which there are, and when each ended."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Iterable
from pathlib import Path

LAUNCHER = "gateway.sandbox.launcher"


def children(pid: int) -> list[int]:
    """Of all its threads; none when it is gone."""
    found: list[int] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def below(pid: int) -> list[int]:
    """All descendants."""
    return [one for child in children(pid) for one in (child, *below(child))]


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def programs(gateway: int) -> set[int]:
    """The processes of a gateway that run programs, or wait for one."""
    return {one for child in children(gateway) if LAUNCHER in command(child) for one in children(child)}


class Deaths:
    """Notes when processes end, on the monotonic clock, from a thread of its own. A context manager."""

    def __init__(self, pids: Iterable[int]) -> None:
        self.at: dict[int, float] = {}
        self._poll = select.poll()
        self._descriptors: dict[int, int] = {}
        for pid in pids:
            try:
                descriptor = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
            self._descriptors[descriptor] = pid
            self._poll.register(descriptor, select.POLLIN)
        self._stop, self._stopped = os.pipe()
        self._poll.register(self._stop, select.POLLIN)
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Deaths:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.write(self._stopped, b"x")
        self._thread.join()
        for descriptor in (*self._descriptors, self._stop, self._stopped):
            os.close(descriptor)

    def _watch(self) -> None:
        while True:
            ready = self._poll.poll()
            now = time.monotonic()
            for descriptor, _ in ready:
                if descriptor == self._stop:
                    return
                self.at[self._descriptors[descriptor]] = now
                self._poll.unregister(descriptor)
