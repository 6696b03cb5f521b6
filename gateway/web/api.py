"""`/api/v1`: what the command line and the dashboard use. One table, one small function per row."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal

from pydantic import Field, model_validator

from gateway.config import GrantConfig
from gateway.config.quantities import Duration
from gateway.errors import Forbidden, NotFound, UsageError
from gateway.model import JSON, Principal
from gateway.web import audit
from gateway.web.operations import Call, Input, Operation
from gateway.web.tools import LONGEST_WAIT_SECONDS

PREFIX = "/api/v1"
_DONE = {"ok": True}


async def acting(call: Call, agent: str | None) -> Principal:
    """For whom a request acts: a token for its own agent; an administrator for the one named, or the only one."""
    if not call.principal.admin:
        if agent not in (None, call.principal.agent):
            raise Forbidden(f"This token belongs to agent '{call.principal.agent}'.", fix="Leave the agent out.")
        return call.principal
    agents = list(call.services.config.agents)
    if agent is None and len(agents) != 1:
        raise UsageError("Which agent?", fix=f"Name one of: {', '.join(agents) or '(none is configured)'}.")
    return await call.services.tokens.principal_for_agent(agent or agents[0])


# --- servers -----------------------------------------------------------------------------------------------------


class CatalogQuery(Input):
    server: str | None = None


async def list_servers(call: Call) -> JSON:
    return [asdict(status) for status in call.services.upstreams.status()]


async def check_servers(call: Call) -> JSON:
    return [asdict(status) for status in await call.services.upstreams.check()]


async def dump_catalog(call: Call) -> JSON:
    """The tools as the servers sent them, in the form that `gateway codegen --from` reads."""
    servers = call.services.upstreams.catalog.servers
    wanted = call.query.server
    if wanted is not None and wanted not in servers:
        raise NotFound(f"No server '{wanted}' here.", fix=f"There are: {', '.join(servers)}.")
    return [
        {"server": name, "tools": [dict(tool.raw) for tool in offered.tools]}
        for name, offered in servers.items()
        if wanted in (None, name)
    ]


# --- tokens ------------------------------------------------------------------------------------------------------


class IssueToken(Input):
    agent: str
    ttl: Duration | None = None
    grants: tuple[GrantConfig, ...] = ()
    parent: str | None = None


class Revoke(Input):
    """Exactly one of them."""

    token: str | None = None
    agent: str | None = None
    session: str | None = None
    all: bool = False

    @model_validator(mode="after")
    def _one(self) -> Revoke:
        if sum(map(bool, (self.token, self.agent, self.session, self.all))) != 1:
            raise ValueError("name exactly one of token, agent, session, all")
        return self


async def issue_token(call: Call) -> JSON:
    body: IssueToken = call.body
    grants = [grant.to_grant() for grant in body.grants]
    return await call.services.tokens.issue(body.agent, ttl_seconds=body.ttl, grants=grants, parent=body.parent)


async def list_tokens(call: Call) -> JSON:
    return await call.services.tokens.list()


async def show_token(call: Call) -> JSON:
    return await call.services.tokens.show(call.path["token"])


async def revoke(call: Call) -> JSON:
    body: Revoke = call.body
    return await call.services.revoker.revoke(
        token_id=body.token, agent=body.agent, session=body.session, everything=body.all
    )


# --- programs and runs -------------------------------------------------------------------------------------------

_Wait = Field(default=0, ge=0, le=LONGEST_WAIT_SECONDS)


class Program(Input):
    code: str = Field(min_length=1)
    agent: str | None = None


class StartRun(Program):
    session: str = "default"
    wait_seconds: float = _Wait


class AgentQuery(Input):
    agent: str | None = None


class RunsQuery(AgentQuery):
    status: Literal["completed", "failed", "rejected", "running", "waiting", "cancelled", "revoked"] | None = None
    session: str | None = None
    limit: int = Field(default=50, ge=1, le=1_000)


class WaitQuery(Input):
    wait_seconds: float = _Wait


async def check_program(call: Call) -> JSON:
    body: Program = call.body
    return await call.services.runs.check(await acting(call, body.agent), body.code)


async def start_run(call: Call) -> JSON:
    body: StartRun = call.body
    principal = await acting(call, body.agent)
    run = await call.services.runs.execute(principal, body.code, session=body.session, wait_seconds=body.wait_seconds)
    return run.as_dict()


async def list_runs(call: Call) -> JSON:
    query: RunsQuery = call.query
    found = await call.services.runs.list(
        call.principal, status=query.status, session=query.session, agent=query.agent, limit=query.limit
    )
    return [run.for_people() for run in found]


async def show_run(call: Call) -> JSON:
    """With its `steps`."""
    return (await call.services.runs.show(call.principal, call.path["run"])).for_people()


async def await_run(call: Call) -> JSON:
    wait: float = call.query.wait_seconds
    run = await call.services.runs.result(call.principal, call.path["run"], wait_seconds=wait)
    return run.as_dict()


async def cancel_run(call: Call) -> JSON:
    return (await call.services.runs.cancel(call.principal, call.path["run"])).as_dict()


async def signal_run(call: Call) -> JSON:
    await call.services.runs.signal(call.principal, call.path["run"], call.path["event"], call.body)
    return _DONE


# --- what people decide about a run ------------------------------------------------------------------------------


class Answer(Input):
    """`cid`: which of the run's commands is meant, where it waits for several; absent: the oldest."""

    value: Any
    cid: int | None = None


