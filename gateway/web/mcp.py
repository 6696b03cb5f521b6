"""The MCP face: four tools over Streamable HTTP (every protocol revision) and, through the same class, over stdio.

Both transports are stateless: what lasts between two calls is a run or a session record in the store, so that any
replica serves any request. (Clients of the earlier revisions that can show forms get an HTTP session besides, in which
they can be asked: web/talking.py.) A client that cancels its request, or goes away, stops waiting; the run goes on and
`result` finds it. `cancel` is how a run is stopped.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import orjson
from mcp import MCPError
from mcp.server import Server
from mcp.server.caching import CacheHint
from mcp.server.context import CallNext, HandlerResult
from mcp.server.session import ServerSession
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolRequestParams,
    ContentBlock,
    ListToolsResult,
    PaginatedRequestParams,
)
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from pydantic import TypeAdapter, ValidationError
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.config import Limits
from gateway.errors import GatewayError
from gateway.identity.keychain import KeyChain
from gateway.model import JSON, Principal
from gateway.service.views import RunView
from gateway.tasks import Tasks
from gateway.web.elicit import Context, Elicitor, boundary
from gateway.web.services import Progress, Services
from gateway.web.talking import Talking
from gateway.web.tools import (
    INSTRUCTIONS,
    TOOLS,
    Arguments,
    CancelArguments,
    ExecuteArguments,
    ResultArguments,
    SearchArguments,
    parse,
)

log = logging.getLogger(__name__)

INVENTORY_TOKENS = 300
HEARTBEAT_SECONDS = 5.0
_SMALLEST_STEP = 1e-6
_CONTENT_BLOCK: TypeAdapter[ContentBlock] = TypeAdapter(ContentBlock)


class McpFace:
    """The four tools on an SDK server. `principal_of` says for whom a request is made, or raises Unauthenticated."""

    def __init__(self, services: Services, principal_of: Callable[[Context], Awaitable[Principal]]) -> None:
        self._services = services
        self._principal_of = principal_of
        self._heartbeats = Tasks()
        self._elicitor = Elicitor(services.runs)
        self.server: Server[Any] = Server(
            "mcp-code-gateway",
            version=version("mcp-code-gateway"),
            title="MCP code gateway",
            cache_hints={
                "tools/list": CacheHint(ttl_ms=3_600_000, scope="public"),
                "server/discover": CacheHint(ttl_ms=60_000, scope="private"),
            },
            get_tool_input_schema=lambda name: TOOLS[name].input_schema if name in TOOLS else None,
            on_list_tools=self._list,
        )
        self.server.add_request_handler("tools/call", CallToolRequestParams, self._call)
        # The SDK's own middleware makes OpenTelemetry spans, which costs as much as the rest of a request together.
        sealed = boundary(KeyChain.load(services.config.gateway).audit, self.server.name)
        self.server.middleware[:] = [self._instruct, sealed]

    async def instructions(self, principal: Principal) -> str:
        """What a client shows its model at the start: how this works, and what this principal may call."""
        visible = self._services.publisher.visible(principal)
        return INSTRUCTIONS + self._services.search.inventory(visible, INVENTORY_TOKENS)

    async def _instruct(self, ctx: Context, call_next: CallNext) -> HandlerResult:
        """The SDK knows one text of instructions per server; here they depend on who asks."""
        result = await call_next(ctx)
        if ctx.method in ("initialize", "server/discover") and isinstance(result, dict):
            result["instructions"] = await self.instructions(await self._principal_of(ctx))
        return result

    async def _list(self, ctx: Context, params: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=list(TOOLS.values()))

    async def _call(self, ctx: Context, params: CallToolRequestParams) -> dict[str, JSON]:
        if params.name not in TOOLS:
            message = f"Unknown tool: {params.name[:100]}. The tools here are {', '.join(TOOLS)}; all others are called"
            raise MCPError(INVALID_PARAMS, f"{message} from a program, with execute.")
        try:
            arguments = parse(params.name, params.arguments)
            return await self._answer(ctx, await self._principal_of(ctx), arguments, params)
        except GatewayError as error:
            return _result({"error": error.as_dict()}, is_error=True)
        except Exception:
            log.exception("tools/call %s failed", params.name)
            raise MCPError(INTERNAL_ERROR, "The gateway failed to serve this call; its log says why.") from None

    async def _answer(
        self, ctx: Context, principal: Principal, arguments: Arguments, params: CallToolRequestParams
    ) -> dict[str, JSON]:
        match arguments:
            case SearchArguments():
                return await self._found(principal, arguments)
            case CancelArguments(run_id=run_id):
                return _run_result(await self._services.runs.cancel(principal, run_id))
            case ExecuteArguments() | ResultArguments():
                async with self._progress(ctx) as progress:
                    return await self._run(ctx, principal, arguments, params, progress)
        raise AssertionError("all are named above")

    async def _run(
        self,
        ctx: Context,
        principal: Principal,
        arguments: ExecuteArguments | ResultArguments,
        params: CallToolRequestParams,
        progress: Progress | None,
    ) -> dict[str, JSON]:
        """A run, started or looked at; what it asks of a person is put to the client while it waits."""
        runs, wait, answered = self._services.runs, arguments.wait_seconds, True
        if params.request_state is not None:
            # The call is made again for its answer: what it asked for has been done.
            run_id, answered = await self._elicitor.take(principal, params)
            run = await runs.result(principal, run_id, wait_seconds=wait if answered else 0, on_progress=progress)
        elif isinstance(arguments, ExecuteArguments):
            code, session = arguments.code, arguments.session
            run = await runs.execute(principal, code, session=session, wait_seconds=wait, on_progress=progress)
        else:
            run = await runs.result(principal, arguments.run_id, wait_seconds=wait, on_progress=progress)
        while answered and (question := await self._elicitor.question(ctx, principal, run)) is not None:
            if ctx.protocol_version not in HANDSHAKE_PROTOCOL_VERSIONS:
                return self._elicitor.required(run, question)
            answered = await self._elicitor.ask(ctx, principal, run, question)
            run = await runs.result(principal, run.run_id, wait_seconds=wait if answered else 0, on_progress=progress)
        return _run_result(run)

    async def _found(self, principal: Principal, arguments: SearchArguments) -> dict[str, JSON]:
        publisher = self._services.publisher
        found = self._services.search.search(
            visible=publisher.visible(principal),
            query=arguments.query,
            server=arguments.server,
            detail=arguments.detail,
            limit=arguments.limit,
            budget_tokens=self._services.config.gateway.search_tokens,
            module=await publisher.module_for(principal),
        )
        return {"resultType": "complete", "content": [_text(found.text)], "isError": False}

    @asynccontextmanager
    async def _progress(self, ctx: Context) -> AsyncIterator[Progress | None]:
        """Where progress goes while a client waits; None, at no cost, when it did not ask for any."""
        if not ctx.meta or "progress_token" not in ctx.meta:
            yield None
            return
        progress = _ProgressNotifications(ctx.session)
        heartbeat = self._heartbeats.start(progress.beat(), name=f"heartbeat of request {ctx.request_id}")
        try:
            yield progress.report
        finally:
            heartbeat.cancel()


class _ProgressNotifications:
    """A program's own progress and, while it is silent, a heartbeat. MCP wants values that only ever grow."""

    def __init__(self, session: ServerSession) -> None:
        self._session = session
        self._began = time.monotonic()
        self._value = 0.0
        self._total: float | None = None

    async def report(self, done: float, total: float | None, message: str) -> None:
        self._value = max(done, self._value + _SMALLEST_STEP)
        self._total = total
        await self._session.report_progress(self._value, total, message or None)

    async def beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            await self.report(self._value, self._total, f"running for {time.monotonic() - self._began:.0f} s")


