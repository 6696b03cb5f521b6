"""What is written when a drive is over: the last entry of a run, or the reason why it sleeps."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from gateway import telemetry
from gateway.engine.values import shown
from gateway.model import JSON, RunStatus
from gateway.service import nearing
from gateway.service.drive import Drive
from gateway.service.floor import Floor, compact
from gateway.service.outcome import Outcome, Trace
from gateway.service.views import RunView, diagnostics, waiting_dict
from gateway.store import keys
from gateway.store.client import Command

FAR_MS = 3_600_000
"""A run that waits without end is looked at this often (ms), in case its wake-up was lost."""


def view(floor: Floor, drive: Drive) -> RunView:
    """A run under way, as it stands: it waits when somebody has to act, or when its process is given up."""
    waiting = drive.waiting()
    outcome = None if waiting is None else Outcome(RunStatus.WAITING, waiting=waiting)
    return _view(floor, drive, outcome, {})


async def settle(floor: Floor, drive: Drive, outcome: Outcome) -> RunView:
    """Write how the run ended or why it waits; after this the run is nobody's. Raises `StoreError`."""
    result, before = _result(floor, drive, outcome)
    seen = _view(floor, drive, outcome, result)
    if outcome.next is not None:
        seen = replace(seen, links={**seen.links, "continued_as": keys.next_run_id(drive.job.run_id)})
    now = floor.clock()
    fields: dict[str, str | int | bytes] = {"updated": now, "lease_until": 0}
    if outcome.status is None:
        await drive.pen.flush(fields)
        await _anchor(floor, drive, None)
        await floor.timers.set(drive.job.run_id, floor.timers.at(0))
        return seen
    kind, last = _last_entry(outcome)
    if outcome.next is not None:
        handed, blobs = floor.journal.offload(drive.job.run_id, outcome.next["state"])
        last |= {"continued_as": keys.next_run_id(drive.job.run_id), "continued": handed}
        fields["continued_as"], before = last["continued_as"], [*before, *blobs]
    drive.pen.write(kind, last, before)
    fields |= {"status": outcome.status.value, "view": _stored(seen)}
    if outcome.waiting is not None:
        fields["due"] = due = wake_at(floor, outcome.waiting.until)
        await drive.pen.flush(fields, pack=True)
    else:
        await drive.pen.flush(fields)
    await _anchor(floor, drive, outcome.status)
    if outcome.waiting is not None:
        await floor.timers.set(drive.job.run_id, due)
    else:
        telemetry.run_ended(outcome.status.value, seen.stats["duration_ms"] / 1000)
    return seen


def wake_at(floor: Floor, until: int | None) -> int:
    """When to look after a run that waits until then, or without end (None)."""
    return floor.timers.at(FAR_MS if until is None else until - floor.clock())


async def _anchor(floor: Floor, drive: Drive, status: RunStatus | None) -> None:
    job, kept = drive.job, floor.config.gateway.retention
    await floor.audit.settled(job.run_id, job.principal, job.session, drive.pen.writer, status, keep_seconds=kept)


async def retire(floor: Floor, run_id: str, links: Mapping[str, JSON], *, goes_on: bool) -> None:
    """Give what is left of an ended run its time to live. If this is missed, whoever looks after the run does it. The
    record of the first of several legs stays until the last one has ended: clients ask for that one."""
    first, seconds = links.get("first"), floor.config.gateway.retention
    await floor.journal.expire(run_id, seconds, record=not goes_on or first is not None)
    if first is not None and not goes_on:
        await floor.journal.expire_record(first, seconds)


def _last_entry(outcome: Outcome) -> tuple[str, dict[str, JSON]]:
    if outcome.waiting is not None:
        waiting = outcome.waiting
        return "waiting", {"for": waiting.for_, "until": waiting.until, "cids": list(waiting.cids)}
    assert outcome.status is not None
    ended: dict[str, JSON] = {"status": outcome.status.value}
    if outcome.status is RunStatus.COMPLETED and outcome.next is None:
        ended["result_sha256"] = hashlib.sha256(orjson.dumps(outcome.value)).hexdigest()
    if outcome.error is not None:
        ended["error"] = dict(outcome.error)
    return "ended", ended


def _result(floor: Floor, drive: Drive, outcome: Outcome) -> tuple[dict[str, Any], list[Command]]:
    """`result` and `omitted` of a completed run, and the commands that keep a large value."""
    if outcome.status is not RunStatus.COMPLETED or outcome.next is not None:
        return {}, []
    limit_kb = floor.config.gateway.limits.result_kb
    stored, commands = floor.journal.offload(drive.job.run_id, outcome.value, limit_kb * 1024)
    if not commands:
        return {"result": outcome.value}, []
    seen = shown(outcome.value, limit_kb=limit_kb, handle=f"{drive.job.run_id}/{stored['blob']}")
    return {"result": seen.value, "omitted": {"result": seen.omitted}}, commands


def _view(floor: Floor, drive: Drive, outcome: Outcome | None, result: dict[str, Any]) -> RunView:
    trace, history, job = _trace(drive, outcome), drive.pen.history, drive.job
    status = RunStatus.RUNNING if outcome is None or outcome.status is None else outcome.status
    body: dict[str, JSON] = {**result, "logs": list(trace.logs)}
    if outcome is not None and outcome.error is not None:
        body["error"] = dict(outcome.error)
    if outcome is not None and outcome.waiting is not None:
        body["waiting"] = waiting_dict(outcome.waiting, job.run_id)
    warned = [*job.warnings, *trace.warnings, *nearing.warnings(floor, drive)]
    if warned:
        body["warnings"] = diagnostics(warned)
    if trace.logs_dropped:
        cap = floor.config.gateway.limits.run_log_kb
        dropped = {"lines": trace.logs_dropped, "limit": f"run_log_kb = {cap}"}
        body["omitted"] = {**body.get("omitted", {}), "logs": dropped}
    stats = {
        "tool_calls": history.tool_calls,
        "duration_ms": max(0, floor.clock() - job.created_at),
        "replays": history.replays,
    }
    return RunView(
        job.run_id,
        job.session,
        status,
        job.principal.agent,
        job.created_at,
        body,
        stats,
        tuple(trace.emitted),
        job.links,
    )


def _trace(drive: Drive, outcome: Outcome | None) -> Trace:
    """What the program has said. One that was stopped asleep, or on its way back, had said more than its process."""
    trace, record = drive.trace, drive.pen.writer.record
    if outcome is None or outcome.status not in (RunStatus.CANCELLED, RunStatus.REVOKED) or "view" not in record:
        return trace
    kept = Trace.kept(orjson.loads(record["view"]))
    return kept if len(kept.logs) + len(kept.emitted) > len(trace.logs) + len(trace.emitted) else trace


def _stored(seen: RunView) -> str:
    return compact({"body": dict(seen.body), "stats": dict(seen.stats), "emitted": [dict(b) for b in seen.emitted]})
