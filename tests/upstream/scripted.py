"""A Streamable HTTP server whose answers are given by the test, byte by byte."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.config import ServerConfig

Message = dict[str, Any]
Handler = Callable[[Request, Message], Awaitable[Response]]


def reply(message: Message, result: Any, **headers: str) -> Response:
    return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "result": result}, headers=headers)


def text(value: str) -> Message:
    return {"content": [{"type": "text", "text": value}]}


def sse(*messages: Any, event_id: str | None = None) -> bytes:
    prefix = f"id: {event_id}\n" if event_id is not None else ""
    return "".join(f"{prefix}event: message\ndata: {json.dumps(message)}\n\n" for message in messages).encode()


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


class Scripted:
    """A server of one tool, `go`, whose `tools/call` is answered by `on_call`. Keeps every message that it gets."""

    def __init__(
        self, on_call: Handler | None = None, *, modern: bool = False, tools: tuple[str, ...] = ("go",)
    ) -> None:
        self.on_call = on_call
        self.modern = modern
        self.tools = tools
        self.session = "session-1"
        self.info: Message = {"name": "s", "version": "1"}
        self.messages: list[Message] = []
        self.headers: list[dict[str, str]] = []
        self.on_get: Callable[[Request], Awaitable[Response]] | None = None
        self.on_listen: Callable[[Request], Awaitable[Response]] | None = None
        self.streaming = asyncio.Event()
        self.deleted = asyncio.Event()
        self.app = Starlette(routes=[Route("/mcp", self.handle, methods=["GET", "POST", "DELETE"])])

    def calls(self) -> int:
        return sum(message.get("method") == "tools/call" for message in self.messages)

    async def handle(self, request: Request) -> Response:
        if request.method == "GET":
            if request.headers.get("mcp-session-id") != self.session:
                return Response(status_code=404)
            return await self.stream(request, self.on_get)
        if request.method == "DELETE":
            self.deleted.set()
            return Response()
        message = await request.json()
        self.messages.append(message)
        self.headers.append(dict(request.headers))
        if "id" not in message or "method" not in message:
            return Response(status_code=202)
        return await self.answer(request, message)

    async def stream(self, request: Request, opened: Callable[[Request], Awaitable[Response]] | None) -> Response:
        if opened is None:
            return Response(status_code=405)
        self.streaming.set()
        return await opened(request)

    async def answer(self, request: Request, message: Message) -> Response:
        match message["method"]:
            case "server/discover" if self.modern:
                capabilities: Message = {"tools": {"listChanged": self.on_listen is not None}}
                return reply(
                    message,
                    {
                        "supportedVersions": ["2026-07-28"],
                        "capabilities": capabilities,
                        "resultType": "complete",
                        "ttlMs": 0,
                        "cacheScope": "public",
                    },
                )
            case "subscriptions/listen" if self.on_listen is not None:
                return await self.stream(request, self.on_listen)
            case "initialize" if not self.modern:
                result = {
                    "protocolVersion": "2025-11-25",
                    "capabilities": {},
                    "serverInfo": self.info,
                }
                return reply(message, result, **{"Mcp-Session-Id": self.session})
            case "tools/list":
                if not self.modern and not any(
                    each.get("method") == "notifications/initialized" for each in self.messages
                ):
                    error = {"code": -32002, "message": "Server not initialized"}
                    return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "error": error})
                return reply(
                    message, {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in self.tools]}
                )
            case "tools/call":
                if refusal := self.refusal(request, message):
                    return refusal
                return reply(message, text("gone")) if self.on_call is None else await self.on_call(request, message)
            case _:
                return JSONResponse({"jsonrpc": "2.0", "id": None, "error": {"code": -32601, "message": "no"}}, 404)

    def refusal(self, request: Request, message: Message) -> Response | None:
        if self.modern and "mcp-session-id" in request.headers:
            error = {"code": -32022, "message": "Unsupported protocol version"}
            return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "error": error}, status_code=400)
        if not self.modern and "mcp-session-id" not in request.headers:
            error = {"code": -32600, "message": "Bad Request: Missing session ID"}
            return JSONResponse({"jsonrpc": "2.0", "id": "server-error", "error": error}, status_code=400)
        if not self.modern and request.headers["mcp-session-id"] != self.session:
            return Response("Session not found", status_code=404)
        return None


def config(url: str, **settings: Any) -> ServerConfig:
    return ServerConfig(url=f"{url}/mcp", **settings)


both_eras = pytest.mark.parametrize("modern", [False, True], ids=["handshake", "modern"])
