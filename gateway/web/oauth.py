"""The OAuth endpoints that programs call: token, device authorization, registration, revocation, introspection; and
the metadata by which they find them (RFC 8414). Errors are in OAuth's own form (RFC 6749, 5.2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.errors import Busy, GatewayError, NotFound, StoreError, UpstreamError
from gateway.identity.keys import same_secret
from gateway.identity.oauth import InvalidClient, OAuthError, Parameters, parameters
from gateway.model import JSON
from gateway.service.getting_in import GettingIn
from gateway.service.rates import Action
from gateway.web import approvals, connect, consent, pages, signin
from gateway.web.operations import error_response, json_response
from gateway.web.pages import Pages, address, form_pairs
from gateway.web.wellknown import METADATA_SECONDS

METADATA = "/.well-known/oauth-authorization-server"
CROSS_SITE = ("/oauth/token", "/oauth/register", "/oauth/revoke", "/oauth/device_authorization")
"""What pages of other origins may call, as far as `gateway.allowed_origins` lets them: for the guard. No cookie counts
there. Introspection is for servers, and all else for the gateway's own pages."""

_NO_STORE = {"Cache-Control": "no-store"}
Handler = Callable[[Request], Awaitable[Response]]


def routes(getting_in: GettingIn, *, admin_key: str) -> list[BaseRoute]:
    """Everything that part of the gateway serves: endpoints, metadata, pages, and their style."""
    endpoints = _Endpoints(getting_in, admin_key)
    show = Pages(getting_in.sign_in, getting_in.rates, base_url=getting_in.floor.settings.base_url)
    return [
        Route(METADATA, endpoints.metadata, methods=["GET"]),
        Route("/oauth/token", endpoints.answering("token", endpoints.token), methods=["POST"]),
        Route("/oauth/device_authorization", endpoints.answering("device", endpoints.device), methods=["POST"]),
        Route("/oauth/register", endpoints.answering("register", endpoints.register), methods=["POST"]),
        Route("/oauth/revoke", endpoints.answering("revoke", endpoints.revoke), methods=["POST"]),
        Route("/oauth/introspect", endpoints.answering("introspect", endpoints.introspect), methods=["POST"]),
        *consent.routes(getting_in, show),
        *signin.routes(getting_in, show),
        *(connect.routes(getting_in.connect, show) if getting_in.connect is not None else ()),
        *(approvals.routes(getting_in.approvals, show) if getting_in.approvals is not None else ()),
        pages.static_files(),
    ]


class _Endpoints:
    def __init__(self, getting_in: GettingIn, admin_key: str) -> None:
        self._floor = getting_in.floor
        self._rates = getting_in.rates
        self._clients = getting_in.clients
        self._endpoint = getting_in.endpoint
        self._admin_key = admin_key

    def answering(self, what: Action, handler: Handler) -> Handler:
        """A handler whose errors become OAuth's, and whose callers may not come too often."""

        async def answered(request: Request) -> Response:
            try:
                await self._rates.of_address(what, address(request))
                return await handler(request)
            except GatewayError as error:
                return _refused(request, error)

        return answered

    async def metadata(self, request: Request) -> Response:
        headers = {"Cache-Control": f"public, max-age={METADATA_SECONDS}"}
        return json_response(self._floor.server.metadata(), headers=headers)

    async def token(self, request: Request) -> Response:
        given, authorization = await _parameters(request)
        return _answer(await self._endpoint.token(given, authorization, address=address(request)))

    async def device(self, request: Request) -> Response:
        given, authorization = await _parameters(request)
        return _answer(await self._endpoint.device(given, authorization, address=address(request)))

    async def register(self, request: Request) -> Response:
        return _answer(await self._clients.register(await request.body()), status=201)

    async def revoke(self, request: Request) -> Response:
        given, authorization = await _parameters(request)
        await self._endpoint.revoke(given, authorization, address=address(request))
        return Response(status_code=200, headers=_NO_STORE)

    async def introspect(self, request: Request) -> Response:
        given, authorization = await _parameters(request)
        administrator = authorization is not None and same_secret(authorization, f"Bearer {self._admin_key}")
        said = await self._endpoint.introspect(
            given, authorization, administrator=administrator, address=address(request)
        )
        return _answer(said)


async def _parameters(request: Request) -> tuple[Parameters, str | None]:
    return parameters(await form_pairs(request)), request.headers.get("authorization")


def _answer(body: Mapping[str, JSON], status: int = 200) -> Response:
    return json_response(body, status, headers=_NO_STORE)


def _refused(request: Request, error: GatewayError) -> Response:
    headers = dict(_NO_STORE)
    match error:
        case OAuthError():
            if isinstance(error, InvalidClient) and "authorization" in request.headers:
                headers["WWW-Authenticate"] = 'Basic realm="oauth"'
            return json_response(error.body(), error.status, headers=headers)
        case NotFound():
            return error_response(error)
        case Busy() | StoreError() | UpstreamError():
            headers["Retry-After"] = str(error.details.get("retry_after", 1))
            status = error.status if isinstance(error, Busy) else 503
            return json_response(_body("temporarily_unavailable", error), status, headers=headers)
    name = "invalid_request" if error.status < 500 else "server_error"
    return json_response(_body(name, error), error.status, headers=headers)


def _body(name: str, error: GatewayError) -> dict[str, str]:
    return {"error": name, "error_description": str(error)}
