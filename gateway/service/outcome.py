"""How a drive ended, and what the program said on its way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.engine.frames import End
from gateway.errors import Diverged, GatewayError
from gateway.model import JSON, Diagnostic, RunStatus, Waiting

_SHOWN = ("code", "message", "line", "column", "server", "tool", "path", "limit", "rule", "reason")
_PLACES = ("line", "column")
_LAST_PLACE = 10**9
_MAX_TEXT = 16_384


@dataclass(frozen=True, slots=True)
class Outcome:
    """`status` None: the run goes on elsewhere or later, and is not ours to describe."""

    status: RunStatus | None
    value: JSON = None
    error: Mapping[str, JSON] | None = None
    waiting: Waiting | None = None
    next: Mapping[str, JSON] | None = None
    """What `continueWith` was given, as `{"state": value}`: the run has another leg."""


@dataclass(slots=True)
class Trace:
    """Made anew by every replay, as it follows from the journal."""

    logs: list[str] = field(default_factory=list)
    log_bytes: int = 0
    logs_dropped: int = 0
    emitted: list[Mapping[str, JSON]] = field(default_factory=list)
    emitted_bytes: int = 0
    warnings: list[Diagnostic] = field(default_factory=list)

    @classmethod
    def kept(cls, view: Mapping[str, Any]) -> Trace:
        """What a run had said when it was last put to sleep, from its record."""
        body = view.get("body", {})
        dropped = body.get("omitted", {}).get("logs", {}).get("lines", 0)
        return cls(list(body.get("logs", ())), logs_dropped=dropped, emitted=list(view.get("emitted", ())))

    def log(self, level: str, text: str, cap_bytes: int) -> None:
        # Empty lines are lines too.
        size = len(text.encode("utf-8", "replace")) + 1
        if self.log_bytes + size > cap_bytes:
            self.logs_dropped += 1
            return
        self.log_bytes += size
        self.logs.append(text if level in ("log", "info") else f"[{level}] {text}")


def ended(end: End) -> Outcome:
    """The outcome that a program's own end stands for."""
    if end.error is None:
        return Outcome(RunStatus.COMPLETED, value=end.value)
    fields = {key: told for key in _SHOWN if (told := _told(key, end.error.get(key)))}
    return Outcome(RunStatus.FAILED, error={"code": "program_error", "message": "The program failed.", **fields})


def _told(key: str, value: JSON) -> JSON:
    """A field of an error as the program gave it, or None for what it cannot be. A line of 0 says: not known."""
    if key in _PLACES:
        return value if type(value) is int and 0 < value <= _LAST_PLACE else None
    return value[:_MAX_TEXT] if isinstance(value, str) else None


def failed(error: GatewayError) -> Outcome:
    return Outcome(RunStatus.FAILED, error=error.as_dict())


def paused(error: Diverged, now: int) -> Outcome:
    """A run that cannot be replayed waits for a person, with the difference."""
    cid = error.details["cid"]
    advice = f"`runs resolve --retry` replays it once more, `runs fork --at {cid} --code FILE` mends the program."
    return Outcome(RunStatus.WAITING, waiting=Waiting("in_doubt", now, None, f"{error} {advice}"))


CANCELLED = Outcome(RunStatus.CANCELLED, error={"code": "cancelled", "message": "The run was cancelled."})
REVOKED = Outcome(RunStatus.REVOKED, error={"code": "revoked", "message": "The run's token was revoked."})
ELSEWHERE = Outcome(None)
