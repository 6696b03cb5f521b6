"""Type checks through one long-lived language server: its life. What findings mean is `engine.verdicts`.

A module (the tools of one set of grants) is a folder on disk; a program is opened in it as a document, asked about and
closed. The server is replaced when it dies, and in the background when it grows. A check that was under way is then
done once more, and in the end alone in a process of its own: a program that kills its checker harms no other's check.
Whose program took too long, or broke its own process too, has all programs checked there for a while, one at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gateway.engine.fairness import Owner
from gateway.engine.program import Program, parse
from gateway.errors import CheckerUnavailable
from gateway.places import NOBODY, Places
from gateway.sandbox import typescript
from gateway.sandbox.checkserver import TOO_COMPLEX, CheckFailed, CheckResult, CheckServer, CheckTooLong
from gateway.sandbox.engines import Engine, bundled, native, walls_available
from gateway.sandbox.lsp import START_SECONDS
from gateway.sandbox.workspace import ModuleFolder, Workspace
from gateway.tasks import Tasks

__all__ = ["CheckResult", "Checker", "CheckerStats"]

log = logging.getLogger(__name__)

CHECK_SECONDS = 5.0
KEPT_MODULES = 16
APART_SECONDS = 600.0
"""How long an owner's programs are checked apart after one that was too much."""
MAX_TEXT = 1_000_000
"""Characters of a program. What is longer is data, which does not belong into it."""
BRING_SECONDS = 3.0
"""How long a start waits for TypeScript 7 to be brought before it begins with Deno's server."""
MEMORY_EVERY = 16
"""Checks between two looks at the server's memory."""

_MADE, _GONE = 1, 3
_WARM_UP = parse("return tools;")


@dataclass(frozen=True, slots=True)
class CheckerStats:
    """`restarts` counts servers that were replaced, dead or grown. `memory_bytes` is of the last look."""

    engine: str
    version: str
    pid: int | None
    restarts: int
    checks: int
    modules: int
    memory_bytes: int


@dataclass(slots=True)
class _Module:
    folder: ModuleFolder
    users: int = 0


