"""What goes into the audit record: control events as they happen, and for each run the anchors of its journal.

A run's own journal is already chained, fenced and durable before anything is sent (service/work.py), so its calls are
not written again: the tenant's chain holds the journal's hash, from the run's opening to its end, and whatever the run
did is read from the journal (service/audit_read.py). No call is sent for a run that the chain does not name yet.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from typing import Any

from gateway.clock import Clock
from gateway.engine.canonical import canonical
from gateway.engine.redact import Redactor
from gateway.engine.states import TERMINAL
from gateway.errors import StoreUnavailable
from gateway.identity.keys import KeyRing
from gateway.model import JSON, Principal, RunStatus
from gateway.service.audit_chain import ChainWriter, Draft
from gateway.store.audit import AuditStore
from gateway.store.journal import Writer
from gateway.tasks import Tasks

log = logging.getLogger(__name__)

DEFAULT_TENANT = "default"
"""Whose chain records what concerns the gateway as a whole."""
POLICIES_KNOWN = 1_000


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asks for what is being done now, as far as the web floor knows it."""

    sub: str
    owner: str | None = None
    client_id: str | None = None
    ip: str | None = None
    trace_id: str | None = None

    def actor(self) -> dict[str, JSON]:
        said = {"sub": self.sub, "owner": self.owner, "client_id": self.client_id, "ip": self.ip}
        return {name: value for name, value in said.items() if value}


ITSELF = Origin("gateway")
ORIGIN: ContextVar[Origin] = ContextVar("origin", default=ITSELF)
"""Set for each request; what it starts inherits it."""


@dataclass(slots=True)
class Trail:
    """A run at work here. `about` are the fields of each of its records, `anchored` how many entries of its journal the
    chain covers, `since` when it last did (ms), `naming` the record that has to be durable before the run sends."""

    tenant: str
    about: Mapping[str, JSON]
    writer: Writer
    anchored: int
    since: int
    naming: Draft | None = None


