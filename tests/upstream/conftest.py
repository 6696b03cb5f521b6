"""Upstreams that are closed after each test, and HTTP servers made of a Starlette app."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import uvicorn
from starlette.types import ASGIApp

from gateway.config import ServerConfig, base_environment
from gateway.upstream.pool import OnChange, Upstreams

Start = Callable[..., Awaitable[Upstreams]]
Serve = Callable[[ASGIApp], Awaitable[str]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts upstreams by name: `await start(fast=config, on_change=…)`."""
    running: list[Upstreams] = []

    async def start_all(on_change: OnChange | None = None, **servers: ServerConfig) -> Upstreams:
        upstreams = Upstreams(servers, base_env=base_environment(), on_change=on_change)
        running.append(upstreams)
        await upstreams.start(settle=20)
        return upstreams

    yield start_all
    for upstreams in running:
        await upstreams.close()


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Serves an ASGI app on a free port of the loopback; gives the URL of its root, without a trailing slash."""
    async with AsyncExitStack() as stack:

        async def serve_one(app: ASGIApp) -> str:
            return await stack.enter_async_context(serving(app))

        yield serve_one


@asynccontextmanager
async def serving(app: ASGIApp, port: int = 0) -> AsyncIterator[str]:
    """`app` on the loopback. At the end it goes as a killed process does: its connections break off at once."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    config = uvicorn.Config(app, log_level="critical", lifespan="off")
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        for each in server.servers:
            each.close()
        for connection in list(server.server_state.connections):
            connection.transport.abort()
        tasks = list(server.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
