"""Performing one command of a program: a tool call, or a read or write of the session's state."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from gateway.engine import policy
from gateway.engine.canonical import canonical
from gateway.engine.fairness import owner_of
from gateway.engine.frames import Command
from gateway.engine.replay import UNSAFE, tool_class
from gateway.engine.rules import Approval, Limit
from gateway.engine.table import Usage
from gateway.engine.values import program_value
from gateway.errors import (
    GatewayError,
    NotFound,
    PolicyDenied,
    UnknownTool,
    UpstreamError,
    UpstreamUnavailable,
    UsageError,
)
from gateway.model import JSON, Principal, Tool, ToolResult
from gateway.service.floor import Floor, Job, tool_key
from gateway.store.sessions import Author

ERROR_NAMES = {"tool_error": "ToolError", "policy_denied": "PolicyError", "upstream_timeout": "TimeoutError"}


class AnswerLost(Exception):
    """The upstream may have seen the call, and its answer will never come. `outcome` is what to tell a program."""

    def __init__(self, outcome: Mapping[str, JSON]) -> None:
        super().__init__("the answer is lost")
        self.outcome = outcome


class CheckExpired(Exception):
    """The last liveness check is too old to send on. Nothing was sent."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A decided tool call: `denied` is the reason why not, `approval` what a person has to agree to first."""

    tool: Tool | None
    denied: GatewayError | None = None
    rule: str = ""
    approval: Approval | None = None
    limits: tuple[Limit, ...] = ()

    def described(self) -> dict[str, JSON]:
        """What the journal says of the call: the class of the tool, which decides what a crash between sending and
        outcome means, its pin, and the rule that decided."""
        if self.tool is None:
            return {"class": UNSAFE}
        hints = self.tool.annotations
        safety = tool_class(hints.read_only, hints.idempotent)
        return {"class": safety, "pin": self.tool.pin, "rule": self.rule}

    def for_pin(self, pin: JSON) -> Ticket:
        """The ticket of a call that a person has agreed to: they looked at the definition of this pin, and no other."""
        if self.denied is not None or self.tool is None or self.tool.pin == pin:
            return self
        name = f"{self.tool.server}:{self.tool.name}"
        denied = PolicyDenied(
            f"{name} is not what it was when somebody was asked to approve this call.",
            fix="Call it again, so that it is looked at as it is now.",
            server=self.tool.server,
            tool=self.tool.name,
            rule=self.rule,
        )
        return replace(self, denied=denied)


def decide(floor: Floor, job: Job, command: Command, used: Usage | None = None) -> Ticket:
    """Whether the run's principal may make this call now, given that so much of its limits is `used`. Believes nothing
    in the command."""
    server, _, name = command.name.partition(":")
    tool = floor.upstreams.catalog.find(server, name)
    if tool is None:
        return Ticket(None, denied=_unknown(floor, job.principal, server, name))
    if not isinstance(command.args, dict):
        return Ticket(tool, denied=UsageError(f"{command.name}: the argument is not an object."))
    decision = policy.decide(job.principal, tool, command.args, floor.clock(), used)
    if decision.effect == "deny":
        denied = PolicyDenied(
            f"{job.principal.agent} may not call {command.name}: {decision.reason}",
            fix="Wait, or make fewer calls." if used else "Ask whoever runs the gateway for a grant.",
            server=server,
            tool=name,
            rule=decision.rule,
        )
        return Ticket(tool, denied=denied, rule=decision.rule)
    try:
        floor.drift.check(tool)
    except PolicyDenied as error:
        return Ticket(tool, denied=error, rule=error.details["rule"])
    obligations = decision.obligations
    return Ticket(tool, None, decision.rule, next(iter(obligations.approvals), None), obligations.limits)


async def count(floor: Floor, job: Job, command: Command, ticket: Ticket, *, approved: bool) -> Ticket:
    """Count the call against the limits of the ticket's grants. When one of them is used up, another grant may open the
    call, so the ticket that comes back may be another one: denied, or one that has to be approved first."""
    used: dict[tuple[str, str], int] = {}
    while ticket.denied is None and (ticket.approval is None or approved):
        full = await floor.usage.count(
            ticket.limits,
            tenant=job.principal.tenant,
            agent=job.principal.agent,
            run_id=job.run_id,
            call=f"{job.run_id}/{command.cid}",
            size=len(canonical(command.args)),
            now_ms=floor.clock(),
        )
        if full is None:
            break
        used[full.rule, full.window] = full.cap
        ticket = decide(floor, job, command, used)
    return ticket