class Audit:
    """The record of all tenants, as this replica (`node`) writes it."""

    def __init__(self, store: AuditStore, redactor: Redactor, *, keys: KeyRing, clock: Clock, node: str) -> None:
        self._store = store
        self._redactor = redactor
        self._keys = keys
        self._clock = clock
        self._node = node
        self._tasks = Tasks()
        self._chains: dict[str, ChainWriter] = {}
        self._trails: dict[str, Trail] = {}
        self._policies: dict[tuple[int, ...], tuple[object, str]] = {}

    @property
    def redactor(self) -> Redactor:
        """What may be shown of calls, here as in the record."""
        return self._redactor

    def chain(self, tenant: str) -> ChainWriter:
        """The writer of a tenant's chain."""
        found = self._chains.get(tenant)
        if found is None:
            found = ChainWriter(
                self._store, tenant, node=self._node, keys=self._keys, clock=self._clock, tasks=self._tasks
            )
            self._chains[tenant] = found
        return found

    async def tenants(self) -> list[str]:
        """All that have a record: whoever was ever issued a token is of one of them."""
        return await self._store.tenants()

    async def close(self) -> None:
        """Write and sign what is left."""
        self.anchor()
        for chain in self._chains.values():
            await chain.close()
        await self._tasks.close()

    # --- control events ----------------------------------------------------------------------------------------

    async def record(
        self,
        event: str,
        *,
        tenant: str = DEFAULT_TENANT,
        person: str | None = None,
        **fields: JSON,
    ) -> None:
        """Write one control event; durable when this returns. What must not happen without its record comes after
        this. `person` is who did it, where that is more than the request says. Raises `StoreUnavailable`, and
        `TypeError` for fields that are no JSON."""
        chain, origin = self.chain(tenant), ORIGIN.get()
        actor = origin.actor() | ({"sub": person} if person else {})
        body = chain.body(event, self._clean({"actor": actor, "trace_id": origin.trace_id, **fields}))
        canonical(body)
        await chain.durable(chain.add(Draft(body, kept=False)))

    def _clean(self, value: Any) -> Any:
        """Secrets blanked, and in a form that can be written, whatever a person or a provider typed."""
        match value:
            case str():
                return self._redactor.scrub(value).encode("utf-8", "replace").decode()
            case dict():
                return {name: self._clean(inner) for name, inner in value.items()}
            case list() | tuple():
                return [self._clean(inner) for inner in value]
        return value

    # --- runs --------------------------------------------------------------------------------------------------

    def opened(
        self, run_id: str, principal: Principal, session: str, writer: Writer, *, code_sha256: str, module: str
    ) -> None:
        """A run begins. Its record is on its way; `named` waits for it."""
        trail = self._trail(run_id, principal, session, writer, 0)
        trail.naming = self._anchor(trail, "run.opened", {"code_sha256": code_sha256, "module": module})

    async def resumed(self, run_id: str, principal: Principal, session: str, writer: Writer) -> None:
        """A run goes on here, after a sleep or since its owner is gone."""
        trail = await self._taken_over(run_id, principal, session, writer)
        trail.naming = self._anchor(trail, "run.resumed", {"epoch": writer.lease.epoch})

    async def named(self, run_id: str) -> None:
        """Until the chain names the run and the replica that drives it: no call may be sent before. Raises
        `StoreError` when that cannot be written now."""
        trail = self._trails.get(run_id)
        if trail is None or trail.naming is None:
            raise StoreUnavailable(f"{run_id} is not in the audit record, so it may not call anything.")
        if not trail.naming.written:
            await self.chain(trail.tenant).durable(trail.naming)

    def hurry(self, run_id: str) -> None:
        """The run is about to ask for `named`."""
        trail = self._trails.get(run_id)
        if trail is not None and trail.naming is not None and not trail.naming.written:
            self.chain(trail.tenant).hurry()

    async def settled(
        self,
        run_id: str,
        principal: Principal,
        session: str,
        writer: Writer,
        status: RunStatus | None,
        *,
        keep_seconds: int,
    ) -> None:
        """This replica has written its last to a run's journal: the run has ended, waits, or (None) is left to another
        replica. An ended one is kept for `keep_seconds`. Nobody waits for this record; what a crash loses of it is
        found again by `AuditUpkeep`."""
        trail = self._trails.get(run_id) or await self._taken_over(run_id, principal, session, writer)
        del self._trails[run_id]
        if status is None:
            self._progress(trail)
        elif status in TERMINAL:
            event = "run.rejected" if status is RunStatus.REJECTED else "run.ended"
            kept = self._clock() + keep_seconds * 1000
            self._anchor(trail, event, {"status": status.value, "keep_until": kept}, final=True)
        else:
            self._anchor(trail, "run.waiting", {"status": status.value})

    def rejected(
        self, run_id: str, principal: Principal, session: str, writer: Writer, *, code_sha256: str, keep_seconds: int
    ) -> None:
        """A program that did not pass its type check."""
        trail = self._trail(run_id, principal, session, writer, 0)
        del self._trails[run_id]
        kept = self._clock() + keep_seconds * 1000
        fields = {"code_sha256": code_sha256, "status": RunStatus.REJECTED.value, "keep_until": kept}
        self._anchor(trail, "run.rejected", fields, final=True)

    def forget(self, run_id: str) -> None:
        """The run is no longer ours, and what became of it is not known here."""
        self._trails.pop(run_id, None)

    def anchor(self) -> None:
        """Let the chain cover what the runs at work here have written since it last did."""
        for trail in self._trails.values():
            self._progress(trail)

    def is_here(self, run_id: str) -> bool:
        return run_id in self._trails

    async def flush(self) -> None:
        """Until everything so far is in the chains. Raises `StoreError`."""
        for chain in list(self._chains.values()):
            await chain.flush()

    def _progress(self, trail: Trail) -> None:
        if trail.writer.length > trail.anchored:
            self._anchor(trail, "run.progress", {})

    def _trail(self, run_id: str, principal: Principal, session: str, writer: Writer, anchored: int) -> Trail:
        about = {
            **self._who(principal),
            "run_id": run_id,
            "jti": principal.token_id,
            "sid": principal.sid,
            "session": session,
            "policy_hash": self._policy_hash(principal),
        }
        trail = Trail(principal.tenant, about, writer, anchored, self._clock())
        self._trails[run_id] = trail
        return trail

    async def _taken_over(self, run_id: str, principal: Principal, session: str, writer: Writer) -> Trail:
        """The trail of a run that was at work elsewhere, or before this gateway started."""
        known = self.chain(principal.tenant).on_its_way(run_id)
        known = known or await self._store.open_run(principal.tenant, run_id)
        trail = self._trail(run_id, principal, session, writer, 0)
        if known is not None:
            trail.anchored, trail.since = known["anchored"], known["since"]
            # A principal without policies is the mere name of one that is dead: what was known of it is kept.
            trail.about = trail.about if principal.policies else known["about"]
        return trail

    def _anchor(self, trail: Trail, event: str, fields: Mapping[str, JSON], *, final: bool = False) -> Draft:
        writer, chain = trail.writer, self.chain(trail.tenant)
        covers = {"from": trail.anchored, "length": writer.length, "head": writer.head.hex(), "since": trail.since}
        trail.anchored, trail.since = writer.length, self._clock()
        body = chain.body(event, {**trail.about, **fields, "journal": covers})
        context = {"about": trail.about, "anchored": trail.anchored, "since": trail.since}
        return chain.add(Draft(body, run=(writer.run_id, None if final else context)))

    # --- who ---------------------------------------------------------------------------------------------------

    @staticmethod
    def _who(principal: Principal) -> dict[str, JSON]:
        """The agent acts; where somebody else asked for it (an administrator), that is `act`."""
        origin = ORIGIN.get()
        other = origin.sub if origin.sub not in (principal.agent, ITSELF.sub) else None
        said = {
            "sub": principal.agent,
            "act": other,
            "owner": principal.owner,
            "client_id": origin.client_id,
            "ip": origin.ip,
        }
        return {"actor": {name: value for name, value in said.items() if value}, "trace_id": origin.trace_id}

    def _policy_hash(self, principal: Principal) -> str | None:
        """Which rules were in force: the same on every replica. Each set of grants is hashed once, as configuration and
        tokens keep their tuples."""
        if not principal.policies:
            return None
        sets = (*principal.policies, principal.deny)
        key = tuple(map(id, sets))
        found = self._policies.get(key)
        if found is None:
            if len(self._policies) >= POLICIES_KNOWN:
                self._policies.clear()
            text = canonical([[asdict(grant) for grant in grants] for grants in sets])
            # The tuples are kept, so that their ids stay theirs.
            found = self._policies[key] = (sets, hashlib.sha256(text).hexdigest()[:16])
        return found[1]
