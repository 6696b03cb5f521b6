"""Drives programs in real processes, frame by frame."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.engine.frames import Command, Deliver, Done, Emit, End, Go, Log, Progress, Start, Turn
from gateway.sandbox.pool import Process, ProcessPool

SEED = "00112233445566778899aabbccddeeff"
NOW = 1_767_225_600_000
"""2026-01-01T00:00:00Z"""
STEP_MS = 1_000
"""How far the clock moves with each completion."""

TOOLS = {"t": {"echo": ("test", "echo"), "slow": ("test", "slow"), "fail": ("test", "fail")}}
LIMITS = {"run_log_kb": 16, "result_mb": 1, "run_concurrent_calls": 1_000, "run_tool_calls": 10_000}

TOOL_ERROR = {"name": "ToolError", "message": "it broke", "server": "test", "tool": "fail", "code": "tool_error"}


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer that makes the program's call throw."""

    error: Mapping[str, Any]


def answer(command: Command) -> Any:
    """Echoes arguments; `fail` throws a ToolError; whatever waits is over at once."""
    if command.name == "test:fail":
        return Fault({**TOOL_ERROR, "content": [{"type": "text", "text": "it broke"}]})
    return command.args if command.kind == "tool" else None


def body(text: str) -> str:
    """A program as the host wraps it: one line of the host's before the author's first."""
    return f"export default (async function () {{\n{text}\n}});\n"


@dataclass(slots=True)
class Talk:
    """One program in its process, and what it has said so far."""

    process: Process
    now: int = NOW
    logs: list[Log] = field(default_factory=list)
    progress: list[Progress] = field(default_factory=list)
    blocks: list[Any] = field(default_factory=list)

    async def start(
        self,
        code: str,
        *,
        seed: str = SEED,
        limits: Mapping[str, int] | None = None,
        tools: Mapping[str, Mapping[str, tuple[str, str]]] = TOOLS,
        replayed: int = 0,
    ) -> Turn:
        caps = LIMITS | dict(limits or {})
        await self.process.send(Start("run_1", code, tools, caps))
        await self.process.send(Go(seed, self.now, replayed))
        return await self.turn()

    async def deliver(self, *items: Done) -> Turn:
        await self.process.send(Deliver(items))
        return await self.turn()

    def done(self, command: Command, outcome: Any) -> Done:
        """The completion of a command, a step later than the one before."""
        self.now += STEP_MS
        if isinstance(outcome, Fault):
            return Done(command.cid, self.now, error=outcome.error)
        return Done(command.cid, self.now, outcome)

    async def turn(self) -> Turn:
        while True:
            match await self.process.receive():
                case Turn() as turn:
                    return turn
                case Log() as log:
                    self.logs.append(log)
                case Progress() as progress:
                    self.progress.append(progress)
                case Emit(block):
                    self.blocks.append(block)


@dataclass(frozen=True, slots=True)
class Ran:
    """A program that came to its end: `lists` are the commands of each quiescence, in order."""

    end: End
    lists: tuple[tuple[Command, ...], ...]
    logs: tuple[Log, ...]
    blocks: tuple[Any, ...]
    progress: tuple[Progress, ...]

    @property
    def value(self) -> Any:
        assert self.end.error is None, self.end.error
        return self.end.value

    @property
    def error(self) -> Mapping[str, Any]:
        assert self.end.error is not None, self.end.value
        return self.end.error

    @property
    def commands(self) -> list[Command]:
        return [command for commands in self.lists for command in commands]

    @property
    def said(self) -> list[str]:
        return [log.text for log in self.logs]


async def run(
    pool: ProcessPool,
    code: str,
    *,
    answers: Callable[[Command], Any] = answer,
    bulk: bool = False,
    wrap: bool = True,
    **start: Any,
) -> Ran:
    """Drive a program to its end, answering its commands in the order of their cids: one by one, or all that are
    open at once."""
    process = await pool.acquire()
    try:
        talk = Talk(process)
        turn = await talk.start(body(code) if wrap else code, **start)
        lists = [*turn.emitted]
        waiting = {command.cid: command for commands in turn.emitted for command in commands}
        while turn.end is None:
            for cid in turn.cleared:
                waiting.pop(cid, None)
            assert waiting, "the program neither ended nor asked for anything"
            chosen = [waiting.pop(cid) for cid in sorted(waiting)[: None if bulk else 1]]
            turn = await talk.deliver(*(talk.done(command, answers(command)) for command in chosen))
            lists += turn.emitted
            waiting |= {command.cid: command for commands in turn.emitted for command in commands}
        return Ran(turn.end, tuple(lists), tuple(talk.logs), tuple(talk.blocks), tuple(talk.progress))
    finally:
        await process.kill()


async def many(pool: ProcessPool, *codes: str) -> list[Ran]:
    """Several programs at once."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run(pool, code)) for code in codes]
    return [task.result() for task in tasks]
