"""Servers that people run, from PyPI and npm, each in an environment of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.config import ServerConfig
from tests.servers.launch import free_port
from tests.upstream.conftest import Start

EVERYTHING = "@modelcontextprotocol/server-everything@2026.8.31"


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference server of the TypeScript SDK; gives its command."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("there is no npm on this machine to install the TypeScript servers with")
    folder = tmp_path_factory.mktemp("npm")
    flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--prefix", str(folder)]
    assert os.spawnv(os.P_WAIT, npm, [npm, "install", *flags, EVERYTHING]) == 0
    return folder / "node_modules" / ".bin" / "mcp-server-everything"


@asynccontextmanager
async def listening(command: Path, transport: str) -> AsyncIterator[int]:
    """The server over HTTP; gives its port once it says that it listens."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        command, transport, env={**os.environ, "PORT": str(port)}, stderr=asyncio.subprocess.PIPE
    )
    try:
        assert process.stderr is not None
        async with asyncio.timeout(20):
            while b"port" not in (line := await process.stderr.readline()):
                assert line, "the server ended"
        yield port
    finally:
        process.kill()
        await process.wait()


async def test_the_time_server_from_pypi(start: Start) -> None:
    command = ("mcp-server-time@2026.10.19", "--local-timezone", "UTC")
    upstreams = await start(time=ServerConfig(command="uvx", args=command, connect_timeout_seconds=60))
    (status,) = upstreams.status()
    assert (status.state, status.error, status.protocol) == ("ready", None, "2026-07-28")
    assert [tool.name for tool in upstreams.catalog.servers["time"].tools] == ["get_current_time", "convert_time"]
    arguments = {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}
    result = await upstreams.call("time", "convert_time", arguments)
    assert result.structured is not None
    assert result.structured["time_difference"] == "+9.0h"
    wrong = await upstreams.call("time", "convert_time", {**arguments, "time": "noon"})
    assert wrong.is_error


async def test_the_everything_server_from_npm(start: Start, everything: Path) -> None:
    async with listening(everything, "streamableHttp") as http, listening(everything, "sse") as sse:
        upstreams = await start(
            stdio=ServerConfig(command=str(everything), args=("stdio",)),
            http=ServerConfig(url=f"http://127.0.0.1:{http}/mcp"),
            sse=ServerConfig(type="sse", url=f"http://127.0.0.1:{sse}/sse"),
        )
        assert [(each.state, each.error, each.skipped) for each in upstreams.status()] == [("ready", None, ())] * 3
        for server in ("stdio", "http", "sse"):
            weather = await upstreams.call(server, "get-structured-content", {"location": "New York"})
            assert weather.structured is not None
            assert weather.structured["conditions"] == "Cloudy"
            assert (await upstreams.call(server, "echo", {"message": "hé"})).content[0]["text"] == "Echo: hé"
            image = await upstreams.call(server, "get-tiny-image", {})
            assert [block["type"] for block in image.content] == ["text", "image", "text"]
            wrong = await upstreams.call(server, "get-sum", {"a": "x"})
            assert (wrong.is_error, "expected number" in wrong.content[0]["text"]) == (True, True)
            steps = {"duration": 0.1, "steps": 2}
            long = await upstreams.call(server, "trigger-long-running-operation", steps, meta={"progressToken": 1})
            assert "completed" in long.content[0]["text"]
        await upstreams.close()
