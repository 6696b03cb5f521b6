"""Proving the audit record: every chain from its first kept record to its end, every checkpoint's signature, and every
journal that the chains anchor."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.clock import Clock
from gateway.engine import record
from gateway.engine.chain import DIGEST, GENESIS
from gateway.engine.record import Anchor, Sealed
from gateway.errors import StoreCorrupt
from gateway.identity.keys import KeyRing
from gateway.model import JSON
from gateway.store.audit import AuditStore, State

JOURNALS = 16
"""Journals read in one round trip."""
CLOCKS_DIFFER_MS = 300_000
"""A journal may be gone so long before its time, as the store's clock and the replicas' may differ."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    seq: int
    reason: str


@dataclass(slots=True)
class Verdict:
    """What was found in one chain, or in all. `first_bad` is the first record that is not as it was written."""

    records: int = 0
    checkpoints: int = 0
    first_bad: Fault | None = None

    def found(self, seq: int, reason: str) -> None:
        fault = Fault(seq, reason)
        if self.first_bad is None or fault.seq < self.first_bad.seq:
            self.first_bad = fault

    def as_dict(self) -> dict[str, JSON]:
        bad = self.first_bad
        return {
            "ok": bad is None,
            "records": self.records,
            "checkpoints": self.checkpoints,
            "first_bad": None if bad is None else {"seq": bad.seq, "reason": bad.reason},
        }


@dataclass(slots=True)
class _Walk:
    """What is remembered while a chain is walked. `head` is the hash before record `seq`, `foot` the first record."""

    verdict: Verdict
    head: bytes = GENESIS
    seq: int = 0
    foot: int = 0
    whole: bool = False
    """The chain was walked to its end."""
    trimmed_before: int = 0
    """As the record itself says: nothing before this one is kept."""
    signed: dict[int, bytes] = field(default_factory=dict)
    """The hash of each checkpoint's record, by its number."""
    gone: dict[str, int] = field(default_factory=dict)
    """Runs whose journal is not there, with the first record that anchors it, until one says that it may be gone."""


