"""Pre-started processes: each waits, its world closed, for the one run that it will serve."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from gateway.config import Limits
from gateway.engine.fairness import Owner
from gateway.errors import GatewayError
from gateway.model import JSON
from gateway.places import NOBODY, Places
from gateway.sandbox import deno_binary, flags, walls
from gateway.sandbox.bundle import bundle
from gateway.sandbox.launcher import Order
from gateway.sandbox.process import Process, Usage
from gateway.sandbox.starter import Starter
from gateway.tasks import Tasks

__all__ = ["Process", "ProcessPool", "Usage"]

log = logging.getLogger(__name__)

_BACKOFF_SECONDS = 1.0
_REFILL_AFTER_SECONDS = 0.05
"""A start takes 27 ms of CPU, more than most runs: it had better not compete with the run that needs it replaced."""
SHARE = 7
"""One agent has at most seven places for each that is free: there is room for the next one."""
_MIB = 1024 * 1024
_BASE_DATA_MB = 768
"""What Deno and V8 map writable before any program, nearly all of it never touched (560 MB seen), and some room."""
_SYSTEM_FILES = ("/etc/ld.so.cache", "/dev/null", "/dev/urandom", "/proc/self", "/proc/meminfo")

Mode = Literal["auto", "required", "off"]


class ProcessPool:
    """Keeps `size` processes ready and lets at most `max_active` run programs at once. `mode` is about the kernel's
    walls: what there is, all of them or no start, or only the limits."""

    def __init__(self, *, limits: Limits, data_dir: Path, size: int, max_active: int, mode: Mode = "auto") -> None:
        self._limits = limits
        self._folder = data_dir.resolve() / "sandbox"
        self._size = size
        self._mode = mode
        self._places = Places(max_active, share=SHARE)
        self._idle: deque[Process] = deque()
        self._active: set[Process] = set()
        self._waiting: deque[asyncio.Future[Process]] = deque()
        self._starting = 0
        self._refill_timer: asyncio.TimerHandle | None = None
        self._tasks = Tasks()
        self._starter: Starter | None = None
        self._order: Order | None = None
        self._replacing = asyncio.Lock()
        self._closed = False

    @property
    def idle(self) -> int:
        """Processes that are ready and wait."""
        return len(self._idle)

    @property
    def active(self) -> int:
        """Processes that were acquired and have not ended."""
        return len(self._active)

    async def start(self) -> None:
        """Prepare the bridge, start the launcher, and see a first process come up; the others follow in the
        background. Raises `GatewayError` that says what to do when this machine cannot run programs."""
        self._require_walls()
        self._order = await asyncio.to_thread(self._prepare)
        self._starter = Starter(self._order, self._refill)
        try:
            first = await Process.start(self._starter, self._limits)
        except GatewayError as error:
            await self.close()
            raise GatewayError(
                f"No program can be run on this machine: {error}",
                fix="Reinstall the `deno` package; if a wall of the kernel is in the way, set `gateway.walls: off`.",
            ) from error
        self._offer(first)
        self._refill()

    async def acquire(self, owner: Owner = NOBODY) -> Process:
        """A process that never ran anything. Waits while `max_active` are busy, or too many of them with `owner`'s
        programs. Raises `GatewayError` when no process can be started, or the pool is closed."""
        await self._places.take(owner)
        try:
            process = await self._next()
        except BaseException:
            self._places.give_back(owner)
            raise
        self._active.add(process)
        process.watch()
        process.on_ended(functools.partial(self._release, owner))
        self._refill_soon()
        return process

    async def acquire_ready(self, owner: Owner = NOBODY) -> Process | None:
        """`acquire` for whom a process is of use only if it is to be had at once."""
        return await self.acquire(owner) if self._idle and self._places.is_free(owner) else None

    def discard(self, process: Process) -> None:
        """Kill an acquired process that is not needed after all, without waiting for its end."""
        process.kill_now()
        self._bury(process)

    async def close(self) -> None:
        """Kill and reap everything, the launcher included."""
        self._closed = True
        await self._tasks.close()
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_exception(GatewayError("The gateway is stopping."))
        async with asyncio.TaskGroup() as killing:
            for process in (*self._idle, *self._active):
                killing.create_task(process.kill())
        self._idle.clear()
        if self._starter is not None:
            await self._starter.close()

    def doctor(self) -> Sequence[Mapping[str, JSON]]:
        """`[{"name", "ok", "detail", "fix"}]`: the pool, then each wall. A wall that cannot be had here is in order."""
        up = self._starter is not None and self._starter.is_open and not self._closed
        ready = f"{self.idle} processes ready, {self.active} at work"
        checks: list[Mapping[str, JSON]] = [
            {"name": "sandbox", "ok": up, "detail": ready if up else "not started", "fix": "See the gateway's log."}
        ]
        for wall in walls.status():
            off = self._mode == "off" and wall.name in ("landlock", "seccomp")
            detail = "switched off by `gateway.walls: off`" if off else wall.detail
            checks.append(
                {"name": f"wall: {wall.name}", "ok": wall.up or not wall.fix, "detail": detail, "fix": wall.fix}
            )
        return checks

    def _require_walls(self) -> None:
        missing = [wall for wall in walls.status() if not wall.up]
        if self._mode == "required" and missing:
            listed = "; ".join(f"{wall.name}: {wall.detail}" for wall in missing)
            raise GatewayError(
                f"`gateway.walls` is `required`, and not all walls are to be had here: {listed}.",
                fix=" ".join(wall.fix for wall in missing if wall.fix) or "Run on Linux, or set `gateway.walls: auto`.",
            )

    def _prepare(self) -> Order:
        deno = deno_binary.find()
        made = bundle(deno, self._folder)
        empty = self._folder / "empty"
        empty.mkdir(exist_ok=True)
        libraries = deno_binary.libraries(deno)
        on = self._mode != "off"
        memory_mb = self._limits.run_memory_mb
        plan = walls.Plan(
            cpu_seconds=self._limits.run_cpu_seconds,
            data_bytes=(_BASE_DATA_MB + memory_mb) * _MIB,
            readable=(*libraries, str(made.bridge), str(made.import_map), *_SYSTEM_FILES),
            # The loader is run by the kernel on Deno's behalf; it is one of the libraries.
            executable=(str(deno), *(path for path in libraries if "/ld-" in path)),
            landlock_abi=walls.landlock_abi() if on else 0,
            seccomp=on and any(wall.name == "seccomp" and wall.up for wall in walls.status()),
        )
        argv = flags.argv(deno, made.bridge, made.import_map, memory_mb)
        return Order(argv, flags.environment(empty), str(empty), memory_mb * _MIB, plan)

    async def _next(self) -> Process:
        if self._closed:
            raise GatewayError("The gateway is stopping.")
        while self._idle:
            process = self._idle.popleft()
            if process.is_alive:
                return process
            self._bury(process)
        waiter: asyncio.Future[Process] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._refill()
        try:
            return await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled() and waiter.exception() is None:
                self._offer(waiter.result())
            raise
        finally:
            with suppress(ValueError):
                self._waiting.remove(waiter)

    def _release(self, owner: Owner, process: Process) -> None:
        self._active.discard(process)
        self._places.give_back(owner)

    def _refill_soon(self) -> None:
        """`_refill` in a moment, or now if half of the pool is gone."""
        if 2 * len(self._idle) < self._size:
            self._refill()
        elif self._refill_timer is None:
            self._refill_timer = asyncio.get_running_loop().call_later(_REFILL_AFTER_SECONDS, self._refill)

    def _refill(self) -> None:
        """Start what is missing: one at a time, so that running programs keep their CPU, unless somebody waits."""
        if self._refill_timer is not None:
            self._refill_timer.cancel()
            self._refill_timer = None
        if self._closed:
            return
        missing = self._size + len(self._waiting) - len(self._idle) - self._starting
        at_once = min(len(self._waiting), os.cpu_count() or 1) or 1
        for _ in range(min(missing, at_once - self._starting)):
            self._starting += 1
            self._tasks.start(self._start_one(), name="start a program process")

    async def _start_one(self) -> None:
        try:
            process = await Process.start(await self._launcher(), self._limits)
        except GatewayError as error:
            self._report(error)
            await asyncio.sleep(_BACKOFF_SECONDS)
        else:
            self._offer(process)
        finally:
            self._starting -= 1
            self._refill()

    async def _launcher(self) -> Starter:
        """The launcher, or a new one when it died: its processes died with it."""
        assert self._order is not None and self._starter is not None
        async with self._replacing:
            if not self._starter.is_open:
                log.error("the launcher of program processes died; a new one is started")
                await self._starter.close()
                self._starter = Starter(self._order, self._refill)
            return self._starter

    def _offer(self, process: Process) -> None:
        """To who has waited longest, or to the ones that are ready."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(process)
                return
        self._idle.append(process)
        process.on_ended(self._replace)

    def _replace(self, process: Process) -> None:
        """A process that waited for its run has died, or one that did run has ended: there is nothing to replace."""
        with suppress(ValueError):
            self._idle.remove(process)
            self._bury(process)
            self._refill()

    def _bury(self, process: Process) -> None:
        if not self._closed:
            self._tasks.start(process.kill(), name="reap a program process")

    def _report(self, error: GatewayError) -> None:
        log.error("a program's process could not be started: %s", error)
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(error)
                return
