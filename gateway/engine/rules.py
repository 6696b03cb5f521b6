"""One grant or deny rule, compiled: which tools it is about, and whether it fits a call.

A rule that opens must fit in every respect and in every reading of the arguments. A rule that closes fits as soon as
one reading or one element of a list does, and also when it cannot be evaluated: an argument that it names is missing,
of another type, or has no certain reading. So whatever is unclear ends in a refusal, on either side.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from gateway.config.globs import Glob, name_glob
from gateway.engine.arguments import Call, Check, Unclear, compile_check
from gateway.model import JSON, Grant, Tool

WINDOWS = ("per_minute", "per_run", "per_day", "bytes")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HINTS = frozenset({"read_only", "destructive", "idempotent", "open_world"})


@dataclass(frozen=True, slots=True)
class Limit:
    """A cap to count against. `rule` is the digest of the grant: the same on every replica, whatever its place in the
    file, so that counters live under (tenant, agent, rule, window), for `per_run` and `bytes` also under the run."""

    rule: str
    window: str
    """per_minute | per_run | per_day | bytes"""
    cap: int


@dataclass(frozen=True, slots=True)
class Approval:
    """Who has to agree (`role:NAME`, `user:NAME`, `owner`), and for how long the question and its answer stand."""

    by: str
    ttl_seconds: int


@dataclass(frozen=True, slots=True)
class Hours:
    days: frozenset[int]
    """0 is Monday."""
    start: int
    end: int
    """Minutes of the day; an end not after the start is on the next day."""
    zone: tzinfo

    def include(self, now_ms: int) -> bool:
        now = datetime.fromtimestamp(now_ms / 1000, self.zone)
        minute, today = now.hour * 60 + now.minute, now.weekday()
        if self.start < self.end:
            return today in self.days and self.start <= minute < self.end
        yesterday = (now - timedelta(days=1)).weekday()
        return (today in self.days and minute >= self.start) or (yesterday in self.days and minute < self.end)


@dataclass(frozen=True, slots=True)
class Constraint:
    """What one argument must satisfy for one rule."""

    argument: str
    kind: str
    """glob | one_of | range | max_bytes"""
    wanted: JSON
    miss: str
    """What to say when it is not satisfied."""
    check: Check
    """For this constraint alone."""

    def why_not(self, call: Call, *, closes: bool) -> str | None:
        """Why the call does not satisfy it, or None."""
        value = call.value(self.argument)
        try:
            if value is None:
                raise Unclear("is missing")
            if self.check(value, closes):
                return None
        except Unclear as unclear:
            return None if closes else f"argument {self.argument!r} {unclear}"
        return self.miss


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled grant. `broken` says why it could not be compiled: it opens nothing, or closes all it may be about."""

    name: str
    server: Glob
    tools: tuple[Glob, ...]
    when: Mapping[str, bool]
    constraints: tuple[Constraint, ...]
    hours: Hours | None
    limits: tuple[Limit, ...]
    approval: Approval | None
    digest: str
    broken: str | None = None

    @property
    def unconditional(self) -> bool:
        """Whether it fits every call of the tools that it is about."""
        return self.broken is not None or not (self.constraints or self.hours)

    def why_not_tool(self, tool: Tool) -> str | None:
        """Why the rule is not about this tool, or None."""
        if not self.server.fits(tool.server):
            return "is about another server"
        if not any(glob.fits(tool.name) for glob in self.tools):
            return "is about other tools"
        for hint, wanted in self.when.items():
            if getattr(tool.annotations, hint) is not wanted:
                return f"the tool is not marked {hint}: {str(wanted).lower()}"
        return None

    def why_not_call(self, call: Call, now_ms: int, *, closes: bool) -> str | None:
        """Why the rule, which is about the tool, does not fit this call of it, or None."""
        if self.broken is not None:
            return None if closes else self.broken
        if self.hours is not None and not self.hours.include(now_ms):
            return "it is outside the rule's hours"
        reasons = (constraint.why_not(call, closes=closes) for constraint in self.constraints)
        return next((why for why in reasons if why is not None), None)


def compile_rule(name: str, grant: Grant) -> Rule:
    """Compile one grant; one that cannot be compiled becomes a broken rule, never an error."""
    digest = grant_digest(grant)
    try:
        return Rule(
            name=name,
            server=name_glob(grant.server),
            tools=tuple(name_glob(pattern) for pattern in grant.tools),
            when=_when(grant.when),
            constraints=tuple(_constraints(grant.args)),
            hours=None if grant.hours is None else _hours(grant.hours),
            limits=_limits(digest, grant.limits),
            approval=None if grant.approval is None else _approval(grant.approval),
            digest=digest,
        )
    except (AttributeError, KeyError, OSError, TypeError, ValueError) as error:
        every = (name_glob("*"),)
        return Rule(name, every[0], every, {}, (), None, (), None, digest, f"cannot be evaluated: {error}")


def grant_digest(grant: Grant) -> str:
    """SHA-256 (hex) of the grant's canonical JSON."""
    return hashlib.sha256(json.dumps(asdict(grant), sort_keys=True, default=str).encode()).hexdigest()


def _when(when: Mapping[str, bool]) -> Mapping[str, bool]:
    if not (when.keys() <= _HINTS) or not all(isinstance(wanted, bool) for wanted in when.values()):
        raise ValueError("'when' has an unknown annotation or a value that is not true or false")
    return dict(when)


def _constraints(arguments: Mapping[str, Mapping[str, JSON]]) -> Iterator[Constraint]:
    for argument, said in arguments.items():
        if not said:
            raise ValueError(f"nothing is said about the argument {argument!r}")
        for kind, wanted in said.items():
            words = json.dumps(wanted, ensure_ascii=False, default=str)
            miss = f"argument {argument!r} does not satisfy {kind} {words}"
            yield Constraint(argument, kind, wanted, miss, compile_check(kind, [(1, wanted)]))


def _limits(digest: str, limits: Mapping[str, int]) -> tuple[Limit, ...]:
    if not limits.keys() <= set(WINDOWS):
        raise ValueError("'limits' has an unknown window")
    return tuple(Limit(digest, window, int(limits[window])) for window in WINDOWS if window in limits)


def _approval(approval: Mapping[str, str]) -> Approval:
    return Approval(by=approval["by"], ttl_seconds=int(approval["ttl"]))


def _hours(hours: Mapping[str, JSON]) -> Hours:
    start, end = _minute(hours.get("from", "00:00")), _minute(hours.get("to", "24:00"))
    name = hours.get("tz", "UTC")
    zone = UTC if name == "UTC" else ZoneInfo(name)
    return Hours(frozenset(_DAYS.index(day) for day in hours.get("days", _DAYS)), start, end, zone)


def _minute(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)
