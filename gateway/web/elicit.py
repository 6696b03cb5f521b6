"""What a run asks of a person, put to the client that waits for it: as a form (MCP elicitation), where it can show one.

    2026-07-28      the answer to `tools/call` is `input_required`, with a sealed state that names the run and what it
                    asks; the client calls again with what the person said, on whatever connection and replica
    with handshake  `elicitation/create` within the call, on connections that have a way back (web/talking.py, stdio)

Only what a person submitted is an answer. Who declines, dismisses the form or goes away has said nothing: the run goes
on waiting, and says how else it can be answered."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Mapping
from typing import Any

import orjson
from mcp import MCPError
from mcp.server.context import ServerRequestContext
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.types import CallToolRequestParams, ElicitResult
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.requests import Request

from gateway.engine.questions import Question
from gateway.errors import Conflict
from gateway.model import JSON, Principal
from gateway.service.views import RunView
from gateway.tasks import Tasks
from gateway.web.services import Runs

log = logging.getLogger(__name__)

Context = ServerRequestContext[Any, Request]

STATE_SECONDS = 86_400.0
"""How long a form may lie before it is sent."""
FORM_SECONDS = 600.0
"""How long a call with a handshake stays open for a form."""
LOOK_SECONDS = 1.0
"""How often somebody looks whether the question was answered elsewhere meanwhile."""
ASKED = ("approval", "input")
_KEY = "answer"


def boundary(key: bytes, audience: str) -> RequestStateBoundary:
    """Seals what the client carries between two calls, the same on all replicas, for one token alone."""
    secret = hmac.digest(key, b"mcp requestState", "sha256")
    security = RequestStateSecurity(keys=[secret], ttl=STATE_SECONDS, bind_principal=_bound_to)
    return RequestStateBoundary(security, default_audience=audience)


def _bound_to(ctx: Context) -> str | None:
    if ctx.request is None:
        return None
    principal: Principal = ctx.request.scope["principal"]
    return principal.token_id


def shows_forms(ctx: Context) -> bool:
    """Whether the client said that it can show a form. A capability without a mode means forms."""
    capabilities = ctx.session.client_capabilities
    elicitation = capabilities.elicitation if capabilities is not None else None
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


class Elicitor:
    """Puts a run's questions to its client."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._tasks = Tasks()

    async def question(self, ctx: Context, principal: Principal, run: RunView) -> Question | None:
        """What may be put to this client now."""
        waiting = run.body.get("waiting")
        if waiting is None or waiting["for"] not in ASKED or not shows_forms(ctx):
            return None
        return await self._runs.question(principal, run.run_id)

    def required(self, run: RunView, question: Question) -> dict[str, JSON]:
        """The question as the answer to a call in revision 2026-07-28."""
        params = {"mode": "form", "message": question.message, "requestedSchema": dict(question.schema)}
        return {
            "resultType": "input_required",
            "inputRequests": {_KEY: {"method": "elicitation/create", "params": params}},
            "requestState": orjson.dumps({"run": run.run_id, "cid": question.cid}).decode(),
        }

    async def take(self, principal: Principal, params: CallToolRequestParams) -> tuple[str, bool]:
        """What the client brings back: the run's id, and whether it answers. Raises `UsageError`, `NotFound`."""
        state: Mapping[str, Any] = orjson.loads(params.request_state or "{}")
        said = (params.input_responses or {}).get(_KEY)
        if not isinstance(said, ElicitResult) or said.action != "accept":
            return state["run"], False
        question = await self._runs.question(principal, state["run"])
        if question is None or question.cid != state["cid"]:
            # Somebody was faster.
            return state["run"], True
        await self._give(principal, state["run"], question, said.content)
        return state["run"], True

    async def ask(self, ctx: Context, principal: Principal, run: RunView, question: Question) -> bool:
        """The question within a call, for clients with a handshake. Whether there is an answer, from here or from
        elsewhere."""
        if ctx.protocol_version not in HANDSHAKE_PROTOCOL_VERSIONS or not ctx.session.can_send_request:
            return False
        shown = self._tasks.start(self._shown(ctx, question), name=f"form of {run.run_id}")
        elsewhere = self._tasks.start(self._until_answered(principal, run.run_id, question), name="answered elsewhere")
        try:
            await asyncio.wait((shown, elsewhere), timeout=FORM_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            said = shown.result() if shown.done() else None
            if said is not None and said.action == "accept":
                await self._give(principal, run.run_id, question, said.content)
                return True
            return elsewhere.done()
        finally:
            shown.cancel()
            elsewhere.cancel()

    async def _shown(self, ctx: Context, question: Question) -> ElicitResult | None:
        try:
            return await ctx.session.elicit_form(
                question.message,
                dict(question.schema),
                related_request_id=ctx.request_id,
            )
        except MCPError as error:
            log.info("a client could not show a form: %s", error)
            return None

    async def _until_answered(self, principal: Principal, run_id: str, question: Question) -> None:
        while (now := await self._runs.question(principal, run_id)) is not None and now.cid == question.cid:
            await asyncio.sleep(LOOK_SECONDS)

    async def _give(self, principal: Principal, run_id: str, question: Question, content: Any) -> None:
        answer = question.answer(content)
        try:
            if question.kind == "input":
                await self._runs.answer(principal, run_id, answer, cid=question.cid)
            else:
                comment = answer.get("comment") or None
                await self._runs.approve(
                    principal, run_id, approved=answer["approved"], comment=comment, cid=question.cid
                )
        except Conflict:
            log.info("%s was answered elsewhere before its client did", run_id)
