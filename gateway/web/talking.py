"""HTTP sessions for clients with a handshake that can show forms: the only ones that need a way back.

All other requests are served without a session, by any replica. Here a session lives in the process that began it; one
that is not known (any more, or on this replica) makes no difference but that nothing is asked in it."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import AbstractAsyncContextManager
from typing import Any

import orjson
from mcp.server import Server
from mcp.server.streamable_http import MCP_SESSION_ID_HEADER
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.inbound import MCP_PROTOCOL_VERSION_HEADER
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

MOST_SESSIONS = 1_000
IDLE_SECONDS = 1_800.0


class Talking:
    """`takes` tells whether a request is for a session here, or begins one."""

    def __init__(self, server: Server[Any], *, max_request_body_size: int) -> None:
        self._manager = StreamableHTTPSessionManager(
            server,
            session_idle_timeout=IDLE_SECONDS,
            max_request_body_size=max_request_body_size,
            max_sessions=MOST_SESSIONS,
        )
        self._most_bytes = max_request_body_size
        self._tokens: OrderedDict[str, str] = OrderedDict()
        """Session id → whose it is."""

    def run(self) -> AbstractAsyncContextManager[None]:
        return self._manager.run()

    def knows(self, scope: Scope) -> bool:
        """Whether the request names a session of its own token here."""
        session = Headers(scope=scope).get(MCP_SESSION_ID_HEADER)
        return session is not None and self._tokens.get(session) == scope["principal"].token_id

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A request that `knows` has accepted."""
        gone = False

        async def seen(message: Message) -> None:
            nonlocal gone
            gone = gone or (message["type"] == "http.response.start" and message["status"] == 404)
            await send(message)

        await self._manager.handle_request(scope, receive, seen)
        if gone or scope["method"] == "DELETE":
            self._tokens.pop(str(Headers(scope=scope).get(MCP_SESSION_ID_HEADER)), None)

    async def greets(self, scope: Scope, receive: Receive) -> tuple[bool, Receive]:
        """Whether a request is the `initialize` of a client that can show forms; and the request, to be read again."""
        headers = Headers(scope=scope)
        if MCP_PROTOCOL_VERSION_HEADER in headers or MCP_SESSION_ID_HEADER in headers:
            return False, receive
        messages: list[Message] = []
        size = 0
        while size <= self._most_bytes:
            message = await receive()
            messages.append(message)
            size += len(message.get("body", b""))
            if message["type"] != "http.request" or not message.get("more_body"):
                break
        rest = iter(messages)

        async def again() -> Message:
            return next(rest, None) or await receive()

        return _can_show_forms(b"".join(message.get("body", b"") for message in messages)), again

    async def begin(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A session for a client that `greets`."""

        async def seen(message: Message) -> None:
            if message["type"] == "http.response.start":
                session = Headers(raw=message["headers"]).get(MCP_SESSION_ID_HEADER)
                if session is not None and message["status"] < 400:
                    self._tokens[session] = scope["principal"].token_id
                    if len(self._tokens) > MOST_SESSIONS:
                        self._tokens.popitem(last=False)
            await send(message)

        await self._manager.handle_request(scope, receive, seen)


def _can_show_forms(body: bytes) -> bool:
    try:
        message = orjson.loads(body)
        return message["method"] == "initialize" and "elicitation" in message["params"]["capabilities"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return False
