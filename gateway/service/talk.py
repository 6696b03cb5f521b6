"""The conversation with one program: its process, its frames, and what it said on the way."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import orjson

from gateway.engine.frames import Deliver, Done, Emit, Go, Log, Progress, Start, Turn
from gateway.errors import BadFrame, GatewayError, LimitExceeded, ProcessDied
from gateway.model import JSON
from gateway.sandbox.pool import Process
from gateway.service.floor import Floor, Job
from gateway.service.outcome import Trace
from gateway.store import keys
from gateway.tasks import Tasks

PROGRAM_CAPS = ("run_log_kb", "result_mb", "run_tool_calls", "run_concurrent_calls")
"""Limits that the program's side keeps too, so that what is over them need not cross the pipe."""

MIB = 1024 * 1024
FRAMES_AT_ONCE = 20
"""Frames taken from one program before everybody else gets a turn."""

BURST_SECONDS = 10
"""A program may send the frames of so many seconds at once."""


@dataclass(slots=True)
class Ahead:
    """A process that has its program before its run has a drive. `runs`: it was told to go, from the beginning;
    `taken`: a drive has it, and sees to its end."""

    process: Process
    runs: bool = False
    taken: bool = False

    async def go(self, seed: str, now: int) -> None:
        """Its drive sees it die."""
        self.runs = True
        with contextlib.suppress(ProcessDied):
            await self.process.send(Go(seed, now))


@contextlib.asynccontextmanager
async def loading(floor: Floor, job: Job) -> AsyncIterator[Ahead | None]:
    """A process, if one is ready, that compiles the program while others still look at it, or fetch its journal. One
    that no drive has taken by the end is discarded."""
    process = await floor.pool.acquire_ready(keys.owner(job.run_id))
    if process is None:
        yield None
        return
    ahead = Ahead(process)
    try:
        with contextlib.suppress(ProcessDied):
            await process.send(_start(floor, job))
        yield ahead
    finally:
        if not ahead.taken:
            floor.pool.discard(process)


def _start(floor: Floor, job: Job) -> Start:
    limits = floor.config.gateway.limits
    return Start(job.run_id, job.run_text, job.module.tools, {name: getattr(limits, name) for name in PROGRAM_CAPS})


