"""One running checker: a language server, the documents that it has free, and one check from start to end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.engine.fairness import Owner
from gateway.engine.program import Program
from gateway.engine.verdicts import Finding, judge
from gateway.errors import CheckerUnavailable
from gateway.model import Diagnostic
from gateway.places import NOBODY, Places
from gateway.sandbox.engines import Engine
from gateway.sandbox.lsp import AnswerRefused, AnswerTooLarge, LanguageServer
from gateway.sandbox.workspace import ModuleFolder

SHARE = 2
"""One owner has at most two documents for each that is free."""
STARVED = 10
STILL_SECONDS = 0.02
"""CPU time below which a server has stood still."""
LOOK_SECONDS = 0.1
_TOO_MUCH = "The type checker has too much to say about this program. Correct what is wrong at its beginning first."
_TOO_COMPLEX = (
    "This program is too complex to be type-checked: split long expressions, deep nesting and computed types, and keep "
    "data out of its text."
)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """`diagnostics` reject the program; `warnings` are for the author."""

    diagnostics: tuple[Diagnostic, ...]
    warnings: tuple[Diagnostic, ...]


class CheckFailed(CheckerUnavailable):
    """No answer that is of use: probably this program's doing. Never leaves the checker."""


class CheckTooLong(CheckFailed):
    """No answer within what a check may take."""


TOO_COMPLEX = CheckResult((Diagnostic(1, 1, _TOO_COMPLEX),), ())


class CheckServer:
    """Checks as many programs at once as the engine has documents, and not all of them for one owner; others wait."""

    def __init__(self, engine: Engine, process: LanguageServer) -> None:
        self.engine = engine
        self.process = process
        self.checks = 0
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._documents = [*engine.documents()]
        self._places = Places(len(self._documents), share=SHARE)

    @classmethod
    async def start(cls, engine: Engine, workspace: Path, *, walls: bool) -> CheckServer:
        """Raises `CheckerUnavailable`."""
        argv = engine.confined(workspace) if walls else engine.argv
        process = await LanguageServer.start(argv, workspace, engine.environment, engine.settings, engine.most_bytes)
        return cls(engine, process)

    async def check(
        self, program: Program, module: ModuleFolder, seconds: float, cpu_seconds: float, owner: Owner = NOBODY
    ) -> CheckResult:
        """Check one program. Raises `CheckFailed` when the server breaks on it, or takes too long (see `_patience`) and
        is ended; `CheckerUnavailable` when the server ends by itself."""
        async with self._document(module, owner) as uri:
            self.checks += 1
            try:
                async with self._patience(seconds, cpu_seconds):
                    return await self._ask(program, module, uri)
            except AnswerTooLarge:
                return CheckResult((Diagnostic(1, 1, _TOO_MUCH),), ())
            except TimeoutError as error:
                self.process.kill()
                raise CheckTooLong("A type check took too long.") from error
            except AnswerRefused as error:
                raise CheckFailed(str(error)) from error

    @asynccontextmanager
    async def _patience(self, seconds: float, cpu_seconds: float) -> AsyncIterator[None]:
        """Raises TimeoutError when the server has computed for `cpu_seconds`, or for `seconds` stood still. What gets
        no CPU on a busy machine is no fault of the program's: it may take `STARVED` times as long."""
        loop = asyncio.get_running_loop()
        began, computed = loop.time(), self.process.cpu_seconds()
        timer: asyncio.TimerHandle | None = None
        async with asyncio.timeout(None) as patience:

            def look() -> None:
                nonlocal timer
                waited, used = loop.time() - began, self.process.cpu_seconds() - computed
                if used >= cpu_seconds or waited >= seconds * (STARVED if used > STILL_SECONDS else 1):
                    patience.reschedule(loop.time())
                else:
                    timer = loop.call_later(LOOK_SECONDS, look)

            look()
            try:
                yield
            finally:
                if timer is not None:
                    timer.cancel()

    async def _ask(self, program: Program, module: ModuleFolder, uri: str) -> CheckResult:
        self.process.open(uri, program.check_text)
        items = await self.process.diagnose(uri)
        if not items:
            return CheckResult((), ())
        findings = [finding for item in items if (finding := Finding.read(item)) is not None]
        judgement = judge(program, findings, module.declarations)
        names = {wish: await self.process.members(uri, wish.line, wish.character) for wish in judgement.wishes}
        return CheckResult(*judgement.conclude(names))

    @asynccontextmanager
    async def _document(self, module: ModuleFolder, owner: Owner) -> AsyncIterator[str]:
        """A document of the module, ours alone; closed afterwards, so that the server forgets the text."""
        await self._places.take(owner)
        name = self._documents.pop()
        uri = (module.path / name).as_uri()
        self._busy += 1
        self._idle.clear()
        try:
            yield uri
        finally:
            self.process.close_document(uri)
            self._busy -= 1
            if not self._busy:
                self._idle.set()
            self._documents.append(name)
            self._places.give_back(owner)

    async def retire(self) -> None:
        """End the server when the checks under way are done."""
        await self._idle.wait()
        await self.process.close()
