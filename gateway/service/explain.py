"""Why an agent may make a call, or not: the whole of a decision, for people."""

from __future__ import annotations

from dataclasses import asdict

from gateway.engine import policy
from gateway.errors import NotFound, UsageError
from gateway.model import JSON
from gateway.service.floor import Floor
from gateway.service.tokens import Tokens


async def explain(
    floor: Floor, tokens: Tokens, *, agent: str, server: str, tool: str, args: JSON, token_id: str | None
) -> dict[str, JSON]:
    """What would happen if the agent, or a token of it with all that narrows it, made this call now: the decision, what
    it asks for, whether the tool is held since it has changed, what is used of the limits that outlast a run, and every
    rule that did not decide, with the reason.

    Raises `NotFound` for an unknown agent, tool or token, `UsageError` for a token of another agent, `Unauthenticated`
    for one that is dead."""
    found = floor.upstreams.catalog.find(server, tool)
    if found is None:
        raise NotFound(f"There is no tool {server}:{tool}.", fix="`gateway servers list` tells more.")
    if token_id is not None:
        await tokens.show(token_id)
    principal = await tokens.entitled(agent) if token_id is None else await tokens.principal(token_id)
    if principal.agent != agent:
        raise UsageError(f"{token_id} is a token of {principal.agent}.", fix=f"Ask about {principal.agent}.")
    now = floor.clock()
    counters = policy.counters(principal, found)
    used = await floor.usage.used(counters, tenant=principal.tenant, agent=agent, now_ms=now)
    decision = policy.decide(principal, found, args, now, used)
    limits = [
        {"window": limit.window, "cap": limit.cap, "used": used.get((limit.rule, limit.window))}
        for limit in decision.obligations.limits
    ]
    return {
        "effect": decision.effect,
        "rule": decision.rule,
        "held": floor.drift.is_held(found),
        "reason": decision.reason,
        "limits": limits,
        "approvals": [asdict(approval) for approval in decision.obligations.approvals],
        "policy_hash": policy.policy_hash(principal),
        "considered": [
            {"rule": rule, "why_not": why} for rule, why in policy.considered(principal, found, args, now, used)
        ],
    }
