"""The use cases around a run: execute, result, cancel, list, show, check, signal."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace

from gateway.engine import frames, replay
from gateway.engine.questions import Question, open_question
from gateway.errors import Conflict, UsageError
from gateway.model import JSON, Principal, RunStatus
from gateway.service import ending, views
from gateway.service.again import Again
from gateway.service.archive import Archive
from gateway.service.drive import Drive
from gateway.service.floor import Floor, Job
from gateway.service.opening import Opening, new_run_id
from gateway.service.outcome import CANCELLED
from gateway.service.publish import Publisher
from gateway.service.runner import Runner
from gateway.service.session_desk import SessionDesk
from gateway.service.talk import loading
from gateway.service.views import RunView, from_record
from gateway.service.visible import latest, may_see, newest, own

Progress = Callable[[float, float | None, str], Awaitable[None]]

LONGEST_WAIT = 600.0
POLL_SECONDS = 0.2
"""How often a run that another replica drives is asked for."""


class Runs:
    def __init__(self, floor: Floor, publisher: Publisher, runner: Runner) -> None:
        self._floor = floor
        self._runner = runner
        self._opening = Opening(floor, publisher, runner)
        self.again = Again(floor, self._opening, runner)
        self.archive = Archive(floor)
        self.sessions = SessionDesk(floor, self.cancel)

    async def execute(
        self,
        principal: Principal,
        code: str,
        *,
        session: str = "default",
        wait_seconds: float = 30,
        on_progress: Progress | None = None,
    ) -> RunView:
        """Check a program and, if it passes, run it; returns when it has ended, waits for somebody, or after
        `wait_seconds`. Raises `UsageError`, `Busy`, `StoreUnavailable`, `CheckerUnavailable`: then there is no run."""
        await self._opening.check_session(principal, session)
        self._opening.check_room(principal)
        published = await self._opening.published(principal)
        parsed = await self._opening.parsed(code)
        created, run_id, seed = self._floor.clock(), new_run_id(principal), secrets.token_hex(16)
        job = Job(run_id, principal, session, parsed.run_text, published.runtime, created)
        async with contextlib.nullcontext() if parsed.problems else loading(self._floor, job) as ahead:
            found = await self._opening.checked(principal, parsed, published)
            if found.diagnostics:
                return await self._opening.rejected(job, code, found)
            drive = await self._opening.open(replace(job, warnings=found.warnings), code, {"seed": seed}, ahead=ahead)
        return await self._wait(drive, principal, run_id, wait_seconds, on_progress)

    async def result(
        self, principal: Principal, run_id: str, *, wait_seconds: float = 0, on_progress: Progress | None = None
    ) -> RunView:
        """The run as it is now, or as soon as it has settled within `wait_seconds`. Raises `NotFound`."""
        run_id, _ = await latest(self._floor, principal, run_id)
        return await self._wait(self._runner.drives.get(run_id), principal, run_id, wait_seconds, on_progress)

    async def cancel(self, principal: Principal, run_id: str) -> RunView:
        """Stop a run wherever it is. A run that has ended stays as it ended. Raises `NotFound`."""
        run_id, record = await latest(self._floor, principal, run_id)
        await self._stop(run_id, record)
        return await self.result(principal, run_id, wait_seconds=5)

    async def _stop(self, run_id: str, record: Mapping[str, str]) -> None:
        drive = self._runner.drives.get(run_id)
        if drive is not None:
            drive.stop(CANCELLED)
            await drive.settled.wait()
            if drive.view is not None and drive.view.status is not RunStatus.WAITING:
                return
        if not await self._runner.end(run_id, CANCELLED):
            await self._post(run_id, record, {"type": "cancel"})

    async def list(
        self,
        principal: Principal,
        *,
        status: str | None = None,
        session: str | None = None,
        agent: str | None = None,
        limit: int = 50,
    ) -> list[RunView]:
        """The newest runs that the principal may see."""
        wanted = {"status": status, "session": session, "agent": agent}
        ids = await newest(self._floor, principal, 1_000)
        records = await self._floor.journal.records(ids)
        found = [
            self._live_view(run_id, record)
            for run_id, record in zip(ids, records, strict=True)
            if record is not None
            and may_see(principal, record)
            and all(value is None or record[key] == value for key, value in wanted.items())
        ]
        found.sort(key=lambda run: run.created_at, reverse=True)
        return found[: max(1, min(limit, 1_000))]

    async def show(self, principal: Principal, run_id: str) -> RunView:
        """The run with its steps and its timeline, from its journal. Raises `NotFound`, `StoreCorrupt`."""
        record = await own(self._floor, principal, run_id)
        entries = await self._floor.journal.entries(run_id)
        told = views.told(entries, self._floor.audit.redactor)
        return replace(self._live_view(run_id, record), steps=views.steps(replay.read(entries)), timeline=told)

    async def check(self, principal: Principal, code: str) -> dict[str, JSON]:
        """Type-check only: `{"ok", "diagnostics", "warnings"}`."""
        published = await self._opening.published(principal)
        found = await self._opening.checked(principal, await self._opening.parsed(code), published)
        return {
            "ok": not found.diagnostics,
            "diagnostics": views.diagnostics(found.diagnostics),
            "warnings": views.diagnostics(found.warnings),
        }

    async def question(self, principal: Principal, run_id: str) -> Question | None:
        """What the run asks of a person, where a form in its own client may answer it. Raises `NotFound`."""
        run_id, _ = await latest(self._floor, principal, run_id)
        history = replay.read(await self._floor.journal.entries(run_id))
        return open_question(history)

    async def signal(self, principal: Principal, run_id: str, name: str, payload: JSON) -> None:
        """Deliver an event to a run: to its oldest `waitFor(name)`, now or later. Raises `NotFound`, `Conflict`."""
        run_id, record, _ = await self._going_on(principal, run_id)
        await self._post(run_id, record, {"type": "event", "name": name, "payload": payload})

    async def answer(self, principal: Principal, run_id: str, value: JSON, *, cid: int | None = None) -> None:
        """Answer an `ask`. Raises `NotFound`, `Conflict` when nothing is asked."""
        run_id, record = await self._waiting_for(principal, run_id, "input")
        await self._post(run_id, record, {"type": "answer", "value": value, "cid": cid, "by": principal.owner})

    async def approve(
        self, principal: Principal, run_id: str, *, approved: bool, comment: str | None = None, cid: int | None = None
    ) -> None:
        """Agree, or not, to what a run asks for. Raises `NotFound`, `Conflict` when nothing is to be approved."""
        run_id, record = await self._waiting_for(principal, run_id, "approval")
        message = {"type": "approval", "approved": approved, "comment": comment, "cid": cid, "by": principal.owner}
        await self._post(run_id, record, message)

    async def resolve(
        self, principal: Principal, run_id: str, choice: str, *, value: JSON = None, cid: int | None = None
    ) -> None:
        """Decide about a call whose outcome is not known: `retry`, `supply` (with `value`) or `fail`."""
        if choice not in ("retry", "supply", "fail"):
            raise UsageError(f"{choice!r} is no choice.", fix="Say retry, supply or fail.")
        run_id, record = await self._waiting_for(principal, run_id, "in_doubt")
        message = {"type": "resolve", "choice": choice, "value": value, "cid": cid, "by": principal.owner}
        await self._post(run_id, record, message)

    async def _post(self, run_id: str, record: Mapping[str, str], message: dict[str, JSON]) -> None:
        await self._runner.post(run_id, record, {**message, "id": secrets.token_hex(8), "at": self._floor.clock()})

    async def _going_on(self, principal: Principal, run_id: str) -> tuple[str, Mapping[str, str], RunView]:
        """The run, or its last leg, with its record."""
        run_id, record = await latest(self._floor, principal, run_id)
        view = self._live_view(run_id, record)
        if view.status not in (RunStatus.RUNNING, RunStatus.WAITING):
            raise Conflict(f"{run_id} has ended ({view.status}).")
        return run_id, record, view

    async def _waiting_for(self, principal: Principal, run_id: str, what: str) -> tuple[str, Mapping[str, str]]:
        """The run, or its last leg, which has to wait for `what`, with its record."""
        run_id, record, view = await self._going_on(principal, run_id)
        waiting = view.body.get("waiting")
        if waiting is None or waiting["for"] != what:
            now = f"it waits for {waiting['for']}" if waiting else "it is at work"
            raise Conflict(f"{run_id} does not wait for {what}: {now}.", fix=f"See `gateway runs show {run_id}`.")
        return run_id, record

    # --- waiting -----------------------------------------------------------------------------------------------

    async def _wait(
        self, drive: Drive | None, principal: Principal, run_id: str, wait_seconds: float, on_progress: Progress | None
    ) -> RunView:
        """Until the run, or its last leg, has settled, or `wait_seconds` are over; it goes on all the same."""
        deadline = time.monotonic() + max(0.0, min(wait_seconds, LONGEST_WAIT))
        while True:
            view = await self._after(drive, deadline - time.monotonic(), on_progress)
            if view is None or view.next_leg is not None:
                run_id, record = await latest(self._floor, principal, run_id)
                view = self._live_view(run_id, record)
            if view.next_leg is not None:
                # It is about to begin.
                view = replace(view, status=RunStatus.RUNNING)
            left = deadline - time.monotonic()
            if view.settled or left <= 0:
                return view
            drive = self._runner.drives.get(run_id)
            if drive is None:
                await asyncio.sleep(min(POLL_SECONDS, left))
                drive = self._runner.drives.get(run_id)

    async def _after(self, drive: Drive | None, seconds: float, on_progress: Progress | None) -> RunView | None:
        """What a drive has left, or how it stands after `seconds`; None when that is not known here."""
        if drive is None:
            return None
        async with _reporting(drive, on_progress):
            settled = await _within(drive.settled, seconds)
        return drive.view if settled else ending.view(self._floor, drive)

    def _live_view(self, run_id: str, record: Mapping[str, str]) -> RunView:
        drive = self._runner.drives.get(run_id)
        return from_record(run_id, record) if drive is None else ending.view(self._floor, drive)


@contextlib.asynccontextmanager
async def _reporting(drive: Drive, on_progress: Progress | None) -> AsyncIterator[None]:
    """Hand the program's progress reports on, in order; a client that is gone does not matter to the run."""
    if on_progress is None:
        yield
        return
    queue: asyncio.Queue[frames.Progress] = asyncio.Queue(maxsize=100)

    async def report() -> None:
        while True:
            one = await queue.get()
            await on_progress(one.done, one.total, one.message)

    def take(one: frames.Progress) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            queue.put_nowait(one)

    stop = drive.listen(take)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(report())
        try:
            yield
        finally:
            stop()
            task.cancel()


async def _within(event: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), max(0.0, seconds))
    except TimeoutError:
        return False
    return True
