"""The process that starts program processes: small, single-threaded, and not the gateway.

Why a process of its own (measured, gateway with 150 MB): a fork of the gateway for a `preexec_fn` costs 6 ms of its
event loop, copies its memory map, and runs Python between fork and exec beside other threads; `posix_spawn` can put up
no walls; a wrapper program costs another exec, or a Python start, for each process. A fork of this one costs 0.3 ms.

It also reaps, watches the memory of the processes that run a program, and kills whole groups: only the parent can kill
a pid without a chance that it is somebody else's by now. (Where there are pidfds the gateway has killed the process by
then: among many programs that compute, the launcher's turn may take a while to come.) When the gateway goes, by
whatever death, its end of the socket closes: every process is killed and the launcher leaves. When the launcher goes,
the parent-death signal does the same.

Protocol, one JSON object a line over a Unix socket. To the launcher: `{"op": "spawn", "id": N}` with two descriptors
(the program's stdin and stdout), `{"op": "watch", "id": N}`, `{"op": "kill", "id": N}`. From it: `{"id": N, "pid": P,
"handle": 0 or 1}` with so many pidfds, then `{"id": N, "exit": waitstatus, "cpu": seconds, "over": bool, "stderr":
text}`.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import select
import signal
import socket
import sys
import tempfile
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.sandbox import walls
from gateway.sandbox.processor import cpu_seconds, give_way

WATCH_SECONDS = 0.1
BUSY = ((0.0, 5), (0.3, 10), (3.0, 19))
"""(CPU seconds, niceness beside our own): how far a program gives way that has computed for so long. Where there are
more programs than processors, each does so sooner by as much: the gateway and its store must get to answer, and to stop
them."""
REAP_SECONDS = 0.01
MOST_REAP_SECONDS = 0.1
"""A process is reaped when nothing has happened for so long after it ended, and no later than that. Its last thread
tells of its end before it has left `/proc`, and wait(2) spins until it has: for long, where it is nicer than we are."""
_STDERR_TAIL = 4_000
_MAX_DESCRIPTORS = 64
_MAX_OPEN = 65_536
_STATUS = "/proc/{}/status"
_RESIDENT = re.compile(rb"^Rss(?:Anon|Shmem):\s*(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Order:
    """What the launcher is started with, as JSON: how to run a program, behind which walls, in how much memory."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    folder: str
    memory_bytes: int
    plan: walls.Plan

    @classmethod
    def from_json(cls, text: str) -> Order:
        raw = json.loads(text)
        plan = raw.pop("plan")
        for key in ("readable", "executable"):
            plan[key] = tuple(plan[key])
        return cls(**raw, plan=walls.Plan(**plan))


@dataclass(slots=True)
class _Child:
    id: int
    pid: int
    stderr: int
    watched: bool = False
    over: bool = False
    nice: int = 0


@dataclass(slots=True)
class _Command:
    """The arguments of execve as C has them, made once: nothing is allocated between fork and exec for them."""

    order: Order
    path: ctypes.Array[ctypes.c_char] = field(init=False)
    argv: ctypes.Array[ctypes.c_char_p] = field(init=False)
    environment: ctypes.Array[ctypes.c_char_p] = field(init=False)

    def __post_init__(self) -> None:
        order = self.order
        pairs = [f"{name}={value}" for name, value in order.environment.items()]
        self.path = ctypes.create_string_buffer(os.fsencode(order.argv[0]))
        self.argv = (ctypes.c_char_p * (len(order.argv) + 1))(*map(os.fsencode, order.argv), None)
        self.environment = (ctypes.c_char_p * (len(pairs) + 1))(*map(os.fsencode, pairs), None)


