"""Reading the audit record: the chains' own records, and between them what each run did, from its journal."""

from __future__ import annotations

import base64
import binascii
from collections import deque
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

import orjson

from gateway.engine import chain, record, trail
from gateway.engine.record import Anchor, Body, Filter, Sealed
from gateway.engine.redact import Redactor
from gateway.errors import NotFound, StoreCorrupt, UsageError
from gateway.model import JSON, Entry
from gateway.store.audit import PAGE, AuditStore
from gateway.store.journal import Journal

SCAN_AT_MOST = 5_000
"""Records of the chain that one page looks at."""
CLOCKS_DIFFER_MS = 60_000
MOST_REASON = 1_000
"""Characters: reasons quote people and servers."""
_ABOUT = ("actor", "trace_id", "jti", "sid", "session", "run_id", "policy_hash")

Position = tuple[int, int]
"""In one chain: the next record, and how many of the steps that it anchors have been told."""


@dataclass(slots=True)
class Page:
    """`records` in the order of the chains, `cursor` where to go on, `more` whether something is there already, `gaps`
    the runs that fit but whose journal is no longer kept (or is broken): what they did is not among the records."""

    records: list[Body] = field(default_factory=list)
    cursor: str = ""
    more: bool = False
    gaps: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, JSON]:
        return {"records": self.records, "cursor": self.cursor, "more": self.more, "gaps": self.gaps}


@dataclass(frozen=True, slots=True)
class _Journal:
    """Of one run: what of it is anchored, its entries, and the hash before each."""

    covers: Anchor
    entries: list[Entry]
    prevs: list[bytes]


class AuditReader:
    def __init__(self, store: AuditStore, journal: Journal, redactor: Redactor) -> None:
        self._store = store
        self._journal = journal
        self._redactor = redactor

    async def page(self, wanted: Filter, cursor: str | None = None, *, limit: int = PAGE) -> Page:
        """The next records that fit, from all tenants' chains. Raises `UsageError` for what is no cursor."""
        positions = _positions(cursor)
        page = Page()
        for tenant in await self._store.tenants():
            if tenant not in positions:
                positions[tenant] = await self._start(tenant, wanted)
            scanned = 0
            async with aclosing(self._walk(tenant, positions[tenant], wanted, page.gaps)) as walk:
                async for position, body in walk:
                    if len(page.records) >= limit or scanned >= SCAN_AT_MOST:
                        page.more = True
                        break
                    positions[tenant] = position
                    scanned += body is None
                    page.records += [] if body is None else [body]
        page.cursor = _cursor(positions)
        return page

    async def latest(self, wanted: Filter, *, limit: int) -> Page:
        """The last records that fit, of the latest `SCAN_AT_MOST` of each chain; and the cursor after them."""
        last: list[Body] = []
        page, positions = Page(), {}
        for tenant in await self._store.tenants():
            stands = await self._store.state(tenant)
            found: deque[Body] = deque(maxlen=limit)
            span = PAGE
            while True:
                begin = max(stands.first, stands.length - span)
                found.clear()
                positions[tenant] = (begin, 0)
                async for position, body in self._walk(tenant, (begin, 0), wanted, page.gaps):
                    positions[tenant] = position
                    found.extend([] if body is None else [body])
                if len(found) == limit or begin == stands.first or span >= SCAN_AT_MOST:
                    break
                span *= 4
            last += found
        page.records = sorted(last, key=lambda body: int(body["ts"]))[-limit:]
        page.cursor = _cursor(positions)
        return page

    async def _start(self, tenant: str, wanted: Filter) -> Position:
        if wanted.since is None:
            return 0, 0
        stands = await self._store.state(tenant)
        return await self._store.first_since(tenant, stands, wanted.since - CLOCKS_DIFFER_MS), 0

    async def _walk(
        self, tenant: str, start: Position, wanted: Filter, gaps: list[str]
    ) -> AsyncGenerator[tuple[Position, Body | None], None]:
        """Each record that fits, with the position after it; and after each record of the chain None."""
        seq, told = start
        reached: dict[str, int] = {}
        prev = await self._store.hash_before(tenant, seq)
        async for first, elements in self._store.pages(tenant, seq):
            for sealed in record.loose(elements, prev, first, tenant):
                journal, kept = await self._journal_of(sealed, wanted)
                # Two anchors overlap when a run woke elsewhere before the record of its sleep was written.
                before = reached.get(sealed.body.get("run_id", ""), 0)
                for number, (body, call) in enumerate(_told(sealed, journal)):
                    if number >= told and body["entry"] >= before and wanted.fits(body):
                        yield (sealed.seq, number + 1), await self._finished(body, call)
                told = 0
                if journal is not None:
                    reached[journal.covers.run_id] = journal.covers.length
                if not kept and sealed.body["run_id"] not in gaps:
                    gaps.append(sealed.body["run_id"])
                if wanted.fits(sealed.body):
                    yield (sealed.seq + 1, 0), sealed.published() | ({} if kept else {"kept": False})
                yield (sealed.seq + 1, 0), None
            prev = elements[-1][: chain.DIGEST]

    # --- what runs did -----------------------------------------------------------------------------------------

    async def _journal_of(self, sealed: Sealed, wanted: Filter) -> tuple[_Journal | None, bool]:
        """The journal that a record anchors, if some of what is in it may be wanted; and False if it is gone."""
        try:
            covers = record.anchor(sealed.body)
        except StoreCorrupt:
            return None, True
        if covers is None or not wanted.wants_calls(sealed.body, covers, trail.EVENTS):
            return None, True
        [(_, elements)] = await self._store.journals([covers.run_id])
        try:
            _, entries = chain.open_sealed(elements)
        except StoreCorrupt:
            entries = []
        if len(entries) < covers.length:
            return None, False
        return _Journal(covers, entries, [chain.GENESIS, *(element[: chain.DIGEST] for element in elements)]), True

    async def _finished(self, body: Body, call: Mapping[str, JSON] | None) -> Body:
        """With what the arguments of a tool call may show of themselves, and without secrets."""
        if "reason" in body:
            body["reason"] = self._redactor.scrub(body["reason"])[:MOST_REASON]
        if call is None or call["kind"] != "tool":
            return body
        try:
            args = await self._journal.blob(body["run_id"], call["blob"]) if "blob" in call else call["args"]
        except (NotFound, StoreCorrupt):
            return body
        return body | self._redactor.arguments(call["name"], args)


