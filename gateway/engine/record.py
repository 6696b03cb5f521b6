"""The audit record: what one is, how a tenant's records are chained and signed, and which of them a question is about.

    element      32 bytes of SHA-256, then a record's body; the hash covers the hash before it and the body
    body         canonical JSON with `seq` (its place, from 0), so that nobody needs this code to check it
    checkpoint   a record that names the hash it stands on, signed: whatever is before it can no longer be rewritten
    anchor       a record with `journal`: the hash of the first `length` entries of a run's own chained journal. What
                 the run did in `[from, length)` is part of the record by it, and not written twice (engine/trail.py)

Bodies always hold `v, seq, tenant, ts, node, event`; the other fields depend on the event (docs/audit.md). Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.config.globs import name_glob
from gateway.engine.canonical import canonical
from gateway.engine.chain import DIGEST, GENESIS
from gateway.errors import StoreCorrupt
from gateway.model import JSON

VERSION = 1
CHECKPOINT = "checkpoint"
TRIMMED = "record.trimmed"
TORN = "record.torn"
CORRUPT = "record.corrupt"
RUN_ENDED = ("run.ended", "run.rejected")
"""Anchors after which nothing may follow in a run's journal."""

Body = dict[str, Any]


def seal(head: bytes, first: int, bodies: Iterable[Mapping[str, JSON]]) -> tuple[bytes, list[bytes]]:
    """Chain `bodies` after `head`, numbered from `first`. Returns the new head and the elements to append."""
    elements = []
    for seq, body in enumerate(bodies, first):
        text = canonical({**body, "seq": seq})
        head = _link(head, text)
        elements.append(head + text)
    return head, elements


def _link(head: bytes, text: bytes) -> bytes:
    return hashlib.sha256(head + text).digest()


@dataclass(frozen=True, slots=True)
class Sealed:
    """One record as it was read: `prev` and `hash` are the chain's hash before it and with it."""

    body: Body
    prev: bytes
    hash: bytes

    @property
    def seq(self) -> int:
        return int(self.body["seq"])

    @property
    def event(self) -> str:
        return str(self.body["event"])

    def published(self) -> Body:
        """The record as it leaves the gateway. `sha256(prev + canonical body)` is `hash`."""
        return {**self.body, "prev": self.prev.hex(), "hash": self.hash.hex()}


def read(
    elements: Iterable[bytes], head: bytes, first: int, tenant: str, *, earlier: Sequence[bytes] = ()
) -> Iterator[Sealed]:
    """Check and read elements that follow `head`. Raises `StoreCorrupt` with `seq` and `reason` at the first bad one,
    after all before it. `earlier` are hashes before `head`, by which something that was put in between is told from
    what comes after it."""
    heads = [*earlier, head]
    for seq, element in enumerate(elements, first):
        digest, text = element[:DIGEST], element[DIGEST:]
        if _link(heads[-1], text) != digest:
            raise _misfit(seq, digest, text, heads)
        yield Sealed(_body(seq, text, tenant), heads[-1], digest)
        heads.append(digest)


def _misfit(seq: int, digest: bytes, text: bytes, heads: Sequence[bytes]) -> StoreCorrupt:
    """What to say of an element that does not follow from the last of `heads`."""
    for back, head in enumerate(reversed(heads[:-1]), 1):
        if _link(head, text) == digest and digest not in heads:
            return bad(seq - back, "it was put in between: the chain goes on as if it were not there")
    return bad(seq, "its hash does not follow from the record before it")


def loose(elements: Iterable[bytes], prev: bytes, first: int, tenant: str) -> Iterator[Sealed]:
    """The same without checking: for whoever wants to see what there is. What cannot be read is a `record.corrupt`."""
    for seq, element in enumerate(elements, first):
        try:
            body = _body(seq, element[DIGEST:], tenant)
        except StoreCorrupt as error:
            body = {"v": VERSION, "seq": seq, "tenant": tenant, "ts": 0, "node": "", "event": CORRUPT}
            body["reason"] = error.details["reason"]
        yield Sealed(body, prev, element[:DIGEST])
        prev = element[:DIGEST]


def _body(seq: int, text: bytes, tenant: str) -> Body:
    try:
        body: Body = orjson.loads(text)
        number, whose, at, event, actor = body["seq"], body["tenant"], body["ts"], body["event"], body.get("actor", {})
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise bad(seq, "it is not an audit record") from error
    if not (isinstance(at, int) and isinstance(event, str) and isinstance(actor, dict)):
        raise bad(seq, "it is not an audit record")
    if number != seq:
        raise bad(seq, f"it calls itself number {number}")
    if whose != tenant:
        raise bad(seq, f"it belongs to tenant {whose}")
    return body


