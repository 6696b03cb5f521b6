"""Child processes of stdio servers: started in a group of their own, and gone as a group.

A server is often a chain (`uvx` → `python`, `npx` → `sh` → `node`): what ends it has to reach the whole group.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import cast

from gateway.errors import UpstreamUnavailable

_CLOSED_STDIN_SECONDS = 0.5
_TERMINATE_SECONDS = 1.5
_KILL_SECONDS = 1.0
_STRAGGLER_SECONDS = 0.2
_LINES, _LINE_BYTES = 50, 2_000
_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> Callable[[], None] | None:
    """What a child runs before its program on Linux: have it killed when the gateway dies, however that happens.

    The signal is tied to the thread that starts the child, here the event loop's, which lives as long as the gateway.
    Children of the child see their stdin end. `PyDLL` keeps the GIL: nothing else may run between fork and exec.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.PyDLL(None).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    return ask


_BEFORE_EXEC = _die_with_parent()


class Tail:
    """The last lines of a text stream, bounded in lines and in bytes."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=_LINES)
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *ended, rest = (self._rest + data).split(b"\n")
        for line in ended[-_LINES:]:
            self.note(line)
        self._rest = rest[:_LINE_BYTES]

    def note(self, line: bytes) -> None:
        text = line[:_LINE_BYTES].decode("utf-8", "replace").rstrip()
        if text:
            self._lines.append(text)

    @property
    def lines(self) -> tuple[str, ...]:
        rest = self._rest.decode("utf-8", "replace").rstrip()
        return (*self._lines, rest)[-_LINES:] if rest else tuple(self._lines)


class Child(asyncio.SubprocessProtocol):
    """One running server. `on_stdout` gets its output as it comes, `on_end` the reason once, when it is gone for good:
    it has exited and its output is read to the end, or only one of the two happened and the other did not follow."""

    def __init__(self, on_stdout: Callable[[bytes], None], on_end: Callable[[str], None]) -> None:
        self.stderr = Tail()
        self._on_stdout = on_stdout
        self._on_end = on_end
        self._transport: asyncio.SubprocessTransport | None = None
        self._exited = asyncio.Event()
        self._output_over = False
        self._may_write = asyncio.Event()
        self._may_write.set()

    async def start(self, command: str, args: tuple[str, ...], *, env: Mapping[str, str], cwd: Path | None) -> None:
        """Start `command`. Raises UpstreamUnavailable that names what is missing."""
        program = _find(command, env, cwd)
        try:
            await asyncio.get_running_loop().subprocess_exec(
                lambda: self,
                program,
                *args,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
                preexec_fn=_BEFORE_EXEC,
            )
        except (OSError, ValueError) as error:
            where = f" in {cwd}" if cwd is not None else ""
            raise UpstreamUnavailable(
                f"Cannot start {program!r}{where}: {error}.",
                fix="Check the server's command, args and cwd in the configuration.",
                sent=False,
            ) from error

    async def room(self) -> bool:
        """Wait until its stdin takes more, so that a child that does not read cannot fill the memory. False: it has
        exited, which the kernel knows before the event loop does."""
        await self._may_write.wait()
        if self._transport is None or self._exited.is_set():
            return False
        try:
            return os.waitid(os.P_PID, self._transport.get_pid(), os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        except ChildProcessError:
            return False

    def write(self, line: bytes) -> None:
        if (stdin := self._stdin()) is not None:
            stdin.write(line + b"\n")

    async def stop(self) -> None:
        """End it and its whole group, within 3 s: stdin closed, then SIGTERM, then SIGKILL."""
        if self._transport is None:
            return
        if (stdin := self._stdin()) is not None:
            stdin.close()
        if not await self._has_exited(_CLOSED_STDIN_SECONDS):
            self._signal(signal.SIGTERM)
            await self._has_exited(_TERMINATE_SECONDS)
        # Also when the leader is gone: others of its group may have stayed.
        self._signal(signal.SIGKILL)
        await self._has_exited(_KILL_SECONDS)
        self._transport.close()

    def _stdin(self) -> asyncio.WriteTransport | None:
        return cast("asyncio.WriteTransport | None", self._transport and self._transport.get_pipe_transport(0))

    async def _has_exited(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._exited.wait(), seconds)
        return self._exited.is_set()

    def _signal(self, number: signal.Signals) -> None:
        # PermissionError is what macOS says of a group of which only zombies are left.
        if self._transport is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._transport.get_pid(), number)

    # --- what the event loop calls ---------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport has the methods without being the class.
        self._transport = cast("asyncio.SubprocessTransport", transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 1:
            self._on_stdout(data)
        else:
            self.stderr.feed(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == 1:
            self._output_over = True
            self._over()

    def process_exited(self) -> None:
        self._exited.set()
        self._may_write.set()
        self._over()

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    def _over(self) -> None:
        if self._exited.is_set() and self._output_over:
            self._on_end(self._reason())
        else:
            # Its last answers may still be in the pipe, or its exit status is about to come: a moment for that.
            asyncio.get_running_loop().call_later(_STRAGGLER_SECONDS, lambda: self._on_end(self._reason()))

    def _reason(self) -> str:
        code = self._transport.get_returncode() if self._transport is not None else None
        if code is None:
            return "closed its output"
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"


def _find(command: str, env: Mapping[str, str], cwd: Path | None) -> str:
    if os.sep in command:
        return str((cwd or Path()).resolve() / command)
    path = env.get("PATH", os.defpath)
    found = shutil.which(command, path=path)
    if found is None:
        raise UpstreamUnavailable(
            f"There is no command {command!r} on the PATH {path!r}.",
            fix="Install it, or give its full path as the server's command.",
            sent=False,
        )
    return found
