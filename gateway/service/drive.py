"""The drive loop: one run, from its journal and a process to its end, its next sleep, or its stop.

    attempt: process from the pool → Start → the recorded completions, in order → live
    live:    take a turn → decide each command → intents into the journal → perform → wait → deliver → …

What leaves this loop (a call to an upstream, a result for a client) leaves after the entries before it are durable.
Completions are delivered at once and written with the commands that they lead to: one append for each turn.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from gateway.engine.frames import Done, End, Progress
from gateway.errors import (
    Diverged,
    GatewayError,
    LimitExceeded,
    ProcessDied,
    ProgramFailed,
    StaleWriter,
    StoreError,
    StoreUnavailable,
)
from gateway.model import Diagnostic, RunStatus, Waiting
from gateway.service import mail
from gateway.service.floor import Floor, Job
from gateway.service.open import ASKS, STAY_MS
from gateway.service.outcome import CANCELLED, ELSEWHERE, REVOKED, Outcome, Trace, ended, failed, paused
from gateway.service.pen import Pen
from gateway.service.talk import Ahead, Talk
from gateway.service.views import RunView
from gateway.service.work import Outcome as CallOutcome
from gateway.service.work import Revoked, Work
from gateway.store.journal import Writer
from gateway.tasks import Tasks

log = logging.getLogger(__name__)

LATE_SECONDS = 0.02
"""A completion is written with the commands that it leads to; after this long, without them."""

REPLAYED_AT_ONCE = 500
"""Recorded completions in one frame."""

LEG_MS = 1_000
"""A leg takes at least this long, so that a loop of `continueWith` alone does not fill the store."""

ATTEMPTS = 3
"""Processes spent at one point of a run whose process dies by itself, before it gives up: a machine that is short of
memory kills what it finds, perhaps twice."""
REPLAYS = 2
"""The same of a replay that diverges."""


class Drive:
    """One owner's work on one run. `settled` is set when its outcome is written (service/ending.py)."""

    def __init__(self, floor: Floor, job: Job, writer: Writer, ahead: Ahead | None = None) -> None:
        """`ahead` runs the program already, or has compiled it."""
        self.job = job
        self.view: RunView | None = None
        """The run as it was left, once `settled` is set and it could be written."""
        self.settled = asyncio.Event()
        self._floor = floor
        self._tasks = Tasks()
        self.pen = Pen(floor.journal, writer, floor.clock, self._tasks)
        self._talk = Talk(floor, job, self._tasks, self._over_limit, ahead)
        self.work = Work(floor, job, self.pen, self._tasks, self._may_send)
        self._now = 0
        self._end: End | None = None
        self._delivering: list[tuple[int, CallOutcome]] = []
        self.taken = 0
        """Messages at the head of the inbox that are in the journal, or will be with its next append."""
        self._evicted = self._mail = self._over = False
        self._stopping: Outcome | None = None
        self._task: asyncio.Task[Outcome] | None = None

    @property
    def trace(self) -> Trace:
        return self._talk.trace

    @property
    def active_ms(self) -> int:
        return int(self._talk.active_seconds * 1000)

    def listen(self, listener: Callable[[Progress], None]) -> Callable[[], None]:
        """See `Talk.listen`."""
        return self._talk.listen(listener)

    def waiting(self) -> Waiting | None:
        """What the run waits for, if somebody has to act or its process is given up; None while it is at work, or has
        mail that may be what it waits for."""
        if not self.work.book or self._mail:
            return None
        waiting = self.work.book.waiting()
        return waiting if waiting.for_ in ASKS or self._evicted else None

    @property
    def evicted(self) -> bool:
        """Whether its process was given up while its calls go on."""
        return self._evicted

    @property
    def stopped_by(self) -> Outcome | None:
        """What it was told to end with, if it was; it may have had another outcome by then."""
        return self._stopping

    @property
    def is_over(self) -> bool:
        """Whether it has its outcome, which is being written."""
        return self._over

    # --- life --------------------------------------------------------------------------------------------------

    async def run(self) -> Outcome:
        """Drive the run as far as it goes here. Nothing of it goes on when this returns; `close` waits for its end."""
        self._task = asyncio.current_task()
        try:
            return await self._guarded()
        finally:
            self._task, self._over = None, True
            self.work.book.clear()
            self._write_delivered()
            self._talk.kill_now()

    async def close(self) -> None:
        """Wait until its process is reaped and its calls are cancelled."""
        await self._talk.close()
        await self._tasks.close()

    def stop(self, outcome: Outcome) -> None:
        """End this drive now: nothing is sent after this returns, and the process is being killed."""
        if self._stopping is not None:
            return
        self._stopping = outcome
        self.work.book.clear()
        self._talk.kill_now()
        if self._task is not None:
            self._task.cancel()

    async def renew(self) -> None:
        """Keep the lease; a lost one stops the drive without a word in the journal."""
        try:
            kept = await self.pen.renew()
        except StoreError:
            kept = time.monotonic() < self.pen.writer.lease.expires_at_monotonic
        if not kept and not self._over:
            self.stop(ELSEWHERE)

    def nudge(self) -> None:
        """There is mail: it is read between two turns, so that nothing else writes the journal meanwhile."""
        self._mail = True
        self.work.wake()

    async def drop_mail(self) -> None:
        """What had been posted when the run was claimed, and is in the journal now, may go."""
        taken, self.taken = self.taken, 0
        if taken:
            await self._floor.journal.clear_inbox(self.job.run_id, taken)

    async def _read_mail(self) -> bool:
        """Take in what was posted for this run. True when there is something to do for it now."""
        self._mail = False
        self.taken = 0
        journal, run_id = self._floor.journal, self.job.run_id
        messages = await journal.inbox(run_id)
        if mail.take_in(messages, self.pen, self.work, self._floor.clock()):
            self.stop(CANCELLED)
        elif messages:
            await self.pen.flush()
            await journal.clear_inbox(run_id, len(messages))
        return self.work.busy

    async def _guarded(self) -> Outcome:
        if not self._may_send():
            return self._stopping or ELSEWHERE
        try:
            return await self._attempts()
        except asyncio.CancelledError:
            if self._may_send():
                raise
            return self._stopping or ELSEWHERE
        except Revoked:
            return REVOKED
        except (StaleWriter, StoreUnavailable) as error:
            log.warning("run %s: %s", self.job.run_id, error)
            return ELSEWHERE
        except Diverged as error:
            return paused(error, self._floor.clock())
        except GatewayError as error:
            return failed(error)

    async def _attempts(self) -> Outcome:
        failures, reached, diverged = 0, -1, False
        while True:
            try:
                await self._begin(diverged)
                outcome = await self._live()
                if outcome is not None:
                    return outcome
            except (ProcessDied, Diverged) as error:
                if not self._may_send():
                    raise asyncio.CancelledError from error
                before, reached = reached, len(self.pen.history.order)
                failures, diverged = failures + 1 if reached == before else 1, isinstance(error, Diverged)
                if failures >= (REPLAYS if diverged else ATTEMPTS):
                    raise
                log.info("run %s starts again from its journal: %s", self.job.run_id, error)
            self._write_delivered()
            await self._talk.close()
            self.pen.write("resumed", {"epoch": self.pen.writer.lease.epoch})

    async def _begin(self, diverged: bool) -> None:
        """A fresh process, brought to where the journal ends. After a divergence it tells the lines of all commands."""
        history = self.pen.history
        self.work.begin_replay()
        self._now = history.started["now"]
        done = [await self._recorded(cid) for cid in history.order]
        recorded = [tuple(done[at : at + REPLAYED_AT_ONCE]) for at in range(0, len(done), REPLAYED_AT_ONCE)]
        replayed = 0 if diverged else len(history.calls)
        turn = await self._talk.open(history.started["seed"], self._now, replayed, recorded)
        if history.runtime != self._talk.runtime:
            self.pen.write("runtime", {"version": self._talk.runtime})
        self.work.absorb(turn, [], self._now)
        for some in recorded:
            if turn.end is None:
                self._now = some[-1].now
                turn = await self._talk.turn(lists=len(some))
                self.work.absorb(turn, [], self._now)
        self._end = turn.end
        self.work.end_replay()

    async def _recorded(self, cid: int) -> Done:
        outcome = self.pen.history.calls[cid].outcome or {}
        if "e" in outcome:
            return Done(cid, outcome["now"], error=outcome["e"])
        if "blob" in outcome:
            # It may have come a moment ago.
            await self.pen.flush()
            return Done(cid, outcome["now"], await self._floor.journal.blob(self.job.run_id, outcome["blob"]))
        return Done(cid, outcome["now"], outcome.get("v"))

    async def _live(self) -> Outcome | None:
        """Until the program ends or sleeps; None when its process was given up and it goes on in another."""
        work = self.work
        while True:
            await work.start()
            if self._mail and await self._read_mail():
                await work.start()
            if self._end is not None or work.next is not None:
                return await self._finish()
            if not work.book and not work.completions:
                raise ProgramFailed(
                    "The program waits for something that nothing can resolve: no call, timer or event is under way.",
                    fix="Look for a promise that nothing resolves.",
                    reason="stalled",
                )
            idle = not work.completions and not work.book.needs_process(self._floor.clock())
            busy = not idle or await self._read_mail()
            if self._mail:
                # Posted while the mail was read, or work began.
                continue
            if not busy:
                return Outcome(RunStatus.WAITING, waiting=work.book.waiting())
            if not await work.wait(STAY_MS / 1000):
                # Nothing for a while: the calls live on in the gateway, the process goes.
                await self._talk.close()
                self._evicted = True
                await work.wait(None)
                self._evicted = False
            if work.completions and not await self._deliver():
                return None

    async def _deliver(self) -> bool:
        """Tell the program what is done; False when there is no process to tell, and it goes on in a new one."""
        items = self._delivering = list(self.work.completions)
        self.work.completions.clear()
        self._now = max(self._now, self._floor.clock())
        if not self._talk.is_open:
            return False
        late = asyncio.get_running_loop().call_later(LATE_SECONDS, self._write_late)
        try:
            turn = await self._talk.deliver(tuple(Done(cid, self._now, o.get("v"), o.get("e")) for cid, o in items))
        finally:
            late.cancel()
        self.work.absorb(turn, items, self._now)
        self._end = turn.end
        return True

    def _write_delivered(self) -> None:
        """What upstreams answered is written, whatever became of the program that it was for."""
        for cid, outcome in self._delivering:
            self.work.write_done(cid, outcome, self._now)

    def _write_late(self) -> None:
        """The program computes on and on: do not let the completions that it computes with wait for it."""
        self._write_delivered()
        self.pen.flush_soon()

    async def _finish(self) -> Outcome:
        """The program has settled, or goes on in another leg; calls that it did not await come to their end first, or
        are decided about: whether they had their effect has to be known before the run is over."""
        if self._end is None:
            await self._talk.close()
            await asyncio.sleep(max(0, self.job.created_at + LEG_MS - self._floor.clock()) / 1000)
        for one in await self.work.finish_calls():
            text = f"{one.command.name} was not awaited: the program had ended when it finished."
            self.trace.warnings.append(Diagnostic(one.command.line, 1, text))
        self._now = max(self._now, self._floor.clock())
        while self.work.completions:
            self.work.write_done(*self.work.completions.popleft(), self._now)
        if self.work.book and (waiting := self.work.book.waiting()).for_ == "in_doubt":
            return Outcome(RunStatus.WAITING, waiting=waiting)
        if self._end is None:
            return Outcome(RunStatus.COMPLETED, next=self.work.next)
        return ended(self._end)

    def _may_send(self) -> bool:
        return self._stopping is None

    def _over_limit(self, error: LimitExceeded) -> None:
        self.stop(failed(error))
