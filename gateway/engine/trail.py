"""What a run's journal says about who touched what: its entries, read as the steps that the audit record names.

A step belongs to the entry that settles it (its outcome, or its refusal), so that each is told once whatever part of
the journal is asked for. Pure; arguments and results stay in the journal, steps only point to them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import orjson

from gateway.engine.prefix import COPIED
from gateway.engine.replay import UNSAFE
from gateway.model import JSON, Entry

CALL, DENIED = "tool.call", "tool.denied"
EVENTS = (
    CALL,
    DENIED,
    "approval.asked",
    "approval.given",
    "approval.denied",
    "input.given",
    "call.resolved",
    "run.signalled",
)
_POLICY_DENIED = "policy_denied"
_NOT_SENT: Mapping[str, JSON] = {"status": "not_sent"}
_UNKNOWN: Mapping[str, JSON] = {"status": "unknown"}
_ABANDONED: Mapping[str, JSON] = {"status": "abandoned"}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a run did, or that was done to it. `entry` is the place of the journal entry that settles it,
    `at` when it began (ms), `call` the data of the call's own entry, `facts` the fields of the record as known."""

    event: str
    entry: int
    at: int
    call: Mapping[str, JSON] | None
    facts: Mapping[str, JSON]

    @property
    def is_tool(self) -> bool:
        return self.event in (CALL, DENIED)


@dataclass(slots=True)
class _Open:
    """A command that has no outcome yet."""

    data: Mapping[str, JSON]
    at: int
    sent: bool = False
    approval: Mapping[str, JSON] | None = None
    """The question that a person has to answer first, then the answer."""

    @property
    def is_tool(self) -> bool:
        return bool(self.data["kind"] == "tool")

    def now_sent(self, data: Mapping[str, JSON]) -> None:
        """By the rule that opened it in the end: the one that was decided first may be used up by then."""
        self.sent = True
        self.data = {**self.data, "rule": data.get("rule", self.data.get("rule"))}

    @property
    def held(self) -> bool:
        """Whether nobody has agreed to it."""
        return self.approval is not None and not self.approval.get("approved")


@dataclass(slots=True)
class _Reader:
    open: dict[int, _Open] = field(default_factory=dict)

    def take(self, entry: Entry) -> Iterator[Step]:
        data = entry.data
        match entry.kind:
            case "call":
                self.open[data["cid"]] = _Open(data, entry.at)
            case "sent":
                self.open[data["cid"]].now_sent(data)
            case "done":
                yield from self._done(entry, self.open.pop(data["cid"], None))
            case "denied":
                yield from self._denied(entry, self.open.pop(data["cid"]))
            case "needs_approval" | "approval" | "answer" | "resolved":
                yield from self._decided(entry, self.open.get(data["cid"]))
            case "event":
                yield Step("run.signalled", entry.seq, entry.at, None, {"reason": data["name"]})
            case "cleared" | "ended":
                yield from self._closed(entry)

    def _closed(self, entry: Entry) -> Iterator[Step]:
        """Calls that nobody waits for any more: the program went on without them, or the run is over."""
        ended = entry.kind == "ended"
        for cid in list(self.open) if ended else entry.data["cids"]:
            call = self.open.pop(cid, None)
            if call is not None and call.is_tool:
                facts = {**_allowed(call), "result": _unfinished(call, _UNKNOWN if ended else _ABANDONED)}
                yield Step(CALL, entry.seq, call.at, call.data, facts)

    def _done(self, entry: Entry, call: _Open | None) -> Iterator[Step]:
        if call is None or not call.is_tool:
            return
        error = entry.data.get("e")
        if error is not None and error.get("code") == _POLICY_DENIED:
            facts = {"decision": "deny", "rule": call.data.get("rule"), "reason": error.get("message")}
            yield Step(DENIED, entry.seq, call.at, call.data, facts)
            return
        facts = {**_allowed(call), "result": _result(entry.data), "duration_ms": _duration(entry, call)}
        yield Step(CALL, entry.seq, call.at, call.data, facts)

    @staticmethod
    def _denied(entry: Entry, call: _Open) -> Iterator[Step]:
        facts = {"decision": "deny", "rule": entry.data.get("rule"), "reason": entry.data.get("reason")}
        yield Step(DENIED, entry.seq, entry.at, call.data, facts)

    @staticmethod
    def _decided(entry: Entry, call: _Open | None) -> Iterator[Step]:
        if call is None:
            return
        data = entry.data
        by = data.get("by")
        match entry.kind:
            case "needs_approval":
                call.approval = data
                yield Step("approval.asked", entry.seq, entry.at, call.data, {"by": by, "until": data.get("until")})
            case "approval":
                call.approval = data
                event = "approval.given" if data["approved"] else "approval.denied"
                yield Step(event, entry.seq, entry.at, call.data, {"by": by, "reason": data.get("comment")})
            case "answer":
                yield Step("input.given", entry.seq, entry.at, call.data, {"by": by})
            case "resolved":
                facts = {"by": by, "decision": data["choice"]}
                yield Step("call.resolved", entry.seq, entry.at, call.data, facts)


def steps(entries: Iterable[Entry], start: int, length: int) -> Iterator[Step]:
    """The steps that are settled by the entries in `[start, length)` of a journal, in its order."""
    reader = _Reader()
    for entry in entries:
        if entry.seq >= length:
            return
        for step in reader.take(entry):
            if entry.seq >= start and COPIED not in entry.data:
                yield step


def _allowed(call: _Open) -> dict[str, JSON]:
    facts: dict[str, JSON] = {"decision": "approval" if call.held else "allow", "rule": call.data.get("rule")}
    if call.approval is not None and call.approval.get("approved"):
        facts["reason"] = f"approved by {call.approval.get('by')}"
    return facts


def _unfinished(call: _Open, result: Mapping[str, JSON]) -> Mapping[str, JSON]:
    """A call without the intent of sending it is known not to be sent."""
    never = call.held or (call.data.get("class") == UNSAFE and not call.sent)
    return _NOT_SENT if never else result


def _result(outcome: Mapping[str, JSON]) -> dict[str, JSON]:
    if "blob" in outcome:
        return {"status": "ok", "bytes": outcome["bytes"], "sha256": outcome["blob"]}
    error = outcome.get("e")
    text = orjson.dumps(outcome.get("v") if error is None else error)
    status = "ok" if error is None else error.get("code", "error")
    return {"status": status, "bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()}


def _duration(entry: Entry, call: _Open) -> int:
    """As measured, where the journal says so; else from the intent to the outcome."""
    measured = entry.data.get("ms")
    return int(measured) if measured is not None else max(0, entry.at - call.at)
