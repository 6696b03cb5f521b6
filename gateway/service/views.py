"""A run as clients see it: the contract's section 3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from gateway.engine import exported, timeline
from gateway.engine.redact import Redactor
from gateway.engine.replay import Call, History
from gateway.model import JSON, Diagnostic, Entry, RunStatus, Waiting

HOW_ON = {
    "approval": "gateway runs approve {run} | gateway runs deny {run}",
    "input": "gateway runs answer {run} VALUE",
    "event": "gateway runs signal {run} NAME [PAYLOAD]",
    "in_doubt": "gateway runs resolve {run} --retry | --supply VALUE | --fail",
}


@dataclass(frozen=True, slots=True)
class RunView:
    """`body` holds what is only known at some states: result, error, diagnostics, waiting, logs, warnings, omitted."""

    run_id: str
    session: str
    status: RunStatus
    agent: str
    created_at: int
    body: Mapping[str, JSON] = field(default_factory=dict)
    stats: Mapping[str, int] = field(default_factory=dict)
    emitted: tuple[Mapping[str, JSON], ...] = ()
    links: Mapping[str, JSON] = field(default_factory=dict)
    """The runs that it comes from, and the one that it was continued as."""
    steps: tuple[Mapping[str, JSON], ...] | None = None
    timeline: tuple[Mapping[str, JSON], ...] | None = None

    @property
    def is_error(self) -> bool:
        return self.status in (RunStatus.REJECTED, RunStatus.FAILED, RunStatus.REVOKED)

    @property
    def next_leg(self) -> str | None:
        """The run that this one was continued as."""
        return self.links.get("continued_as")

    @property
    def settled(self) -> bool:
        """Whether nothing more will happen by itself soon: it has ended, or waits for somebody."""
        if self.status is RunStatus.RUNNING:
            return False
        waiting = self.body.get("waiting")
        return self.status is not RunStatus.WAITING or (waiting is not None and waiting["for"] in HOW_ON)

    def as_dict(self) -> dict[str, Any]:
        """The contract's JSON; what does not apply is left out."""
        shown = {"run_id": self.run_id, "session": self.session, "status": self.status.value}
        order = ("result", "error", "diagnostics", "waiting", "logs", "warnings", "omitted")
        body = {key: self.body[key] for key in order if key in self.body}
        journal = {"steps": self.steps, "timeline": self.timeline}
        told = {name: list(lines) for name, lines in journal.items() if lines is not None}
        return {**shown, **self.links, **body, "stats": dict(self.stats), **told}

    def for_people(self) -> dict[str, Any]:
        """`as_dict` with who and when, for lists."""
        return {**self.as_dict(), "agent": self.agent, "created": iso(self.created_at)}


def iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def waiting_dict(waiting: Waiting, run_id: str) -> dict[str, JSON]:
    """`waiting` always says for what, since when, until when, and how to answer."""
    until = {} if waiting.until is None else {"until": iso(waiting.until)}
    how = {"answer": HOW_ON[waiting.for_].format(run=run_id)} if waiting.for_ in HOW_ON else {}
    return {"for": waiting.for_, "since": iso(waiting.since), **until, "detail": waiting.detail, **how}


def diagnostics(found: Sequence[Diagnostic]) -> list[dict[str, JSON]]:
    return [{"line": d.line, "column": d.column, "message": d.message} for d in found]


def from_record(run_id: str, record: Mapping[str, str]) -> RunView:
    """A run from its record in the store."""
    view = orjson.loads(record.get("view", "{}"))
    return RunView(
        run_id,
        record["session"],
        RunStatus(record["status"]),
        record["agent"],
        int(record["created"]),
        view.get("body", {}),
        view.get("stats", {}),
        tuple(view.get("emitted", ())),
        links_of(record),
    )


def links_of(record: Mapping[str, str]) -> dict[str, JSON]:
    """How a run hangs together with others, from its record."""
    links: dict[str, JSON] = orjson.loads(record.get("links", "{}"))
    return {**links, **({"continued_as": record["continued_as"]} if "continued_as" in record else {})}


def steps(history: History) -> tuple[dict[str, JSON], ...]:
    """One for each command of a run, in the order in which the program asked."""
    return tuple(_step(call, timeline.state(call, history)) for call in history.calls.values())


def _step(call: Call, state: str) -> dict[str, JSON]:
    server, _, tool = call.name.partition(":") if call.kind == "tool" else ("", "", "")
    return {
        "cid": call.cid,
        "kind": call.kind,
        "server": server or None,
        "tool": tool or None,
        "state": state,
        "started": iso(call.at),
        "ended": None if call.ended_at is None else iso(call.ended_at),
        "attempts": call.attempts or int(call.kind == "tool" and not call.denied),
        "line": call.data.get("line"),
    }


def told(entries: Sequence[Entry], redactor: Redactor) -> tuple[dict[str, JSON], ...]:
    """The timeline of a run, with times as texts and known secrets blanked."""
    found = exported.blanked(timeline.lines(entries), redactor)
    return tuple({**line, **{name: iso(line[name]) for name in ("at", "until") if name in line}} for line in found)
