"""All drives of this replica: started, kept, woken, stopped."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from weakref import WeakValueDictionary

import orjson

from gateway.engine import program
from gateway.engine.states import TERMINAL
from gateway.errors import GatewayError, NotFound, StoreError, Unauthenticated
from gateway.model import JSON, Diagnostic, Principal, RunStatus
from gateway.sandbox.pool import Process
from gateway.service import ending, legs, mail, retention
from gateway.service.drive import Drive
from gateway.service.floor import Floor, Job, RuntimeModule
from gateway.service.outcome import CANCELLED, ELSEWHERE, REVOKED, Outcome
from gateway.service.talk import Ahead, loading
from gateway.service.tokens import Tokens
from gateway.service.wake import Waker
from gateway.store.journal import LEASE_MS, Claim, Writer
from gateway.store.liveness import Liveness
from gateway.tasks import Tasks

log = logging.getLogger(__name__)

Chain = tuple[str, ...]
"""A token's: tenant, agent, the tokens above it, itself."""
LIVENESS_SECONDS = 0.25
BLIND_SECONDS = 1.0
"""A replica that has not reached the store for this long stops its runs: nobody could tell it to."""


class Runner:
    """`drives` are the runs that are at work here, by run id."""

    def __init__(self, floor: Floor, tokens: Tokens) -> None:
        self._floor = floor
        self.tokens = tokens
        self._tasks = Tasks()
        self._closing = False
        self._resuming: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._seen_store = time.monotonic()
        self.drives: dict[str, Drive] = {}
        self._ahead: dict[Process, Chain] = {}
        self._waker = Waker(floor, self.drives, self._resume_safely)
        self.finish = self._tasks.finish
        """Whoever holds a run's lease must not be cancelled with a client: nobody would drive the run until it ends."""

    async def start(self) -> None:
        liveness = self._floor.liveness
        liveness.on_shut = self._stop_shut
        await liveness.catch_up()
        self._tasks.start(self._keep_leases(), name="leases")
        await self._waker.start()
        self._tasks.start(self._waker.wake(), name="wake-ups")
        self._tasks.start(self._waker.sweep(), name="sweeper")
        self._tasks.start(self._hear(), name="bus")
        self._tasks.start(self._watch_liveness(), name="liveness")
        self._tasks.start(retention.keep_trimmed(self._floor), name="retention")

    async def close(self) -> None:
        """Stop all drives; their runs go on when a gateway is up again, here or elsewhere."""
        self._closing = True
        for drive in list(self.drives.values()):
            drive.stop(ELSEWHERE)
        for drive in list(self.drives.values()):
            await drive.settled.wait()
        await self._tasks.close()
        with suppress(StoreError):
            await self._floor.liveness.leave()

    # --- drives ------------------------------------------------------------------------------------------------

    def launch(self, job: Job, writer: Writer, ahead: Ahead | None) -> Drive:
        """Drive a new run, which may be running `ahead` of its drive."""
        return self._put_to_work(Drive(self._floor, job, writer, ahead))

    @asynccontextmanager
    async def ahead(self, ahead: Ahead | None, seed: str, job: Job) -> AsyncIterator[None]:
        """Meanwhile a process that has loaded the program runs ahead of its drive, which finds it dead if its token was
        shut off. Nothing that it asks for is done before. The process is the drive's then, or is discarded."""
        if ahead is None:
            yield
            return
        ahead.taken = True
        self._ahead[ahead.process] = job.principal.chain
        try:
            await ahead.go(seed, job.created_at)
            yield
        except BaseException:
            self._floor.pool.discard(ahead.process)
            raise
        finally:
            del self._ahead[ahead.process]

    def _put_to_work(self, drive: Drive) -> Drive:
        self.drives[drive.job.run_id] = drive
        if self._floor.liveness.is_shut(drive.job.principal.chain):
            # While it was being opened: nobody could stop it yet.
            drive.stop(REVOKED)
        self._tasks.start(self._drive(drive), name=f"run {drive.job.run_id}")
        return drive

    async def _drive(self, drive: Drive) -> None:
        outcome = await drive.run()
        await self._settle(drive, outcome)

    async def _settle(self, drive: Drive, outcome: Outcome) -> None:
        run_id = drive.job.run_id
        try:
            if outcome.status in (RunStatus.CANCELLED, RunStatus.REVOKED):
                # Whoever stopped it is told so when nothing of it is left.
                await drive.close()
            drive.view = await ending.settle(self._floor, drive, outcome)
        except StoreError as error:
            # The run is another replica's, or the store is away: whoever finds its lease run out goes on with it.
            log.warning("run %s was left as it stands: %s", run_id, error)
        finally:
            self._floor.audit.forget(run_id)
            self.drives.pop(run_id, None)
            drive.settled.set()
            await drive.close()
            self._waker.freed()
        await self._after(drive, outcome)

    async def _after(self, drive: Drive, outcome: Outcome) -> None:
        """What nobody has to wait for. A run whose end could not be written is not ours to tidy up."""
        job, goes_on = drive.job, outcome.next is not None
        if drive.view is None or (goes_on and self._closing):
            return
        run_id = job.run_id
        try:
            await drive.drop_mail()
            if goes_on:
                await self._begin_next(job, job.principal)
            if outcome.status is RunStatus.WAITING and drive.stopped_by is REVOKED:
                # While it was being put to sleep: whoever revoked it could neither stop it nor end it.
                await self.end(run_id, REVOKED)
            elif outcome.status is RunStatus.WAITING and not self._closing:
                await self._look_again(run_id)
            elif outcome.status in TERMINAL:
                await ending.retire(self._floor, run_id, job.links, goes_on=goes_on)
        except StoreError as error:
            log.warning("run %s was not tidied up: %s", run_id, error)

    async def _begin_next(self, job: Job, principal: Principal) -> None:
        """Begin the leg after a run that ended with `continueWith`, unless it has begun."""
        record = await self._floor.journal.record(job.run_id)
        begun = await legs.begin_next(self._floor, job, record, principal) if record else None
        if begun is not None:
            drive = self.launch(*begun[:2], None)
            if not begun[2]:
                drive.stop(REVOKED)

    async def _look_again(self, run_id: str) -> None:
        """What was posted while a run went to sleep was told to an owner that did not listen any more."""
        if await self._floor.journal.inbox(run_id):
            await self._resume_safely(run_id)

    def of(self, identities: frozenset[str]) -> list[Drive]:
        """The drives at work for tokens whose chain holds one of `identities`."""
        return [drive for drive in self.drives.values() if not identities.isdisjoint(drive.job.principal.chain)]

    def stop(self, chosen: Callable[[Drive], bool], outcome: Outcome) -> list[Drive]:
        """Stop the drives that `chosen` picks; none of them sends anything after this returns."""
        found = [drive for drive in self.drives.values() if chosen(drive)]
        for drive in found:
            drive.stop(outcome)
        return found

    async def post(self, run_id: str, record: Mapping[str, str], message: Mapping[str, JSON]) -> None:
        """Post a message for a run with this record: its owner takes it in, or, when it sleeps, it is woken. Raises
        `StoreError`: then it may be posted or not."""
        await self.finish(self._post(run_id, record, message), name=f"mail for {run_id}")

    async def _post(self, run_id: str, record: Mapping[str, str], message: Mapping[str, JSON]) -> None:
        lock = self._resuming.setdefault(run_id, asyncio.Lock())
        async with lock:
            asleep = record["status"] == RunStatus.WAITING and record["lease_until"] == "0"
            if asleep and run_id not in self.drives and not self._closing:
                await self._wake_with(run_id, record, message)
                return
        floor = self._floor
        await floor.client.batch([floor.journal.post(run_id, message), floor.bus.saying("inbox", run_id)])
        await self.poke(run_id)

    async def _wake_with(self, run_id: str, record: Mapping[str, str], message: Mapping[str, JSON]) -> None:
        """Its program is compiled while the message is posted, the run claimed and its journal read."""
        job = await self.job(run_id, record, _nobody(record))
        async with loading(self._floor, job) as ahead:
            # If we die with it, somebody is to look soon, and not when its next wait would have ended.
            look = self._floor.timers.by(run_id, self._floor.timers.at(LEASE_MS))
            claim = await self._floor.journal.ask(run_id, [self._floor.journal.post(run_id, message), look])
            if claim.is_held:
                await self._floor.bus.say("inbox", run_id)
            await self._safely(run_id, self._resume(claim, job, ahead))

    async def poke(self, run_id: str) -> None:
        """Something was posted for a run: its owner takes it in, or, when it sleeps, we do."""
        drive = self.drives.get(run_id)
        if drive is not None and any(m["type"] == "cancel" for m in await self._floor.journal.inbox(run_id)):
            drive.stop(CANCELLED)
        if drive is not None and not drive.is_over:
            drive.nudge()
            return
        if drive is not None:
            # It is being put to sleep, and hears nothing any more.
            await drive.settled.wait()
        await self._resume_safely(run_id)

    # --- runs that nobody drives -------------------------------------------------------------------------------

    async def end(self, run_id: str, outcome: Outcome) -> bool:
        """End a run that is not at work here. False when another replica holds it, or it has ended."""
        return await self.finish(self._end(run_id, outcome), name=f"end {run_id}")

    async def _end(self, run_id: str, outcome: Outcome) -> bool:
        writer = await self._floor.journal.claim(run_id)
        if writer is None:
            return False
        job = await self.job(run_id, writer.record, _nobody(writer.record))
        await self._settle(Drive(self._floor, job, writer), outcome)
        return True

    async def resume(self, run_id: str) -> None:
        """Take over a run that is due: wake it, or see that it has nothing to do yet."""
        # Two at once would be each other's stranger: the second would find the lease held and go away.
        lock = self._resuming.setdefault(run_id, asyncio.Lock())
        async with lock:
            if (drive := self.drives.get(run_id)) is not None:
                drive.nudge()
            elif not self._closing:
                await self._resume(await self._floor.journal.ask(run_id))

    async def _resume(self, claim: Claim, job: Job | None = None, ahead: Ahead | None = None) -> None:
        run_id = claim.run_id
        try:
            writer = self._floor.journal.taken(claim)
        except NotFound:
            await self._floor.timers.drop(run_id)
            return
        if writer is None:
            await self._requeue(run_id)
            return
        job = job or await self.job(run_id, writer.record, _nobody(writer.record))
        try:
            principal = await self.tokens.principal(job.principal.token_id, job.principal.chain)
        except Unauthenticated:
            await self._settle(Drive(self._floor, job, writer, ahead), REVOKED)
            return
        continued = await legs.state(self._floor, run_id, writer.entries[0].data.get("continued"))
        job = replace(job, principal=principal, continued=continued)
        await self._take_over(Drive(self._floor, job, writer, ahead))

    async def _take_over(self, drive: Drive) -> None:
        run_id, pen, now = drive.job.run_id, drive.pen, self._floor.clock()
        drive.taken = len(pen.writer.inbox)
        if mail.catch_up(pen.writer.inbox, pen, drive.work, now):
            await self._settle(drive, CANCELLED)
        elif pen.writer.record["status"] == "waiting" and not drive.work.stirred:
            await self._sleep_on(drive)
        else:
            await self._floor.audit.resumed(run_id, drive.job.principal, drive.job.session, pen.writer)
            pen.write("resumed", {"epoch": pen.writer.lease.epoch})
            # The program is brought back meanwhile; whatever it asks for waits for this.
            pen.flush_soon({"status": "running", "updated": now})
            self._put_to_work(drive)

    async def _sleep_on(self, drive: Drive) -> None:
        """Nothing has come for a run that sleeps: give it back, to be looked at when its next wait ends."""
        untils = [call.until for call in drive.pen.history.open_calls() if call.until is not None]
        due = ending.wake_at(self._floor, min(untils, default=None))
        await drive.pen.flush({"lease_until": 0, "due": due})
        await drive.drop_mail()
        await self._floor.timers.set(drive.job.run_id, due)
        await drive.close()

    async def _requeue(self, run_id: str) -> None:
        record = await self._floor.journal.record(run_id)
        if record is None:
            await self._floor.timers.drop(run_id)
        elif record["status"] not in ("running", "waiting"):
            job = await self.job(run_id, record, _nobody(record))
            if "continued_as" in record:
                await self._begin_next(job, await self._principal(record))
            await ending.retire(self._floor, run_id, job.links, goes_on="continued_as" in record)
        else:
            await self._floor.timers.look_by({run_id: int(record["lease_until"]) + 1})

    async def _principal(self, record: Mapping[str, str]) -> Principal:
        """Who a run acts as; nobody, if its token is dead."""
        try:
            return await self.tokens.principal(record["token"])
        except Unauthenticated:
            return _nobody(record)

    async def job(self, run_id: str, record: Mapping[str, str], principal: Principal) -> Job:
        """A run from its record."""
        stored = await self._floor.modules.get(record["module"])
        module = RuntimeModule.from_json(record["module"], stored or {"tools": {}, "wrapped": []})
        text = program.parse(record["code"]).run_text
        links = orjson.loads(record.get("links", "{}"))
        warnings = tuple(Diagnostic(**found) for found in orjson.loads(record.get("warnings", "[]")))
        return Job(run_id, principal, record["session"], text, module, int(record["created"]), warnings, links)

    # --- loops -------------------------------------------------------------------------------------------------

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(LEASE_MS / 3000)
            drives = list(self.drives.values())
            await asyncio.gather(*(drive.renew() for drive in drives))
            for drive in drives:
                # In case an announcement was lost.
                drive.nudge()

    async def _hear(self) -> None:
        """What other replicas say. What is missed meanwhile is found by the loops beside this one."""
        async for kind, about in self._floor.bus.listen():
            match kind:
                case "inbox" if about in self.drives:
                    self._tasks.start(self.poke(about), name=f"mail {about}")
                case "revoked":
                    self._stop_shut(frozenset(about.split()))
                    self._tasks.start(self._stop_dead(), name="who is dead")
                case "opened" | "connected":
                    self._tasks.start(self._stop_dead(), name="who is dead")

    async def _watch_liveness(self) -> None:
        """The fallback when announcements are lost: ask for every chain that is at work."""
        while True:
            await asyncio.sleep(LIVENESS_SECONDS)
            await self._stop_dead()

    async def _stop_dead(self) -> None:
        """End what belongs to the dead; without a store for over `BLIND_SECONDS`, everything stops."""
        try:
            # One that is slow is not away yet.
            async with asyncio.timeout(2 * BLIND_SECONDS):
                await self._floor.liveness.catch_up()
                dead = await self._dead()
            self._seen_store = time.monotonic()
        except (StoreError, TimeoutError) as error:
            log.debug("who is dead could not be asked: %s", error)
            if time.monotonic() - self._seen_store > BLIND_SECONDS:
                self._stop_chains(lambda chain: True, ELSEWHERE)
            return
        self._stop_chains(dead.__contains__, REVOKED)

    async def _dead(self) -> set[Chain]:
        """The chains at work here in which somebody is not alive."""
        chains = list({*(drive.job.principal.chain for drive in self.drives.values()), *self._ahead.values()})
        replies = await self._floor.client.batch([Liveness.check(chain) for chain in chains]) if chains else []
        return {chain for chain, reply in zip(chains, replies, strict=True) if not Liveness.alive(reply)}

    def _stop_shut(self, identities: frozenset[str]) -> None:
        self._stop_chains(lambda chain: not identities.isdisjoint(chain), REVOKED)

    def _stop_chains(self, chosen: Callable[[Chain], bool], outcome: Outcome) -> None:
        self.stop(lambda drive: chosen(drive.job.principal.chain), outcome)
        for process, chain in self._ahead.items():
            if chosen(chain):
                process.kill_now()

    async def _resume_safely(self, run_id: str) -> None:
        await self._safely(run_id, self.resume(run_id))

    @staticmethod
    async def _safely(run_id: str, resuming: Awaitable[None]) -> None:
        try:
            await resuming
        except GatewayError as error:
            log.error("run %s could not be resumed: %s", run_id, error)
        except Exception:
            # One run that is broken must not keep all others from being woken.
            log.exception("run %s could not be resumed", run_id)


def _nobody(record: Mapping[str, str]) -> Principal:
    """Enough of a principal to write the end of a run whose token is dead."""
    chain = tuple(orjson.loads(record["chain"]))
    return Principal(record["token"], record["agent"], "", record["tenant"], record["sid"], chain, ())
