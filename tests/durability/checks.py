"""The twelve invariants of a durable run, as far as they can be seen from a journal, an upstream's record and a replay.

Each function returns what is wrong, in words that begin with the invariant's number.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.config import Limits
from gateway.engine import program
from gateway.engine.canonical import args_hash
from gateway.engine.frames import Command, Done, End, Turn
from gateway.engine.replay import UNSAFE, History, read
from gateway.model import JSON, Entry
from gateway.sandbox.pool import ProcessPool
from gateway.service.talk import PROGRAM_CAPS
from gateway.service.work import SENDS
from tests.durability.programs import same
from tests.sandbox.driving import Talk

Calls = Sequence[Mapping[str, Any]]
_CAPS = {name: getattr(Limits(), name) for name in PROGRAM_CAPS}


@dataclass(slots=True)
class Ended:
    """A run as it was left: its record, its journal, what the upstream saw of it, and how its oracle ended."""

    run_id: str
    label: str
    record: Mapping[str, str]
    entries: list[Entry]
    calls: Calls
    oracle: Mapping[str, Any]
    oracle_calls: Calls
    samples: list[tuple[int, bytes]] = field(default_factory=list)
    """(length, head) as they were read while it ran."""
    heads: list[bytes] = field(default_factory=list)
    """The chain's hash after each entry."""
    blobs: Mapping[str, JSON] = field(default_factory=dict)
    tools: Mapping[str, Mapping[str, tuple[str, str]]] = field(default_factory=dict)
    lost: Mapping[str, int] = field(default_factory=dict)
    """How often a gateway waited in vain for the answer to a call, by its idempotency key."""

    @property
    def unanswered(self) -> list[int]:
        """Calls whose program was told that the upstream gave no answer."""
        ends = {call.cid: (call.outcome or {}).get("e") or {} for call in read(self.entries).calls.values()}
        return [cid for cid, error in ends.items() if error.get("code") == "upstream_unavailable"]

    @property
    def gave_up(self) -> bool:
        """Whether it failed with that: its oracle had all answers, and went further."""
        return (self.body.get("error") or {}).get("code") == "upstream_unavailable"

    @property
    def body(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = orjson.loads(self.record["view"])["body"]
        return found


def of_journal(run: Ended) -> Iterable[str]:
    """3, 4, 6, 7, 10: what has to be true of the journal alone."""
    epochs = [entry.data["epoch"] for entry in run.entries if "epoch" in entry.data]
    if epochs != sorted(epochs):
        yield f"3 epochs go back: {epochs}"
    for length, head in run.samples:
        if length > len(run.heads) or (length and run.heads[length - 1] != head):
            yield f"3, 4 the first {length} entries are not what was read before"
    opened = Counter(entry.data["cid"] for entry in run.entries if entry.kind == "call")
    done = Counter(entry.data["cid"] for entry in run.entries if entry.kind == "done")
    yield from (f"3 command {cid} is recorded {count} times" for cid, count in opened.items() if count > 1)
    yield from (f"6 command {cid} is done {count} times" for cid, count in done.items() if count > 1)
    if sorted(opened) != list(range(1, len(opened) + 1)):
        yield f"3 the commands' numbers are not dense: {sorted(opened)}"
    ends = [entry.seq for entry in run.entries if entry.kind == "ended"]
    if ends != [len(run.entries) - 1]:
        yield f"10 it ends at {ends} of {len(run.entries)} entries"
    for call in read(run.entries).calls.values():
        early = call.outcome is not None and call.kind in ("sleep", "timer") and call.outcome["now"] < (call.until or 0)
        if early and call.outcome is not None:
            yield f"7 command {call.cid} ({call.kind}) ended {(call.until or 0) - call.outcome['now']} ms early"


def of_sends(run: Ended) -> Iterable[str]:
    """2, 12: how often the upstream saw each call, and that none was given up too early."""
    history = read(run.entries)
    sends = Counter((call["cid"]) for call in run.calls)
    retries = Counter(entry.data["cid"] for entry in run.entries if _is_retry(entry))
    for call in run.calls:
        if call["intent"] is False:
            yield f"2 call {call['cid']} came before its intent was durable"
    for cid, count in sends.items():
        known = history.calls.get(cid)
        if known is None:
            yield f"2 call {cid} is not in the journal"
        elif known.data["class"] == UNSAFE and count > 1 + retries[cid]:
            yield f"2 the unsafe call {cid} was sent {count} times"
        elif known.data["class"] == UNSAFE and count > known.attempts:
            yield f"2 the unsafe call {cid} was sent {count} times and recorded {known.attempts} times"
    for cid in run.unanswered:
        if (times := run.lost.get(f"{run.run_id}/{cid}", 0)) < SENDS:
            yield f"12 call {cid} was given up after {times} answers were lost"


def of_effects(run: Ended) -> Iterable[str]:
    """12: what the upstream did."""
    history = read(run.entries)
    expected, seen = _effects(run.oracle_calls), _effects(run.calls)
    doubtful = _doubtful(history)
    for effect in expected | seen:
        if effect in doubtful or effect[0] in ("read", "fail") or (run.gave_up and effect in expected):
            continue
        if (effect in expected) != (effect in seen):
            told = [f"{e.kind} {dict(e.data)}"[:300] for e in run.entries if _about(e, effect, history)]
            yield f"12 the effect {effect} is {'missing' if effect in expected else 'one too many'}: {told}"


def of_result(run: Ended) -> Iterable[str]:
    """10, 11, 12: how it ended."""
    texts = {call["label"] for call in run.calls}
    if texts - {run.label}:
        yield f"11 it made calls of other programs: {texts}"
    if run.gave_up:
        return
    status = run.record["status"]
    if status != run.oracle["status"]:
        told = f"{run.body.get('error')}, {run.oracle.get('error')}"
        yield f"12 it is {status}, the oracle {run.oracle['status']}: {told}"
        return
    ours, theirs = run.body.get("result"), run.oracle.get("result")
    if not _large(ours) and not same(ours, theirs):
        yield f"12 its result is {str(ours)[:600]}, the oracle's {str(theirs)[:600]}"
    if (run.body.get("error") or {}).get("message") != (run.oracle.get("error") or {}).get("message"):
        yield f"12 its error is {run.body.get('error')}, the oracle's {run.oracle.get('error')}"


AT_ONCE = (of_journal, of_sends, of_effects, of_result)
"""The checks that start no program."""


async def of_replay(run: Ended, pool: ProcessPool, *, slowly: bool) -> list[str]:
    """1: a fresh process, told the journal's completions, asks for the same and ends the same."""
    emitted, end = await _replayed(run, pool, slowly=slowly)
    history, wrong = read(run.entries), []
    asked = {one.cid: (one.kind, one.name, args_hash(one.args)) for one in emitted}
    recorded = {call.cid: (call.kind, call.name, call.hash) for call in history.calls.values()}
    if asked != recorded:
        cid = min(cid for cid in asked.keys() | recorded.keys() if asked.get(cid) != recorded.get(cid))
        wrong.append(f"1 a replay asks for {asked.get(cid)} as command {cid}, the journal has {recorded.get(cid)}")
    last = run.entries[-1].data
    if end is None:
        wrong.append("1 a replay does not end")
    elif end.error is None:
        digest = hashlib.sha256(orjson.dumps(end.value)).hexdigest()
        if digest != last.get("result_sha256"):
            wrong.append(f"1 a replay returns something else: {str(end.value)[:300]}")
    elif end.error["message"] != (last.get("error") or {}).get("message"):
        wrong.append(f"1 a replay fails with {end.error['message']!r}, not {last.get('error')}")
    return wrong


async def _replayed(run: Ended, pool: ProcessPool, *, slowly: bool) -> tuple[list[Command], End | None]:
    history = read(run.entries)
    done = [_done(history, cid, run.blobs) for cid in history.order]
    process = await pool.acquire()
    try:
        talk = Talk(process)
        text, started = program.parse(run.record["code"]).run_text, history.started
        talk.now = started["now"]
        turns = [await talk.start(text, seed=started["seed"], limits=_CAPS, tools=run.tools)]
        for some in [[one] for one in done] if slowly else [done] if done else []:
            if turns[-1].end is None:
                turns.append(await talk.deliver(*some))
    finally:
        await process.kill()
    return [command for turn in turns for some in turn.emitted for command in some], _end(turns)


def _end(turns: list[Turn]) -> End | None:
    return turns[-1].end


def _done(history: History, cid: int, blobs: Mapping[str, JSON]) -> Done:
    outcome = history.calls[cid].outcome or {}
    if "e" in outcome:
        return Done(cid, outcome["now"], error=outcome["e"])
    return Done(cid, outcome["now"], blobs[outcome["blob"]] if "blob" in outcome else outcome.get("v"))


def _is_retry(entry: Entry) -> bool:
    return entry.kind == "resolved" and entry.data["choice"] == "retry"


def _effects(calls: Calls) -> set[tuple[Any, ...]]:
    return {(call["tool"], call["site"], call["i"]) for call in calls}


def _about(entry: Entry, effect: tuple[Any, ...], history: History) -> bool:
    call = history.calls.get(entry.data.get("cid", 0))
    args = {} if call is None else call.data.get("args") or {}
    return entry.kind == "resumed" or (args.get("site"), args.get("i")) == effect[1:]


def _doubtful(history: History) -> set[tuple[Any, ...]]:
    """Effects of calls whose program was told that their outcome is not known."""
    told = [c for c in history.calls.values() if ((c.outcome or {}).get("e") or {}).get("code") == "in_doubt"]
    return {("act", c.data["args"]["site"], c.data["args"].get("i")) for c in told if "args" in c.data}


def _large(result: JSON) -> bool:
    """A preview of a value that is kept beside."""
    return len(orjson.dumps(result)) > Limits().result_kb * 512