def _run_result(run: RunView) -> dict[str, JSON]:
    result = _result(run.as_dict(), is_error=run.is_error)
    result["content"].extend(_emitted(block) for block in run.emitted)
    return result


def _result(structured: dict[str, JSON], *, is_error: bool) -> dict[str, JSON]:
    text = orjson.dumps(structured, option=orjson.OPT_INDENT_2).decode()
    return {"resultType": "complete", "content": [_text(text)], "structuredContent": structured, "isError": is_error}


def _text(text: str) -> dict[str, JSON]:
    return {"type": "text", "text": text}


def _emitted(block: JSON) -> JSON:
    """A block that is none of MCP's would make the SDK refuse the whole result: it is shown as its JSON."""
    try:
        _CONTENT_BLOCK.validate_python(block, by_name=False)
    except ValidationError:
        return _text(orjson.dumps(block).decode())
    return block


def largest_body(limits: Limits) -> int:
    """Bytes of a request that may hold a program of `code_kb`: JSON writes a byte as six at worst (`\\u0000`)."""
    return max(4 * 2**20, (limits.code_kb * 6 + 64) * 1_024)


class McpEndpoint:
    """`/mcp` as an ASGI app, behind the authentication that puts the principal into the scope.

    `run` must be entered by the application's lifespan before the first request.
    """

    def __init__(self, services: Services) -> None:
        server, largest = McpFace(services, _principal_in_scope).server, largest_body(services.config.gateway.limits)
        self._manager = StreamableHTTPSessionManager(server, stateless=True, max_request_body_size=largest)
        self._talking = Talking(server, max_request_body_size=largest)

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        async with self._manager.run(), self._talking.run():
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        known = self._talking.knows(scope)
        if scope["method"] != "POST" and not (known and scope["method"] == "DELETE"):
            # A stateless server has no messages of its own to stream (GET) and no session to end (DELETE).
            await Response(status_code=405, headers={"Allow": "POST"})(scope, receive, send)
            return
        if known:
            await self._talking.serve(scope, receive, send)
            return
        greets, receive = await self._talking.greets(scope, receive)
        if greets:
            await self._talking.begin(scope, receive, send)
        else:
            await self._manager.handle_request(scope, receive, send)


async def _principal_in_scope(ctx: Context) -> Principal:
    assert ctx.request is not None, "over HTTP there always is one"
    principal: Principal = ctx.request.scope["principal"]
    return principal
