"""Runs that begin where another one was: a fork from any step, and the retry of one that failed or was stopped."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gateway.engine import prefix, replay
from gateway.engine.states import TERMINAL
from gateway.errors import Conflict, Unauthenticated, UsageError
from gateway.model import JSON, Entry, Principal, RunStatus
from gateway.service import legs
from gateway.service.floor import Floor, Job
from gateway.service.opening import Opening, new_run_id
from gateway.service.runner import Runner
from gateway.service.visible import own

_STOPPED = ("limit_exceeded", "process_died", "bad_frame", "internal")
"""Codes of failures that are not the program's own: it goes on from where it was."""


class Again:
    def __init__(self, floor: Floor, opening: Opening, runner: Runner) -> None:
        self._floor = floor
        self._opening = opening
        self._runner = runner

    async def fork(
        self, principal: Principal, run_id: str, at: int, *, code: str | None = None, session: str | None = None
    ) -> str:
        """A new run with all that `run_id` had done before it asked for command `at`; from there on it goes its own
        way, with `code` if that is given. Returns its id; a `code` that does not pass makes it `rejected`.

        Raises `NotFound`, `UsageError`, `Conflict` when the run's token is dead."""
        record = await own(self._floor, principal, run_id)
        entries = await self._floor.journal.entries(run_id)
        cut = prefix.place_of_call(entries, at)
        if cut is None:
            last = max(replay.read(entries).calls, default=0)
            there = f"It has 1 to {last}" if last else "It has asked for nothing"
            raise UsageError(f"{run_id} has no command {at}.", fix=f"{there}; see `gateway runs show {run_id}`.")
        job = await self._job(run_id, record, {"forked_from": {"run_id": run_id, "at": at}})
        if session is not None:
            await self._opening.check_session(job.principal, session)
            job = replace(job, session=session)
        return await self._open(job, record["code"] if code is None else code, code is not None, entries, cut)

    async def retry(self, principal: Principal, run_id: str, *, from_start: bool = False) -> str:
        """A run that failed or was cancelled once more, as a new run: from its first line, or from where it stopped.
        Then what succeeded is not done again, and the call that failed last is. Returns its id.

        Raises `NotFound`, `Conflict` when there is nothing to retry."""
        record = await own(self._floor, principal, run_id)
        status = RunStatus(record["status"])
        if status not in (RunStatus.FAILED, RunStatus.CANCELLED):
            advice = "Cancel it first." if status not in TERMINAL else "Run the program, mended if need be, anew."
            raise Conflict(f"{run_id} is {status}: only runs that failed or were cancelled can be retried.", fix=advice)
        job = await self._job(run_id, record, {"retry_of": run_id})
        entries = await self._floor.journal.entries(run_id)
        if from_start:
            return await self._open(job, record["code"], True, entries[:1], 1)
        cut, again = _stopped_at(run_id, entries)
        return await self._open(job, record["code"], False, entries, cut, again)

    async def _job(self, run_id: str, record: Mapping[str, str], links: Mapping[str, JSON]) -> Job:
        try:
            principal = await self._runner.tokens.principal(record["token"])
        except Unauthenticated as error:
            raise Conflict(f"The token of {run_id} is no longer live.", fix="Run the program with another.") from error
        self._opening.check_room(principal)
        job = await self._runner.job(run_id, record, principal)
        return replace(job, run_id=new_run_id(job.principal), created_at=self._floor.clock(), links=links)

    async def _open(
        self, job: Job, code: str, check: bool, entries: Sequence[Entry], cut: int, again: int | None = None
    ) -> str:
        """`check`: against the tools of today. A program that goes on unchanged keeps those that it began with."""
        if check:
            published = await self._opening.published(job.principal)
            parsed = await self._opening.parsed(code)
            found = await self._opening.checked(job.principal, parsed, published)
            job = replace(job, module=published.runtime, run_text=parsed.run_text, warnings=found.warnings)
            if found.diagnostics:
                await self._opening.rejected(job, code, found)
                return job.run_id
        taken = prefix.take(entries, cut, again=again, now=job.created_at)
        source = str(job.links.get("retry_of") or job.links["forked_from"]["run_id"])
        handed = entries[0].data.get("continued") or {}
        blobs = prefix.blobs([*taken, ("started", handed)])
        before = await self._floor.journal.copies(source, job.run_id, blobs)
        job = replace(job, continued=await legs.state(self._floor, source, handed or None))
        kept = {"seed", "now", "continued"} if taken else {"continued"}
        begin = {"seed": secrets.token_hex(16), **{k: v for k, v in entries[0].data.items() if k in kept}}
        await self._opening.open(job, code, {**begin, **job.links}, prefix=taken, first=before)
        return job.run_id


def _stopped_at(run_id: str, entries: Sequence[Entry]) -> tuple[int, int | None]:
    """Where a run that failed or was cancelled goes on, and the command that is done again."""
    ended = entries[-1].data
    error = ended.get("error") or {}
    if ended["status"] == RunStatus.CANCELLED or error.get("code") in _STOPPED:
        return len(entries), None
    failure = prefix.last_failure(entries)
    if failure is None:
        raise Conflict(
            f"No call of {run_id} failed: from where it stopped it would fail in the same way.",
            fix=f"`gateway runs fork {run_id} --at CID --code FILE` goes on with a mended program, "
            "`gateway runs retry --from-start` begins anew.",
        )
    return failure.seq, failure.data["cid"]
