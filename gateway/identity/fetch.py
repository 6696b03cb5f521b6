"""Small documents from other servers, some named by strangers: capped in size and time, never redirected, and never
from an address that is not on the public Internet, unless the operator vouches for its host.

Each address is judged at the moment of connecting to it, so a name that changes its address between a check and the
connection (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from gateway.errors import UpstreamProtocolError, UpstreamUnavailable
from gateway.identity.addresses import problem_with_address, problem_with_url

TIMEOUT_SECONDS = 5.0
"""For everything: the name, the connection, and the last byte."""


@dataclass(frozen=True, slots=True)
class Fetched:
    status: int
    content_type: str
    cache_control: str
    body: bytes
    challenge: str | None = None
    """`WWW-Authenticate`"""


class Fetcher:
    """One connection for each request: these are rare, and what is left open can be held open against us."""

    def __init__(self, tls: ssl.SSLContext | None = None, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._tls = tls or ssl.create_default_context()
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)

    async def fetch(
        self,
        url: str,
        *,
        max_bytes: int,
        trusted: Collection[str] = (),
        form: Mapping[str, str] | None = None,
        json: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Fetched:
        """GET `url`, or POST `form` or `json` to it. `trusted` are what the operator vouches for: `host`,
        `host:port`, or an origin, which may be plain http.

        Raises `UpstreamUnavailable` for a server that may not be asked or does not answer, `UpstreamProtocolError`
        for an answer over `max_bytes`.
        """
        origin, *hosts = _names(url)
        problem = None if origin in trusted else problem_with_url(url, trusted=trusted)
        if problem is not None:
            raise UpstreamUnavailable(f"{url[:200]} {problem}.", fix="Use an https URL on the public Internet.")
        sent = {"Accept": "application/json", "Accept-Encoding": "identity", **(headers or {})}
        if json is not None:
            sent["Content-Type"] = "application/json"
        try:
            async with (
                self._session(vouched=any(name in trusted for name in (origin, *hosts))) as session,
                session.request(
                    "GET" if form is None and json is None else "POST",
                    URL(url, encoded=True),
                    data=json if form is None else form,
                    headers=sent,
                    allow_redirects=False,
                ) as answer,
            ):
                return Fetched(
                    status=answer.status,
                    content_type=answer.headers.get("Content-Type", ""),
                    cache_control=answer.headers.get("Cache-Control", ""),
                    body=await _body(answer, max_bytes),
                    challenge=answer.headers.get("WWW-Authenticate"),
                )
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise UpstreamUnavailable(
                f"{url[:200]} cannot be fetched ({type(error).__name__}).", fix="Try again; see that it answers."
            ) from error

    def _session(self, *, vouched: bool) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            ssl=self._tls,
            use_dns_cache=False,
            force_close=True,
            socket_factory=_socket if vouched else _public_socket,
        )
        # A compressed body could be a thousand times larger than its cap.
        return aiohttp.ClientSession(
            connector=connector,
            timeout=self._timeout,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )


async def _body(answer: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > max_bytes:
            raise UpstreamProtocolError(f"{answer.host} answered with more than {max_bytes} bytes.")
    return bytes(body)


def _names(url: str) -> tuple[str, ...]:
    """Origin, host and port, host: by which of them an operator may have vouched for a URL."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc}", f"{parts.hostname}:{parts.port or 443}", str(parts.hostname)
    except ValueError:
        return ("",)


def _socket(address: Any) -> socket.socket:
    family, kind, protocol, *_ = address
    return socket.socket(family, kind, protocol)


def _public_socket(address: Any) -> socket.socket:
    problem = problem_with_address(address[4][0])
    if problem is not None:
        raise PermissionError(f"{address[4][0]} {problem}")
    return _socket(address)
