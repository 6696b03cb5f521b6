"""What every request passes first: `Host`, `Origin`, CORS, and the size of its body.

The outermost middleware, plain ASGI, so that streams stay streams. It decides by headers alone, before anything is
read or anybody is authenticated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.config import RequestCaps
from gateway.errors import Busy, Forbidden, UsageError
from gateway.web.bodies import Bodies
from gateway.web.operations import error_response, json_response
from gateway.web.rates import Buckets, busy
from gateway.web.sites import Authority, Origin, Sites

Parsed = TypeVar("Parsed")

EXPOSED_HEADERS = "WWW-Authenticate, Mcp-Session-Id, Mcp-Protocol-Version, Retry-After"
PREFLIGHT_SECONDS = 600
_WRONG_HOST = json_response(
    {
        "error": UsageError(
            "This gateway does not answer to the Host of this request.",
            fix="Use the address that it printed at start, or add this one to gateway.allowed_hosts.",
        ).as_dict()
    },
    status=421,
)
_WRONG_ORIGIN = error_response(
    Forbidden(
        "Pages of this origin may not call this gateway.", fix="If they should, add it to gateway.allowed_origins."
    )
)
_TOO_OFTEN = busy(
    Busy("This address asks too often (gateway.requests.per_second_address).", fix="Ask more slowly, or raise the cap.")
)
_HEADER_NAMES = re.compile(r"[\w!#$%&'*+.^`|~-]+(?: *, *[\w!#$%&'*+.^`|~-]+)*", re.ASCII)


class Guard:
    """Refuses a `Host` that is not ours (421), an `Origin` that may not call (403), an address that asks too often
    (429), a body over `max_body_bytes` (413) or one that takes too long (408).

    Under `public` any page may read: metadata. Under `cross_site` pages of the origins that `sites` names may call:
    these interfaces take a bearer, which a browser does not send by itself. Everything else is for our own pages.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        sites: Sites,
        max_body_bytes: int,
        caps: RequestCaps,
        cross_site: Sequence[str] = ("/mcp",),
        public: Sequence[str] = ("/.well-known",),
    ) -> None:
        self._app = Bodies(app, max_bytes=max_body_bytes, seconds=caps.body_seconds)
        self._addresses = Buckets(caps.per_second_address)
        self._sites = sites
        self._cross_site = cross_site
        self._public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": "Only HTTP is served here."})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._addresses.take(address_of(scope)):
            await _TOO_OFTEN(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = _only(headers, "host", Authority.parse)
        if host is None or not self._sites.answers_to(host):
            await _WRONG_HOST(scope, receive, send)
            return
        if "origin" not in headers:
            # What caches keep of a public document has to be readable for pages too.
            kept = {"Access-Control-Allow-Origin": "*"} if under(scope["path"], self._public) else {}
            await self._app(scope, receive, _adding(kept, send) if kept else send)
            return
        allowed = self._allowed_origin(scope, headers, host)
        if allowed is None:
            await _WRONG_ORIGIN(scope, receive, send)
            return
        cors = {"Access-Control-Allow-Origin": allowed, "Access-Control-Expose-Headers": EXPOSED_HEADERS}
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await _preflight(headers, cors)(scope, receive, send)
            return
        await self._app(scope, receive, _adding(cors, send))

    def _allowed_origin(self, scope: Scope, headers: Headers, host: Authority) -> str | None:
        """The value of Access-Control-Allow-Origin; None: this origin may not make this request."""
        if under(scope["path"], self._public):
            return "*"
        origin = _only(headers, "origin", Origin.parse)
        if origin is None:
            return None
        own = self._sites.is_own(origin, scope["scheme"], host)
        if own or (under(scope["path"], self._cross_site) and self._sites.may_call(origin, host)):
            return headers["origin"]
        return None


def address_of(scope: Scope) -> str:
    """Who is asking, as far as addresses tell; behind a trusted proxy, as that says."""
    client = scope.get("client")
    return client[0] if client else ""


def _only(headers: Headers, name: str, parse: Callable[[str], Parsed | None]) -> Parsed | None:
    values = headers.getlist(name)
    return parse(values[0]) if len(values) == 1 else None


def under(path: str, prefixes: Sequence[str]) -> bool:
    """Whether a path is one of the prefixes or below it; `/mcpx` is not below `/mcp`."""
    return any(path == prefix or path.startswith(f"{prefix}/") for prefix in prefixes)


def _preflight(headers: Headers, cors: Mapping[str, str]) -> Response:
    asked = headers.get("access-control-request-headers", "")
    return Response(
        status_code=204,
        headers={
            **cors,
            "Access-Control-Allow-Methods": "GET, POST, DELETE",
            # Parameters travel as headers of any name (`Mcp-Param-…`); `*` would leave Authorization out.
            "Access-Control-Allow-Headers": asked if _HEADER_NAMES.fullmatch(asked) else "Authorization, Content-Type",
            "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
            "Vary": "Origin, Access-Control-Request-Headers",
        },
    )


def _adding(cors: Mapping[str, str], send: Send) -> Send:
    async def send_with_cors(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(cors)
            headers.add_vary_header("Origin")
        await send(message)

    return send_with_cors
