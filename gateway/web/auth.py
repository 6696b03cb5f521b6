"""Who asks: the bearer of a request becomes the `Principal` in `scope["principal"]`, or the request ends here.

RFC 6750 as MCP profiles it: the header only, challenges that name the metadata and the scope.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.errors import GatewayError, StoreUnavailable, Unauthenticated, UsageError
from gateway.identity.keys import same_secret
from gateway.model import Principal
from gateway.service.audit import ORIGIN, Origin
from gateway.web.guard import under
from gateway.web.operations import error_response

Resolve = Callable[[str], Awaitable[Principal]]
"""Verify a token, ask whether it is alive, and look its grants up. Raises Unauthenticated, Forbidden, StoreError."""

MCP = "/mcp"
API = "/api/v1"
SCOPE = "mcp"
NO_TOKEN = "no_token"
RETRY_AFTER_SECONDS = 1

ADMIN = Principal(
    token_id="admin",
    agent="admin",
    owner="admin",
    tenant="default",
    sid="",
    chain=(),
    # One set of grants that opens nothing: an administrator runs programs as an agent, never as itself.
    policies=((),),
    admin=True,
)

_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)
_TRACE = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
_NOT_QUOTABLE = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")


@dataclass(frozen=True, slots=True)
class Challenge:
    """How a refusal is told: the JSON of the error, and `WWW-Authenticate` where RFC 6750 has one for it."""

    metadata_url: str
    """Where the protected-resource metadata is (RFC 9728)."""
    scope: str = SCOPE

    def response(self, error: GatewayError) -> Response:
        """401 and 403 with a challenge, 503 with Retry-After, any other error as it is."""
        match error.status:
            case 401 if error.details.get("reason") == NO_TOKEN:
                return self._challenged(error, {"scope": self.scope})
            case 401:
                return self._challenged(error, {"scope": self.scope, "error": "invalid_token"})
            case 403:
                wanted = error.details.get("scope")
                return self._challenged(error, {"scope": wanted, "error": "insufficient_scope"})
        response = error_response(error)
        if isinstance(error, StoreUnavailable):
            response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response

    def malformed(self, error: UsageError) -> Response:
        """400: the bearer is sent in a way that RFC 6750 forbids."""
        return self._challenged(error, {"error": "invalid_request"})

    async def on_error(self, request: Request, error: Exception) -> Response:
        """`response` as Starlette's exception handler for `GatewayError`."""
        assert isinstance(error, GatewayError)
        return self.response(error)

    def _challenged(self, error: GatewayError, attributes: dict[str, str | None]) -> Response:
        said = {"resource_metadata": self.metadata_url, **attributes}
        if "error" in attributes:
            said["error_description"] = error.message
        quoted = (f'{name}="{_NOT_QUOTABLE.sub("?", value)}"' for name, value in said.items() if value is not None)
        response = error_response(error)
        response.headers["WWW-Authenticate"] = f"Bearer {', '.join(quoted)}"
        response.headers["Cache-Control"] = "no-store"
        return response


class BearerAuth:
    """Authentication of everything under `MCP` and `API`. Other paths pass: they are public, or authenticate people.

    A token is a token of ours everywhere; `admin_key` is taken under `API` alone. An endpoint that reads
    `scope["principal"]` without having passed here fails, so a path that was forgotten is closed, not open.
    """

    def __init__(self, app: ASGIApp, *, resolve: Resolve, challenge: Challenge, admin_key: str) -> None:
        self._app = app
        self._resolve = resolve
        self._challenge = challenge
        self._admin_key = admin_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            ORIGIN.set(_origin(scope, Origin("anonymous")))
        if scope["type"] != "http" or not under(scope["path"], (MCP, API)):
            await self._app(scope, receive, send)
            return
        try:
            principal = await self._principal(scope)
        except UsageError as error:
            await self._challenge.malformed(error)(scope, receive, send)
        except GatewayError as error:
            await self._challenge.response(error)(scope, receive, send)
        else:
            ORIGIN.set(_origin(scope, Origin(principal.agent, principal.owner)))
            await self._app({**scope, "principal": principal}, receive, send)

    async def _principal(self, scope: Scope) -> Principal:
        token = _token(scope)
        if under(scope["path"], (API,)) and same_secret(token, self._admin_key):
            return ADMIN
        return await self._resolve(token)


def _origin(scope: Scope, who: Origin) -> Origin:
    """For the audit record: who asks, from where, and in which trace (W3C Trace Context)."""
    client = scope.get("client")
    trace = _TRACE.fullmatch(Headers(scope=scope).get("traceparent", ""))
    return replace(who, ip=client[0] if client else None, trace_id=trace[1] if trace else None)


def _token(scope: Scope) -> str:
    """The one bearer of a request. Raises Unauthenticated when there is none, UsageError when it is sent wrongly."""
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    if any(name == "access_token" for name, _ in query):
        raise UsageError(
            "A token must not be in the query string: it ends in logs.",
            fix="Revoke that token, and send a new one in the Authorization header.",
        )
    sent = Headers(scope=scope).getlist("authorization")
    if len(sent) > 1:
        raise UsageError("There is more than one Authorization header.", fix="Send one.")
    if not sent or not sent[0].lower().startswith("bearer"):
        raise Unauthenticated(
            "This needs a bearer token.",
            fix="Send `Authorization: Bearer TOKEN`; `gateway token issue AGENT` makes one.",
            reason=NO_TOKEN,
        )
    bearer = _BEARER.fullmatch(sent[0])
    if bearer is None:
        raise Unauthenticated("The bearer token is not a token.", fix="Send `Authorization: Bearer TOKEN`.")
    return bearer.group(1)
