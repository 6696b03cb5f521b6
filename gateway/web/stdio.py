"""The MCP face over stdin and stdout: of the gateway in this process, or, relayed, of one that runs already."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any, TypeVar

import httpx2
from mcp import Client, ClientSession, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.server import Server
from mcp.server.context import CallNext, HandlerResult
from mcp.server.stdio import stdio_server
from mcp.types import (
    INTERNAL_ERROR,
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
)
from mcp_types.version import LATEST_MODERN_VERSION

from gateway.model import Principal
from gateway.web.mcp import Context, McpFace
from gateway.web.services import Services
from gateway.web.tools import TOOLS

_TIMEOUT = httpx2.Timeout(None, connect=10)
"""A run may be waited for as long as the client likes: only connecting has a time limit, in seconds."""

_Answer = TypeVar("_Answer")


async def serve(server: Server[Any]) -> None:
    """Speak MCP on stdin and stdout until stdin ends. Whatever else is printed meanwhile goes to stderr."""
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


async def serve_agent(services: Services, agent: str) -> None:
    """The gateway in this process, for `agent`, whose grants are looked up at every request: until it is revoked."""
    begun = await services.tokens.principal_for_agent(agent)

    async def principal_of(ctx: Context) -> Principal:
        return await services.tokens.principal(begun.token_id)

    await serve(McpFace(services, principal_of).server)


async def relay(url: str, bearer: str) -> None:
    """The four tools of the gateway whose MCP endpoint is at `url`."""
    async with httpx2.AsyncClient(
        headers={"Authorization": f"Bearer {bearer}"}, timeout=_TIMEOUT, trust_env=False
    ) as http:
        await serve(_Relay(url, http).server)


class _Relay:
    """Every request is an exchange of its own, so that a gateway which was restarted meanwhile serves the next one."""

    def __init__(self, url: str, http: httpx2.AsyncClient) -> None:
        self._url = url
        self._http = http
        self.server: Server[Any] = Server(
            "mcp-code-gateway", version=version("mcp-code-gateway"), on_list_tools=self._list, on_call_tool=self._call
        )
        self.server.middleware[:] = [self._instruct]

    async def _ask(self, work: Callable[[ClientSession], Awaitable[_Answer]]) -> _Answer:
        """One exchange. What fails within the SDK's client leaves it in groups of errors: they become one message."""
        try:
            transport = streamable_http_client(self._url, http_client=self._http)
            async with Client(transport, mode=LATEST_MODERN_VERSION) as client:
                try:
                    return await work(client.session)
                except MCPError as error:
                    failure = error
        except ExceptionGroup as group:
            message = f"The gateway at {self._url} did not answer. Is it running? Try again."
            raise MCPError(INTERNAL_ERROR, message) from group
        raise failure

    async def _instruct(self, ctx: Context, call_next: CallNext) -> HandlerResult:
        result = await call_next(ctx)
        if ctx.method in ("initialize", "server/discover") and isinstance(result, dict):
            discovered = await self._ask(lambda session: session.send_discover(LATEST_MODERN_VERSION))
            result["instructions"] = discovered["instructions"]
        return result

    async def _list(self, ctx: Context, params: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=list(TOOLS.values()))

    async def _call(self, ctx: Context, params: CallToolRequestParams) -> CallToolResult:
        request = CallToolRequest(params=CallToolRequestParams(name=params.name, arguments=params.arguments))
        report = ctx.session.report_progress if ctx.meta and "progress_token" in ctx.meta else None
        return await self._ask(lambda session: session.send_request(request, CallToolResult, progress_callback=report))
