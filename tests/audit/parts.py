"""An audit record without the rest of a gateway: the real store, real journals, real keys, and a clock to be moved."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.clock import now_ms
from gateway.engine.canonical import args_hash
from gateway.engine.redact import Redactor
from gateway.identity.keys import CHECKPOINTS, KeyRing
from gateway.model import Entry, Grant, Principal, RunStatus
from gateway.service.audit import Audit
from gateway.service.audit_read import AuditReader
from gateway.service.audit_upkeep import AuditUpkeep
from gateway.service.audit_verify import AuditVerifier
from gateway.store.audit import AuditStore
from gateway.store.client import Client
from gateway.store.journal import Journal, Writer

DAY = 86_400
CODE = hashlib.sha256(b"return 1").hexdigest()
SECRET = "s3cr3t-of-the-crm"
_numbers = itertools.count(1)


@dataclass
class Clock:
    """Milliseconds; `pass_by` moves it. It starts at the real time, as the store has its own."""

    now: int = field(default_factory=now_ms)

    def __call__(self) -> int:
        return self.now

    def pass_by(self, *, seconds: float) -> None:
        self.now += int(seconds * 1000)


def principal(agent: str = "triage", tenant: str = "default") -> Principal:
    chain = (f"tenant:{tenant}", f"agent:{tenant}/{agent}", f"tok_{agent}")
    policies = ((Grant("crm", ("*",)),),)
    return Principal(f"tok_{agent}", agent, "alice@example.com", tenant, f"sid_{agent}", chain, policies)


def tool(cid: int, name: str, args: Mapping[str, Any], **more: Any) -> tuple[str, dict[str, Any]]:
    """The intent of a call, as `service/work.py` writes it."""
    data = {"cid": cid, "kind": "tool", "name": name, "args": args, "args_hash": args_hash(args), "class": "read_only"}
    return "call", {**data, "rule": "agents.triage.grants[0]", "pin": "ab" * 32, "line": 1, **more}


def done(cid: int, **outcome: Any) -> tuple[str, dict[str, Any]]:
    return "done", {"cid": cid, "now": 0, "ms": 7, **(outcome or {"v": {"ok": True}})}


def is_intact(published: Mapping[str, Any]) -> bool:
    """Whether a published record's `hash` is that of its own content after `prev`, as docs/audit.md says it."""
    body = {key: value for key, value in published.items() if key not in ("hash", "prev", "kept")}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return bool(hashlib.sha256(bytes.fromhex(published["prev"]) + text).hexdigest() == published["hash"])


class Replica:
    """One gateway's part: everything about the audit record, on a connection of its own."""

    def __init__(
        self,
        client: Client,
        folder: Path,
        clock: Callable[[], int],
        *,
        name: str,
        redact: Mapping[str, str] | None = None,
    ) -> None:
        self.client = client
        self.clock = clock
        self.keys = KeyRing.load_or_create(folder, CHECKPOINTS)
        self.redactor = Redactor(redact or {}, secrets=[SECRET], key=b"k" * 32)
        self.store = AuditStore(client)
        self.journal = Journal(client, owner=name)
        self.audit = Audit(self.store, self.redactor, keys=self.keys, clock=clock, node=name)
        self.reader = AuditReader(self.store, self.journal, self.redactor)
        self.verifier = AuditVerifier(self.store, self.keys, clock)
        self.upkeep = AuditUpkeep(self.audit, self.store, clock, retention_seconds=365 * DAY)

    async def open(self, who: Principal | None = None) -> Writer:
        """A run that has begun."""
        who = who or principal()
        run_id, now = f"run_{next(_numbers):020}", self.clock()
        fields: dict[str, str | int | bytes] = {
            "status": "running",
            "tenant": who.tenant,
            "updated": now,
            "chain": "[]",
        }
        entry = Entry(0, "started", now, {"code_hash": CODE, "now": now})
        writer, _ = await self.journal.open(run_id, fields, [entry], tenant=who.tenant, now=now)
        self.audit.opened(run_id, who, "default", writer, code_sha256=CODE, module="m" * 16)
        return writer

    async def write(self, writer: Writer, *entries: tuple[str, Mapping[str, Any]], **fields: str | int) -> None:
        """Entries as a run writes them while it goes on."""
        numbered = [Entry(writer.length + i, kind, self.clock(), data) for i, (kind, data) in enumerate(entries)]
        await self.journal.append(writer, numbered, {"updated": self.clock(), **fields})

    async def end(
        self,
        writer: Writer,
        who: Principal | None = None,
        status: RunStatus = RunStatus.COMPLETED,
        *,
        keep_seconds: int = 30 * DAY,
    ) -> None:
        """As `service/ending.py` does it."""
        await self.write(writer, ("ended", {"status": status.value}), status=status.value, lease_until=0)
        await self.journal.expire(writer.run_id, keep_seconds)
        await self.audit.settled(
            writer.run_id, who or principal(), "default", writer, status, keep_seconds=keep_seconds
        )

    async def run(
        self, *entries: tuple[str, Mapping[str, Any]], who: Principal | None = None, keep_seconds: int = 30 * DAY
    ) -> str:
        """A whole run with these entries between its first and its last. Returns its id."""
        writer = await self.open(who)
        await self.audit.named(writer.run_id)
        await self.write(writer, *entries)
        await self.end(writer, who, keep_seconds=keep_seconds)
        return writer.run_id

    async def verify(self, exported: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
        await self.audit.flush()
        return (await self.verifier.verify(exported)).as_dict()
