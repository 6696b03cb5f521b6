"""The Streamable HTTP wire, for both eras: a lean POST per request, answered with JSON or an event stream.

2026-07-28: each request stands alone; closing the stream of its answer cancels it.
Handshake:  a session that the server may forget, `notifications/cancelled`, a standing GET stream for notifications,
            answers that may be taken up again where their stream broke off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

import aiohttp
from mcp.shared.inbound import MCP_PROTOCOL_VERSION_HEADER
from mcp.shared.message import ClientMessageMetadata, SessionMessage
from mcp_types import (
    CONNECTION_CLOSED,
    HEADER_MISMATCH,
    UNSUPPORTED_PROTOCOL_VERSION,
    JSONRPCNotification,
    JSONRPCRequest,
    RequestId,
)

from gateway.config import ServerConfig
from gateway.errors import UpstreamError
from gateway.model import JSON
from gateway.tasks import Tasks
from gateway.upstream.credentials import Bearer
from gateway.upstream.framing import Events, Oversized, parse
from gateway.upstream.http_client import HttpClient, is_event_stream
from gateway.upstream.wire import Answer, Request, Wire, cancellation, error_code

_SESSION_HEADER = "mcp-session-id"
_RETRY_SECONDS, _SHORTEST_RETRY, _LONGEST_RETRY = 1.0, 0.1, 30.0
_GOODBYE_SECONDS = 1.0
_STALE = (UNSUPPORTED_PROTOCOL_VERSION, HEADER_MISMATCH)
"""Errors that say that the server is another than the one that was listed. Its tools are to be listed again."""
_FRAMING_BYTES = 64
"""Of an event, beside its data."""


class HttpWire(Wire):
    def __init__(
        self, server: str, config: ServerConfig, base_env: Mapping[str, str], bearer: Bearer | None = None
    ) -> None:
        super().__init__(server, config.max_result_mb * 2**20)
        self._client = HttpClient(self, config, base_env, bearer)
        self._tasks = Tasks()
        self._conversations: dict[RequestId, asyncio.Task[None]] = {}
        """What the SDK's client asked and is not answered yet."""
        self._modern = False
        self._negotiated = False
        self._headers = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}

    async def open(self) -> None:
        """Nothing to do: the handshake is the first to connect."""

    def negotiated(self, protocol_version: str, *, modern: bool) -> None:
        self._modern = modern
        self._negotiated = True
        self._headers[MCP_PROTOCOL_VERSION_HEADER] = protocol_version

    async def exchange(self, request: Request) -> Answer:
        request_id = next(self._ids)
        body = self.encode(request_id, request)
        if self.ended.done():
            raise self.unavailable(self.ended.result(), sent=False)
        await self._client.notice_closed_connections()
        request.announce()
        try:
            return await self._post(body, request_id, request.headers)
        except asyncio.CancelledError:
            # Leaving the POST has closed its connection, which is all that the modern era asks for.
            if not self._modern and not self.ended.done():
                self._tasks.start(self._notify(cancellation(request_id), {}), name=f"cancel at {self.server}")
            raise

    async def forward(self, message: SessionMessage) -> None:
        sent = message.message
        extra = message.metadata.headers if isinstance(message.metadata, ClientMessageMetadata) else None
        headers = extra or {}
        body = sent.model_dump_json(by_alias=True, exclude_unset=True).encode()
        if isinstance(sent, JSONRPCRequest):
            task = self._tasks.start(self._converse(body, sent.id, headers), name=f"{sent.method} at {self.server}")
            self._conversations[sent.id] = task
            task.add_done_callback(lambda _: self._conversations.pop(sent.id, None))
        elif isinstance(sent, JSONRPCNotification) and self._modern:
            self._hang_up(sent)
        else:
            await self._notify(body, headers)
            if isinstance(sent, JSONRPCNotification) and sent.method == "notifications/initialized":
                self._tasks.start(self._standing_stream(), name=f"notifications of {self.server}")

    async def close(self) -> None:
        forgotten = self.ended.done()
        self.end("is being shut down")
        await self._tasks.close()
        if _SESSION_HEADER in self._headers and not forgotten:
            with suppress(UpstreamError, TimeoutError):
                async with asyncio.timeout(_GOODBYE_SECONDS), self._client.request("DELETE", self._headers):
                    pass
        await self._client.close()

    # --- one POST --------------------------------------------------------------------------------------------------

    async def _post(self, body: bytes, request_id: RequestId, headers: Mapping[str, str]) -> Answer:
        async with self._client.request("POST", {**self._headers, **headers}, body) as response:
            if not response.ok:
                return await self._refused(response, request_id)
            if not self._negotiated and (session := response.headers.get(_SESSION_HEADER)):
                self._headers[_SESSION_HEADER] = session
            if response.content_type == "application/json":
                return self._checked(await self._client.body(response))
            if is_event_stream(response):
                return await self._follow(response, request_id)
            raise self.not_mcp(f"answered a request with HTTP {response.status} and {response.content_type}")

    def _checked(self, raw: bytes) -> Answer:
        message = self._parsed(raw)
        if not isinstance(message, dict) or ("result" not in message and "error" not in message):
            raise self.not_mcp("answered with JSON that is no JSON-RPC response")
        return Answer(message, len(raw))

    def _parsed(self, raw: bytes) -> JSON:
        try:
            return parse(raw)
        except ValueError as error:
            raise self.not_mcp(f"answered with what is not JSON ({error})") from error

    async def _refused(self, response: aiohttp.ClientResponse, request_id: RequestId) -> Answer:
        """A JSON-RPC error under an HTTP error status is an answer like any other, if it is to this request. Everything
        else raises UpstreamUnavailable; where what was agreed in the handshake is void, that also ends the wire."""
        body = await self._client.refusal(response)
        message = _json_rpc_error(body)
        if self._is_void(response.status, message, request_id):
            self.end("has forgotten the session or the protocol agreed on")
            raise self.unavailable(self.ended.result(), sent=False)
        if message is not None and (message.get("id") == request_id or not self._negotiated):
            return Answer(message, len(body))
        raise self._client.refused(response, body)

    def _is_void(self, status: int, message: dict[str, Any] | None, request_id: RequestId) -> bool:
        """A forgotten session is a 404 by the specification, but many servers answer 400: then the error has no id, or
        one of their own, because the request never came as far as its handler."""
        if status == 404 and _SESSION_HEADER in self._headers:
            return True
        if not self._negotiated or status not in (400, 404) or message is None:
            return False
        return message.get("id") != request_id or error_code(message) in _STALE

    async def _follow(self, response: aiohttp.ClientResponse, request_id: RequestId) -> Answer:
        """The answer on an event stream; in the handshake era also on the streams that take it up again."""
        events = Events(self.cap)
        answer = await self._answer_on(response, events, request_id)
        while answer is None:
            if self._modern or events.last_id is None:
                raise self.unavailable("ended the stream of an answer without the answer", sent=True)
            await self._retry_delay(events)
            async with self._resumed(events) as again:
                if not is_event_stream(again):
                    raise self.unavailable(f"does not resume an answer (HTTP {again.status})", sent=True)
                answer = await self._answer_on(again, events, request_id)
        return answer

    async def _answer_on(
        self, response: aiohttp.ClientResponse, events: Events, request_id: RequestId
    ) -> Answer | None:
        while (batch := await self._client.events(response, events)) is not None:
            for event in batch:
                if isinstance(event.data, Oversized):
                    raise self.too_large()
                message = self._parsed(event.data)
                if isinstance(message, dict) and "method" not in message and str(message.get("id")) == str(request_id):
                    return Answer(message, len(event.data))
                self.hand_over(message)
            if events.unfinished > self.cap + _FRAMING_BYTES:
                raise self.too_large()
        return None

    async def _retry_delay(self, events: Events) -> None:
        """As long as the server asks for, within reason."""
        wanted = _RETRY_SECONDS if events.retry_seconds is None else events.retry_seconds
        await asyncio.sleep(min(max(wanted, _SHORTEST_RETRY), _LONGEST_RETRY))

    def _resumed(self, events: Events) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        events.restart()
        resume = {"Last-Event-ID": events.last_id} if events.last_id is not None else {}
        return self._client.request("GET", {**self._headers, "Accept": "text/event-stream", **resume})

    # --- for the SDK's client --------------------------------------------------------------------------------------

    async def _converse(self, body: bytes, request_id: RequestId, headers: Mapping[str, str]) -> None:
        try:
            answer = dict((await self._post(body, request_id, headers)).message)
        except UpstreamError as error:
            answer = {"error": {"code": CONNECTION_CLOSED, "message": error.message}}
        self.deliver({**answer, "jsonrpc": "2.0", "id": request_id})

    async def _notify(self, body: bytes, headers: Mapping[str, str]) -> None:
        with suppress(UpstreamError):
            async with self._client.request("POST", {**self._headers, **headers}, body):
                pass

    def _hang_up(self, notification: JSONRPCNotification) -> None:
        """The modern era has no notifications to the server: cancelling a request of the SDK is closing its stream."""
        if notification.method == "notifications/cancelled":
            task = self._conversations.get((notification.params or {}).get("requestId", ""))
            if task is not None:
                task.cancel()

    async def _standing_stream(self) -> None:
        """Notifications outside any answer. A server that cannot be reached any more ends the wire, which is how a
        restart is noticed while nobody calls."""
        events = Events(self.cap)
        go_on = _SESSION_HEADER in self._headers
        while go_on and not self.ended.done():
            with suppress(UpstreamError):
                go_on = await self._listen(events)
            await self._retry_delay(events)

    async def _listen(self, events: Events) -> bool:
        """Hear one stream to its end. False: the server has none, which it says with 405."""
        async with self._resumed(events) as response:
            if response.status == 404:
                self.end("has forgotten the session")
            if not is_event_stream(response):
                return False
            while (batch := await self._client.events(response, events)) is not None:
                for event in batch:
                    if isinstance(event.data, bytes):
                        self.hand_over(self._parsed(event.data))
                self.check_flood(events.unfinished)
        return True


def _json_rpc_error(body: bytes) -> dict[str, Any] | None:
    try:
        message = parse(body)
    except ValueError:
        return None
    is_error = isinstance(message, dict) and "jsonrpc" in message and isinstance(message.get("error"), dict)
    return message if is_error else None
