"""One command line for every test server: the same `mcp.server.Server` over stdio, Streamable HTTP or SSE.

HTTP servers print their URL as the first line of stdout, once a connection is accepted. `--transport web` offers all
ways over HTTP in one process, each with a server of its own: `PATHS`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from mcp.server import Server
from mcp.server.context import CallNext, HandlerResult, ServerMiddleware, ServerRequestContext
from mcp.server.lowlevel import NotificationOptions
from mcp.server.runner import serve_loop
from mcp.server.sse import SseServerTransport
from mcp.server.stdio import stdio_server
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

MODERN = b"2026-07-28"
PATHS = {
    "/mcp": [],
    "/json/mcp": ["--json"],
    "/handshake/mcp": ["--legacy"],
    "/handshake-json/mcp": ["--legacy", "--json"],
    "/handshake-stateless/mcp": ["--legacy", "--stateless"],
}
"""What `--transport web` serves beside `/sse`, and the flags that do the same alone."""

Build = Callable[[], Server[Any]]


def options() -> argparse.ArgumentParser:
    """The flags that every server understands; a server may add its own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--transport", choices=("stdio", "http", "sse", "web"), default="stdio")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--legacy", action="store_true", help="refuse the 2026-07-28 protocol")
    parser.add_argument("--json", action="store_true", help="answer POSTs with JSON instead of an event stream")
    parser.add_argument("--stateless", action="store_true", help="no sessions for the handshake protocols")
    parser.add_argument("--record", type=Path, help="append every tools/call to this file, one JSON line each")
    return parser


def record(path: Path, event: dict[str, Any]) -> None:
    with path.open("a") as file:
        file.write(json.dumps(event) + "\n")


def run(build: Build, args: argparse.Namespace) -> None:
    """Serve until the peer (or the test) ends the process. `build` makes a server, once for each way to reach it."""

    def recording() -> Server[Any]:
        server = build()
        if args.record is not None:
            server.middleware.append(_recorder(args.record))
        return server

    if args.transport == "stdio":
        asyncio.run(_stdio(recording(), legacy=args.legacy))
    elif args.transport == "web":
        _serve(_web_app(recording), args.port, path="")
    elif args.transport == "sse":
        _serve(Starlette(routes=_sse_routes(recording())), args.port, path="/sse")
    else:
        _serve(_http_app(recording(), args), args.port, path="/mcp")


def _serve(app: ASGIApp, port: int, *, path: str) -> None:
    # The protocol has to be named: asyncio turns Nagle off only on sockets that say IPPROTO_TCP.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}{path}", flush=True)
    config = uvicorn.Config(app, log_level="error", loop="uvloop", timeout_graceful_shutdown=1)
    asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))


def _recorder(path: Path) -> ServerMiddleware[Any]:
    async def middleware(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        if ctx.method == "tools/call":
            params = dict(ctx.params or {})
            record(
                path, {"tool": params.get("name"), "arguments": params.get("arguments"), "meta": params.get("_meta")}
            )
        return await call_next(ctx)

    return middleware


async def _stdio(server: Server[Any], *, legacy: bool) -> None:
    async with stdio_server() as (read, write):
        init = server.create_initialization_options(NotificationOptions(tools_changed=True))
        if not legacy:
            await server.run(read, write, init)
            return
        async with server.lifespan(server) as state:
            await serve_loop(server, read, write, lifespan_state=state, init_options=init)


def _http_app(server: Server[Any], args: argparse.Namespace) -> ASGIApp:
    app = server.streamable_http_app(json_response=args.json, stateless_http=args.stateless)
    return _refuse_modern(app) if args.legacy else app


def _web_app(build: Build) -> Starlette:
    servers = {path: build() for path in PATHS}
    apps = {path: _http_app(server, options().parse_args(PATHS[path])) for path, server in servers.items()}

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for server in servers.values():
                await stack.enter_async_context(server.session_manager.run())
            yield

    # The longest path first: "/mcp" is mounted at the root.
    mounts = [Mount(path.removesuffix("/mcp"), app=apps[path]) for path in sorted(apps, key=len, reverse=True)]
    return Starlette(routes=[*_sse_routes(build()), *mounts], lifespan=lifespan)


def _refuse_modern(app: ASGIApp) -> ASGIApp:
    async def handshake_only(scope: Scope, receive: Receive, send: Send) -> None:
        if (b"mcp-protocol-version", MODERN) in scope.get("headers", ()):
            error = {"code": -32000, "message": "Bad Request: Unsupported protocol version"}
            refusal = JSONResponse({"jsonrpc": "2.0", "id": None, "error": error}, status_code=400)
            await refusal(scope, receive, send)
            return
        await app(scope, receive, send)

    return handshake_only


def _sse_routes(server: Server[Any]) -> list[BaseRoute]:
    transport = SseServerTransport("/messages/")

    async def events(request: Request) -> Response:
        async with transport.connect_sse(request.scope, request.receive, request._send) as (read, write):
            init = server.create_initialization_options(NotificationOptions(tools_changed=True))
            await server.run(read, write, init)
        return Response()

    return [Route("/sse", events), Mount("/messages/", app=transport.handle_post_message)]
