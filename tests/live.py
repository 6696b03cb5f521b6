"""A whole gateway for tests: real store, real processes, real servers, real HTTP, on a free port."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.app import Services, running, web_app
from gateway.config.load import load
from gateway.model import Principal
from gateway.web.binding import listen
from gateway.web.server import server

SERVERS = Path(__file__).parent / "servers"
PROTOCOL = "2026-07-28"


def stdio(script: str, *args: str) -> dict[str, Any]:
    """The configuration of one of our test servers."""
    return {"command": sys.executable, "args": [str(SERVERS / script), *args]}


async def call(http: aiohttp.ClientSession, url: str, token: str, tool: str, **arguments: Any) -> dict[str, Any]:
    """`tools/call` over HTTP, in the 2026-07-28 protocol. Returns the JSON-RPC answer."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": PROTOCOL,
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {"name": tool, "arguments": arguments, "_meta": meta}
    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": PROTOCOL,
        "Mcp-Method": "tools/call",
        "Mcp-Name": tool,
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    async with http.post(f"{url}/mcp", json=body, headers=headers) as answer:
        text = await answer.text()
        if answer.content_type == "text/event-stream":
            text = next(line[5:] for line in reversed(text.splitlines()) if line.startswith("data:"))
        parsed: dict[str, Any] = json.loads(text)
        return parsed


@dataclass(slots=True)
class Replica:
    """A gateway in a process of its own, with the token of its first agent."""

    process: asyncio.subprocess.Process
    url: str
    token: str
    http: aiohttp.ClientSession

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """A tool's structured result."""
        answer = await call(self.http, self.url, self.token, tool, **arguments)
        found: dict[str, Any] = answer["result"]["structuredContent"]
        return found

    async def kill(self) -> None:
        """kill -9, and its end seen."""
        self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def replica(
    folder: Path, config: dict[str, Any], *, token: str | None = None, module: str = "benchmarks.serve"
) -> AsyncIterator[Replica]:
    """Start a gateway process on `config` with its own data in `folder`. `module` is what it runs: it prints what
    `benchmarks.serve` does."""
    folder.mkdir(exist_ok=True)
    file = folder / "gateway.json"
    settings = {"listen": "127.0.0.1:0", "data_dir": str(folder / "data"), "pool_size": 1, **config.get("gateway", {})}
    file.write_text(json.dumps({**config, "gateway": settings}))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, str(file)),
        cwd=SERVERS.parents[1],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        ready = json.loads(await process.stdout.readline())
        async with aiohttp.ClientSession() as http:
            yield Replica(process, ready["url"], token or ready["token"], http)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@dataclass(slots=True)
class Live:
    """A gateway in the test's own process."""

    services: Services
    url: str
    http: aiohttp.ClientSession

    def configure(self, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
        """Other settings of the gateway, as if the file said so, until the test is over."""
        floor = self.services.floor
        changed = floor.config.gateway.model_copy(update=settings)
        monkeypatch.setattr(floor, "config", floor.config.model_copy(update={"gateway": changed}))

    async def principal(self, agent: str = "tester") -> Principal:
        return await self.services.tokens.principal_for_agent(agent)

    async def execute(self, code: str, *, agent: str = "tester", **more: Any) -> dict[str, Any]:
        """A run, through the use case itself."""
        return (await self.services.runs.execute(await self.principal(agent), code, **more)).as_dict()

    async def token(self, agent: str = "tester", **more: Any) -> str:
        issued = await self.services.tokens.issue(agent, ttl_seconds=3_600, **more)
        return str(issued["token"])

    async def call(self, token: str, tool: str, **arguments: Any) -> dict[str, Any]:
        return await call(self.http, self.url, token, tool, **arguments)


@asynccontextmanager
async def live(folder: Path, config: dict[str, Any]) -> AsyncIterator[Live]:
    """Start a gateway on `config` (the file's own shape) with its data in `folder`.

    It lives in a task of its own: pytest sets fixtures up and tears them down in different ones."""
    ready: asyncio.Future[Live] = asyncio.get_running_loop().create_future()
    done = asyncio.Event()

    async def hold() -> None:
        async with _live(folder, config) as running:
            ready.set_result(running)
            await done.wait()

    holding = asyncio.get_running_loop().create_task(hold())
    await asyncio.wait((holding, ready), return_when=asyncio.FIRST_COMPLETED)
    if holding.done():
        await holding
    try:
        yield await ready
    finally:
        done.set()
        await holding


@asynccontextmanager
async def _live(folder: Path, config: dict[str, Any]) -> AsyncIterator[Live]:
    settings = {"listen": "127.0.0.1:0", "data_dir": str(folder / "data"), "pool_size": 2, **config.get("gateway", {})}
    file = folder / "gateway.json"
    file.write_text(json.dumps({**config, "gateway": settings}))
    bound_config, bound = listen(load(file))
    async with running(bound_config) as services:
        app, endpoint = web_app(services)
        listening = server(app, bound_config.gateway, grace_seconds=1)
        # Below the 5 s after which uvicorn closes a connection that is idle.
        connector = aiohttp.TCPConnector(keepalive_timeout=3)
        async with endpoint.run(), aiohttp.ClientSession(connector=connector) as http, asyncio.TaskGroup() as group:
            # The signal handlers of a whole process are not a test's to take.
            serving = group.create_task(listening._serve(sockets=[bound]))
            while not listening.started:
                await asyncio.sleep(0.005)
            try:
                yield Live(services, f"http://{bound_config.gateway.listen}", http)
            finally:
                listening.should_exit = True
                await serving


def agent(*servers: str) -> dict[str, Any]:
    """An agent that may call everything of these servers."""
    return {
        "owner": "test@example.com",
        "description": "tests",
        "grants": [{"server": s, "tools": ["*"]} for s in servers],
    }
