"""Request bodies: bounded in size and in time, whatever reads them."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import GatewayError, TooLarge, TooSlow
from gateway.web.operations import error_response


class Bodies:
    """Refuses a body over `max_bytes` (413), declared or not, and one that has not arrived after `seconds` (408)."""

    def __init__(self, app: ASGIApp, *, max_bytes: int, seconds: float) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        # A length that is no number never comes here: the HTTP parser refuses it.
        if int(declared) > self._max_bytes:
            await _closing(self._too_large())(scope, receive, send)
            return
        await _Request(self._app, self._max_bytes, self._seconds, self._too_large())(scope, receive, send)

    def _too_large(self) -> TooLarge:
        return TooLarge(f"The body of a request has at most {self._max_bytes} bytes.", fix="Send less at once.")


def _closing(error: GatewayError) -> Response:
    """What is still on its way is not read, so the connection is of no use any more."""
    response = error_response(error)
    response.headers["Connection"] = "close"
    return response


class _Request:
    """One request. Who reads the body may make any answer of the error it gets; the client gets the refusal."""

    def __init__(self, app: ASGIApp, max_bytes: int, seconds: float, too_large: TooLarge) -> None:
        self._app = app
        self._left = max_bytes
        self._seconds = seconds
        self._too_large = too_large
        self._deadline = 0.0
        self._whole = False
        self._refusal: GatewayError | None = None
        self._started = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._deadline = asyncio.get_running_loop().time() + self._seconds

        async def bounded() -> Message:
            return await self._receive(receive)

        async def watched(message: Message) -> None:
            if self._refusal is None or self._started:
                self._started = True
                await send(message)

        try:
            await self._app(scope, bounded, watched)
        except GatewayError as error:
            if error is not self._refusal:
                raise
        if self._refusal is not None and not self._started:
            await _closing(self._refusal)(scope, receive, send)

    async def _receive(self, receive: Receive) -> Message:
        """Raises `TooLarge`, `TooSlow`, and again each time it is asked."""
        if self._refusal is not None:
            raise self._refusal
        if self._whole:
            return await receive()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await receive()
        except TimeoutError:
            self._refusal = TooSlow(
                f"The body did not arrive within {self._seconds:g} s (gateway.requests.body_seconds).", fix="Try again."
            )
            raise self._refusal from None
        if message["type"] == "http.request":
            self._whole = not message.get("more_body", False)
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                self._refusal = self._too_large
                raise self._refusal
        return message