def bad(seq: int, reason: str) -> StoreCorrupt:
    return StoreCorrupt(f"Audit record {seq} is not what was written: {reason}.", seq=seq, reason=reason)


def time_of(element: bytes) -> int:
    """When a record was written (ms); 0 if it cannot be read."""
    return _whole(element, "ts")


def number_of(element: bytes) -> int:
    """The number of a record, as it says itself; 0 if it cannot be read."""
    return _whole(element, "seq")


def _whole(element: bytes, field: str) -> int:
    try:
        return int(orjson.loads(element[DIGEST:])[field])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return 0


def base(element: bytes) -> bytes | None:
    """The hash that the first record of a trimmed chain stands on, as it says itself: it has to be a checkpoint, and
    whether that is signed is for the verification to find out. None if it is another record."""
    try:
        body = orjson.loads(element[DIGEST:])
        return bytes.fromhex(body["head"]) if body["event"] == CHECKPOINT else None
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None


# --- checkpoints -------------------------------------------------------------------------------------------------


def signed_text(checkpoint: Mapping[str, JSON]) -> bytes:
    """The bytes that a checkpoint's signature is over: that `seq` records of `tenant` end with the hash `head`."""
    said = {key: checkpoint.get(key) for key in ("v", "tenant", "seq", "ts", "head")}
    return b"mcp-code-gateway audit checkpoint\n" + canonical(said)


# --- anchors -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Anchor:
    """What a record says of a run's journal: `head` is the hash of its first `length` entries. The run's calls whose
    outcome is in `[start, length)` belong to this record; the first of these entries is not older than `since` (ms).
    After the `final` one the journal ends, and it is kept until `keep_until` (ms) at least."""

    seq: int
    run_id: str
    start: int
    length: int
    head: bytes
    since: int
    final: bool
    keep_until: int | None


def anchor(body: Mapping[str, JSON]) -> Anchor | None:
    """The anchor that a record is, if it is one. Raises `StoreCorrupt` when it is malformed."""
    journal = body.get("journal")
    if journal is None:
        return None
    try:
        return Anchor(
            body["seq"],
            str(body["run_id"]),
            int(journal["from"]),
            int(journal["length"]),
            bytes.fromhex(journal["head"]),
            int(journal["since"]),
            body["event"] in RUN_ENDED,
            None if body.get("keep_until") is None else int(body["keep_until"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise bad(body["seq"], "its anchor is malformed") from error


def journal_heads(elements: Iterable[bytes]) -> list[bytes]:
    """The hash that a journal has after 0, 1, 2, … entries, up to the first that does not follow."""
    heads = [GENESIS]
    for element in elements:
        if _link(heads[-1], element[DIGEST:]) != element[:DIGEST]:
            break
        heads.append(element[:DIGEST])
    return heads


# --- questions ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Filter:
    """Which records are wanted; what is None does not matter. `event`, `server` and `tool` are globs of names; `since`
    and `until` are ms, the latter excluded."""

    agent: str | None = None
    server: str | None = None
    tool: str | None = None
    run_id: str | None = None
    event: str | None = None
    since: int | None = None
    until: int | None = None

    def fits(self, body: Mapping[str, JSON]) -> bool:
        return (
            self.about_run(body)
            and self.in_time(body["ts"])
            and _named(self.event, body["event"])
            and _named(self.server, body.get("server"))
            and _named(self.tool, body.get("tool"))
        )

    def about_run(self, body: Mapping[str, JSON]) -> bool:
        """Whether run and agent are as wanted."""
        if self.run_id is not None and body.get("run_id") != self.run_id:
            return False
        return self.agent is None or self.agent in (body.get("agent"), body.get("actor", {}).get("sub"))

    def in_time(self, at: int) -> bool:
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)

    def wants_calls(self, body: Mapping[str, JSON], covers: Anchor, events: Iterable[str]) -> bool:
        """Whether something that the anchor covers may fit; `events` are those that it may be."""
        late = self.until is not None and covers.since >= self.until
        early = self.since is not None and body["ts"] < self.since
        return (
            # The first entry says that the run has started, or why it never did.
            covers.length > max(covers.start, 1)
            and not (late or early)
            and self.about_run(body)
            and any(_named(self.event, event) for event in events)
        )


def _named(wanted: str | None, name: str | None) -> bool:
    return wanted is None or (name is not None and name_glob(wanted).fits(name))