class Launcher:
    """Serves one gateway over one socket until that is closed."""

    def __init__(self, order: Order, control: socket.socket) -> None:
        self._order = order
        self._command = _Command(order)
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._control = control
        self._input = b""
        self._descriptors: deque[int] = deque()
        self._children: dict[int, _Child] = {}
        self._pid = os.getpid()
        self._next_watch = 0.0

    def serve(self, woken: int) -> None:
        """`woken` becomes readable whenever a child has changed its state."""
        poller = select.poll()
        poller.register(self._control, select.POLLIN)
        poller.register(woken, select.POLLIN)
        reap_at: float | None = None
        while True:
            watching = any(child.watched for child in self._children.values())
            pause = REAP_SECONDS if reap_at else WATCH_SECONDS if watching else None
            ready = {descriptor for descriptor, _ in poller.poll(pause and pause * 1000)}
            if woken in ready:
                os.read(woken, 4096)
                reap_at = reap_at or time.monotonic() + MOST_REAP_SECONDS
            if self._control.fileno() in ready and not self._receive():
                break
            self._watch()
            if reap_at and (not ready or time.monotonic() >= reap_at):
                reap_at = None
                self._reap()
        for child in self._children.values():
            _kill(child.pid)

    def _receive(self) -> bool:
        """Read and do what the gateway asks. False when it is gone."""
        data, descriptors, _, _ = socket.recv_fds(self._control, 65_536, _MAX_DESCRIPTORS)
        self._descriptors.extend(descriptors)
        *lines, self._input = (self._input + data).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))
        return bool(data)

    def _obey(self, message: dict[str, Any]) -> None:
        number: int = message["id"]
        if message["op"] == "spawn":
            self._spawn(number, self._descriptors.popleft(), self._descriptors.popleft())
            return
        child = self._children.get(number)
        if child is None:
            return
        if message["op"] == "watch":
            child.watched = True
        else:
            _kill(child.pid)

    def _spawn(self, number: int, stdin: int, stdout: int) -> None:
        stderr = _anonymous_file()
        pid = os.fork()
        if pid == 0:
            self._become(stdin, stdout, stderr)
        os.close(stdin)
        os.close(stdout)
        self._children[number] = _Child(number, pid, stderr)
        handle = _handle(pid)
        self._tell({"id": number, "pid": pid, "handle": len(handle)}, *handle)
        for descriptor in handle:
            os.close(descriptor)

    def _become(self, stdin: int, stdout: int, stderr: int) -> None:
        """The child: never returns."""
        try:
            for target, source in enumerate((stdin, stdout, stderr)):
                os.dup2(source, target)
            os.closerange(3, _MAX_OPEN)
            os.chdir(self._order.folder)
            for number in (signal.SIGPIPE, signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            walls.put_up(self._order.plan, self._pid, ctypes.addressof(self._command.path))
            self._libc.execve(self._command.path, self._command.argv, self._command.environment)
            raise OSError(ctypes.get_errno(), "execve failed")
        except OSError as error:
            os.write(2, f"The program's process could not be started: {error}".encode())
        finally:
            os._exit(126)

    def _watch(self) -> None:
        """Kill what is over its memory: resident pages that no file backs, so ArrayBuffers count and Deno does not.
        What has computed for long gives way to the gateway and to programs that begin."""
        now = time.monotonic()
        if now < self._next_watch:
            return
        self._next_watch = now + WATCH_SECONDS
        crowd = max(1.0, sum(child.watched for child in self._children.values()) / (os.cpu_count() or 1))
        for child in self._children.values():
            if child.watched and not child.over and resident_bytes(child.pid) > self._order.memory_bytes:
                child.over = True
                _kill(child.pid)
            if child.watched and child.nice < BUSY[-1][1]:
                computed = cpu_seconds(child.pid) * crowd
                nice = max((nice for seconds, nice in BUSY if computed > seconds), default=0)
                if nice > child.nice and give_way(child.pid, nice):
                    child.nice = nice

    def _reap(self) -> None:
        while self._children:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                return
            child = next(child for child in self._children.values() if child.pid == pid)
            del self._children[child.id]
            cpu = usage.ru_utime + usage.ru_stime
            report = {"id": child.id, "exit": status, "cpu": cpu, "over": child.over, "stderr": _tail(child.stderr)}
            self._tell(report)

    def _tell(self, message: dict[str, Any], *descriptors: int) -> None:
        line = json.dumps(message).encode() + b"\n"
        try:
            sent = socket.send_fds(self._control, [line], descriptors)
            self._control.sendall(line[sent:])
        except (BrokenPipeError, ConnectionResetError):
            return  # The gateway is gone; the next read says so.


def resident_bytes(pid: int) -> int:
    """Memory of a process that no file backs, shared or not, in bytes; 0 where the system does not tell, or the process
    is gone. Not from `statm`, which takes shared memory for files."""
    try:
        with open(_STATUS.format(pid), "rb") as status:
            return sum(int(size) for size in _RESIDENT.findall(status.read())) * 1024
    except OSError:
        return 0


def _kill(pid: int) -> None:
    # The group, and the process by itself in case it has not made its group yet.
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def _handle(pid: int) -> list[int]:
    """A child as a descriptor, by which others can kill it, and never somebody else who got its pid; empty where there
    are none, or no files are left."""
    try:
        return [os.pidfd_open(pid)]
    except (AttributeError, OSError):
        return []


def _anonymous_file() -> int:
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _tail(descriptor: int) -> str:
    size = os.fstat(descriptor).st_size
    text = os.pread(descriptor, _STDERR_TAIL, max(0, size - _STDERR_TAIL)).decode(errors="replace")
    os.close(descriptor)
    return text


def main() -> None:
    """`python -m gateway.sandbox.launcher DESCRIPTOR ORDER`: started by the pool only."""
    control = socket.socket(fileno=int(sys.argv[1]))
    control.setblocking(True)
    control.set_inheritable(False)
    woken, wake = os.pipe()
    for descriptor in (woken, wake):
        os.set_blocking(descriptor, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    Launcher(Order.from_json(sys.argv[2]), control).serve(woken)


if __name__ == "__main__":
    main()
