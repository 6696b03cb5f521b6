"""The pages on which a person lets a client act as an agent, or refuses: for a browser's client and for a device."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.errors import UsageError
from gateway.identity.oauth import parameters
from gateway.identity.people import Person
from gateway.service.authorize import CONSENT_PATH, Allowed, Authorizations, Question
from gateway.service.getting_in import GettingIn
from gateway.service.oauth_tokens import DEVICE_PATH
from gateway.web.pages import Pages, address, redirect


def routes(getting_in: GettingIn, pages: Pages) -> list[BaseRoute]:
    views = _Views(getting_in.authorizations, pages)
    consent = f"{CONSENT_PATH}/{{request_id}}"
    return [
        Route("/oauth/authorize", pages.endpoint(views.authorize), methods=["GET"]),
        Route(consent, pages.personal(views.ask), methods=["GET"]),
        Route(consent, pages.submitted(views.answer), methods=["POST"]),
        Route(DEVICE_PATH, pages.personal(views.ask_for_device), methods=["GET"]),
        Route(DEVICE_PATH, pages.submitted(views.answer_device), methods=["POST"]),
    ]


class _Views:
    def __init__(self, authorizations: Authorizations, pages: Pages) -> None:
        self._authorizations = authorizations
        self._pages = pages

    async def authorize(self, request: Request) -> Response:
        """The authorization endpoint: the request is taken, then the person is asked on a page of its own."""
        given = parameters(request.query_params.multi_items())
        return redirect(await self._authorizations.begin(given, address=address(request)))

    async def ask(self, request: Request, person: Person) -> Response:
        request_id = request.path_params["request_id"]
        question = await self._authorizations.asked(request_id, person, address=address(request))
        return self._consent_page(request, person, question, user_code=None)

    async def answer(self, request: Request, person: Person, form: Mapping[str, str]) -> Response:
        request_id = request.path_params["request_id"]
        to = await self._authorizations.answer(request_id, person, _answer(form), address=address(request))
        return redirect(to)

    async def ask_for_device(self, request: Request, person: Person) -> Response:
        typed = request.query_params.get("user_code", "")
        if not typed:
            return self._pages.show(request, "device.jinja", action=DEVICE_PATH, person=person)
        question = await self._authorizations.asked_by_device(typed, person, address=address(request))
        return self._consent_page(request, person, question, user_code=typed)

    async def answer_device(self, request: Request, person: Person, form: Mapping[str, str]) -> Response:
        allowed = _answer(form)
        typed = form.get("user_code", "")
        await self._authorizations.answer_device(typed, person, allowed, address=address(request))
        title = "The device may go on" if allowed else "You have refused"
        text = "It takes a few seconds to notice." if allowed else "The device gets nothing."
        return self._pages.show(request, "message.jinja", title=title, text=text, fix="You can close this page.")

    def _consent_page(self, request: Request, person: Person, question: Question, *, user_code: str | None) -> Response:
        target = question.redirect_uri
        return self._pages.show(
            request,
            "consent.jinja",
            form_targets=() if target is None else (_csp_source(target),),
            person=person,
            question=question,
            answer_goes_to=None if target is None else _place(target),
            user_code=user_code,
        )


def _answer(form: Mapping[str, str]) -> Allowed | None:
    """What the person said; None is a refusal. Raises `UsageError` for neither."""
    match form.get("decision"):
        case "refuse":
            return None
        case "allow":
            agent = form.get("agent", "")
            lifetime = form.get(f"lifetime of {agent}", "")
            if agent and lifetime.isascii() and lifetime.isdecimal() and len(lifetime) <= 10:
                return Allowed(agent, int(lifetime))
            raise UsageError("No agent was chosen.", fix="Go back, and choose the agent that the client may act as.")
    raise UsageError("There is no answer in this form.", fix="Go back, and press one of the buttons.")


def _place(redirect_uri: str) -> str:
    """Where an answer goes, as a person knows it: a host, or the scheme of an application's links."""
    parts = urlsplit(redirect_uri)
    return parts.netloc or f"the application that opens {parts.scheme}: links"


def _csp_source(redirect_uri: str) -> str:
    """The place for `form-action`, which has no form for IPv6 addresses: then the scheme alone."""
    parts = urlsplit(redirect_uri)
    if parts.scheme not in ("http", "https") or "[" in parts.netloc:
        return f"{parts.scheme}:"
    return f"{parts.scheme}://{parts.netloc}"
