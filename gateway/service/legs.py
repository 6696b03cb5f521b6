"""`continueWith`: a long run as a row of runs, each with a journal of its own.

The end of a leg names the next one, in the same append: that is the one place where it is decided. What comes after can
be done again by anybody until it is done: the next run has an id that follows from the one before."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gateway.errors import StaleWriter
from gateway.model import JSON, Entry, Principal, RunStatus
from gateway.service.floor import Floor, Job, compact
from gateway.service.views import diagnostics
from gateway.store.client import Command
from gateway.store.journal import LEASE_MS, Writer
from gateway.store.liveness import Liveness
from gateway.store.sessions import Sessions

Said = tuple[str, Mapping[str, JSON]]
"""Kind and data of an entry to be."""


async def write(
    floor: Floor,
    job: Job,
    code: str,
    begin: Mapping[str, JSON],
    *,
    prefix: Sequence[Said] = (),
    first: Sequence[Command] = (),
) -> tuple[Writer, bool]:
    """Write the record and the first entries of a run, and say so in the audit record. Returns its pen, and whether
    its token is alive."""
    principal, now = job.principal, job.created_at
    started: dict[str, JSON] = {
        "code_hash": digest(code),
        "module_hash": job.module.hash,
        "now": now,
        "chain": list(principal.chain),
        **begin,
    }
    entries = [Entry(seq, kind, now, data) for seq, (kind, data) in enumerate([("started", started), *prefix])]
    touch = Sessions.touch(principal.sid, job.session, job.run_id, now)
    writer, (alive, *_) = await floor.journal.open(
        job.run_id,
        fields(job, RunStatus.RUNNING, code),
        entries,
        tenant=principal.tenant,
        now=now,
        look_at=floor.timers.at(LEASE_MS),
        first=[Liveness.check(principal.chain), *touch, *first],
    )
    floor.audit.opened(
        job.run_id, principal, job.session, writer, code_sha256=started["code_hash"], module=job.module.hash
    )
    return writer, Liveness.alive(alive)


def fields(job: Job, status: RunStatus, code: str) -> dict[str, str | int | bytes]:
    """The record of a run that begins."""
    principal = job.principal
    return {
        "status": status.value,
        "tenant": principal.tenant,
        "token": principal.token_id,
        "agent": principal.agent,
        "sid": principal.sid,
        "session": job.session,
        "chain": compact(list(principal.chain)),
        "created": job.created_at,
        "updated": job.created_at,
        "code": code.encode("utf-8", "replace"),
        "module": job.module.hash,
        **({"warnings": compact(diagnostics(job.warnings))} if job.warnings else {}),
        **({"links": compact(dict(job.links))} if job.links else {}),
    }


def digest(code: str) -> str:
    """SHA-256 (hex) of a program's text."""
    return hashlib.sha256(code.encode("utf-8", "replace")).hexdigest()


async def begin_next(
    floor: Floor, before: Job, record: Mapping[str, str], principal: Principal
) -> tuple[Job, Writer, bool] | None:
    """Begin the leg that the end of the run `before` names; None when that has been done."""
    run_id = record["continued_as"]
    if await floor.journal.record(run_id) is not None:
        return None
    ended = (await floor.journal.last(before.run_id)).data
    handed: dict[str, Any] = ended["continued"]
    blobs = await floor.journal.copies(before.run_id, run_id, {handed["blob"]} if "blob" in handed else set())
    first = before.links.get("first", before.run_id)
    links = {"continues": before.run_id, "first": first}
    job = replace(before, run_id=run_id, principal=principal, created_at=floor.clock(), links=links, warnings=())
    job = replace(job, continued=await state(floor, before.run_id, handed))
    begin = {"seed": secrets.token_hex(16), "continued": handed, **links}
    try:
        writer, alive = await write(floor, job, record["code"], begin, first=blobs)
    except StaleWriter:
        # Another replica did it in this moment. Its seed is not ours: two that go on would write one journal.
        return None
    if first != before.run_id:
        await floor.journal.point(first, run_id)
    return job, writer, alive


async def state(floor: Floor, run_id: str, handed: Mapping[str, JSON] | None) -> Mapping[str, JSON] | None:
    """What a leg was handed, as `{"v": state}`, from the form that journals have it in."""
    if handed is None or "blob" not in handed:
        return handed
    return {"v": await floor.journal.blob(run_id, handed["blob"])}