class AuditVerifier:
    def __init__(self, store: AuditStore, keys: KeyRing, clock: Clock) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock

    async def verify(self, exported: Iterable[Mapping[str, JSON]] = ()) -> Verdict:
        """All chains. `exported` are checkpoints that were taken off the machine: the chains must still hold them, so
        that not even an end can be cut off unnoticed."""
        by_tenant: dict[str, list[Mapping[str, JSON]]] = {}
        for checkpoint in exported:
            by_tenant.setdefault(str(checkpoint.get("tenant")), []).append(checkpoint)
        tenants = sorted({*await self._store.tenants(), *by_tenant})
        total = Verdict()
        for tenant in tenants:
            verdict = await self._chain(tenant, by_tenant.get(tenant, []))
            total.records += verdict.records
            total.checkpoints += verdict.checkpoints
            if verdict.first_bad is not None and total.first_bad is None:
                bad = verdict.first_bad
                total.first_bad = bad if len(tenants) == 1 else Fault(bad.seq, f"tenant {tenant}: {bad.reason}")
        return total

    async def _chain(self, tenant: str, exported: Sequence[Mapping[str, JSON]]) -> Verdict:
        walk = _Walk(Verdict())
        before = await self._store.state(tenant)
        try:
            await self._walk(tenant, walk)
        except StoreCorrupt as error:
            walk.verdict.found(error.details["seq"], error.details["reason"])
        else:
            walk.whole = True
            _check_end(walk, before, await self._store.state(tenant))
        for run_id, seq in walk.gone.items():
            walk.verdict.found(seq, f"the journal of {run_id} is gone, and nothing says that it may be")
        await self._check_list(tenant, walk)
        for checkpoint in exported:
            await self._check_exported(tenant, walk, checkpoint)
        return walk.verdict

    async def _walk(self, tenant: str, walk: _Walk) -> None:
        """Raises `StoreCorrupt` at the first record that breaks the chain."""
        earlier: list[bytes] = []
        async for first, elements in self._store.pages(tenant, 0):
            if first != walk.seq:
                # What a trimmed chain stands on is said by its first record, whose signature is checked with it.
                base = record.base(elements[0])
                if base is None:
                    raise record.bad(first, "the records before it are gone, and it is no checkpoint")
                walk.seq, walk.foot, walk.head = first, first, base
            anchors: list[Anchor] = []
            try:
                for sealed in record.read(elements, walk.head, first, tenant, earlier=earlier):
                    self._check_record(sealed, walk)
                    anchors += [covers] if (covers := record.anchor(sealed.body)) is not None else []
                    walk.seq, walk.head = sealed.seq + 1, sealed.hash
                    walk.verdict.records += 1
            finally:
                await self._check_journals(anchors, walk)
            earlier = [element[:DIGEST] for element in elements[:-1]]

    def _check_record(self, sealed: Sealed, walk: _Walk) -> None:
        seq, body = sealed.seq, sealed.body
        match sealed.event:
            case record.CHECKPOINT:
                if body.get("head") != sealed.prev.hex() or not self._is_signed(body):
                    raise record.bad(seq, "this checkpoint is not one that the gateway signed")
                walk.signed[seq] = sealed.hash
                walk.verdict.checkpoints += 1
            case record.TRIMMED:
                before = body.get("before")
                walk.trimmed_before = max(walk.trimmed_before, before if isinstance(before, int) else 0)
            case record.TORN:
                walk.verdict.found(seq, f"the store had lost or replaced records before number {body.get('length')}")

    def _is_signed(self, checkpoint: Mapping[str, JSON]) -> bool:
        try:
            signature = base64.b64decode(checkpoint["signature"], validate=True)
            return self._keys.is_signed(checkpoint["kid"], record.signed_text(checkpoint), signature)
        except (KeyError, TypeError, ValueError):
            return False

    # --- journals ----------------------------------------------------------------------------------------------

    async def _check_journals(self, anchors: Sequence[Anchor], walk: _Walk) -> None:
        by_run: dict[str, list[Anchor]] = {}
        for covers in anchors:
            by_run.setdefault(covers.run_id, []).append(covers)
        runs = list(by_run)
        for some in (runs[start : start + JOURNALS] for start in range(0, len(runs), JOURNALS)):
            for run_id, found in zip(some, await self._store.journals(some), strict=True):
                fault = _journal_fault(by_run[run_id], *found)
                if fault is not None:
                    # Read again: it may have grown or ended between the record of the run and its journal.
                    fault = _journal_fault(by_run[run_id], *(await self._store.journals([run_id]))[0])
                if fault is not None:
                    walk.verdict.found(fault.seq, fault.reason)
                if not found[1]:
                    self._note_gone(by_run[run_id], walk)

    def _note_gone(self, anchors: Sequence[Anchor], walk: _Walk) -> None:
        run_id, final = anchors[0].run_id, anchors[-1]
        walk.gone.setdefault(run_id, anchors[0].seq)
        if final.final and final.keep_until is not None and final.keep_until <= self._clock() + CLOCKS_DIFFER_MS:
            del walk.gone[run_id]

    # --- checkpoints -------------------------------------------------------------------------------------------

    async def _check_list(self, tenant: str, walk: _Walk) -> None:
        """The checkpoints are kept beside the chain too, and longer: both must tell the same."""
        listed = {record.number_of(one): one for one in await self._store.checkpoints(tenant)}
        length = (await self._store.state(tenant)).length
        for seq, digest in walk.signed.items():
            if listed.get(seq, b"")[: len(digest)] != digest:
                walk.verdict.found(seq, "this checkpoint is not in the list of checkpoints")
        for seq, element in listed.items():
            if seq < walk.foot:
                if not self._is_signed(next(record.loose([element], GENESIS, seq, tenant)).body):
                    walk.verdict.found(seq, "this checkpoint is not one that the gateway signed")
                walk.verdict.checkpoints += 1
            elif walk.whole and seq not in walk.signed and (seq < walk.seq or seq >= length):
                walk.verdict.found(min(seq, walk.seq), f"checkpoint {seq} is in the list of checkpoints only")

    async def _check_exported(self, tenant: str, walk: _Walk, checkpoint: Mapping[str, JSON]) -> None:
        seq = checkpoint.get("seq")
        if not isinstance(seq, int) or not self._is_signed(checkpoint):
            walk.verdict.found(walk.seq, "the given checkpoint is not one that this gateway signed")
        elif seq >= walk.seq and walk.whole:
            missing = f"records {walk.seq} to {seq} are missing: the given checkpoint proves that they were there"
            walk.verdict.found(walk.seq, missing)
        elif seq >= walk.foot:
            if (await self._store.hash_before(tenant, seq)).hex() != checkpoint["head"]:
                walk.verdict.found(seq, "the records before it are others than the given checkpoint was made for")
        elif not await self._is_listed(tenant, checkpoint):
            walk.verdict.found(walk.foot, f"checkpoint {seq}, which was given, is not in the list of checkpoints")

    async def _is_listed(self, tenant: str, checkpoint: Mapping[str, JSON]) -> bool:
        at = checkpoint["ts"]
        found = await self._store.checkpoints(tenant, since=at, until=at)
        kept = (next(record.loose([one], GENESIS, record.number_of(one), tenant)).body for one in found)
        return any((one["seq"], one.get("head")) == (checkpoint["seq"], checkpoint["head"]) for one in kept)


def _check_end(walk: _Walk, before: State, after: State) -> None:
    """A chain that grows while it is walked ends somewhere between the two."""
    verdict = walk.verdict
    if walk.seq < before.length:
        missing = max(walk.seq, before.first)
        verdict.found(missing, f"records {missing} to {before.length - 1} are missing")
    elif walk.seq > after.length:
        verdict.found(after.length, f"there are more records than the {after.length} that were written")
    elif walk.head not in (before.head, after.head) and walk.seq in (before.length, after.length):
        verdict.found(max(walk.seq - 1, 0), "the chain ends with another hash than was written")
    if walk.foot > walk.trimmed_before:
        verdict.found(walk.foot, "the records before it are gone, and nothing says that they were trimmed")


def _journal_fault(anchors: Sequence[Anchor], promised: int, elements: Sequence[bytes]) -> Fault | None:
    """What is wrong with a run's journal, as far as it is there, at the first record that anchors it."""
    if not elements:
        return None
    last, heads = anchors[-1], record.journal_heads(elements)
    name, good = f"the journal of {last.run_id}", len(heads) - 1
    broken = f"{name}, entry {good}: its hash does not follow from the entry before it"
    for covers in anchors:
        if covers.length > good:
            short = f"{name} has {len(elements)} of {covers.length} entries"
            return Fault(covers.seq, broken if good < len(elements) else short)
        if heads[covers.length] != covers.head:
            other = f"{name} is not the one that was written: its first {covers.length} entries differ"
            return Fault(covers.seq, other)
    if good < len(elements):
        return Fault(last.seq, broken)
    if good < promised or (last.final and good > last.length):
        return Fault(last.seq, f"{name} does not end where the run did")
    return None
