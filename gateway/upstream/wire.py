"""What a connection needs of a transport, whichever it is.

A wire carries two kinds of traffic at once:

    exchange()   the hot path: `tools/call` and `tools/list`, raw JSON both ways, past the SDK's client. That takes
                 0.3 ms of CPU per call over HTTP; the client takes 1.2 (modern) or 2.5 ms (handshake) for its two
                 rounds of pydantic, task groups and memory streams.
    forward()    everything else: what the SDK's client says (handshake, subscriptions), with what comes back handed
                 to `deliver`.

Request ids keep the two apart: the SDK counts from 1, a wire from 2**30.
"""

from __future__ import annotations

import asyncio
import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from mcp.shared.message import SessionMessage

from gateway.errors import UpstreamError, UpstreamProtocolError, UpstreamUnavailable, UsageError
from gateway.model import JSON
from gateway.upstream.framing import KEPT, Oversized, answered, parse

FIRST_ID = 2**30
_FLOOD = 8

_HEARD = frozenset(
    {
        "notifications/cancelled",
        "notifications/subscriptions/acknowledged",
        "notifications/tools/list_changed",
    }
)
"""The notifications that mean something here. Progress, logs and the rest are tolerated and dropped."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON-RPC response as the server sent it, and its size in bytes."""

    message: Mapping[str, JSON]
    size: int


@dataclass(frozen=True, slots=True)
class Request:
    """A JSON-RPC request of the hot path. `headers` only matter to HTTP. `on_sent` is called at the last moment at
    which it is certain that the server has not seen the request."""

    method: str
    params: Mapping[str, JSON]
    headers: Mapping[str, str] = field(default_factory=dict)
    on_sent: Callable[[], None] | None = None

    def announce(self) -> None:
        if self.on_sent is not None:
            self.on_sent()


class Wire(ABC):
    """One connection to one server. `ended` is resolved with the reason once it can carry nothing more."""

    def __init__(self, server: str, cap: int) -> None:
        self.server = server
        self.cap = cap
        """Bytes that one message of the server may have."""
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.initialized = asyncio.Event()
        """Set when a handshake server has been told that the handshake is over: no request may overtake that."""
        self.deliver: Callable[[dict[str, Any]], None] = _ignore
        """Takes what is for the SDK's client: answers to its requests, requests and notifications of the server."""
        self.clean: Callable[[str], str] = str
        """What errors say in the server's words goes through this."""
        self._ids = itertools.count(FIRST_ID)

    @abstractmethod
    async def open(self) -> None:
        """Connect, as far as the transport has a connection. Raises UpstreamUnavailable."""

    @abstractmethod
    async def exchange(self, request: Request) -> Answer:
        """Send a request and wait for its answer, an error answer too. When cancelled, so is the request upstream.

        Raises UpstreamUnavailable and UpstreamProtocolError, both with `sent`: whether the server may have seen it.
        """

    @abstractmethod
    async def forward(self, message: SessionMessage) -> None:
        """Send what the SDK's client says. A request that fails is answered through `deliver`; nothing is raised."""

    @abstractmethod
    async def close(self) -> None:
        """Give everything back: connections, tasks, child processes."""

    def negotiated(self, protocol_version: str, *, modern: bool) -> None:  # noqa: B027 - only HTTP depends on it
        """The handshake is over."""

    @property
    def output_tail(self) -> tuple[str, ...]:
        """The last lines that the server wrote beside the protocol."""
        return ()

    def end(self, reason: str) -> None:
        if not self.ended.done():
            self.ended.set_result(reason)

    def check_flood(self, unfinished: int) -> None:
        """End the wire over a message without end. Below that, one too large is dropped while others go on."""
        if unfinished > _FLOOD * self.cap:
            self.end(f"sent a message of more than {_FLOOD} times max_result_mb")

    def encode(self, request_id: int, request: Request) -> bytes:
        message = {"jsonrpc": "2.0", "id": request_id, "method": request.method, "params": request.params}
        try:
            return orjson.dumps(message)
        except TypeError as error:
            raise UsageError(
                f"The arguments for {self.server} have no JSON form: {error}.", fix="Pass plain JSON values."
            ) from error

    def hand_over(self, message: JSON) -> None:
        """Pass a message that is no answer of the hot path on to the SDK's client, if it is of any use there."""
        if not isinstance(message, dict):
            return
        if "method" not in message or "id" in message or str(message["method"]) in _HEARD:
            self.deliver(message)

    def unavailable(self, reason: str, *, sent: bool) -> UpstreamUnavailable:
        fix = (
            "Whether the call had an effect is not known: check before repeating it."
            if sent
            else "The call was not sent: it can be repeated."
        )
        return UpstreamUnavailable(
            f"Upstream {self.server!r} {self.clean(reason)}.", fix=fix, server=self.server, sent=sent
        )

    def too_large(self) -> UpstreamProtocolError:
        return UpstreamProtocolError(
            f"Upstream {self.server!r} answered with more than max_result_mb = {self.cap / 2**20:g} MB.",
            fix="Ask for less (a limit, a page, a filter), or raise max_result_mb of this server.",
            server=self.server,
            sent=True,
        )

    def not_mcp(self, what: str) -> UpstreamProtocolError:
        return UpstreamProtocolError(
            f"Upstream {self.server!r} {self.clean(what)}.",
            fix="This is a fault of the server: update it, or leave the tool out with `exclude`.",
            server=self.server,
            sent=True,
        )


