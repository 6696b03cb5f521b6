"""The commands of a run that are under way: what each waits for, and until when."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.engine.frames import Command
from gateway.model import JSON, Waiting

STAY_MS = 5_000
"""A wait that is longer than this is not worth a process."""

_REASON = {"sleep": "sleep", "timer": "sleep", "approve": "approval", "ask": "input", "event": "event", "tool": "tool"}
ASKS = ("in_doubt", "approval", "input", "event")
"""Waits that end when somebody acts."""
_ORDER = (*ASKS, "tool", "sleep")


@dataclass(slots=True)
class OpenCommand:
    """`until` is when it ends by itself (ms), `work` what performs it here, `detail` what to tell a person."""

    command: Command
    since: int
    until: int | None = None
    detail: str = ""
    reason: str = ""
    work: asyncio.Task[None] | asyncio.TimerHandle | None = None

    def __post_init__(self) -> None:
        self.reason = self.reason or _REASON.get(self.command.kind, "tool")

    def cancel(self) -> None:
        if self.work is not None:
            self.work.cancel()


class Book:
    """All open commands of one run, by cid."""

    def __init__(self) -> None:
        self._open: dict[int, OpenCommand] = {}

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[OpenCommand]:
        return iter(self._open.values())

    def add(self, one: OpenCommand) -> OpenCommand:
        self._open[one.command.cid] = one
        return one

    def get(self, cid: int) -> OpenCommand | None:
        return self._open.get(cid)

    def close(self, cid: int) -> OpenCommand | None:
        """It has its outcome, or nobody wants it any more."""
        one = self._open.pop(cid, None)
        if one is not None:
            one.cancel()
        return one

    def clear(self) -> None:
        for one in self._open.values():
            one.cancel()
        self._open.clear()

    def named(self, kind: str, name: str) -> OpenCommand | None:
        """The oldest open command of a kind with this name in its arguments."""
        return next((o for o in self if o.command.kind == kind and o.command.args.get(kind) == name), None)

    def calls(self) -> list[OpenCommand]:
        """Those that something here is working on: tool calls, state, results."""
        return [one for one in self if isinstance(one.work, asyncio.Task)]

    def needs_process(self, now: int) -> bool:
        """Whether something will come so soon that the process had better stay."""
        return any(isinstance(o.work, asyncio.Task) or (o.until or now + STAY_MS + 1) - now <= STAY_MS for o in self)

    def waiting(self) -> Waiting:
        """What the run waits for as a whole: the most telling reason, its oldest command, the earliest end."""
        first = min(self, key=lambda o: (_ORDER.index(o.reason), o.command.cid))
        same = [o for o in self if o.reason == first.reason]
        ends = [o.until for o in self if o.until is not None]
        since = min(o.since for o in same)
        detail = _calls(first.detail, len(same) - 1) if first.reason == "tool" else first.detail
        return Waiting(first.reason, since, min(ends, default=None), detail, tuple(o.command.cid for o in same))


def ends_by_itself(command: Command, now: int) -> int | None:
    """When a command is over without anybody's doing (ms); None: never."""
    args: Any = command.args if isinstance(command.args, dict) else {}
    absolute, relative = args.get("until"), args.get("ms", args.get("timeout_ms"))
    if command.kind == "sleep" and _is_number(absolute):
        return int(absolute)
    if command.kind in ("sleep", "timer", "approve", "ask", "event") and _is_number(relative):
        return now + max(0, int(relative))
    return None


def _is_number(value: JSON) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15


def told(command: Command) -> str:
    """What a command is about, for a person."""
    args: Any = command.args if isinstance(command.args, dict) else {}
    field = {"approve": "question", "ask": "message", "event": "event"}.get(command.kind)
    return str(args.get(field, ""))[:500] if field else command.name


def _calls(name: str, more: int) -> str:
    others = f" and {more} more calls" if more else ""
    return f"{name}{others} {'have' if more else 'has'} not answered yet."


def in_doubt(name: str) -> Mapping[str, JSON]:
    """The outcome of an unsafe call that was sent and never answered, once it is taken for failed."""
    text = f"{name} was sent and its outcome is not known; it may have had its effect."
    return {"e": {"name": "InDoubtError", "code": "in_doubt", "message": text}}


def expired(kind: str, detail: str) -> Mapping[str, JSON]:
    """The outcome of a wait whose time has run out."""
    match kind:
        case "sleep" | "timer":
            return {"v": None}
        case "approve":
            return {"v": {"approved": False, "by": None, "comment": "Nobody answered in time."}}
        case "tool":
            text = f"Nobody approved {detail} in time."
            return {"e": {"name": "PolicyError", "code": "policy_denied", "message": text}}
    return {"e": {"name": "TimeoutError", "code": "timeout", "message": f"Nothing came in time: {detail}"}}
