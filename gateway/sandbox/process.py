"""One program's process: a conversation over its channel, how it ended, and how it is killed."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gateway.config import Limits
from gateway.engine.frames import HostFrame, ProgramFrame, Ready
from gateway.errors import BadFrame, GatewayError, LimitExceeded, ProcessDied, RunError
from gateway.sandbox.channel import Channel
from gateway.sandbox.launcher import resident_bytes
from gateway.sandbox.starter import Exit, Started, Starter

log = logging.getLogger(__name__)

_READY_SECONDS = 30.0
_TICKS = os.sysconf("SC_CLK_TCK")
_OUT_OF_MEMORY = ("out of memory", "memory allocation of", "OutOfMemory")
"""How V8 and Rust put it on stderr before they abort."""
_FRAME_FACTOR = 4
"""A turn holds the arguments of several calls, each of at most `result_mb`."""


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds of all threads, and resident bytes that no file backs; zeros where the system does not tell."""

    cpu_seconds: float
    rss_bytes: int


class Process:
    """A process that serves one run, once. Made by `ProcessPool`; whoever acquired it has to `kill` it."""

    def __init__(self, starter: Starter, started: Started, channel: Channel, limits: Limits) -> None:
        self.pid = 0
        self.runtime = ""
        """What the program's side says of itself: versions of the bridge, Deno and V8. Journaled."""
        self._starter = starter
        self._started = started
        self._channel = channel
        self._limits = limits

    @classmethod
    async def start(cls, starter: Starter, limits: Limits) -> Process:
        """A fresh process whose Ready frame has arrived. Raises `GatewayError` when it does not come up."""
        stdin, to_program, from_program, stdout = _pipes()
        channel = Channel(from_program, to_program, max_frame_mb=_FRAME_FACTOR * limits.result_mb + 1)
        try:
            process = cls(starter, starter.start(stdin, stdout), channel, limits)
        except GatewayError:
            channel.close()
            raise
        finally:
            os.close(stdin)
            os.close(stdout)
        try:
            await process._greet()
        except BaseException:
            await process.kill()
            raise
        return process

    async def _greet(self) -> None:
        try:
            async with asyncio.timeout(_READY_SECONDS):
                self.pid = await self._started.pid
                frame = await self.receive()
        except TimeoutError as error:
            raise ProcessDied(f"The program's process was not ready within {_READY_SECONDS:.0f} s.") from error
        except RunError as error:
            # Nothing of a program's has run: what is on stderr is for the operator.
            raise ProcessDied(f"{error.message} {self._started.ended.result().stderr}".strip()) from error
        if not isinstance(frame, Ready):
            raise BadFrame(f"The program's process began with {type(frame).__name__}.")
        self.runtime = frame.runtime

    @property
    def is_alive(self) -> bool:
        """Whether it may still answer. Its death is seen here before it has been reaped."""
        state = _proc_stat(self.pid)[:1]
        return not self._started.ended.done() and not self._channel.is_hung_up() and state not in (["Z"], ["X"])

    def on_ended(self, callback: Callable[[Process], None]) -> None:
        """Call back once, when the process has been reaped."""
        self._started.ended.add_done_callback(lambda _: callback(self))

    def watch(self) -> None:
        """It runs a program from now on: its memory counts."""
        self._starter.watch(self._started)

    async def send(self, frame: HostFrame) -> None:
        """Raises what `receive` raises, and `BadFrame` for a value without a JSON form."""
        try:
            await self._channel.send(frame)
        except ProcessDied:
            raise await self._cause() from None

    async def receive(self) -> ProgramFrame:
        """The next frame. Raises `LimitExceeded` naming the limit it died of, `ProcessDied` with the reason when it
        died otherwise, and `BadFrame`. After any of these only `kill` is left."""
        try:
            return await self._channel.receive()
        except ProcessDied:
            raise await self._cause() from None

    def kill_now(self) -> None:
        """Send SIGKILL to the process group, without waiting for anything. Idempotent."""
        self._starter.kill(self._started)

    async def kill(self) -> None:
        """Kill the process group and wait until it is reaped. Idempotent."""
        self.kill_now()
        await asyncio.wait((self._started.ended,))
        self._channel.close()

    def usage(self) -> Usage:
        """What it uses now, or what it used when it has ended."""
        if self._started.ended.done():
            return Usage(self._started.ended.result().cpu_seconds, 0)
        fields = _proc_stat(self.pid)
        if not fields:
            return Usage(0.0, 0)
        return Usage((int(fields[11]) + int(fields[12])) / _TICKS, resident_bytes(self.pid))

    async def _cause(self) -> RunError:
        """Why its pipe has ended. A process that closed it and lives on is killed."""
        self.kill_now()
        await asyncio.wait((self._started.ended,))
        return cause(self._started.ended.result(), self._limits)


def _pipes() -> list[int]:
    """Two pipes, each its end to read from first. Raises `GatewayError` when no more files may be open."""
    opened: list[int] = []
    try:
        for _ in range(2):
            opened += os.pipe()
    except OSError as error:
        for descriptor in opened:
            os.close(descriptor)
        raise GatewayError(
            f"A program's process could not be given its pipes: {error.strerror}.",
            fix="Raise the limit of open files, or lower gateway.requests.connections.",
        ) from error
    return opened


def _proc_stat(pid: int) -> list[str]:
    """The fields of Linux's `/proc/PID/stat` from the state on; empty where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def cause(ended: Exit, limits: Limits) -> RunError:
    """What a process that ended without being asked to died of."""
    # An allocator that has nothing left to give aborts, at times without a word; nothing else in Deno does.
    aborted = ended.code == -signal.SIGABRT
    if ended.over_memory or aborted or any(words in ended.stderr for words in _OUT_OF_MEMORY):
        return LimitExceeded(
            f"The program used more than {limits.run_memory_mb} MB of memory (run_memory_mb).",
            fix="Keep less in memory at once, or raise the limit.",
            limit="run_memory_mb",
        )
    if ended.code == -signal.SIGXCPU or ended.cpu_seconds >= limits.run_cpu_seconds:
        return LimitExceeded(
            f"The program used more than {limits.run_cpu_seconds} s of CPU time (run_cpu_seconds).",
            fix="Look for a loop that does not end, or raise the limit.",
            limit="run_cpu_seconds",
        )
    how = f"signal {signal.Signals(-ended.code).name}" if ended.code < 0 else f"exit code {ended.code}"
    log.warning("a program's process died (%s): %s", how, ended.stderr)
    return ProcessDied(f"The program's process died ({how}).", fix="Run the program again.")
