"""All rules of one policy about one tool, decided together.

Rules are bits, the most preferred one the lowest. What a call says of an argument takes out every rule that it does not
fit, at once; so the cost hardly grows with the number of rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.engine.arguments import Call, Check, Unclear, compile_check, steps
from gateway.engine.rules import Rule
from gateway.model import JSON

Usage = Mapping[tuple[str, str], int]
"""(`Limit.rule`, `Limit.window`) → what is used of it now; what is not there is unused."""

_MINUTE_MS = 60_000


class Table:
    """`rules`, most preferred first; `closes` says whether they are deny rules."""

    __slots__ = ("_caps", "_checks", "_closes", "_content", "_later", "_minute", "_needed", "_open", "_sound", "rules")

    def __init__(self, rules: Sequence[Rule], *, closes: bool) -> None:
        self.rules = tuple(rules)
        self._closes = closes
        bits = [(1 << index, rule) for index, rule in enumerate(self.rules)]
        self._sound = sum(bit for bit, rule in bits if closes or rule.broken is None)
        self._checks = _checks(bits)
        self._needed = _needed(bits)
        self._content = sum(bit for bit, rule in bits if not rule.constraints)
        self._later = _later([mask for _, mask, _ in self._checks])
        self._caps = _caps(bits)
        self._minute, self._open = -1, 0

    def choose(self, call: Call, now_ms: int, usage: Usage) -> Rule | None:
        """The most preferred rule that fits the call and none of whose limits is used up."""
        fits = self._in_hours(now_ms)
        for key, used in usage.items():
            cap, rules = self._caps.get(key, (used + 1, 0))
            if used >= cap:
                fits &= ~rules
        if not self._closes:
            fits &= self._worth_a_look(call)
        best = fits & -fits
        for (argument, rules, check), later in zip(self._checks, self._later, strict=True):
            if not best & later:
                break
            if fits & rules:
                fits &= self._satisfied(call, argument, rules, check) | ~rules
                best = fits & -fits
        return self.rules[best.bit_length() - 1] if best else None

    def _worth_a_look(self, call: Call) -> int:
        """The rules that need no argument, or one that is given. Only saves time: the checks see to what is missing."""
        rules = self._content
        for argument in self._needed.keys() & call.given.keys():
            rules |= self._needed[argument]
        return rules

    def _satisfied(self, call: Call, argument: str, rules: int, check: Check) -> int:
        value = call.value(argument)
        unclear = rules if self._closes else 0
        if value is None:
            return unclear
        try:
            return check(value, self._closes)
        except Unclear:
            return unclear

    def _in_hours(self, now_ms: int) -> int:
        """The rules whose hours it is now. They begin and end with minutes, so one answer serves for a minute."""
        minute = now_ms // _MINUTE_MS
        if minute != self._minute:
            hours = enumerate(rule.hours for rule in self.rules)
            asleep = sum(1 << index for index, one in hours if one is not None and not one.include(now_ms))
            self._minute, self._open = minute, self._sound & ~asleep
        return self._open


def _checks(bits: Sequence[tuple[int, Rule]]) -> list[tuple[str, int, Check]]:
    """(argument, the rules that constrain it so, their joint check), beginning with the most preferred rule's."""
    joint: dict[tuple[str, str], list[tuple[int, JSON]]] = {}
    for bit, rule in bits:
        for one in rule.constraints:
            joint.setdefault((one.argument, one.kind), []).append((bit, one.wanted))
    return [
        (argument, sum(bit for bit, _ in wanted), compile_check(kind, wanted))
        for (argument, kind), wanted in joint.items()
    ]


def _needed(bits: Sequence[tuple[int, Rule]]) -> dict[str, int]:
    """Name of an argument → the rules that constrain it, or something in it."""
    needed: dict[str, int] = {}
    for bit, rule in bits:
        for constraint in rule.constraints:
            name = steps(constraint.argument)[0]
            needed[name] = needed.get(name, 0) | bit
    return needed


def _later(masks: Sequence[int]) -> list[int]:
    """For each place, the rules of it and of all places behind it."""
    found, after = [], 0
    for mask in reversed(masks):
        after |= mask
        found.append(after)
    return found[::-1]


def _caps(bits: Sequence[tuple[int, Rule]]) -> dict[tuple[str, str], tuple[int, int]]:
    """What usage counts → the cap, and the rules that have it; those are equal, for their content names the limit."""
    caps: dict[tuple[str, str], tuple[int, int]] = {}
    for bit, rule in bits:
        for limit in rule.limits:
            _, others = caps.get((limit.rule, limit.window), (0, 0))
            caps[limit.rule, limit.window] = limit.cap, others | bit
    return caps