def _told(sealed: Sealed, journal: _Journal | None) -> Iterator[tuple[Body, Mapping[str, JSON] | None]]:
    """What a journal says for the record that anchors it: each step as a record without arguments, and its call."""
    if journal is None:
        return
    about = {name: sealed.body.get(name) for name in _ABOUT}
    about |= {"v": record.VERSION, "tenant": sealed.body["tenant"], "seq": sealed.seq}
    about["code_sha256"] = journal.entries[0].data.get("code_hash")
    covers = journal.covers
    for step in trail.steps(journal.entries, covers.start, covers.length):
        place = {"ts": step.at, "event": step.event, "entry": step.entry, "prev": journal.prevs[step.entry].hex()}
        body = {**about, **place, **_what(step.call), **step.facts}
        yield {name: value for name, value in body.items() if value is not None}, step.call


def _what(call: Mapping[str, JSON] | None) -> dict[str, JSON]:
    if call is None:
        return {}
    if call["kind"] != "tool":
        return {"cid": call["cid"]}
    server, _, tool = call["name"].partition(":")
    return {"cid": call["cid"], "server": server, "tool": tool, "tool_pin": call.get("pin")}


# --- cursors -----------------------------------------------------------------------------------------------------


def _cursor(positions: Mapping[str, Position]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(positions)).decode()


def _positions(cursor: str | None) -> dict[str, Position]:
    if cursor is None:
        return {}
    try:
        read = orjson.loads(base64.urlsafe_b64decode(cursor))
        return {str(tenant): (max(0, int(seq)), max(0, int(step))) for tenant, (seq, step) in read.items()}
    except (binascii.Error, orjson.JSONDecodeError, AttributeError, TypeError, ValueError) as error:
        raise UsageError("That is no cursor of the audit record.", fix="Use the one of the page before.") from error
