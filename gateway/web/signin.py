"""The pages on which people sign in and out."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.identity.oauth import parameters
from gateway.identity.people import Person
from gateway.service.getting_in import GettingIn
from gateway.service.signin import CALLBACK
from gateway.web.pages import SIGN_IN, Pages, address, own_path, redirect

HOME = "/ui/"
TO_PROVIDER = f"{SIGN_IN}/provider"


def routes(getting_in: GettingIn, pages: Pages) -> list[BaseRoute]:
    views = _Views(getting_in, pages)
    return [
        Route("/", pages.endpoint(views.start), methods=["GET"]),
        Route(HOME, pages.personal(views.home), methods=["GET"]),
        Route(SIGN_IN, pages.endpoint(views.show), methods=["GET"]),
        Route(SIGN_IN, pages.endpoint(views.with_code), methods=["POST"]),
        Route(TO_PROVIDER, pages.endpoint(views.to_provider), methods=["GET"]),
        Route(CALLBACK, pages.endpoint(views.from_provider), methods=["GET"]),
        Route(f"{HOME}end", pages.submitted(views.end), methods=["POST"]),
        Route("/ui/sign-out", pages.endpoint(views.out), methods=["POST"]),
    ]


class _Views:
    def __init__(self, getting_in: GettingIn, pages: Pages) -> None:
        self._sign_in = getting_in.sign_in
        self._rates = getting_in.rates
        self._authorizations = getting_in.authorizations
        self._floor = getting_in.floor
        self._pages = pages

    async def start(self, request: Request) -> Response:
        """Whoever opens the address that the gateway printed."""
        return redirect(HOME)

    async def home(self, request: Request, person: Person) -> Response:
        """Who is signed in, which agents are theirs, and what they have connected."""
        config = self._floor.tokens.config
        agents = {name: agent for name, agent in config.agents.items() if person.may_act_as(agent.owner)}
        return self._pages.show(
            request,
            "home.jinja",
            person=person,
            agents=agents,
            resource=self._floor.tokens.audience,
            consents=await self._authorizations.given(person),
        )

    async def end(self, request: Request, person: Person, form: Mapping[str, str]) -> Response:
        await self._authorizations.end(person, form.get("consent", ""))
        return redirect(HOME)

    async def show(self, request: Request) -> Response:
        then = own_path(request.query_params.get("then"), HOME)
        by_provider = f"{TO_PROVIDER}?{urlencode({'then': then})}" if self._sign_in.by_provider else None
        code = request.query_params.get("code", "")[:32]
        return self._pages.show(request, "sign_in.jinja", then=then, by_provider=by_provider, code=code)

    async def with_code(self, request: Request) -> Response:
        await self._rates.of_address("guess", address(request))
        form = await self._pages.form(request)
        browser = await self._sign_in.with_code(form.get("code", ""))
        return self._pages.signed_in(browser, own_path(form.get("then"), HOME))

    async def to_provider(self, request: Request) -> Response:
        then = own_path(request.query_params.get("then"), HOME)
        browser = self._pages.browser(request)
        if browser is None:
            return redirect(f"{SIGN_IN}?{urlencode({'then': then})}")
        return redirect(await self._sign_in.to_provider(browser, then=then))

    async def from_provider(self, request: Request) -> Response:
        given = parameters(request.query_params.multi_items())
        browser, then = await self._sign_in.from_provider(self._pages.browser(request) or "", given)
        return self._pages.signed_in(browser, then)

    async def out(self, request: Request) -> Response:
        await self._pages.form(request)
        await self._sign_in.sign_out(self._pages.browser(request) or "")
        return self._pages.signed_out()
