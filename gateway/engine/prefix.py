"""The beginning of a run's journal, taken over by a run that goes on from there. Pure.

What the first run did up to the cut is not done again: its outcomes are delivered as they were. A call that was asked
for before the cut and answered after it keeps its answer; one that was sent and never answered is in doubt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gateway.engine.replay import READ_ONLY, UNSAFE
from gateway.model import JSON, Entry

COPIED = "copied"
"""Marks entries that tell what another run did: the audit record has it from that run's own journal."""

Taken = tuple[str, dict[str, JSON]]

_OF_CALLS = frozenset({"sent", "done", "denied", "needs_approval", "approval", "answer", "resolved"})
_KEPT = _OF_CALLS | {"call", "event", "cleared"}
_EFFECTS = ("tool", "state", "results")


def place_of_call(entries: Sequence[Entry], cid: int) -> int | None:
    """The place of a command's own entry: what is before it led to it."""
    return next((e.seq for e in entries if e.kind == "call" and e.data["cid"] == cid), None)


def last_failure(entries: Sequence[Entry]) -> Entry | None:
    """The outcome of the last command that failed."""
    return next((e for e in reversed(entries) if e.kind == "done" and "e" in e.data), None)


def take(entries: Sequence[Entry], cut: int, *, again: int | None = None, now: int = 0) -> list[Taken]:
    """The entries for the new journal, after its `started`. The command `again` is open in it, as if it had just been
    asked for: its outcome, its approval and its sending are left out, and its time to wait starts at `now` (ms)."""
    before = [e for e in entries[:cut] if e.kind in _KEPT]
    calls = {e.data["cid"]: e for e in before if e.kind == "call"}
    late = [e for e in entries[cut:] if _is_late_effect(e, calls)]
    told = [e for e in (*before, *late) if e.kind not in _OF_CALLS or e.data["cid"] != again]
    done = {e.data["cid"] for e in told if e.kind == "done"}
    unknown = {cid for cid in calls if cid not in done and cid != again and _was_sent(cid, calls[cid], entries)}
    taken = [_copy(e, again, now, unknown) for e in told]
    sent = {e.data["cid"] for e in told if e.kind == "sent"}
    return taken + [("sent", {"cid": cid, "attempt": 1, "epoch": 0, COPIED: True}) for cid in sorted(unknown - sent)]


def blobs(taken: Iterable[tuple[str, Mapping[str, JSON]]]) -> set[str]:
    """Digests of the large values that the entries name."""
    return {data["blob"] for _, data in taken if "blob" in data}


def _is_late_effect(entry: Entry, calls: Mapping[int, Entry]) -> bool:
    if entry.kind not in _OF_CALLS:
        return False
    call = calls.get(entry.data["cid"])
    return call is not None and call.data["kind"] in _EFFECTS


def _was_sent(cid: int, call: Entry, entries: Sequence[Entry]) -> bool:
    """Whether it may have had an effect that nobody knows of. Only unsafe calls note that they are sent."""
    if call.data["kind"] != "tool" or call.data.get("class") == READ_ONLY:
        return False
    if call.data.get("class") == UNSAFE:
        return any(e.kind == "sent" and e.data["cid"] == cid for e in entries)
    return not any(e.kind == "needs_approval" and e.data["cid"] == cid for e in entries)


def _copy(entry: Entry, again: int | None, now: int, unknown: set[int]) -> Taken:
    data: dict[str, Any] = {**entry.data, COPIED: True}
    if entry.kind == "call" and data["cid"] in unknown:
        data["class"] = UNSAFE
    if entry.kind == "call" and data["cid"] == again and "until" in data:
        data["until"] += max(0, now - entry.at)
    return entry.kind, data