class StreamWire(Wire):
    """A wire whose answers all come on one stream, told apart by their ids: stdio, and the SSE transport."""

    def __init__(self, server: str, cap: int) -> None:
        super().__init__(server, cap)
        self._pending: dict[int, asyncio.Future[Answer | UpstreamError]] = {}

    @abstractmethod
    async def send(self, message: bytes, announce: Callable[[], None]) -> None:
        """Write one message, calling `announce` just before. Raises UpstreamUnavailable."""

    @abstractmethod
    def send_soon(self, message: bytes) -> None:
        """Write one message without waiting; it may get lost."""

    @abstractmethod
    def junk(self, text: bytes) -> None:
        """Take note of something that is no JSON-RPC message."""

    async def exchange(self, request: Request) -> Answer:
        request_id = next(self._ids)
        body = self.encode(request_id, request)
        if self.ended.done():
            raise self.unavailable(self.ended.result(), sent=False)
        outcome: asyncio.Future[Answer | UpstreamError] = asyncio.get_running_loop().create_future()

        def announce() -> None:
            self._pending[request_id] = outcome
            request.announce()

        try:
            await self.send(body, announce)
            answer = await outcome
        except asyncio.CancelledError:
            if request_id in self._pending:
                self.send_soon(cancellation(request_id))
            raise
        finally:
            self._pending.pop(request_id, None)
        if isinstance(answer, UpstreamError):
            raise answer
        return answer

    def incoming(self, raw: bytes | Oversized) -> None:
        """Sort what the stream brought: answers to their requests, the rest to the SDK's client, junk aside."""
        if isinstance(raw, Oversized):
            self._too_large(raw.id)
            return
        try:
            parsed = parse(raw)
        except ValueError as error:
            self.junk(raw)
            if (request_id := answered(raw[:KEPT], raw[-KEPT:])) is not None:
                self._settle(request_id, self.not_mcp(f"answered with what is not JSON ({error})"))
            return
        for message in parsed if isinstance(parsed, list) else (parsed,):
            if not isinstance(message, dict):
                self.junk(raw)
            elif "method" in message or (request_id := own_id(message)) is None:
                self.hand_over(message)
            else:
                self._settle(request_id, Answer(message, len(raw)))

    def end(self, reason: str) -> None:
        super().end(reason)
        for request_id in self._pending:
            self._settle(request_id, self.unavailable(reason, sent=True))

    def _too_large(self, request_id: int | None) -> None:
        # Without an id any call may be the one that is answered, so none may go on waiting.
        for meant in self._pending if request_id is None else (request_id,):
            self._settle(meant, self.too_large())

    def _settle(self, request_id: int, outcome: Answer | UpstreamError) -> None:
        waiting = self._pending.get(request_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(outcome)


def own_id(message: Mapping[str, JSON]) -> int | None:
    """The id of the hot-path request that a response names, or None. Some servers echo ids as text."""
    raw = message.get("id")
    if isinstance(raw, str) and raw.isdecimal() and len(raw) < 19:
        raw = int(raw)
    return raw if isinstance(raw, int) and raw >= FIRST_ID else None


def error_code(message: Mapping[str, JSON]) -> JSON:
    error = message.get("error")
    return error.get("code") if isinstance(error, dict) else None


def cancellation(request_id: int) -> bytes:
    return orjson.dumps(
        {
            "jsonrpc": "2.0",
            "method": "notifications/cancelled",
            "params": {"requestId": request_id, "reason": "cancelled"},
        }
    )


def _ignore(message: dict[str, Any]) -> None:
    """Nobody listens yet, or any more."""
