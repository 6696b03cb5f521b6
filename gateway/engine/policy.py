"""May this principal make this call? Pure: the same question has the same answer on every replica.

Closed by default; a deny rule wins; every one of the principal's policies (the agent's grants, then each narrowing
along the token's chain) has to open the call with one of its grants. Within a policy the grants are alternatives, and
their order means nothing. A rule that cannot be evaluated refuses (`engine.rules`).

Arguments come as parsed JSON: whoever parses them refuses duplicate keys. Liveness and expiry of the token, and
approvals already given, are the caller's business.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from gateway.engine.arguments import Call
from gateway.engine.rules import Approval, Limit, Rule, compile_rule
from gateway.errors import UsageError
from gateway.model import JSON, Annotations, Grant, Principal, Tool

Usage = Mapping[tuple[str, str], int]
"""(`Limit.rule`, `Limit.window`) → what is used of it now; what is not there is unused."""

Considered = tuple[tuple[str, str], ...]
"""(rule, why it did not decide)"""

_MOST_TOOLS = 4_096


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
    considered: Considered = ()


@dataclass(frozen=True, slots=True)
class _Relevant:
    rules: tuple[Rule, ...]
    others: Considered


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The compiled rules of one policy. Which of them are about a tool is found once for each tool."""

    rules: tuple[Rule, ...]
    _by_tool: dict[tuple[str, str, Annotations], _Relevant] = field(default_factory=dict, compare=False, repr=False)

    def about(self, tool: Tool) -> _Relevant:
        key = (tool.server, tool.name, tool.annotations)
        relevant = self._by_tool.get(key)
        if relevant is None:
            reasons = [(rule, rule.why_not_tool(tool)) for rule in self.rules]
            relevant = _Relevant(
                rules=tuple(rule for rule, why in reasons if why is None),
                others=tuple((rule.name, why) for rule, why in reasons if why is not None),
            )
            if len(self._by_tool) >= _MOST_TOOLS:
                self._by_tool.clear()
            self._by_tool[key] = relevant
        return relevant


@dataclass(frozen=True, slots=True)
class Compiled:
    """A principal's policies, ready to decide."""

    deny: RuleSet
    policies: tuple[RuleSet, ...]


class _Same:
    """A tuple of grants as a cache's key: by identity, since grants hold mappings. Configuration and sessions keep
    their tuples, so each is compiled once."""

    __slots__ = ("grants", "prefix")

    def __init__(self, grants: tuple[Grant, ...], prefix: str) -> None:
        self.grants = grants
        self.prefix = prefix

    def __hash__(self) -> int:
        return hash((id(self.grants), self.prefix))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.grants is other.grants and self.prefix == other.prefix


@lru_cache(maxsize=1_024)
def _rule_set(same: _Same) -> RuleSet:
    return RuleSet(tuple(compile_rule(f"{same.prefix}[{index}]", grant) for index, grant in enumerate(same.grants)))


def compile(principal: Principal) -> Compiled:
    """The principal's rules, compiled once for each tuple of grants."""
    prefixes = [f"agents.{principal.agent}.grants"]
    prefixes += [f"narrowing[{index}].grants" for index in range(1, len(principal.policies))]
    return Compiled(
        deny=_rule_set(_Same(principal.deny, "deny")),
        policies=tuple(map(_rule_set, map(_Same, principal.policies, prefixes))),
    )


def decide(principal: Principal, tool: Tool, args: JSON, now_ms: int, usage: Usage | None = None) -> Decision:
    """Decide one call. With `usage`, a grant whose limit is used up does not open, and another may; without, limits
    come back as obligations only. `now_ms`: milliseconds since the epoch."""
    compiled = compile(principal)
    call = Call(args)
    closing = compiled.deny.about(tool)
    considered = list(closing.others)
    for rule in closing.rules:
        why = rule.why_not_call(call, now_ms, closes=True)
        if why is None:
            return Decision("deny", rule.name, _closed(rule, tool), considered=tuple(considered))
        considered.append((rule.name, why))
    chosen: list[Rule] = []
    for policy in compiled.policies:
        relevant = policy.about(tool)
        considered += relevant.others
        misses: list[tuple[str, str]] = []
        choice = _choose(relevant.rules, call, now_ms, usage or {}, misses)
        considered += misses
        if choice is None:
            return Decision("deny", "default", _refused(principal, tool, misses), considered=tuple(considered))
        chosen.append(choice)
    if not chosen:
        return Decision("deny", "default", _refused(principal, tool, ()), considered=tuple(considered))
    return _opened(chosen, tool, tuple(considered))


