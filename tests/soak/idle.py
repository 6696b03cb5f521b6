"""10,000 connections that ask for nothing: `scripts/soak idle [--connections N] [--seconds N] [--idle N]`.

They come from many addresses, since connections are capped by address. A third never says anything, a third sends its
headers a byte at a time, a third has had an answer and asks nothing more. Meanwhile an honest client, with a new
connection for each request, runs programs. Told are its times with and without the others, the gateway's memory per
idle connection and its CPU time while they were held, and when the last of them was gone. Exits with 1 when an honest
program did not get its result, or a connection is left over.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from gateway.sandbox.launcher import resident_bytes
from gateway.sandbox.processor import cpu_seconds
from gateway.web.server import allow_open_files
from tests import live
from tests.live import Replica

HONEST = "return (await tools.fast.add({ a: 20, b: 22 })).sum"
EVERY_SECONDS = 0.2
PER_ADDRESS = 100
TRICKLE_SECONDS = 1.0
ANSWERED = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALF = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
SETTLES_SECONDS = 20.0
_OPEN = ("01", "08")
"""Established, and closed by the client alone."""


@dataclass
class Findings:
    """Times of honest programs in seconds; bytes and CPU seconds of the gateway; what went wrong."""

    alone: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    opened: int = 0
    held: int = 0
    bytes_each: float = 0.0
    cpu_share: float = 0.0
    gone_after: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        return [
            f"honest without them: {_told(self.alone)}",
            f"honest beside them:  {_told(self.beside)}",
            f"{self.opened} connections opened, {self.held} held at once, {self.bytes_each / 1024:.1f} KB each",
            f"CPU of the gateway while they were held, honest programs included: {self.cpu_share:.0%} of a processor",
            f"the last was gone {self.gone_after:.1f} s after it had been opened",
            *(f"wrong: {line}" for line in self.wrong[:20]),
        ]


def _told(seconds: Sequence[float]) -> str:
    slowest = max(seconds, default=0.0)
    return (
        f"p50 {statistics.median(seconds or [0.0]) * 1000:.0f} ms, longest {slowest * 1000:.0f} ms (n={len(seconds)})"
    )


class Soak:
    def __init__(self, gateway: Replica, idle: int) -> None:
        self._gateway = gateway
        self._idle_seconds = idle
        self._pid = gateway.process.pid
        parts = urlsplit(gateway.url)
        self._where = (str(parts.hostname), int(parts.port or 0))
        self._sockets: list[socket.socket] = []
        self.found = Findings()

    async def run(self, connections: int, seconds: float) -> None:
        await self._honest(time.monotonic() + 1, [])
        await self._honest(time.monotonic() + seconds, self.found.alone)
        before, memory = self._connections(), resident_bytes(self._pid)
        await asyncio.to_thread(self._open, connections)
        opened = time.monotonic()
        # The last ones may still be in the queue of the socket that listens.
        while self._connections() < before + connections and time.monotonic() < opened + SETTLES_SECONDS:
            await asyncio.sleep(0.1)
        self.found.opened, self.found.held = connections, self._connections() - before
        self.found.bytes_each = (resident_bytes(self._pid) - memory) / max(1, self.found.held)
        if self.found.held < connections:
            self.found.wrong.append(f"{connections - self.found.held} connections are not held")
        computed, since = cpu_seconds(self._pid), time.monotonic()
        trickling = asyncio.ensure_future(self._trickle())
        await self._honest(since + seconds, self.found.beside)
        self.found.cpu_share = (cpu_seconds(self._pid) - computed) / (time.monotonic() - since)
        await self._reaped(before, opened)
        trickling.cancel()
        for one in self._sockets:
            one.close()

    def _open(self, connections: int) -> None:
        for number in range(connections):
            address = f"127.1.{number // PER_ADDRESS // 250}.{1 + number // PER_ADDRESS % 250}"
            one = socket.create_connection(self._where, timeout=60, source_address=(address, 0))
            if number % 3:
                one.sendall(HALF if number % 3 == 1 else ANSWERED)
            self._sockets.append(one)

    async def _trickle(self) -> None:
        """Slow loris: a byte now and then, for those that have begun."""
        while True:
            await asyncio.sleep(TRICKLE_SECONDS)
            for one in self._sockets[1::3]:
                try:
                    one.send(b"x")
                except OSError:
                    continue  # given up by the gateway, as it should be

    async def _honest(self, until: float, times: list[float]) -> None:
        while (began := time.monotonic()) < until:
            async with aiohttp.ClientSession() as http:
                arguments: dict[str, Any] = {"code": HONEST, "wait_seconds": 60}
                answer = await live.call(http, self._gateway.url, self._gateway.token, "execute", **arguments)
            run = answer["result"]["structuredContent"]
            if run.get("result") != 42:
                self.found.wrong.append(f"an honest program got {run.get('status')} {run.get('error')}")
            times.append(time.monotonic() - began)
            await asyncio.sleep(max(0.0, began + EVERY_SECONDS - time.monotonic()))

    async def _reaped(self, before: int, opened: float) -> None:
        """Until none of them is left, or it takes too long."""
        caps = self._idle_seconds + SETTLES_SECONDS
        while (left := self._connections() - before) > 0 and time.monotonic() < opened + caps:
            await asyncio.sleep(0.1)
        self.found.gone_after = time.monotonic() - opened
        if left > 0:
            self.found.wrong.append(f"{left} connections are left over after {self.found.gone_after:.0f} s")

    def _connections(self) -> int:
        """Connections of clients that the gateway has taken and not closed: those with an inode."""
        here, found = f"0100007F:{self._where[1]:04X}", 0
        for line in Path(f"/proc/{self._pid}/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            found += fields[1] == here and fields[3] in _OPEN and fields[9] != "0"
        return found


async def soak(folder: Path, *, connections: int, seconds: float, idle: int) -> Findings:
    requests = {"idle_seconds": idle, "header_seconds": idle, "connections_per_address": PER_ADDRESS}
    config: dict[str, Any] = {
        "mcpServers": {"fast": live.stdio("fast.py")},
        "agents": {"tester": live.agent("fast")},
        "gateway": {"pool_size": 2, "requests": requests},
    }
    async with live.replica(folder / "gateway", config) as gateway:
        work = Soak(gateway, idle)
        await work.run(connections, seconds)
    return work.found


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--connections", type=int, default=10_000)
    options.add_argument("--seconds", type=float, default=10.0, help="of honest programs, before and meanwhile")
    options.add_argument("--idle", type=int, default=60, help="after so many seconds the gateway closes them")
    options.add_argument("--seed", type=int, help="there is nothing random here; for all soaks take it")
    flags = options.parse_args()
    if allow_open_files() < flags.connections + 500:
        print(f"This user may not open {flags.connections} files: raise the limit (ulimit -Hn).", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(soak(Path(folder), connections=flags.connections, seconds=flags.seconds, idle=flags.idle))
    print(*found.lines(), sep="\n")
    return 1 if found.wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
