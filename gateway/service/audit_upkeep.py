"""What the audit record needs now and then: checkpoints, anchors of long runs, what a crash left out, retention."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from gateway.clock import Clock
from gateway.engine import record
from gateway.errors import StoreError
from gateway.service.audit import Audit
from gateway.service.audit_chain import Draft, within
from gateway.store.audit import AuditStore
from gateway.tasks import Tasks

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
ANCHOR_MS = 60_000
"""How long what a busy run does may be without an anchor."""
REPAIR_MS = 600_000
TRIM_MS = 3_600_000
SETTLED_MS = 60_000
"""A run that was touched more recently may still be on its way into the record."""
_LIVE = ("running", "waiting")


class AuditUpkeep:
    """Every replica does all of it: what another one has done already is not due any more. Records are kept for
    `retention_seconds`, which may be changed."""

    def __init__(self, audit: Audit, store: AuditStore, clock: Clock, *, retention_seconds: int) -> None:
        self._audit = audit
        self._store = store
        self._clock = clock
        self.retention_seconds = retention_seconds
        self._tasks = Tasks()
        self._stopping = asyncio.Event()
        self._last: dict[str, int] = {}

    async def start(self) -> None:
        self._tasks.start(self._until_stopped(), name="audit upkeep")

    async def close(self) -> None:
        self._stopping.set()
        await self._tasks.close()

    async def _until_stopped(self) -> None:
        while not self._stopping.is_set():
            try:
                await self.look()
            except StoreError as error:
                log.warning("the audit record could not be looked after: %s", error)
            await within(self._stopping, LOOK_SECONDS)

    async def look(self) -> None:
        """Do what is due. Raises `StoreError`."""
        if self._is_due("anchor", ANCHOR_MS):
            self._audit.anchor()
        tenants = await self._store.tenants()
        if self._is_due("repair", REPAIR_MS):
            for tenant in tenants:
                await self._repair(tenant)
        if self._is_due("trim", TRIM_MS):
            for tenant in tenants:
                await self._trim(tenant)
        for tenant in tenants:
            await self._audit.chain(tenant).checkpoint()

    def _is_due(self, what: str, every_ms: int) -> bool:
        now = self._clock()
        due = now - self._last.get(what, -every_ms) >= every_ms
        if due:
            self._last[what] = now
        return due

    # --- what a crash left out ---------------------------------------------------------------------------------

    async def _repair(self, tenant: str) -> None:
        """Anchor what runs wrote whose replica went away before it could say so. One whose journal is gone is left as
        it is: nothing explains that, and the verification says so."""
        async for runs in self._store.open_runs(tenant):
            orphans = {run_id: context for run_id, context in runs.items() if not self._audit.is_here(run_id)}
            found = await self._store.run_states(list(orphans))
            for (run_id, context), fields in zip(orphans.items(), found, strict=True):
                if fields is not None and self._is_settled(fields):
                    self._anchor(tenant, run_id, context, fields)

    def _is_settled(self, fields: Mapping[str, Any]) -> bool:
        now = self._clock()
        return bool(fields["lease_until"] < now and fields["updated"] < now - SETTLED_MS)

    def _anchor(self, tenant: str, run_id: str, context: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
        now, chain, live = self._clock(), self._audit.chain(tenant), fields["status"] in _LIVE
        if live and fields["length"] == context["anchored"]:
            return
        covers = {"from": context["anchored"], "length": fields["length"], "head": fields["head"]}
        covers["since"] = context["since"]
        body = {**context["about"], "journal": covers, "status": fields["status"]}
        if live:
            after = {**context, "anchored": fields["length"], "since": now}
            chain.add(Draft(chain.body("run.progress", body), run=(run_id, after)))
        else:
            # Without a time to live it stays until somebody gives it one.
            body["keep_until"] = now + max(fields["ttl_ms"], 0)
            chain.add(Draft(chain.body("run.ended", body), run=(run_id, None)))

    # --- retention ---------------------------------------------------------------------------------------------

    async def _trim(self, tenant: str) -> None:
        """Drop what is older than the retention, up to a checkpoint: the one that the rest stands on from then on."""
        stands = await self._store.state(tenant)
        cutoff = self._clock() - self.retention_seconds * 1000
        latest = await self._store.last_checkpoint(tenant, cutoff)
        if latest is None or (first := record.number_of(latest)) <= stands.first:
            return
        chain = self._audit.chain(tenant)
        fields = {"before": first, "records": first - stands.first, "older_than": cutoff}
        chain.add(Draft(chain.body(record.TRIMMED, fields), keep_from=first))
