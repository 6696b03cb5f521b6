"""What a run's journal says, and what to do with a command of its program. Pure.

A run is replayed by starting its program anew and delivering the recorded completions in their recorded order. Since
a command's `cid` depends only on code, seed and that order, each command of the replay can be compared with the
recorded one of the same cid: by name, and by the hash of its canonical arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gateway.engine.canonical import args_hash
from gateway.engine.frames import Command
from gateway.model import JSON, Entry

READ_ONLY, IDEMPOTENT, UNSAFE = "read_only", "idempotent", "unsafe"


@dataclass(slots=True)
class Call:
    """One command as recorded. `attempts` counts `sent` entries; `outcome` is the data of its `done` entry."""

    cid: int
    kind: str
    name: str
    hash: str
    data: Mapping[str, JSON]
    at: int
    attempts: int = 0
    outcome: Mapping[str, JSON] | None = None
    ended_at: int | None = None
    resolution: str | None = None
    denied: bool = False
    approval: Mapping[str, JSON] | None = None
    """What a person has to agree to before the call is made: `{by, until}`."""
    approved: bool = False

    @property
    def until(self) -> int | None:
        """When it ends by itself (ms). One that was approved does not end for want of it."""
        data = self.data if self.approval is None or self.approved else self.approval
        return data.get("until")


@dataclass(slots=True)
class History:
    """A journal, read. `order` holds the cids whose completions are recorded, in delivery order."""

    started: Mapping[str, JSON] = field(default_factory=dict)
    calls: dict[int, Call] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)
    cleared: set[int] = field(default_factory=set)
    events: list[Mapping[str, JSON]] = field(default_factory=list)
    """Events that no command has taken yet, oldest first."""
    seen: set[str] = field(default_factory=set)
    """Ids of messages that are in the journal."""
    runtime: str = ""
    """What the program last ran on: an upgrade in mid-sleep may be why a replay diverges."""
    replays: int = 0
    tool_calls: int = 0

    def add(self, entry: Entry) -> None:
        """Take one more entry in. Kinds that say nothing about commands are passed over."""
        data = entry.data
        if "id" in data:
            self.seen.add(data["id"])
        match entry.kind:
            case "started":
                self.started = data
            case "call":
                self._called(data, entry.at)
            case "done":
                self._done(data, entry.at)
            case "runtime":
                self.runtime = data["version"]
            case "cleared":
                self.cleared.update(data["cids"])
            case "event":
                self.events.append(data)
            case "resumed":
                self.replays += 1
            case "sent" | "denied" | "needs_approval" | "approval" | "resolved":
                self._noted(entry.kind, self.calls[data["cid"]], data)

    def _called(self, data: Mapping[str, JSON], at: int) -> None:
        cid = data["cid"]
        self.calls[cid] = Call(cid, data["kind"], data["name"], data["args_hash"], data, at)
        self.tool_calls += data["kind"] == "tool"

    def _done(self, data: Mapping[str, JSON], at: int) -> None:
        call = self.calls[data["cid"]]
        call.outcome, call.ended_at = data, at
        self.order.append(call.cid)
        if "event" in data:
            self.events = [event for event in self.events if event["id"] != data["event"]]

    @staticmethod
    def _noted(kind: str, call: Call, data: Mapping[str, JSON]) -> None:
        match kind:
            case "sent":
                call.attempts += 1
                # Whoever said "retry" meant this one.
                call.resolution = None
            case "denied":
                call.denied = True
            case "needs_approval":
                call.approval = data
            case "approval":
                call.approved = data["approved"]
            case "resolved":
                call.resolution = data["choice"]

    def open_calls(self) -> list[Call]:
        """Commands that are recorded, not done, and still wanted."""
        return [c for c in self.calls.values() if c.outcome is None and c.cid not in self.cleared]


def read(entries: Iterable[Entry]) -> History:
    history = History()
    for entry in entries:
        history.add(entry)
    return history


@dataclass(frozen=True, slots=True)
class Replay:
    """The journal holds its completion, which is delivered in the recorded order: do nothing."""


@dataclass(frozen=True, slots=True)
class Perform:
    """Do it. `fresh`: it is not in the journal yet, the intent has to be recorded first."""

    hash: str
    fresh: bool


@dataclass(frozen=True, slots=True)
class InDoubt:
    """It was sent, its outcome is not known, and it is not safe to repeat: a person or the program decides."""

    call: Call


@dataclass(frozen=True, slots=True)
class Diverged:
    """The program asks for something else than the journal holds under this cid."""

    cid: int
    line: int
    expected: str
    got: str


Decision = Replay | Perform | InDoubt | Diverged


def decide(history: History, command: Command) -> Decision:
    """What to do with a command that the program emitted now. Raises `TypeError` if its arguments are no JSON."""
    digest = args_hash(command.args)
    call = history.calls.get(command.cid)
    if call is None:
        return Perform(digest, fresh=True)
    if (call.kind, call.name, call.hash) != (command.kind, command.name, digest):
        return Diverged(command.cid, command.line, _say(call.name, call.hash), _say(command.name, digest))
    if call.outcome is not None:
        return Replay()
    unsafe = call.data.get("class") == UNSAFE
    if unsafe and call.attempts and call.resolution != "retry":
        return InDoubt(call)
    return Perform(digest, fresh=False)


def missing(history: History, emitted: int) -> Diverged | None:
    """The first recorded command that a complete replay did not ask for; `emitted` is how many it did."""
    lost = min((cid for cid in history.calls if cid > emitted), default=None)
    if lost is None:
        return None
    call = history.calls[lost]
    return Diverged(lost, call.data.get("line", 0), _say(call.name, call.hash), "nothing")


def tool_class(read_only: bool, idempotent: bool) -> str:
    """The class of a tool that decides what happens after a crash between sending and outcome."""
    if read_only:
        return READ_ONLY
    return IDEMPOTENT if idempotent else UNSAFE


def _say(name: str, digest: str) -> str:
    return f"{name} with arguments {digest[:12]}"
