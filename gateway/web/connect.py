"""The pages on which people connect upstream servers with accounts of their own, and disconnect them."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.identity.oauth import parameters
from gateway.identity.people import Person
from gateway.service.connect import CALLBACK, DOCUMENT, Connect
from gateway.service.credentials import CONNECT
from gateway.web.operations import json_response
from gateway.web.pages import Pages, redirect

_DOCUMENT_SECONDS = 3_600


def routes(connect: Connect, pages: Pages) -> list[BaseRoute]:
    views = _Views(connect, pages)
    return [
        Route(CONNECT, pages.personal(views.show), methods=["GET"]),
        Route(CONNECT, pages.submitted(views.begin), methods=["POST"]),
        Route(f"{CONNECT}/end", pages.submitted(views.end), methods=["POST"]),
        Route(CALLBACK, pages.personal(views.finish), methods=["GET"]),
        Route(DOCUMENT, views.document, methods=["GET"]),
    ]


class _Views:
    def __init__(self, connect: Connect, pages: Pages) -> None:
        self._connect = connect
        self._pages = pages

    async def show(self, request: Request, person: Person) -> Response:
        servers = await self._connect.list(person)
        return self._pages.show(request, "connect.jinja", person=person, servers=servers)

    async def begin(self, request: Request, person: Person, form: Mapping[str, str]) -> Response:
        """The way goes on by a link: browsers hold a form against the place that its answer redirects to."""
        browser = self._pages.browser(request)
        assert browser is not None
        server = form.get("server", "")
        url = await self._connect.begin(server, person, browser)
        return self._pages.show(
            request, "connect_on.jinja", person=person, server=server, url=url, place=urlsplit(url).netloc
        )

    async def finish(self, request: Request, person: Person) -> Response:
        browser = self._pages.browser(request)
        assert browser is not None
        server = await self._connect.finish(parameters(request.query_params.multi_items()), person, browser)
        return self._pages.show(
            request,
            "message.jinja",
            person=person,
            title=f"{server} is connected",
            text="Programs can use it now.",
            fix="You can close this page.",
        )

    async def end(self, request: Request, person: Person, form: Mapping[str, str]) -> Response:
        await self._connect.disconnect(form.get("server", ""), person)
        return redirect(CONNECT)

    async def document(self, request: Request) -> Response:
        """The gateway's client id metadata document, for authorization servers that know it by that."""
        headers = {"Cache-Control": f"public, max-age={_DOCUMENT_SECONDS}"}
        return json_response(self._connect.document, headers=headers)