def may_see(principal: Principal, tool: Tool) -> bool:
    """Whether some call of the tool could be allowed: what search and types show."""
    compiled = compile(principal)
    if any(rule.unconditional for rule in compiled.deny.about(tool).rules):
        return False
    return bool(compiled.policies) and all(
        any(rule.broken is None for rule in policy.about(tool).rules) for policy in compiled.policies
    )


def counters(principal: Principal, tool: Tool) -> tuple[Limit, ...]:
    """Every limit that may decide about a call of the tool: what `usage` should hold."""
    policies = compile(principal).policies
    return tuple(limit for policy in policies for rule in policy.about(tool).rules for limit in rule.limits)


def policy_hash(principal: Principal) -> str:
    """SHA-256 (hex) over all rules in force for the principal; their order does not matter."""
    compiled = compile(principal)
    sets = [",".join(sorted(rule.digest for rule in rules.rules)) for rules in (compiled.deny, *compiled.policies)]
    return hashlib.sha256(";".join(sets).encode()).hexdigest()


def explain(decision: Decision) -> str:
    """The decision for a person: what decided, what it asks for, and why the other rules did not."""
    lines = [f"{decision.effect}: {decision.reason}", f"  decided by {decision.rule}"]
    lines += [f"  counts against {limit.window}: {limit.cap:,}" for limit in decision.obligations.limits]
    lines += [
        f"  needs approval by {approval.by} within {approval.ttl_seconds:,} s"
        for approval in decision.obligations.approvals
    ]
    return "\n".join([*lines, *(f"  not {rule}: {why}" for rule, why in decision.considered)])


def parse_grant_flag(text: str) -> Grant:
    """`SERVER:TOOL[,TOOL…]`, globs allowed, as `--grant` takes it. Raises UsageError."""
    server, colon, tools = text.partition(":")
    names = tuple(tool.strip() for tool in tools.split(","))
    if not colon or not server.strip() or not all(names):
        raise UsageError(
            f"{text!r} is not a grant.",
            fix="Write SERVER:TOOL, such as git:git_log, git:git_* or 'git:git_log,git_show'.",
        )
    return Grant(server=server.strip(), tools=names)


def _choose(
    rules: tuple[Rule, ...], call: Call, now_ms: int, usage: Usage, misses: list[tuple[str, str]]
) -> Rule | None:
    """The fitting grant that asks for least, by its content and not by its place. Adds the others to `misses`."""
    best: Rule | None = None
    for rule in rules:
        why = rule.why_not_call(call, now_ms, closes=False) or _used_up(rule, usage)
        if why is not None:
            misses.append((rule.name, why))
        elif best is None or _asks(rule) < _asks(best):
            best = rule
    return best


def _asks(rule: Rule) -> tuple[bool, int, str]:
    return rule.approval is not None, len(rule.limits), rule.digest


def _used_up(rule: Rule, usage: Usage) -> str | None:
    for limit in rule.limits:
        if usage.get((limit.rule, limit.window), 0) >= limit.cap:
            return f"its limit {limit.window}: {limit.cap:,} is used up"
    return None


def _opened(chosen: list[Rule], tool: Tool, considered: Considered) -> Decision:
    approvals = tuple(rule.approval for rule in chosen if rule.approval is not None)
    names = " and ".join(rule.name for rule in chosen)
    return Decision(
        effect="approval" if approvals else "allow",
        rule=names,
        reason=f"{names} {'opens' if len(chosen) == 1 else 'open'} {tool.server}:{tool.name}",
        obligations=Obligations(tuple(limit for rule in chosen for limit in rule.limits), approvals),
        considered=considered,
    )


def _closed(rule: Rule, tool: Tool) -> str:
    return f"{rule.name} closes {tool.server}:{tool.name}" + (f" ({rule.broken})" if rule.broken else "")


def _refused(principal: Principal, tool: Tool, misses: Sequence[tuple[str, str]]) -> str:
    nearest = "; ".join(f"{rule}: {why}" for rule, why in misses)
    refusal = f"no grant of {principal.agent} opens {tool.server}:{tool.name}"
    return f"{refusal} ({nearest})" if nearest else refusal
