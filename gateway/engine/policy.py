"""May this principal make this call? Pure: the same question has the same answer on every replica.

Closed by default; a deny rule wins; every one of the principal's policies (the agent's grants, then each narrowing
along the token's chain) has to open the call with one of its grants. Within a policy the grants are alternatives, and
their order means nothing. A rule that cannot be evaluated refuses (`engine.rules`).

Arguments come as parsed JSON: whoever parses them refuses duplicate keys. Liveness and expiry of the token, and
approvals already given, are the caller's business.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from gateway.engine.arguments import Call
from gateway.engine.rules import Approval, Limit, Rule, compile_rule
from gateway.engine.table import Table, Usage
from gateway.model import JSON, Annotations, Grant, Principal, Tool

_MOST_TOOLS = 4_096
_TOLD = 3
"""So many grants a refusal tells of, or of one alone where there are more; `considered` has them all."""


@dataclass(frozen=True, slots=True)
class Obligations:
    """What has to happen before the call is sent: every limit counted (all or none, atomically; over a cap the call is
    refused), every approval given."""

    limits: tuple[Limit, ...] = ()
    approvals: tuple[Approval, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    effect: Literal["allow", "deny", "approval"]
    rule: str
    """The rule that decided, as the configuration names it: `agents.triage.grants[1]`, `deny[0]`, or `default`."""
    reason: str
    """For people and programs. Never quotes an argument's value."""
    obligations: Obligations = Obligations()


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The compiled rules of one policy, in the file's order. The table of a tool is made when it is first asked for."""

    rules: tuple[Rule, ...]
    closes: bool
    _by_tool: dict[tuple[str, str, Annotations], Table] = field(default_factory=dict, compare=False, repr=False)

    def about(self, tool: Tool) -> Table:
        key = (tool.server, tool.name, tool.annotations)
        table = self._by_tool.get(key)
        if table is None:
            rules = [rule for rule in self.rules if rule.why_not_tool(tool) is None]
            # Of grants that fit, the one that asks for least is taken, by its content and not by its place.
            table = Table(rules if self.closes else sorted(rules, key=_asks), closes=self.closes)
            if len(self._by_tool) >= _MOST_TOOLS:
                self._by_tool.clear()
            self._by_tool[key] = table
        return table


def _asks(rule: Rule) -> tuple[bool, int, str]:
    return rule.approval is not None, len(rule.limits), rule.digest


@dataclass(frozen=True, slots=True)
class Compiled:
    """A principal's policies, ready to decide."""

    deny: RuleSet
    policies: tuple[RuleSet, ...]


class _Same:
    """Tuples of grants as a cache's key: by identity, since grants hold mappings. Configuration and sessions keep
    their tuples, so each is compiled once."""

    __slots__ = ("_hash", "grants", "name")

    def __init__(self, name: str, *grants: tuple[Grant, ...]) -> None:
        self.grants = grants
        self.name = name
        self._hash = hash((name, *map(id, grants)))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Same) or self.name != other.name or len(self.grants) != len(other.grants):
            return False
        return all(ours is theirs for ours, theirs in zip(self.grants, other.grants, strict=True))


@lru_cache(maxsize=1_024)
def _rule_set(same: _Same, closes: bool) -> RuleSet:
    (grants,) = same.grants
    return RuleSet(tuple(compile_rule(f"{same.name}[{index}]", grant) for index, grant in enumerate(grants)), closes)


@lru_cache(maxsize=4_096)
def _compiled(same: _Same) -> Compiled:
    deny, *policies = same.grants
    names = [
        f"agents.{same.name}.grants" if index == 0 else f"narrowing[{index}].grants" for index in range(len(policies))
    ]
    named = map(_Same, names, policies)
    return Compiled(_rule_set(_Same("deny", deny), True), tuple(_rule_set(one, False) for one in named))


def compile(principal: Principal) -> Compiled:
    """The principal's rules, compiled once for each tuple of grants."""
    return _compiled(_Same(principal.agent, principal.deny, *principal.policies))