class Talk:
    """At most one process at a time; `open` after `close` begins a new one with a new trace. `ahead` is the first."""

    def __init__(
        self,
        floor: Floor,
        job: Job,
        tasks: Tasks,
        on_limit: Callable[[LimitExceeded], None],
        ahead: Ahead | None = None,
    ) -> None:
        self._ahead = ahead
        if ahead is not None:
            ahead.taken = True
        self._floor = floor
        self._job = job
        self._tasks = tasks
        self._on_limit = on_limit
        self._process: Process | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._since = 0.0
        self._active = 0.0
        self._frames = 0
        self.trace = Trace()
        self._listeners: list[Callable[[Progress], None]] = []
        self._progress: Progress | None = None

    @property
    def is_open(self) -> bool:
        return self._process is not None

    @property
    def runtime(self) -> str:
        """What the program runs on: version of the bridge and of Deno."""
        return self._process.runtime if self._process else ""

    @property
    def active_seconds(self) -> float:
        """Wall-clock time with a process, all processes of this drive together."""
        return self._active + (time.monotonic() - self._since if self._process else 0.0)

    def listen(self, listener: Callable[[Progress], None]) -> Callable[[], None]:
        """Call `listener` with the last progress report of the program, if there is one, and each that comes; returns
        how to stop that."""
        self._listeners.append(listener)
        if self._progress is not None:
            listener(self._progress)
        return lambda: self._listeners.remove(listener)

    async def open(self, seed: str, now: int, replayed: int, recorded: Sequence[tuple[Done, ...]]) -> Turn:
        """A fresh process from the pool, started on the program. Returns its first turn. Commands up to `replayed` are
        in the journal: they need no line. Completions that are `recorded` are sent after it; `turn` gives what each
        delivery of them led to."""
        self.trace = Trace()
        ahead, self._ahead = self._ahead, None
        process = ahead.process if ahead else await self._floor.pool.acquire(keys.owner(self._job.run_id))
        self._process, self._since = process, time.monotonic()
        limits = self._floor.config.gateway.limits
        left = limits.run_active_seconds - self._active
        self._deadline = asyncio.get_running_loop().call_later(max(left, 0.0), self._too_long)
        if ahead is None:
            await process.send(_start(self._floor, self._job))
        if ahead is None or not ahead.runs:
            await process.send(Go(seed, now, replayed, self._job.continued))
        if recorded:
            # Beside the turns, not between them: neither side waits for the other's answers.
            self._tasks.start(self._send_recorded(process, recorded), name=f"replay {self._job.run_id}")
        return await self.turn(lists=1)

    async def _send_recorded(self, process: Process, recorded: Sequence[tuple[Done, ...]]) -> None:
        try:
            for items in recorded:
                await process.send(Deliver(items))
        except GatewayError:
            # Whoever waits for its turns sees that it has died.
            process.kill_now()

    async def deliver(self, items: tuple[Done, ...]) -> Turn:
        """Completions, one after the other; the answer says what each led to. Raises `ProcessDied`, `BadFrame`,
        `LimitExceeded`."""
        assert self._process is not None
        await self._process.send(Deliver(items))
        return await self.turn(lists=len(items))

    async def close(self) -> None:
        """Kill and reap the process, if there is one."""
        process, self._process = self._process, None
        if process is None:
            if self._ahead is not None:
                self._floor.pool.discard(self._ahead.process)
            return
        self._active += time.monotonic() - self._since
        if self._deadline is not None:
            self._deadline.cancel()
        await process.kill()

    def kill_now(self) -> None:
        """Send the kill without waiting for the reaping; `close` does that."""
        for process in (self._process, self._ahead.process if self._ahead else None):
            if process is not None:
                process.kill_now()

    async def turn(self, *, lists: int) -> Turn:
        """The next turn, with at most so many lists of commands, and what comes before it. Believes nothing. Raises
        what `deliver` raises."""
        process = self._process
        assert process is not None
        while True:
            frame = await process.receive()
            await self._pace()
            match frame:
                case Turn() as turn:
                    if len(turn.emitted) > lists:
                        raise BadFrame(
                            f"The program sent {len(turn.emitted)} lists of commands where {lists} were due."
                        )
                    self._check_size(turn.end.value if turn.end else None)
                    return turn
                case Log(level, text):
                    self.trace.log(level, text, self._floor.config.gateway.limits.run_log_kb * 1024)
                case Progress() as progress:
                    self._progress = progress
                    for listener in self._listeners:
                        listener(progress)
                case Emit(block):
                    self.trace.emitted.append(block)
                    self.trace.emitted_bytes += self._check_size(block, self.trace.emitted_bytes)
                case other:
                    raise BadFrame(f"The program sent {type(other).__name__} in the middle of its run.")

    async def _pace(self) -> None:
        """Keep one program's frames from taking the event loop. Raises `LimitExceeded` over the rate."""
        self._frames += 1
        if self._frames % FRAMES_AT_ONCE:
            return
        limit = self._floor.config.gateway.limits.run_frames_per_second
        if self._frames > (self.active_seconds + BURST_SECONDS) * limit:
            raise LimitExceeded(
                f"The program sent more than {limit} messages a second (run_frames_per_second).",
                fix="Print, report and emit less, or raise the limit.",
                limit="run_frames_per_second",
            )
        await asyncio.sleep(0)

    def _check_size(self, value: JSON, before: int = 0) -> int:
        """The bytes of a value that is kept. Raises `LimitExceeded`: the bridge refuses such a value by itself, but a
        process that somebody has taken over does not."""
        limit_mb = self._floor.config.gateway.limits.result_mb
        size = len(orjson.dumps(value))
        if before + size > limit_mb * MIB:
            raise LimitExceeded(
                f"The program returned or emitted more than {limit_mb} MB (result_mb).",
                fix="Return less, or raise the limit.",
                limit="result_mb",
            )
        return size

    def _too_long(self) -> None:
        limit = self._floor.config.gateway.limits.run_active_seconds
        self._on_limit(
            LimitExceeded(
                f"The program ran for more than {limit} s (run_active_seconds).",
                fix="Use sleep() for long waits, which are free, or raise the limit.",
                limit="run_active_seconds",
            )
        )
