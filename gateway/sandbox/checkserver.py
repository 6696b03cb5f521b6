"""One running checker: a language server, the documents that it has free, and one check from start to end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.engine.program import Program
from gateway.engine.verdicts import Finding, judge
from gateway.errors import CheckerUnavailable
from gateway.model import Diagnostic
from gateway.sandbox.engines import Engine
from gateway.sandbox.lsp import AnswerRefused, AnswerTooLarge, LanguageServer
from gateway.sandbox.workspace import ModuleFolder

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
    """No answer in time, or none that is of use: probably this program's doing. Never leaves the checker."""


TOO_COMPLEX = CheckResult((Diagnostic(1, 1, _TOO_COMPLEX),), ())


class CheckServer:
    """Checks as many programs at once as the engine has documents; the others wait."""

    def __init__(self, engine: Engine, process: LanguageServer) -> None:
        self.engine = engine
        self.process = process
        self.checks = 0
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._free: asyncio.Queue[str] = asyncio.Queue()
        for name in engine.documents():
            self._free.put_nowait(name)

    @classmethod
    async def start(cls, engine: Engine, workspace: Path, *, walls: bool) -> CheckServer:
        """Raises `CheckerUnavailable`."""
        argv = engine.confined(workspace) if walls else engine.argv
        process = await LanguageServer.start(argv, workspace, engine.environment, engine.settings, engine.most_bytes)
        return cls(engine, process)

    async def check(self, program: Program, module: ModuleFolder, seconds: float) -> CheckResult:
        """Check one program. Raises `CheckFailed` when the server breaks on it, or takes longer than `seconds` and is
        ended; `CheckerUnavailable` when the server ends by itself."""
        async with self._document(module) as uri:
            self.checks += 1
            try:
                async with asyncio.timeout(seconds):
                    return await self._ask(program, module, uri)
            except AnswerTooLarge:
                return CheckResult((Diagnostic(1, 1, _TOO_MUCH),), ())
            except TimeoutError as error:
                self.process.kill()
                raise CheckFailed(f"A type check took longer than {seconds:g} s.") from error
            except AnswerRefused as error:
                raise CheckFailed(str(error)) from error

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
    async def _document(self, module: ModuleFolder) -> AsyncIterator[str]:
        """A document of the module, ours alone; closed afterwards, so that the server forgets the text."""
        name = await self._free.get()
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
            self._free.put_nowait(name)

    async def retire(self) -> None:
        """End the server when the checks under way are done."""
        await self._idle.wait()
        await self.process.close()
