"""A run's journal as a person reads it: what happened, one line each, in the order in which it began. Pure.

A step is told once, where it was asked for, with how it ended. `replayed` says how often it was answered from the
journal instead of being done: at each resumption, for what had its outcome by then."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.engine import replay
from gateway.engine.prefix import COPIED
from gateway.engine.replay import Call, History
from gateway.model import JSON, Entry

Line = dict[str, JSON]
"""`{"at": ms, "event": …}`, and what there is to say; what does not apply is left out."""

_LINKS = ("continues", "forked_from", "retry_of")


@dataclass(frozen=True, slots=True)
class _Replays:
    """`done` is the place of each command's outcome in the journal, by cid; `places` are the same, in order; `resumed`
    are the places of the resumptions."""

    done: Mapping[int, int]
    places: Sequence[int]
    resumed: Sequence[int]

    def of(self, cid: int) -> int:
        """How often a command was answered from the journal."""
        return len(self.resumed) - bisect(self.resumed, self.done[cid]) if cid in self.done else 0

    def at(self, resumption: int) -> int:
        """How many commands were, at the resumption in this place."""
        return bisect(self.places, resumption)


def lines(entries: Iterable[Entry]) -> list[Line]:
    """The timeline. Times are ms, durations too."""
    known = list(entries)
    history = replay.read(known)
    done = {entry.data["cid"]: entry.seq for entry in known if entry.kind == "done"}
    replays = _Replays(done, list(done.values()), [entry.seq for entry in known if entry.kind == "resumed"])
    told: list[Line] = []
    for entry in known:
        line = _told(entry, history, replays)
        if line is not None:
            told.append({"at": entry.at, **{name: value for name, value in line.items() if value is not None}})
    return told


def state(call: Call, history: History) -> str:
    """How a command stands: denied, done, failed, cleared, open."""
    if call.denied:
        return "denied"
    if call.outcome is not None:
        return "failed" if "e" in call.outcome else "done"
    return "cleared" if call.cid in history.cleared else "open"


def _told(entry: Entry, history: History, replays: _Replays) -> Line | None:
    data = entry.data
    match entry.kind:
        case "started":
            return {"event": "started", **{name: data.get(name) for name in _LINKS}}
        case "call":
            return _step(history.calls[data["cid"]], history, replays)
        case "resumed":
            return {"event": "resumed", "replayed": replays.at(entry.seq)}
        case "waiting":
            return {"event": "waiting", "detail": data["for"], "until": data.get("until")}
        case "ended":
            return _ended(data)
    return _decided(entry.kind, data)


def _decided(kind: str, data: Mapping[str, Any]) -> Line | None:
    """What came from outside."""
    cid, by = data.get("cid"), data.get("by")
    match kind:
        case "needs_approval":
            return {"event": "asked", "cid": cid, "by": by, "until": data.get("until")}
        case "approval":
            given = "approved" if data["approved"] else "refused"
            return {"event": given, "cid": cid, "by": by, "detail": data.get("comment")}
        case "answer":
            return {"event": "answered", "cid": cid, "by": by}
        case "resolved":
            return {"event": "resolved", "cid": cid, "by": by, "detail": data["choice"]}
        case "event":
            return {"event": "signalled", "detail": data["name"]}
    return None


def _ended(data: Mapping[str, Any]) -> Line:
    detail = (data.get("error") or {}).get("message")
    return {"event": "ended", "state": data["status"], "detail": detail, "continued_as": data.get("continued_as")}


def _step(call: Call, history: History, replays: _Replays) -> Line:
    outcome: Mapping[str, Any] = call.outcome or {}
    took = None if call.ended_at is None else outcome.get("ms", max(0, call.ended_at - call.at))
    return {
        "event": "step",
        "cid": call.cid,
        "kind": call.kind,
        "name": call.name,
        "line": call.data.get("line") or None,
        "state": state(call, history),
        "ms": took,
        "attempts": call.attempts or None,
        "detail": (outcome.get("e") or {}).get("message"),
        "replayed": replays.of(call.cid),
        "copied": call.data.get(COPIED),
    }