def decide(principal: Principal, tool: Tool, args: JSON, now_ms: int, usage: Usage | None = None) -> Decision:
    """Decide one call. With `usage`, a grant whose limit is used up does not open, and another may; without, limits
    come back as obligations only. `now_ms`: milliseconds since the epoch."""
    compiled, call, used = compile(principal), Call(args), usage or {}
    closing = compiled.deny.about(tool).choose(call, now_ms, {})
    if closing is not None:
        return Decision("deny", closing.name, _closed(closing, tool))
    chosen: list[Rule] = []
    for policy in compiled.policies:
        table = policy.about(tool)
        rule = table.choose(call, now_ms, used)
        if rule is None:
            return Decision("deny", "default", _refused(principal, tool, table, call, now_ms, used))
        chosen.append(rule)
    if not chosen:
        return Decision("deny", "default", _closed_by_default(principal, tool))
    return _opened(chosen, tool)


def considered(
    principal: Principal, tool: Tool, args: JSON, now_ms: int, usage: Usage | None = None
) -> Iterator[tuple[str, str]]:
    """Every rule that did not decide, in the file's order, each with the reason."""
    decision, compiled, call = decide(principal, tool, args, now_ms, usage), compile(principal), Call(args)
    decided = decision.rule.split(" and ")
    for rules in (compiled.deny, *compiled.policies):
        for rule in rules.rules:
            if rule.name not in decided:
                why = rule.why_not_tool(tool) or rule.why_not_call(call, now_ms, closes=rules.closes)
                yield rule.name, why or _used_up(rule, usage or {}) or f"fits too, but {decision.rule} decided"


def may_see(principal: Principal, tool: Tool) -> bool:
    """Whether some call of the tool could be allowed: what search and types show."""
    compiled = compile(principal)
    if any(rule.unconditional for rule in compiled.deny.about(tool).rules):
        return False
    return bool(compiled.policies) and all(
        any(rule.broken is None for rule in policy.about(tool).rules) for policy in compiled.policies
    )


def always_asks(principal: Principal, tool: Tool) -> bool:
    """Whether no call of the tool is allowed without a person's approval: what types say of it."""
    opening = (
        [rule for rule in policy.about(tool).rules if rule.broken is None] for policy in compile(principal).policies
    )
    return any(rules and all(rule.approval is not None for rule in rules) for rules in opening)


def counters(principal: Principal, tool: Tool) -> tuple[Limit, ...]:
    """Every limit that may decide about a call of the tool: what `usage` should hold."""
    policies = compile(principal).policies
    return tuple(limit for policy in policies for rule in policy.about(tool).rules for limit in rule.limits)


def policy_hash(principal: Principal) -> str:
    """SHA-256 (hex) over all rules in force for the principal; their order does not matter."""
    compiled = compile(principal)
    sets = [",".join(sorted(rule.digest for rule in rules.rules)) for rules in (compiled.deny, *compiled.policies)]
    return hashlib.sha256(";".join(sets).encode()).hexdigest()


def _used_up(rule: Rule, usage: Usage) -> str | None:
    for limit in rule.limits:
        if usage.get((limit.rule, limit.window), 0) >= limit.cap:
            return f"its limit {limit.window}: {limit.cap:,} is used up"
    return None


def _opened(chosen: list[Rule], tool: Tool) -> Decision:
    approvals = tuple(rule.approval for rule in chosen if rule.approval is not None)
    names = " and ".join(rule.name for rule in chosen)
    return Decision(
        effect="approval" if approvals else "allow",
        rule=names,
        reason=f"{names} {'opens' if len(chosen) == 1 else 'open'} {tool.server}:{tool.name}",
        obligations=Obligations(tuple(limit for rule in chosen for limit in rule.limits), approvals),
    )


def _closed(rule: Rule, tool: Tool) -> str:
    return f"{rule.name} closes {tool.server}:{tool.name}" + (f" ({rule.broken})" if rule.broken else "")


def _closed_by_default(principal: Principal, tool: Tool) -> str:
    return f"no grant of {principal.agent} opens {tool.server}:{tool.name}"


def _refused(principal: Principal, tool: Tool, table: Table, call: Call, now_ms: int, usage: Usage) -> str:
    """With what is amiss at the first few grants that are about the tool."""
    first = table.rules if len(table.rules) <= _TOLD else table.rules[:1]
    reasons = (rule.why_not_call(call, now_ms, closes=False) or _used_up(rule, usage) for rule in first)
    nearest = [f"{rule.name}: {why}" for rule, why in zip(first, reasons, strict=True)]
    if len(table.rules) > len(first):
        nearest.append(f"and {len(table.rules) - len(first)} more")
    refusal = _closed_by_default(principal, tool)
    return f"{refusal} ({'; '.join(nearest)})" if nearest else refusal
