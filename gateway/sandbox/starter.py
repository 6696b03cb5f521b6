"""The gateway's side of the launcher (launcher.py): has it start processes, and learns how they ended."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from gateway.errors import GatewayError
from gateway.sandbox.launcher import Order

log = logging.getLogger(__name__)

_READ_BYTES = 64 * 1024
_MAX_DESCRIPTORS = 64
_LEAVE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended: `code` as `subprocess` has it (-9: by SIGKILL), CPU seconds, the end of its stderr."""

    code: int
    cpu_seconds: float = 0.0
    over_memory: bool = False
    stderr: str = ""


@dataclass(slots=True, eq=False)
class Started:
    """A process that the launcher was asked for. `pid` resolves first (0: the launcher is gone), then, when the
    process has been reaped, `ended`. `handle` is its pidfd meanwhile, where there are any."""

    id: int
    pid: asyncio.Future[int] = field(repr=False)
    ended: asyncio.Future[Exit] = field(repr=False)
    handle: int | None = None

    def kill(self) -> None:
        if self.handle is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.handle, signal.SIGKILL)

    def end(self, how: Exit) -> None:
        """It has been reaped."""
        handle, self.handle = self.handle, None
        if handle is not None:
            os.close(handle)
        _settle(self.pid, 0)
        _settle(self.ended, how)


class Starter:
    """One launcher process. When it dies, all its processes die with it, and `on_lost` is called once."""

    def __init__(self, order: Order, on_lost: Callable[[], None]) -> None:
        self._order = order
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._known: dict[int, Started] = {}
        self._last = 0
        self._input = b""
        self._handles: deque[int] = deque()
        self._has_handles = True
        self._control, theirs = socket.socketpair()
        with theirs:
            self._launcher = self._launch(theirs)
        self._control.setblocking(False)
        self._loop.add_reader(self._control, self._on_readable)
        self._open = True

    def _launch(self, control: socket.socket) -> subprocess.Popen[bytes]:
        # Isolated from the environment and the current folder; in a session of its own, so that Ctrl-C in the
        # gateway's terminal leaves the order of ending to the gateway.
        module = "gateway.sandbox.launcher"
        command = [sys.executable, "-I", "-m", module, str(control.fileno()), json.dumps(asdict(self._order))]
        return subprocess.Popen(
            command,
            env={},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=(control.fileno(),),
            start_new_session=True,
        )

    @property
    def is_open(self) -> bool:
        return self._open

    def start(self, stdin: int, stdout: int) -> Started:
        """Start a process with these two descriptors, which stay the caller's to close. Raises `GatewayError`."""
        self._last += 1
        started = Started(self._last, self._loop.create_future(), self._loop.create_future())
        self._tell({"op": "spawn", "id": started.id}, stdin, stdout)
        self._known[started.id] = started
        return started

    def watch(self, started: Started) -> None:
        """From now on the process runs a program: it is killed when it is over its memory."""
        self._order_for(started, "watch")

    def kill(self, started: Started) -> None:
        """Kill the process group. `ended` tells when it is reaped."""
        started.kill()
        self._order_for(started, "kill")

    async def close(self) -> None:
        """End the launcher and with it every process that is left."""
        self._shut()
        complaint = await asyncio.to_thread(self._leave)
        if complaint:
            log.error("the launcher of program processes said: %s", complaint.decode(errors="replace"))

    def _leave(self) -> bytes:
        try:
            return self._launcher.communicate(timeout=_LEAVE_SECONDS)[1]
        except subprocess.TimeoutExpired:
            self._launcher.kill()
            return self._launcher.communicate()[1]

    def _order_for(self, started: Started, op: str) -> None:
        if not started.ended.done():
            with suppress(GatewayError):  # a launcher that is gone has taken the process with it
                self._tell({"op": op, "id": started.id})

    def _tell(self, message: dict[str, Any], *descriptors: int) -> None:
        line = json.dumps(message).encode() + b"\n"
        try:
            socket.send_fds(self._control, [line], descriptors)
        except OSError as error:
            self._lost()
            raise GatewayError(f"The launcher of program processes is gone: {error}.") from error

    def _on_readable(self) -> None:
        try:
            data, handles, flags, _ = socket.recv_fds(self._control, _READ_BYTES, _MAX_DESCRIPTORS)
        except BlockingIOError:
            return
        except OSError:
            data, handles, flags = b"", [], 0
        self._keep(handles, lost=bool(flags & socket.MSG_CTRUNC))
        if not data:
            self._lost()
            return
        *lines, self._input = (self._input + data).split(b"\n")
        for line in lines:
            self._take(json.loads(line))

    def _keep(self, handles: list[int], *, lost: bool) -> None:
        """Where one was lost, since no more files may be open, the next ones might be taken for another process's."""
        self._has_handles = self._has_handles and not lost
        self._handles.extend(handles)
        while self._handles and not self._has_handles:
            os.close(self._handles.popleft())

    def _take(self, message: dict[str, Any]) -> None:
        started = self._known[message["id"]]
        if "pid" in message:
            if message["handle"] and self._has_handles:
                started.handle = self._handles.popleft()
            _settle(started.pid, message["pid"])
            return
        del self._known[started.id]
        code = os.waitstatus_to_exitcode(message["exit"])
        started.end(Exit(code, message["cpu"], message["over"], message["stderr"]))

    def _lost(self) -> None:
        if self._open:
            self._shut()
            self._on_lost()

    def _shut(self) -> None:
        if not self._open:
            return
        self._open = False
        self._loop.remove_reader(self._control)
        self._control.close()
        for started in self._known.values():
            started.end(Exit(-9, stderr="The launcher of program processes is gone."))
        self._known.clear()
        self._keep([], lost=True)


def _settle(future: asyncio.Future[Any], value: object) -> None:
    if not future.done():
        future.set_result(value)
