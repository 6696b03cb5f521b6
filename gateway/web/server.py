"""The HTTP server: uvicorn, with connections that are bounded before there is a request.

uvicorn's parser takes headers of any size, waits for them for ever, and counts no connections by address.
"""

from __future__ import annotations

import asyncio
import ipaddress
import resource
from collections import Counter
from contextlib import suppress
from http import HTTPStatus
from typing import Any, ClassVar

import orjson
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.config import GatewaySettings, RequestCaps
from gateway.errors import Busy, GatewayError, TooLarge, TooSlow, UsageError

FILES_BESIDE = 256
"""Open files that are not connections of clients: upstreams, the store, keys; and `LINGERING`."""
FILES_PER_RUN = 5
BACKLOG = 1024
"""Connections that may come between two looks at how many there are: all of them are taken at once."""
LINGER_SECONDS = 1
"""How long what still comes in is thrown away after a refusal, and for how many at once."""
LINGERING = 64
_SECTION = "gateway.requests"


def server(app: ASGIApp, settings: GatewaySettings, *, grace_seconds: int) -> uvicorn.Server:
    """The server of a gateway, whose signal handlers and sockets are the caller's."""
    files = allow_open_files()
    backlog = min(BACKLOG, files // 8)
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=_protocol(settings, _most(settings, files, backlog)),
            backlog=backlog,
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=grace_seconds,
            timeout_keep_alive=settings.requests.idle_seconds,
            ssl_certfile=settings.tls_cert,
            ssl_keyfile=settings.tls_key,
            server_header=False,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=list(settings.trusted_proxies),
        )
    )


def allow_open_files() -> int:
    """Ask for as many open files as this user may have. Returns how many that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        return hard
    return soft


def _most(settings: GatewaySettings, files: int, backlog: int) -> int:
    """Connections at once: what is set, or what leaves files for everything else, since a gateway without any can
    neither start a program nor reach its store."""
    beside = FILES_BESIDE + FILES_PER_RUN * (settings.max_active_runs + settings.pool_size) + backlog
    return min(settings.requests.connections, max(files - beside, files // 4))


def _protocol(settings: GatewaySettings, most: int) -> type[Connection]:
    """A class of its own for each server: uvicorn makes its connections without further arguments."""
    proxies = tuple(ipaddress.ip_network(proxy) for proxy in settings.trusted_proxies)
    return type(
        "Connection", (Connection,), {"caps": settings.requests, "most": most, "proxies": proxies, "open": Counter()}
    )


class Connection(HttpToolsProtocol):
    """One connection: refused over the caps of its address or of all, closed when its headers are too large or too
    slow, or when it is silent for too long."""

    caps: ClassVar[RequestCaps]
    most: ClassVar[int]
    proxies: ClassVar[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]]
    open: ClassVar[Counter[str]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._address = ""
        self._timer: asyncio.TimerHandle | None = None
        self._in_headers = False
        self._size = 0
        self._over = False

    # The narrower type is uvicorn's own.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        self.open[self._address] += 1
        self._wait(self.caps.idle_seconds)
        if len(self.connections) > self.most:
            self._refuse(503, Busy(f"Too many connections are open ({_SECTION}.connections).", fix="Try again later."))
        elif self.open[self._address] > self.caps.connections_per_address and not self._is_proxy():
            problem = f"Too many connections from this address are open ({_SECTION}.connections_per_address)."
            self._refuse(429, Busy(problem, fix="Close some."))

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait(None)
        self.open[self._address] -= 1
        if not self.open[self._address]:
            del self.open[self._address]
        super().connection_lost(exc)

    def _is_proxy(self) -> bool:
        try:
            address = ipaddress.ip_address(self._address)
        except ValueError:
            return False
        return any(address in proxy for proxy in self.proxies)

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        self._size += len(data)
        super().data_received(data)
        if not self._in_headers and self._timer is None and self._is_silent():
            # Line breaks before a request are none of it.
            self._wait(self.caps.idle_seconds)
        # What came in one piece with a request before it does not count: a piece is small.
        if self._in_headers and self._size > self.caps.header_kb * 1024:
            self._refuse_headers()

    def _is_silent(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_headers, self._size = True, 0
        self._wait(self.caps.header_seconds)

    def on_headers_complete(self) -> None:
        self._in_headers = False
        self._wait(None)
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self.caps.header_kb * 1024:
            self._refuse_headers()
            raise ValueError("headers too large")  # ends the parsing; who asked has been told
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """uvicorn's answer to what is no HTTP."""
        self._refuse(400, UsageError(msg, fix="Send HTTP/1.1."))

    def _refuse_headers(self) -> None:
        cap = f"{self.caps.header_kb} KB ({_SECTION}.header_kb)"
        self._refuse(431, TooLarge(f"A request's address and headers have at most {cap}.", fix="Send less."))

    def _wait(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self._too_long)

    def _too_long(self) -> None:
        if self._over:
            self.transport.close()
        elif not self._is_silent():
            # Nothing more is read while requests before it are answered.
            self._wait(self.caps.header_seconds)
        elif self._in_headers:
            seconds = f"{self.caps.header_seconds} s ({_SECTION}.header_seconds)"
            self._refuse(408, TooSlow(f"The headers did not arrive within {seconds}.", fix="Try again."))
        else:
            self.transport.close()

    def _refuse(self, status: int, error: GatewayError) -> None:
        """Answer in place of the application, and close."""
        if self._over or self.transport.is_closing():
            return
        self._over = True
        self._wait(None)
        if not self._is_silent():
            # An answer to a request before this one is on its way: two cannot be told apart.
            self.transport.close()
            return
        body = orjson.dumps({"error": error.as_dict()})
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n{'Retry-After: 1' if status in (429, 503) else ''}"
        )
        self.transport.write(head.rstrip().encode() + b"\r\n\r\n" + body)
        if self.transport.can_write_eof() and len(self.connections) <= self.most + LINGERING:
            # Closed at once, while more comes in, the kernel would take the answer back.
            self.transport.write_eof()
            self._wait(LINGER_SECONDS)
        else:
            self.transport.close()
