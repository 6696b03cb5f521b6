"""What tests need to use the servers of this folder: their configuration, their processes, what they recorded."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.config import ServerConfig

_HERE = Path(__file__).parent
FAST = _HERE / "fast.py"
ODD = _HERE / "odd.py"
RAW = _HERE / "raw.py"


def stdio(program: Path, *flags: str, **settings: Any) -> ServerConfig:
    """The configuration that starts `program` as a child of the gateway."""
    return ServerConfig(command=sys.executable, args=(str(program), *flags), **settings)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def http(program: Path, *flags: str, transport: str = "http") -> AsyncIterator[str]:
    """`program` running as an HTTP server; gives its URL. `--port` among the flags takes a fixed one."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(program), "--transport", transport, *flags, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        yield (await process.stdout.readline()).decode().strip()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def recorded(path: Path) -> list[dict[str, Any]]:
    """The events of a `--record` file, oldest first."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@asynccontextmanager
async def listening(path: Path) -> AsyncIterator[asyncio.StreamReader]:
    """A named pipe at `path` for `--record`: events can be awaited, one JSON line each."""
    os.mkfifo(path)
    reader = asyncio.StreamReader()
    # Open for writing too: a pipe without a writer would end between two events.
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_NONBLOCK), "rb", buffering=0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), file
    )
    try:
        yield reader
    finally:
        transport.close()


async def event(reader: asyncio.StreamReader) -> dict[str, Any]:
    """The next event of `listening`, waited for at most 10 s."""
    async with asyncio.timeout(10):
        return dict(json.loads(await reader.readline()))