def _unknown(floor: Floor, principal: Principal, server: str, name: str) -> GatewayError:
    offered = floor.upstreams.catalog.servers.get(server)
    if offered is None or not any(policy.may_see(principal, tool) for tool in offered.tools):
        missing = f"There is no server {server!r}."
        return UnknownTool(missing, fix="Look with the search tool.", server=server, tool=name)
    return UnknownTool(
        f"{server} has no tool {name!r} now; it had one when this program was checked.",
        fix="Look with the search tool.",
        server=server,
        tool=name,
    )


async def call_tool(
    floor: Floor,
    job: Job,
    command: Command,
    limits: tuple[Limit, ...],
    check_alive: Callable[[], Awaitable[None]],
    may_go: Callable[[], None],
) -> Mapping[str, JSON]:
    """Call the upstream. Returns the outcome as the journal has it: `{"v": value}` or `{"e": error}`.

    `check_alive` is awaited once there is a slot and a connection, `may_go` asked in the moment before the request
    goes out; both raise `PolicyDenied` to stop it, and `may_go` raises `CheckExpired` to have it checked again. Raises
    `AnswerLost`."""
    server, _, name = command.name.partition(":")

    async def check() -> None:
        await check_alive()
        # It may have changed while the call waited for a person, or for its turn.
        listed = floor.upstreams.catalog.find(server, name)
        if listed is not None:
            floor.drift.check(listed)

    meta = {"mcp-code-gateway/idempotency-key": f"{job.run_id}/{command.cid}"}
    try:
        owner, caller = job.principal.owner, owner_of(job.principal)
        result = await _checked(
            lambda: floor.upstreams.call(
                server,
                name,
                command.args,
                owner=owner,
                caller=caller,
                meta=meta,
                before_send=check,
                on_sent=may_go,
            )
        )
        who = {"tenant": job.principal.tenant, "agent": job.principal.agent, "run_id": job.run_id}
        await floor.usage.add_bytes(limits, **who, size=result.bytes)
        wrapped = tool_key(server, name) in job.module.wrapped
        value = program_value(result, server=server, tool=name, wrapped=wrapped)
    except (UpstreamError, PolicyDenied) as error:
        outcome = {"e": program_error(error, server=server, tool=name)}
        if isinstance(error, UpstreamUnavailable) and error.details["sent"]:
            raise AnswerLost(outcome) from error
        return outcome
    known = floor.upstreams.catalog.find(server, name)
    if known is not None:
        floor.learner.note(known, value)
    return {"v": value}


async def _checked(call: Callable[[], Awaitable[ToolResult]]) -> ToolResult:
    """On a machine that is very busy more time may pass between check and send than a check holds: check again."""
    while True:
        with suppress(CheckExpired):
            return await call()


def program_error(error: GatewayError, **more: JSON) -> dict[str, JSON]:
    """The error as a program sees it: what class it is there, and what it says."""
    fields = {**more, **error.as_dict()}
    fallback = "ToolError" if isinstance(error, UpstreamError) else "Error"
    return {"name": ERROR_NAMES.get(error.code, fallback), **fields, "message": error.message}


async def local(floor: Floor, job: Job, command: Command, epoch: int) -> Mapping[str, JSON]:
    """Commands that the gateway itself answers: `state.*` and `results.get`. Raises `StoreError`; `StaleWriter` when
    the run has written its state in a later epoch."""
    try:
        if command.kind == "state":
            return {"v": await _state(floor, job, command.args, (job.run_id, epoch))}
        return {"v": await _results(floor, job, command.args)}
    except (UsageError, NotFound) as error:
        return {"e": program_error(error)}


async def _state(floor: Floor, job: Job, args: Any, by: Author) -> JSON:
    match args:
        case {"op": "get", "key": str(key)}:
            return await floor.sessions.get(job.principal.sid, job.session, key)
        case {"op": "set", "key": str(key)}:
            caps = floor.config.gateway.limits
            await floor.sessions.set(job.principal.sid, job.session, key, args.get("value"), caps, by)
            return None
        case {"op": "delete", "key": str(key)}:
            return await floor.sessions.unset(job.principal.sid, job.session, key, by)
        case {"op": "keys"}:
            return await floor.sessions.keys(job.principal.sid, job.session)
    raise UsageError("state: the key has to be a string.", fix='Write for example state.set("cursor", value).')


async def _results(floor: Floor, job: Job, args: Any) -> JSON:
    handle = args.get("handle") if isinstance(args, dict) else None
    run_id, _, digest = str(handle).partition("/")
    record = await floor.journal.record(run_id) if digest else None
    # The same answer for "not there" and "not yours": handles must not tell what others hold.
    if record is None or record.get("sid") != job.principal.sid:
        raise NotFound(f"There is no result {handle!r}.", fix="Use the handle from `omitted` of a run of this token.")
    return await floor.journal.blob(run_id, digest)
