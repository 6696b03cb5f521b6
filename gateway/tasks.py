"""The one home of background tasks: owned, named, cancelled together, and never silently dead."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")


class Tasks:
    """A set of background tasks with one owner. Unlike a TaskGroup a failing task does not end its siblings:
    it is logged with its name, since a broken upstream or run must leave all others working."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        """Run `work` until it ends or `close` cancels it."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    async def finish(self, work: Coroutine[Any, Any, T], *, name: str) -> T:
        """What `work` returns or raises. It goes on to its end if whoever asked is cancelled meanwhile: clients go
        away, and must not leave things half done."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        try:
            return await asyncio.shield(task)
        finally:
            # What it raises is for whoever asked, while there is somebody.
            task.add_done_callback(self._running.discard if task.done() else self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task %s failed: %s", task.get_name(), error, exc_info=error)

    async def close(self) -> None:
        """Cancel all and wait until each has really ended."""
        while self._running:
            for task in self._running:
                task.cancel()
            # `asyncio.wait_for` of Python 3.11 may swallow a cancellation, so one that is not heard is said again.
            await asyncio.wait(self._running, timeout=0.1)

    def __len__(self) -> int:
        return len(self._running)
