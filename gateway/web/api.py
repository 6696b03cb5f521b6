"""`/api/v1`: what the command line and the dashboard use. One table, one small function per row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal

from pydantic import Field, model_validator

from gateway.config import GrantConfig
from gateway.config.quantities import Duration
from gateway.errors import NotFound, UsageError
from gateway.identity.people import SIGN_IN_CODE_LIFETIME_MS
from gateway.model import JSON, ServerStatus
from gateway.web import audit, runs, sessions
from gateway.web.acting import AgentQuery, acting
from gateway.web.operations import Call, Input, Operation
from gateway.web.pages import SIGN_IN

PREFIX = "/api/v1"


# --- servers -----------------------------------------------------------------------------------------------------


class CatalogQuery(Input):
    server: str | None = None


class ApproveTools(Input):
    """`tools` absent: everything that has drifted. `seen`: the `digest` of the drift that was looked at."""

    tools: tuple[str, ...] = ()
    seen: str | None = None


async def list_servers(call: Call) -> JSON:
    return _with_drift(call, call.services.upstreams.status())


async def check_servers(call: Call) -> JSON:
    found = await call.services.upstreams.check()
    await call.services.drift.compare(call.services.upstreams.catalog)
    return _with_drift(call, found)


def _with_drift(call: Call, found: Sequence[ServerStatus]) -> JSON:
    return [asdict(status) | {"drift": call.services.drift.report(status.name)} for status in found]


async def approve_tools(call: Call) -> JSON:
    body: ApproveTools = call.body
    return await call.services.drift.approve(call.path["server"], body.tools, seen=body.seen)


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
    """A token's own bearer makes children of it: `agent` and `parent` are known then."""

    agent: str | None = None
    ttl: Duration | None = None
    grants: tuple[GrantConfig, ...] = ()
    parent: str | None = None


class Revoke(Input):
    """Exactly one of them. A token's own bearer ends tokens below it."""

    token: str | None = None
    agent: str | None = None
    session: str | None = None
    tenant: str | None = None
    all: bool = False

    @model_validator(mode="after")
    def _one(self) -> Revoke:
        if sum(map(bool, (self.token, self.agent, self.session, self.tenant, self.all))) != 1:
            raise ValueError("name exactly one of token, agent, session, tenant, all")
        return self


async def issue_token(call: Call) -> JSON:
    body: IssueToken = call.body
    grants = [grant.to_grant() for grant in body.grants]
    if not call.principal.admin:
        return await call.services.getting_in.children.issue(
            call.principal, agent=body.agent, ttl_seconds=body.ttl, grants=grants, parent=body.parent
        )
    if body.agent is None:
        raise UsageError("Which agent?", fix=f"Name one of: {', '.join(call.services.config.agents) or '(none)'}.")
    return await call.services.tokens.issue(body.agent, ttl_seconds=body.ttl, grants=grants, parent=body.parent)


async def list_tokens(call: Call) -> JSON:
    return await call.services.tokens.list(below=_below(call))


async def show_token(call: Call) -> JSON:
    return await call.services.tokens.show(call.path["token"], below=_below(call))


def _below(call: Call) -> str | None:
    """The token that a caller sees what is below of; None: an administrator, who sees all."""
    return None if call.principal.admin else call.principal.token_id


async def revoke(call: Call) -> JSON:
    body: Revoke = call.body
    if not call.principal.admin:
        if body.token is None:
            raise NotFound("A token ends tokens below it, and nothing else.", fix="Name one of them as `token`.")
        await call.services.tokens.show(body.token, below=_below(call))
    return await call.services.revoker.revoke(
        token_id=body.token, agent=body.agent, session=body.session, tenant=body.tenant, everything=body.all
    )


async def new_sign_in_code(call: Call) -> JSON:
    """For an administrator who has no session and no terminal with the code of the start."""
    code = await call.services.getting_in.sign_in.new_code()
    seconds = SIGN_IN_CODE_LIFETIME_MS // 1000
    return {"code": code, "expires_in": seconds, "url": f"{call.services.config.gateway.base_url}{SIGN_IN}"}


class Rotation(Input):
    purpose: Literal["tokens", "checkpoints"] = "tokens"
    emergency: bool = False


async def list_keys(call: Call) -> JSON:
    return await call.services.keys.list()


async def rotate_keys(call: Call) -> JSON:
    body: Rotation = call.body
    return await call.services.keys.rotate(body.purpose, emergency=body.emergency)


# --- types and policy --------------------------------------------------------------------------------------------


async def show_types(call: Call) -> JSON:
    principal = await acting(call, call.query.agent)
    module = await call.services.publisher.module_for(principal)
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
    Operation(
        "POST",
        "/servers/{server:path}/approve",
        "Approve what a server lists now, where it drifted",
        approve_tools,
        ApproveTools,
    ),
    Operation("GET", "/catalog", "The tools as their servers define them", dump_catalog, query=CatalogQuery),
    Operation("GET", "/tokens", "All tokens, or those below one's own", list_tokens, open_to="token"),
    Operation("POST", "/tokens", "Issue a token; it is shown this once", issue_token, IssueToken, open_to="token"),
    Operation("POST", "/sign-in-code", "A code by which one administrator signs in", new_sign_in_code),
    Operation("POST", "/tokens/revoke", "Revoke tokens and stop their runs", revoke, Revoke, open_to="token"),
    Operation("GET", "/tokens/{token}", "One token", show_token, open_to="token"),
    Operation("GET", "/keys", "The gateway's own keys, without their secrets", list_keys),
    Operation("POST", "/keys/rotate", "Sign with a new key from now on", rotate_keys, Rotation),
    Operation("GET", "/types", "What an agent's programs may import", show_types, query=AgentQuery, open_to="token"),
    *runs.OPERATIONS,
    Operation("POST", "/policy/explain", "May an agent make a call, and why", explain_policy, Question),
    *sessions.OPERATIONS,
    *audit.OPERATIONS,
    Operation("GET", "/doctor", "What is in order and what is not", doctor),
)
