"""Every route of the gateway, in one list."""

from __future__ import annotations

from functools import cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from gateway import telemetry
from gateway.errors import Forbidden, NotFound
from gateway.model import JSON
from gateway.web.api import OPERATIONS, PREFIX
from gateway.web.mcp import McpEndpoint
from gateway.web.operations import error_response, json_response, openapi, route
from gateway.web.services import Services


def routes(services: Services, mcp: McpEndpoint) -> list[BaseRoute]:
    """All but the metadata documents, which the authentication brings along."""

    async def ready(request: Request) -> Response:
        problems = {part: problem for part, problem in (await services.health()).items() if problem is not None}
        return json_response({"ready": not problems, "problems": problems}, status=503 if problems else 200)

    async def metrics(request: Request) -> Response:
        upstreams = {one.name: one.state == "ready" for one in services.upstreams.status()}
        telemetry.parts(store=(await services.health()).get("store") is None, upstreams=upstreams)
        content, media_type = telemetry.exposition()
        return Response(content, media_type=media_type)

    return [
        Route("/healthz", _alive),
        Route("/readyz", ready),
        Route("/metrics", metrics),
        Route("/mcp", mcp),
        Route("/mcp/", mcp),
        Route(PREFIX + "/openapi.json", _openapi),
        Route(PREFIX + "/agents/{agent}/mcp", _McpAsAgent(services, mcp)),
        *(route(operation, services, PREFIX) for operation in OPERATIONS),
    ]


async def nothing_there(request: Request, error: Exception) -> Response:
    """The answer to a path that no route has."""
    fix = f"{PREFIX}/openapi.json and the README say what there is."
    return error_response(NotFound("There is nothing at this address.", fix=fix))


async def _alive(request: Request) -> Response:
    return json_response({"alive": True})


async def _openapi(request: Request) -> Response:
    return json_response(_openapi_document())


@cache
def _openapi_document() -> JSON:
    return openapi(OPERATIONS, PREFIX)


class _McpAsAgent:
    """`/mcp` for an administrator who acts as an agent: how `gateway stdio` reaches a gateway that runs already."""

    def __init__(self, services: Services, mcp: McpEndpoint) -> None:
        self._services = services
        self._mcp = mcp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not scope["principal"].admin:
            raise Forbidden("This needs an administrator's bearer.", fix="With a token, use /mcp.")
        principal = await self._services.tokens.principal_for_agent(scope["path_params"]["agent"])
        await self._mcp({**scope, "principal": principal}, receive, send)
