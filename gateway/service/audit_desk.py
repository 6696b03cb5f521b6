"""The audit record as a whole: its parts put together, and what people ask of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gateway.clock import Clock
from gateway.config import Changes, Config
from gateway.engine import record
from gateway.engine.record import Body, Filter
from gateway.engine.redact import Redactor
from gateway.identity.keychain import KeyChain
from gateway.model import JSON
from gateway.service.audit import Audit
from gateway.service.audit_export import Exporters
from gateway.service.audit_read import AuditReader, Page
from gateway.service.audit_sinks import sinks
from gateway.service.audit_upkeep import AuditUpkeep
from gateway.service.audit_verify import AuditVerifier
from gateway.store.audit import PAGE, AuditStore
from gateway.store.client import Client
from gateway.store.journal import Journal


class AuditDesk:
    """Questions about the record, over all tenants. What runs at work here do is anchored before it is answered."""

    def __init__(self, audit: Audit, store: AuditStore, reader: AuditReader, verifier: AuditVerifier) -> None:
        self._audit = audit
        self._store = store
        self._reader = reader
        self._verifier = verifier

    async def page(self, wanted: Filter, cursor: str | None = None, *, limit: int = PAGE) -> Page:
        """The next records that fit. Raises `UsageError` for what is no cursor."""
        if cursor is None:
            await self._up_to_now()
        return await self._reader.page(wanted, cursor, limit=limit)

    async def latest(self, wanted: Filter, *, limit: int) -> Page:
        """The last records that fit, and the cursor after them."""
        await self._up_to_now()
        return await self._reader.latest(wanted, limit=limit)

    async def verify(self, exported: Iterable[Mapping[str, JSON]] = ()) -> dict[str, JSON]:
        """`{"ok", "records", "checkpoints", "first_bad": {"seq", "reason"} | None}`; `exported` are checkpoints that
        were taken off the machine, which the chains must still hold."""
        await self._up_to_now()
        return (await self._verifier.verify(exported)).as_dict()

    async def checkpoint(self) -> list[Body]:
        """Sign the end of every chain now. Returns the latest checkpoint of each, to be kept somewhere else."""
        await self._up_to_now()
        signed: list[Body] = []
        for tenant in await self._store.tenants():
            await self._audit.chain(tenant).checkpoint(now=True)
            seq = (await self._store.state(tenant)).checkpoint
            number, elements = await self._store.elements(tenant, seq, 1)
            prev = await self._store.hash_before(tenant, number)
            signed += [sealed.published() for sealed in record.loose(elements, prev, number, tenant)]
        return signed

    async def _up_to_now(self) -> None:
        self._audit.anchor()
        await self._audit.flush()


@dataclass(slots=True)
class Auditing:
    """All parts; `audit` is for those who write."""

    audit: Audit
    desk: AuditDesk
    upkeep: AuditUpkeep
    exporters: Exporters
    redactor: Redactor

    async def start(self) -> None:
        await self.upkeep.start()
        await self.exporters.start()

    async def reload(self, changes: Changes, before: Config, after: Config) -> None:
        """Another configuration is about to be taken over, which goes into the record. Raises `StoreUnavailable`: then
        it must not be."""
        await self.audit.record(
            "config.reloaded",
            servers=sorted(changes.servers),
            agents=sorted(changes.agents),
            deny=changes.deny,
            settings=sorted(changes.settings),
        )
        for name in sorted(changes.agents):
            was, is_now = before.agents.get(name), after.agents.get(name)
            what = "added" if was is None else "removed" if is_now is None else "changed"
            for tenant in sorted({agent.tenant for agent in (was, is_now) if agent is not None}):
                await self.audit.record("agent.changed", tenant=tenant, agent=name, reason=what)
        self.redactor.blank(before.secrets | after.secrets)
        self.upkeep.retention_seconds = _retention(after)

    async def close(self) -> None:
        """After the last run has settled."""
        await self.upkeep.close()
        await self.audit.close()
        await self.exporters.close()


def _retention(config: Config) -> int:
    """Seconds. What proves a run is kept at least as long as the run."""
    return max(config.gateway.audit.retention, config.gateway.retention)


def auditing(config: Config, keys: KeyChain, client: Client, journal: Journal, *, clock: Clock, node: str) -> Auditing:
    """Put the parts together; `node` names this replica."""
    settings, data_dir, store = config.gateway.audit, config.gateway.data_dir, AuditStore(client)
    redactor = Redactor(settings.redact, secrets=config.secrets, key=keys.audit)
    audit = Audit(store, redactor, keys=keys.checkpoints, clock=clock, node=node)
    reader = AuditReader(store, journal, redactor)
    return Auditing(
        audit,
        AuditDesk(audit, store, reader, AuditVerifier(store, keys.checkpoints, clock)),
        AuditUpkeep(audit, store, clock, retention_seconds=_retention(config)),
        Exporters(sinks(settings, data_dir), reader, store, node=node),
        redactor,
    )