class Checker:
    """Type checks for a gateway. `engine` "auto" is TypeScript 7, and Deno's server where that cannot be had."""

    def __init__(
        self,
        *,
        data_dir: Path,
        engine: Literal["typescript", "deno", "auto"] = "auto",
        walls: bool = True,
        check_seconds: float = CHECK_SECONDS,
        kept_modules: int = KEPT_MODULES,
        memory_bytes: int | None = None,
    ) -> None:
        """`memory_bytes` takes the place of the engine's own bound, over which a server is replaced."""
        self._data_dir = data_dir
        self._choice = engine
        self._walls = walls
        self._check_seconds = check_seconds
        self._kept_modules = kept_modules
        self._memory_bytes = memory_bytes
        self._workspace: Workspace | None = None
        self._engine: Engine | None = None
        self._server: CheckServer | None = None
        self._modules: OrderedDict[str, _Module] = OrderedDict()
        self._starting = asyncio.Lock()
        self._alone = Places(1, share=1)
        self._apart: dict[Owner, float] = {}
        self._tasks = Tasks()
        self._restarts = 0
        self._checks = 0
        self._memory = 0
        self._closed = False
        self._problem: str | None = "The type checker has not been started."

    # --- life ---

    async def start(self) -> None:
        """Start the server, bringing its engine if need be. Raises `CheckerUnavailable` when none can be started."""
        async with self._starting:
            if self._workspace is None:
                self._workspace = await self._make_workspace()
            if self._engine is None:
                self._engine = await self._choose(self._workspace)
        await self._live()

    async def close(self) -> None:
        """End everything that was started; nothing is left behind, on disk or running."""
        self._closed = True
        await self._tasks.close()
        if self._server is not None:
            await self._server.process.close()
        if self._workspace is not None:
            await asyncio.to_thread(self._workspace.remove)

    async def _make_workspace(self) -> Workspace:
        try:
            return await asyncio.to_thread(Workspace, self._data_dir)
        except OSError as error:
            self._problem = f"The type checker has no folder to work in: {error}."
            raise CheckerUnavailable(self._problem, fix="Make `data_dir` writable.") from error

    async def _choose(self, workspace: Workspace) -> Engine:
        deno = bundled(workspace.path / "deno")
        if self._choice == "deno":
            return deno
        bringing = self._tasks.start(typescript.ensure(self._data_dir), name="bring-typescript")
        patience = None if self._choice == "typescript" else BRING_SECONDS
        await asyncio.wait({bringing}, timeout=patience)
        if bringing.done() and (compiler := bringing.result()) is not None:
            return native(compiler)
        if self._choice == "typescript":
            self._problem = f"TypeScript {typescript.VERSION} could not be brought."
            raise CheckerUnavailable(
                self._problem, fix="The log says why. With `checker: auto` Deno's language server does its work."
            )
        self._tasks.start(self._switch(bringing), name="switch-checker")
        return deno

    async def _switch(self, bringing: asyncio.Task[Path | None]) -> None:
        """Go over to TypeScript 7 when it has come after all."""
        compiler = await bringing
        if compiler is not None:
            await self._replace(native(compiler))

    async def _live(self) -> CheckServer:
        """The server, started anew if it has ended. Raises `CheckerUnavailable`."""
        server = self._server
        if server is not None and server.process.alive:
            return server
        async with self._starting:
            server = self._server
            if server is None or not server.process.alive:
                server = await self._boot()
                self._use(server)
            return server

    async def _boot(self) -> CheckServer:
        if self._engine is None or self._workspace is None or self._closed:
            raise CheckerUnavailable("The type checker is not running.", fix="It starts with the gateway; see its log.")
        try:
            return await CheckServer.start(self._engine, self._workspace.path, walls=self._walls)
        except CheckerUnavailable as error:
            self._problem = str(error)
            if self._choice != "auto" or self._engine.name == "deno":
                raise
            log.warning("%s Going on with Deno's language server.", error)
        self._adopt(bundled(self._workspace.path / "deno"))
        return await CheckServer.start(self._engine, self._workspace.path, walls=self._walls)

    def _use(self, server: CheckServer) -> None:
        self._restarts += self._server is not None
        self._server, self._problem = server, None
        self._tasks.start(self._watch(server), name="watch-checker")

    async def _watch(self, server: CheckServer) -> None:
        """Start anew when the server ends by itself, so that the next check need not wait for it."""
        await server.process.ended.wait()
        if server is not self._server:
            return
        self._problem = "The type checker has ended."
        log.warning("the type checker (pid %d) has ended; starting it anew", server.process.pid)
        with contextlib.suppress(CheckerUnavailable):
            await self._warm(await self._live())

    async def _replace(self, engine: Engine) -> None:
        """Put a fresh server in place of the one that runs, once it knows all modules."""
        async with self._starting:
            old = self._server
            self._adopt(engine)
            try:
                fresh = await self._boot()
                await self._warm(fresh)
            except CheckerUnavailable as error:
                log.warning("the type checker could not be replaced: %s", error)
                return
            self._use(fresh)
        if old is not None:
            await old.retire()

    def _adopt(self, engine: Engine) -> None:
        """Check with another engine from the next start on."""
        self._engine = engine
        for module in self._modules.values():
            module.folder.write(engine)

    async def _warm(self, server: CheckServer) -> None:
        """Let a fresh server read all modules, the latest used first."""
        for module in reversed([*self._modules.values()]):
            await server.check(_WARM_UP, module.folder, START_SECONDS, START_SECONDS)

    async def _look_at_memory(self, server: CheckServer) -> None:
        self._memory = await server.process.resident_bytes()
        bound = self._memory_bytes or server.engine.memory_bytes
        if self._memory > bound and server is self._server and not self._starting.locked():
            log.info("the type checker has grown to %d MB; replacing it", self._memory >> 20)
            await self._replace(server.engine)

    # --- work ---

    async def load(self, module_hash: str, declarations: str) -> None:
        """Make a module known by the text of its `tools.d.ts`. Known ones cost nothing. Raises `CheckerUnavailable`."""
        if module_hash in self._modules:
            self._modules.move_to_end(module_hash)
            return
        server = await self._live()
        if module_hash in self._modules:
            return
        assert self._workspace is not None
        folder = self._workspace.module(declarations, server.engine)
        self._modules[module_hash] = _Module(folder)
        server.process.files_changed({(folder.path / server.engine.config_file).as_uri(): _MADE})
        self._forget_oldest(server)
        await self._check(_WARM_UP, folder, START_SECONDS)

    def _forget_oldest(self, server: CheckServer) -> None:
        """Let the least recently used modules go that nobody is using; never the newest."""
        surplus = max(0, len(self._modules) - self._kept_modules)
        unused = [key for key in list(self._modules)[:-1] if not self._modules[key].users]
        for key in unused[:surplus]:
            gone = self._modules.pop(key).folder.remove()
            server.process.files_changed(dict.fromkeys(gone, _GONE))

    async def check(self, program: Program, module_hash: str, owner: Owner = NOBODY) -> CheckResult:
        """What the checker has to say about a program of `owner`'s. One without end, or that the checker breaks on, is
        rejected. Raises `CheckerUnavailable` when the module is not loaded, or the checker ended twice under it."""
        if program.problems:
            return CheckResult(program.problems, ())
        if len(program.check_text) > MAX_TEXT:
            return TOO_COMPLEX
        module = self._modules.get(module_hash)
        if module is None:
            raise CheckerUnavailable("The program's tools are not loaded.", fix="Try again.", module=module_hash)
        self._modules.move_to_end(module_hash)
        module.users += 1
        try:
            return await self._check(program, module.folder, self._check_seconds, owner)
        finally:
            module.users -= 1

    async def _check(
        self, program: Program, folder: ModuleFolder, seconds: float, owner: Owner = NOBODY
    ) -> CheckResult:
        """A check whose server ends is done once more, since another program may be to blame; then it is done alone."""
        self._checks += 1
        if self._apart.get(owner, 0.0) > time.monotonic():
            return await self._check_alone(program, folder, owner)
        for _ in range(2):
            server = await self._live()
            # What is nobody's is our own.
            cpu_seconds = seconds if owner == NOBODY else min(seconds, server.engine.cpu_seconds)
            try:
                result = await server.check(program, folder, seconds, cpu_seconds, owner)
            except CheckFailed as error:
                log.info("checking once more, alone: %s", error)
                if isinstance(error, CheckTooLong):
                    self._set_apart(owner)
                break
            except CheckerUnavailable as error:
                log.info("checking once more: %s", error)
                continue
            if server.checks % MEMORY_EVERY == 0:
                self._tasks.start(self._look_at_memory(server), name="checker-memory")
            return result
        return await self._check_alone(program, folder, owner)

    def _set_apart(self, owner: Owner) -> None:
        if owner != NOBODY:
            self._apart[owner] = time.monotonic() + APART_SECONDS

    async def _check_alone(self, program: Program, folder: ModuleFolder, owner: Owner) -> CheckResult:
        """In a process of its own, after all others: what fails there too, or breaks it, is this program's doing."""
        await self._alone.take(owner)
        try:
            server = await self._boot()
            server.process.give_way()
            try:
                await server.check(_WARM_UP, folder, START_SECONDS, START_SECONDS)
                return await server.check(program, folder, self._check_seconds, self._check_seconds)
            except CheckFailed:
                self._set_apart(owner)
                return TOO_COMPLEX
            except CheckerUnavailable:
                await server.process.close()
                if server.process.exit_status == -signal.SIGKILL:
                    raise
                self._set_apart(owner)
                return TOO_COMPLEX
            finally:
                await server.process.close()
        finally:
            self._alone.give_back(owner)

    # --- how it is ---

    @property
    def stats(self) -> CheckerStats:
        process = self._server.process if self._server is not None else None
        return CheckerStats(
            engine=self._engine.name if self._engine is not None else "none",
            version=process.version if process is not None else "",
            pid=process.pid if process is not None and process.alive else None,
            restarts=self._restarts,
            checks=self._checks,
            modules=len(self._modules),
            memory_bytes=self._memory,
        )

    def problem(self) -> str | None:
        """Why nothing can be checked now; None: it can."""
        return self._problem

    def doctor(self) -> list[dict[str, Any]]:
        """For `gateway doctor`: the checker, and its wall. Deno's server does the work too, but slower: that is said,
        and no fault."""
        stats = self.stats
        detail = self._problem or f"{stats.engine} {stats.version}, {stats.modules} modules, {stats.restarts} restarts"
        fallback = self._choice == "auto" and stats.engine == "deno"
        if fallback:
            detail += f": TypeScript {typescript.VERSION} is not here, a check takes 10 ms instead of 2"
        fix = (
            "Let the machine reach the npm registry once; the log says what failed."
            if fallback or self._problem
            else ""
        )
        wall = {"name": "wall: type checker", "ok": True, "detail": self._wall(), "fix": ""}
        return [{"name": "type checker", "ok": self._problem is None, "detail": detail, "fix": fix}, wall]

    def _wall(self) -> str:
        if not self._walls:
            return "switched off by `gateway.walls: off`"
        if not walls_available():
            return "not available here: it takes landlock and seccomp"
        return "no files but its own folder's, no network, no other processes"