class Approval(Input):
    approved: bool
    comment: str | None = Field(default=None, max_length=2_000)
    cid: int | None = None


class Resolution(Input):
    choice: Literal["retry", "supply", "fail"]
    value: Any = None
    cid: int | None = None


async def answer_run(call: Call) -> JSON:
    body: Answer = call.body
    await call.services.runs.answer(call.principal, call.path["run"], body.value, cid=body.cid)
    return _DONE


async def approve_run(call: Call) -> JSON:
    body: Approval = call.body
    await call.services.runs.approve(
        call.principal, call.path["run"], approved=body.approved, comment=body.comment, cid=body.cid
    )
    return _DONE


async def resolve_run(call: Call) -> JSON:
    body: Resolution = call.body
    await call.services.runs.resolve(call.principal, call.path["run"], body.choice, value=body.value, cid=body.cid)
    return _DONE


# --- types and policy --------------------------------------------------------------------------------------------


async def show_types(call: Call) -> JSON:
    principal = await acting(call, call.query.agent)
    module = call.services.publisher.module_for(principal)
    return {"agent": principal.agent, "declarations": module.text, "manifest": module.manifest}


class Question(Input):
    agent: str
    server: str
    tool: str
    args: dict[str, Any] = Field(default={})
    token: str | None = None


async def explain_policy(call: Call) -> JSON:
    question: Question = call.body
    return await call.services.explain(
        agent=question.agent,
        server=question.server,
        tool=question.tool,
        args=question.args,
        token_id=question.token,
    )


# --- the gateway itself ------------------------------------------------------------------------------------------


async def doctor(call: Call) -> JSON:
    checks = list(await call.services.doctor())
    return {"ok": all(check["ok"] for check in checks), "checks": checks}


OPERATIONS = (
    Operation("GET", "/servers", "The upstream servers, as they are now", list_servers),
    Operation("POST", "/servers/check", "Ask every upstream server now", check_servers),
    Operation("GET", "/catalog", "The tools as their servers define them", dump_catalog, query=CatalogQuery),
    Operation("GET", "/tokens", "All tokens, without their secrets", list_tokens),
    Operation("POST", "/tokens", "Issue a token; it is shown this once", issue_token, IssueToken),
    Operation("POST", "/tokens/revoke", "Revoke tokens and stop their runs", revoke, Revoke),
    Operation("GET", "/tokens/{token}", "One token", show_token),
    Operation("POST", "/check", "Type-check a program", check_program, Program, open_to="token"),
    Operation("GET", "/types", "What an agent's programs may import", show_types, query=AgentQuery, open_to="token"),
    Operation("GET", "/runs", "Runs, the latest first", list_runs, query=RunsQuery, open_to="token"),
    Operation("POST", "/runs", "Run a program", start_run, StartRun, open_to="token"),
    Operation("GET", "/runs/{run}", "A run with its steps", show_run, open_to="token"),
    Operation("GET", "/runs/{run}/result", "A run, when it ends", await_run, query=WaitQuery, open_to="token"),
    Operation("POST", "/runs/{run}/cancel", "Stop a run", cancel_run, open_to="token"),
    Operation("POST", "/runs/{run}/events/{event}", "Send an event to a run", signal_run, Any, open_to="token"),
    Operation("POST", "/runs/{run}/approval", "Agree, or not, to what a run asks for", approve_run, Approval),
    Operation("POST", "/runs/{run}/answer", "Answer what a run asks", answer_run, Answer),
    Operation(
        "POST", "/runs/{run}/resolution", "Decide about a call whose outcome is unknown", resolve_run, Resolution
    ),
    Operation("POST", "/policy/explain", "May an agent make a call, and why", explain_policy, Question),
    *audit.OPERATIONS,
    Operation("GET", "/doctor", "What is in order and what is not", doctor),
)
