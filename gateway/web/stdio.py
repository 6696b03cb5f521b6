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
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequest,
    InputRequiredResult,
    ListToolsResult,
    PaginatedRequestParams,
)
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, LATEST_MODERN_VERSION
from pydantic import TypeAdapter

from gateway.model import Principal
from gateway.web.elicit import Context, shows_forms
from gateway.web.mcp import McpFace
from gateway.web.services import Services
from gateway.web.tools import TOOLS

_TIMEOUT = httpx2.Timeout(None, connect=10)
"""A run may be waited for as long as the client likes: only connecting has a time limit, in seconds."""

_Answer = TypeVar("_Answer")
_ANSWER: TypeAdapter[CallToolResult | InputRequiredResult] = TypeAdapter(CallToolResult | InputRequiredResult)


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

    async def _ask(self, work: Callable[[ClientSession], Awaitable[_Answer]], *, forms: bool = False) -> _Answer:
        """One exchange. What fails within the SDK's client leaves it in groups of errors: they become one message."""
        try:
            transport = streamable_http_client(self._url, http_client=self._http)
            shown = _declared if forms else None
            async with Client(transport, mode=LATEST_MODERN_VERSION, elicitation_callback=shown) as client:
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

    async def _call(self, ctx: Context, params: CallToolRequestParams) -> CallToolResult | InputRequiredResult:
        """A call; what the gateway wants to be asked goes to the client in the way of its own revision."""
        answer = await self._exchange(ctx, params)
        while isinstance(answer, InputRequiredResult) and ctx.protocol_version in HANDSHAKE_PROTOCOL_VERSIONS:
            said = {key: await _form(ctx, asked) for key, asked in (answer.input_requests or {}).items()}
            more = {"input_responses": said, "request_state": answer.request_state}
            answer = await self._exchange(ctx, params.model_copy(update=more))
        return answer

    async def _exchange(self, ctx: Context, params: CallToolRequestParams) -> CallToolResult | InputRequiredResult:
        kept = {name: getattr(params, name) for name in ("name", "arguments", "input_responses", "request_state")}
        request = CallToolRequest(params=CallToolRequestParams(**kept))
        report = ctx.session.report_progress if ctx.meta and "progress_token" in ctx.meta else None
        return await self._ask(
            lambda session: session.send_request(request, _ANSWER, progress_callback=report), forms=shows_forms(ctx)
        )


async def _form(ctx: Context, asked: InputRequest) -> ElicitResult:
    """One form, shown by the client. One that cannot be shown is answered by nobody."""
    if not isinstance(asked, ElicitRequest) or not isinstance(asked.params, ElicitRequestFormParams):
        return ElicitResult(action="cancel")
    try:
        return await ctx.session.elicit_form(
            asked.params.message, asked.params.requested_schema, related_request_id=ctx.request_id
        )
    except MCPError:
        return ElicitResult(action="cancel")


async def _declared(context: Any, params: Any) -> ElicitResult:
    """Says to the gateway that forms can be shown. It never asks this way: `input_required` is relayed."""
    return ElicitResult(action="cancel")
