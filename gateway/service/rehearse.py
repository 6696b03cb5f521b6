"""The replay of an exported journal, for debugging: a local process, and neither a store nor an upstream. Every
completion comes from the file; nothing is done."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.engine import program, replay
from gateway.engine.exported import Exported
from gateway.engine.frames import Command, Deliver, Done, End, Go, Log, Start, Turn
from gateway.engine.replay import Diverged, Perform
from gateway.errors import BadFrame, GatewayError, LimitExceeded
from gateway.model import JSON, RunStatus
from gateway.sandbox.pool import Process, ProcessPool
from gateway.service.outcome import ended

_OWN_ENDS = (RunStatus.COMPLETED, RunStatus.FAILED)
_BLANKED = "Secrets were blanked in this file, which may be why."


@dataclass(frozen=True, slots=True)
class Step:
    """One command of the replay. `outcome` is what the file holds for it: done, failed or open; `new`: the file does
    not have it."""

    cid: int
    kind: str
    name: str
    line: int
    args: JSON
    outcome: str
    value: JSON


@dataclass(slots=True)
class Rehearsal:
    """`differs` says where the replay is another than the file, None where it is the same; `end` how it ended, None
    where the file ends before the program does."""

    steps: list[Step] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)
    end: Mapping[str, JSON] | None = None
    differs: Mapping[str, JSON] | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return self.differs is None

    def as_dict(self) -> dict[str, JSON]:
        steps = [{name: getattr(step, name) for name in Step.__slots__} for step in self.steps]
        found = {"ok": self.ok, "steps": steps, "logs": self.logs, "end": self.end, "differs": self.differs}
        return {**found, "notes": self.notes}


class _Rehearsing:
    def __init__(self, told: Exported, on_step: Callable[[Step], None]) -> None:
        self._told = told
        self._history = told.history
        self._on_step = on_step
        self.found = Rehearsal()

    async def run(self, process: Process) -> None:
        header, history = self._told.header, self._history
        text = program.parse(header["code"]).run_text
        begin = history.started
        leg = begin.get("continued")
        caps = {name: cap for name, cap in header["limits"].items() if isinstance(cap, int)}
        await process.send(Start(header["run_id"], text, header["tools"], caps))
        await process.send(Go(begin["seed"], begin["now"], continued=leg))
        turn = await self._turn(process)
        self._take(turn)
        for cid in history.order:
            if turn.end is not None or not self.found.ok:
                break
            await process.send(Deliver((_done(cid, history.calls[cid].outcome or {}),)))
            turn = await self._turn(process)
            self._take(turn)
        self._finish(turn.end)

    async def _turn(self, process: Process) -> Turn:
        while True:
            match await process.receive():
                case Turn() as turn:
                    return turn
                case Log(_, text):
                    self.found.logs.append(text)

    def _take(self, turn: Turn) -> None:
        for command in (command for commands in turn.emitted for command in commands):
            if self.found.ok:
                self._step(command)

    def _step(self, command: Command) -> None:
        call = self._history.calls.get(command.cid)
        if command.cid != len(self.found.steps) + 1:
            raise BadFrame(f"The program numbered a command {command.cid} out of order.")
        value = (call.outcome or {}).get("v") if call is not None else None
        one = Step(command.cid, command.kind, command.name, command.line, command.args, _outcome(call), value)
        self.found.steps.append(one)
        match replay.decide(self._history, command):
            case Diverged(cid, line, expected, got):
                self._differs(f"Step {cid} was {expected}, now it is {got}.", cid=cid, line=line)
            case Perform(fresh=True) if self._told.ended:
                self._differs(f"The program asks for {command.name} where the journal has ended.", cid=command.cid)
            case _:
                self._on_step(one)

    def _finish(self, end: End | None) -> None:
        if not self.found.ok:
            return
        lost = replay.missing(self._history, len(self.found.steps))
        if lost is not None:
            self._differs(f"Step {lost.cid} was {lost.expected}, now it is nothing.", cid=lost.cid, line=lost.line)
        elif end is not None:
            self._compare(end)
        elif self._told.ended.get("status") in _OWN_ENDS and not self._told.ended.get("continued_as"):
            self._differs(f"The run had {self._told.ended['status']}, now the program waits for more.")

    def _compare(self, end: End) -> None:
        """How the program ended against how the file says that it did."""
        now, told = ended(end), self._told.ended
        assert now.status is not None
        error = dict(now.error or {})
        self.found.end = {"status": now.status.value, **({"error": error} if error else {"result": now.value})}
        if told.get("status") not in _OWN_ENDS:
            how = told.get("status", "under way")
            self.found.notes.append(f"The run was {how} when its journal ends; the program came to its end here.")
        elif told["status"] != now.status:
            self._differs(f"The run had {told['status']}, now it has {now.status}.")
        elif now.status is RunStatus.FAILED and told["error"].get("message") != error.get("message"):
            self._differs(f"It failed with {told['error'].get('message')!r}, now with {error.get('message')!r}.")
        elif now.status is RunStatus.COMPLETED and told.get("result_sha256") != _digest(now.value):
            self._differs("It returned another value.")

    def _differs(self, message: str, **place: JSON) -> None:
        self.found.differs = {"message": message, **{name: value for name, value in place.items() if value}}
        if self._told.redacted:
            self.found.notes.append(_BLANKED)

    def failed(self, error: GatewayError) -> None:
        """The process came to an end by itself, which may be just what had happened."""
        told = self._told.ended.get("error") or {}
        self.found.end = {"status": RunStatus.FAILED.value, "error": error.as_dict()}
        if told.get("code") != error.code:
            self._differs(str(error))


async def rehearse(pool: ProcessPool, told: Exported, on_step: Callable[[Step], None]) -> Rehearsal:
    """Replay `told` in a process of `pool`; `on_step` is called with each command that is as in the file. Raises
    `GatewayError` when no process can be started."""
    work = _Rehearsing(told, on_step)
    seconds = told.header["limits"].get("run_active_seconds", 300)
    process = await pool.acquire()
    try:
        async with asyncio.timeout(seconds):
            await work.run(process)
    except TimeoutError:
        work.failed(LimitExceeded(f"The replay took more than {seconds} s.", limit="run_active_seconds"))
    except GatewayError as error:
        work.failed(error)
    finally:
        await process.kill()
    return work.found


def _done(cid: int, outcome: Mapping[str, Any]) -> Done:
    if "e" in outcome:
        return Done(cid, outcome["now"], error=outcome["e"])
    return Done(cid, outcome["now"], outcome.get("v"))


def _outcome(call: replay.Call | None) -> str:
    if call is None:
        return "new"
    if call.outcome is None:
        return "open"
    return "failed" if "e" in call.outcome else "done"


def _digest(value: JSON) -> str:
    return hashlib.sha256(orjson.dumps(value)).hexdigest()
