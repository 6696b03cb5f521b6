"""Performing what a program asks for: intent into the journal, then the work, then its completion."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from gateway import telemetry
from gateway.engine import replay
from gateway.engine.frames import Command, Turn
from gateway.errors import BadFrame, Diverged, PolicyDenied, StaleWriter, StoreError
from gateway.model import JSON
from gateway.service import calls, caps
from gateway.service.floor import Floor, Job
from gateway.service.open import Book, OpenCommand, ends_by_itself, expired, in_doubt, told
from gateway.service.pen import Pen
from gateway.store.liveness import CHECK_HOLDS_SECONDS, Liveness
from gateway.tasks import Tasks

Outcome = Mapping[str, JSON]
"""Of one command, as the journal has it: `{"v": value}` or `{"e": error}`."""


RESENT_AFTER = (0.1, 0.5)
"""Seconds: a call that is safe to repeat is sent again this long after its answer got lost. A server that is being
restarted is back by then, or gives a clear refusal."""
SENDS = 1 + len(RESENT_AFTER)


class Revoked(Exception):
    """Somebody of the run's token chain is no longer live."""


class Work:
    """The commands of one run on this replica. `completions` are outcomes that the program has not been told."""

    def __init__(self, floor: Floor, job: Job, pen: Pen, tasks: Tasks, may_send: Callable[[], bool]) -> None:
        self._floor = floor
        self._job = job
        self._pen = pen
        self._tasks = tasks
        self._may_send = may_send
        self._todo: list[Command] = []
        self._emitted = 0
        self._waiter: asyncio.Future[bool] | None = None
        self._failure: StoreError | None = None
        """Why a command that was begun here will have no outcome here."""
        self._checked_at = 0.0
        self._revoked = False
        self.stirred = False
        """Whether something was written that a sleeping program has to be woken for."""
        self.mail_read: set[str] = set()
        """Messages that were taken in here. One for which nothing was waiting is not for what comes later."""
        self._tickets: dict[int, calls.Ticket] = {}
        """Of calls that were asked for and not begun yet."""
        self._given: set[str] = set()
        self._served: set[int] = set()
        self.next: Mapping[str, JSON] | None = None
        """What the program wants its next leg to begin with, once it asked for one."""
        self.book = Book()
        self.completions: deque[tuple[int, Outcome]] = deque()

    @property
    def busy(self) -> bool:
        """Whether there is something to perform or to tell now."""
        return bool(self._todo or self.completions or self._failure)

    # --- taking in what the program asks for -------------------------------------------------------------------

    def begin_replay(self) -> None:
        """The program starts anew and will ask for everything again. What is under way goes on."""
        self._emitted, self._todo = 0, []

    def end_replay(self) -> None:
        """Raises `Diverged` when the program did not ask for all that the journal holds."""
        lost = replay.missing(self._pen.history, self._emitted)
        if lost is not None:
            raise diverged(lost)

    def absorb(self, turn: Turn, delivered: list[tuple[int, Outcome]], now: int) -> None:
        """Write the completions and the new intents of a turn in the order in which they happened."""
        for index, commands in enumerate(turn.emitted):
            if index < len(delivered):
                self.write_done(*delivered[index], now)
            for command in commands:
                self._take(command, now)
        self._clear(turn.cleared)

    def _clear(self, cids: tuple[int, ...]) -> None:
        history = self._pen.history
        fresh = [
            c for c in cids if c in history.calls and history.calls[c].outcome is None and c not in history.cleared
        ]
        for cid in fresh:
            self.book.close(cid)
        if fresh:
            self._pen.write("cleared", {"cids": fresh})
        self._todo = [command for command in self._todo if command.cid not in history.cleared]

    def _take(self, command: Command, now: int) -> None:
        self._emitted += 1
        if command.cid != self._emitted:
            raise BadFrame(f"The program numbered a command {command.cid} where {self._emitted} was due.")
        try:
            decision = replay.decide(self._pen.history, command)
        except TypeError as error:
            raise BadFrame(f"Command {command.cid} has arguments that are no JSON: {error}.") from error
        match decision:
            case replay.Perform(digest, fresh):
                if fresh:
                    self._intend(command, digest, now)
                if not self._under_way(command.cid):
                    self._todo.append(command)
            case replay.InDoubt() if not self._under_way(command.cid):
                self._doubt(command)
            case replay.Diverged():
                raise diverged(decision)

    def _under_way(self, cid: int) -> bool:
        """Whether it goes on from before a replay, or came to its end meanwhile."""
        return self.book.get(cid) is not None or any(cid == done for done, _ in self.completions)

    def _intend(self, command: Command, digest: str, now: int) -> None:
        under_way = len(self._todo) + len(self.book)
        caps.check(self._floor, self._job, self._pen, command, under_way)
        stored, blobs = self._pen.value({"v": command.args})
        args = {"args": stored["v"]} if "v" in stored else stored
        data: dict[str, JSON] = {"cid": command.cid, "kind": command.kind, "name": command.name, "args_hash": digest}
        # The program's clock never goes back, as ours may: it would see a wait end early.
        until = ends_by_itself(command, max(now, self._floor.clock()))
        if until is not None:
            data["until"] = until
        if command.kind == "tool":
            ticket = self._tickets[command.cid] = calls.decide(self._floor, self._job, command)
            data |= ticket.described()
        self._pen.write("call", {**data, **args, "line": command.line}, blobs)

    # --- doing it ----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Make the intents durable, then perform them. Liveness is asked in the same round trip, before the append.

        Raises `Revoked`, `StaleWriter`, `StoreUnavailable`; then nothing was sent."""
        if self._failure is not None:
            raise self._failure
        todo, self._todo = self._todo, []
        decided, self._tickets = self._tickets, {}
        tickets = {
            c.cid: decided.get(c.cid) or calls.decide(self._floor, self._job, c) for c in todo if c.kind == "tool"
        }
        for command in todo:
            if command.cid in tickets:
                tickets[command.cid] = await self._admit(command, tickets[command.cid])
        if tickets:
            self._floor.audit.hurry(self._job.run_id)
            asked = time.monotonic()
            reply = (await self._pen.flush(first=[Liveness.check(self._job.principal.chain)]))[0]
            if not Liveness.alive(reply):
                raise Revoked
            self._checked_at = asked
            await self._floor.audit.named(self._job.run_id)
        elif todo:
            await self._pen.flush()
        for command in todo:
            self._begin(command, tickets.get(command.cid))
        if any(command.kind == "event" for command in todo):
            # Once all of them wait: one that does not yet would never hear that its event is there.
            self.give_events(self._floor.clock())

    async def _admit(self, command: Command, ticket: calls.Ticket) -> calls.Ticket:
        """What has to be in the journal before a tool call is sent, or instead of it."""
        cid = command.cid
        recorded = self._pen.history.calls[cid]
        if recorded.approved:
            ticket = ticket.for_pin(recorded.data.get("pin"))
        ticket = await calls.count(self._floor, self._job, command, ticket, approved=recorded.approved)
        if ticket.denied is not None:
            self._pen.write("denied", {"cid": cid, "rule": ticket.rule, "reason": ticket.denied.message})
        elif self._needs_approval(cid, ticket):
            self._ask_approval(cid, ticket)
        elif recorded.data.get("class") == replay.UNSAFE or recorded.data.get("rule") != ticket.rule:
            self._write_sent(cid, ticket.rule)
        return ticket

    def _needs_approval(self, cid: int, ticket: calls.Ticket) -> bool:
        return ticket.approval is not None and not self._pen.history.calls[cid].approved

    def _ask_approval(self, cid: int, ticket: calls.Ticket) -> None:
        if self._pen.history.calls[cid].approval is None:
            assert ticket.approval is not None
            until = self._floor.clock() + ticket.approval.ttl_seconds * 1000
            self._pen.write("needs_approval", {"cid": cid, "by": ticket.approval.by, "until": until})

    def _write_sent(self, cid: int, rule: str) -> None:
        attempt = self._pen.history.calls[cid].attempts + 1
        data = {"cid": cid, "attempt": attempt, "epoch": self._pen.writer.lease.epoch, "rule": rule}
        self._pen.write("sent", data)

    def _begin(self, command: Command, ticket: calls.Ticket | None) -> None:
        call = self._pen.history.calls[command.cid]
        one = self.book.add(OpenCommand(command, call.at, call.until, told(command)))
        if ticket is not None:
            self._begin_tool(one, ticket)
        elif command.kind == "continue":
            self.next = self.next or command.args
        elif command.kind in ("state", "results"):
            one.work = self._tasks.start(self._guarded(self._local, command), name=f"{command.kind} {command.cid}")
        if one.work is None and one.until is not None:
            self._arm(one)

    def _begin_tool(self, one: OpenCommand, ticket: calls.Ticket) -> None:
        command = one.command
        if ticket.denied is not None:
            server, _, tool = command.name.partition(":")
            self.complete(command.cid, {"e": calls.program_error(ticket.denied, server=server, tool=tool)})
        elif self._needs_approval(command.cid, ticket):
            assert ticket.approval is not None
            one.reason, one.detail = "approval", f"{command.name} needs the approval of {ticket.approval.by}."
        else:
            one.work = self._tasks.start(self._guarded(self._tool, command, ticket), name=f"call {command.name}")

    async def _guarded(self, work: Callable[..., Awaitable[None]], *args: Any) -> None:
        """Without the store a command comes to nothing here: the drive has to hear of it, and leave the run."""
        try:
            await work(*args)
        except StoreError as error:
            self._failure = error
            self.wake()

    async def _tool(self, command: Command, ticket: calls.Ticket) -> None:
        began, outcome = time.monotonic(), None
        for pause in (*RESENT_AFTER, 0):
            try:
                checks = self._check_alive, self._may_go
                outcome = await calls.call_tool(self._floor, self._job, command, ticket.limits, *checks)
                break
            except Revoked:
                # It is the end of the run, and nothing that its program could catch.
                self._revoked = True
                self.wake()
                return
            except calls.AnswerLost as lost:
                if self._pen.history.calls[command.cid].data.get("class") == replay.UNSAFE:
                    self._doubt(command)
                    return
                outcome = lost.outcome
                await asyncio.sleep(pause)
        assert outcome is not None
        seconds = time.monotonic() - began
        telemetry.call_ended(command.name.partition(":")[0], outcome.get("e", {}).get("code", "ok"), seconds)
        self.complete(command.cid, {**outcome, "ms": round(seconds * 1000)})

    def _doubt(self, command: Command) -> None:
        """Its outcome is not known, and it is not safe to repeat: a person or the program decides."""
        call = self._pen.history.calls[command.cid]
        self.book.close(command.cid)
        if isinstance(command.options, dict) and command.options.get("onDoubt") == "throw":
            self.completions.append((command.cid, in_doubt(command.name)))
        else:
            detail = f"{call.name} was sent and its outcome is not known: retry, supply its result, or fail it."
            self.book.add(OpenCommand(command, call.at, None, detail, "in_doubt"))
        self.wake()

    async def _check_alive(self) -> None:
        """Asked when a call has a slot and a connection: it may have waited for them since it was decided."""
        asked = time.monotonic()
        if asked - self._checked_at >= CHECK_HOLDS_SECONDS / 2:
            if not await self._floor.liveness.is_alive(self._job.principal.chain):
                raise Revoked
            self._checked_at = asked

    def _may_go(self) -> None:
        """Asked in the very moment before a request goes out. Raises `PolicyDenied` when the run was stopped,
        `StaleWriter` when another replica may own it by now, `CheckExpired`."""
        now = time.monotonic()
        if not self._may_send():
            raise PolicyDenied("The run was stopped before this call was sent.")
        if now >= self._pen.writer.lease.expires_at_monotonic:
            raise StaleWriter(f"The lease of {self._job.run_id} ran out before a call was sent.")
        if now - self._checked_at >= CHECK_HOLDS_SECONDS:
            raise calls.CheckExpired

    async def _local(self, command: Command) -> None:
        epoch = self._pen.writer.lease.epoch
        self.complete(command.cid, await calls.local(self._floor, self._job, command, epoch))

    def _arm(self, one: OpenCommand) -> None:
        """A timer, kept here as long as the run is. Never early by the clock that it was set with."""
        assert one.until is not None
        left = one.until - self._floor.clock()
        if left > 0:
            one.work = asyncio.get_running_loop().call_later(left / 1000, self._arm, one)
        else:
            self.complete(one.command.cid, expired(one.command.kind, one.detail))

    # --- outcomes ----------------------------------------------------------------------------------------------

    def complete(self, cid: int, outcome: Outcome) -> bool:
        """A command has its outcome. False when nobody waits for it any more."""
        if self.book.close(cid) is None:
            return False
        self.completions.append((cid, outcome))
        self.wake()
        return True

    def finish(self, cid: int, outcome: Outcome, now: int) -> None:
        """The outcome of a command that somebody outside gave: told to the program, or written for when it wakes."""
        if any(command.cid == cid for command in self._todo):
            # Somebody else has just let it be performed.
            self._todo = [command for command in self._todo if command.cid != cid]
            self.completions.append((cid, outcome))
        elif not self.complete(cid, outcome):
            self.write_done(cid, outcome, now)

    def again(self, cid: int) -> None:
        """A command that was held up may be performed now. (One that sleeps is, when its run wakes.)"""
        self.stirred = True
        one = self.book.close(cid)
        if one is not None:
            self._todo.append(one.command)
            self.wake()

    def give_events(self, now: int) -> None:
        """Give each event that nobody has taken to the oldest command that waits for its name."""
        history = self._pen.history
        waiting = [c for c in history.open_calls() if c.kind == "event" and c.cid not in self._served]
        for event in list(history.events) if waiting else ():
            # What is asked for by a name so long that it is kept beside the journal is never sent.
            fits = (c for c in waiting if c.data.get("args", {}).get("event") == event["name"])
            if event["id"] not in self._given and (call := next(fits, None)) is not None:
                waiting.remove(call)
                self._given.add(event["id"])
                self._served.add(call.cid)
                value = {key: event[key] for key in ("v", "blob", "bytes") if key in event}
                self.finish(call.cid, {**value, "event": event["id"]}, now)

    def wake(self, something: bool = True) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(something)

    async def wait(self, seconds: float | None) -> bool:
        """Until there is a completion or something to do, or the time is over (then False). Raises `Revoked`."""
        self._check_revoked()
        if self.busy:
            return True
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_later(seconds, self.wake, False) if seconds is not None else None
        try:
            came = await self._waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()
        self._check_revoked()
        return came

    def _check_revoked(self) -> None:
        if self._revoked:
            raise Revoked

    def write_done(self, cid: int, outcome: Outcome, now: int) -> None:
        """Write a completion, unless it is written."""
        if self._pen.history.calls[cid].outcome is not None:
            return
        self.stirred = True
        stored, blobs = self._pen.value(outcome)
        self._pen.write("done", {"cid": cid, "now": now, **stored}, blobs)

    def write_expired(self, call: replay.Call, now: int) -> None:
        """A wait whose time ran out while the run slept."""
        self.write_done(call.cid, expired(call.kind, call.name), now)

    async def finish_calls(self) -> list[OpenCommand]:
        """Let calls that the program did not await come to their end. Returns them. Raises `Revoked`, `StoreError`."""
        under_way = self.book.calls()
        tasks = [one.work for one in under_way if isinstance(one.work, asyncio.Task)]
        if tasks:
            await asyncio.wait(tasks)
        self._check_revoked()
        if self._failure is not None:
            raise self._failure
        return under_way


def diverged(found: replay.Diverged) -> Diverged:
    return Diverged(
        f"The replay asks for something else than the journal holds: command {found.cid} was {found.expected}, "
        f"now it is {found.got}.",
        fix="Something in the program depends on the outside in another way than through calls.",
        cid=found.cid,
        line=found.line,
        expected=found.expected,
        got=found.got,
    )
