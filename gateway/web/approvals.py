"""The pages on which people answer what programs ask them to agree to."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.errors import NotFound, UsageError
from gateway.identity.people import Person
from gateway.service.approvals import Approvals
from gateway.web.pages import Pages

APPROVALS = "/ui/approvals"
MAX_COMMENT = 2_000


def routes(approvals: Approvals, pages: Pages) -> list[BaseRoute]:
    views = _Views(approvals, pages)
    one = f"{APPROVALS}/{{run}}/{{cid:int}}"
    return [
        Route(APPROVALS, pages.personal(views.pending), methods=["GET"]),
        Route(one, pages.personal(views.ask), methods=["GET"]),
        Route(one, pages.submitted(views.answer), methods=["POST"]),
    ]


class _Views:
    def __init__(self, approvals: Approvals, pages: Pages) -> None:
        self._approvals = approvals
        self._pages = pages

    async def pending(self, request: Request, person: Person) -> Response:
        questions = await self._approvals.pending(person)
        return self._pages.show(request, "approvals.jinja", person=person, questions=questions, here=APPROVALS)

    async def ask(self, request: Request, person: Person) -> Response:
        question = await self._approvals.question(*_which(request), person)
        return self._pages.show(request, "approval.jinja", person=person, question=question, here=APPROVALS)

    async def answer(self, request: Request, person: Person, form: Mapping[str, str]) -> Response:
        decision, comment = form.get("decision"), form.get("comment", "").strip()
        if decision not in ("approve", "deny") or len(comment) > MAX_COMMENT:
            raise UsageError("There is no answer in this form.", fix="Go back, and press one of the buttons.")
        approved = decision == "approve"
        await self._approvals.answer(*_which(request), person, approved=approved, comment=comment or None)
        title = "You have agreed" if approved else "You have refused"
        text = "The program goes on." if approved else "The program is told so."
        return self._pages.show(request, "message.jinja", person=person, title=title, text=text, fix="")


def _which(request: Request) -> tuple[str, int]:
    cid = request.path_params["cid"]
    if cid > 2**53:
        raise NotFound("There is no such question.")
    return request.path_params["run"], cid
