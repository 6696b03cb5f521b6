"""How a run begins: its program is checked, its record and its first entries are written, and it is driven."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence

from gateway import telemetry
from gateway.engine import program
from gateway.engine.fairness import owner_of
from gateway.engine.program import Program
from gateway.errors import Busy, UsageError
from gateway.model import JSON, Entry, Principal, RunStatus
from gateway.sandbox.checker import CheckResult
from gateway.sandbox.pool import SHARE
from gateway.service import legs, views
from gateway.service.drive import Drive
from gateway.service.floor import Floor, Job, compact
from gateway.service.outcome import REVOKED
from gateway.service.publish import Published, Publisher
from gateway.service.runner import Runner
from gateway.service.talk import Ahead
from gateway.service.views import RunView
from gateway.store import keys
from gateway.store.client import Command

LONG_TEXT = 16_384
SESSIONS_KNOWN = 10_000
"""Sessions that are remembered to be there, so that nobody has to ask."""
SESSION_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Opening:
    def __init__(self, floor: Floor, publisher: Publisher, runner: Runner) -> None:
        self._floor = floor
        self._publisher = publisher
        self._runner = runner
        self._sessions: set[tuple[str, str]] = set()

    def check_room(self, principal: Principal) -> None:
        """Raises `Busy` when there are as many runs as there may be, or as many of this agent's: there is room for
        others then."""
        settings, drives = self._floor.config.gateway, self._runner.drives.values()
        free = settings.max_active_runs + settings.max_queued_runs - len(drives)
        if sum(owner_of(one.job.principal) == owner_of(principal) for one in drives) >= SHARE * free:
            raise Busy("The gateway has as many runs as it may.", fix="Try again shortly.")

    async def check_session(self, principal: Principal, name: str) -> None:
        """Raises `UsageError` for what is no name of a session, and for a new one over `max_sessions`."""
        if not SESSION_NAME.fullmatch(name):
            raise UsageError(
                f"session {name[:80]!r} is no session name.",
                fix="Use 1 to 64 letters, digits, dots, dashes and underscores.",
            )
        one = (principal.sid, name)
        if one not in self._sessions:
            known, count = await self._floor.sessions.room(*one)
            most = self._floor.config.gateway.max_sessions
            if not known and count >= most:
                raise UsageError(
                    f"The token has {count} sessions, max_sessions = {most}.",
                    fix="Use one of them, or delete some: gateway sessions list|delete.",
                )
            if len(self._sessions) >= SESSIONS_KNOWN:
                self._sessions.clear()
            self._sessions.add(one)

    async def published(self, principal: Principal) -> Published:
        """The module of what the principal may call now."""
        return await self._publisher.published_for(principal)

    async def parsed(self, code: str) -> Program:
        """The program's text, read. Raises `UsageError` for one over `code_kb`."""
        cap = self._floor.config.gateway.limits.code_kb
        if len(code.encode("utf-8", "replace")) > cap * 1024:
            raise UsageError(f"The program has more than {cap} KB (code_kb).", fix="Keep data out of the program text.")
        # A long text takes long enough to hold up others.
        return await asyncio.to_thread(program.parse, code) if len(code) > LONG_TEXT else program.parse(code)

    async def checked(self, principal: Principal, parsed: Program, published: Published) -> CheckResult:
        """What is wrong with a program. What the parser found spares the checker. Raises `CheckerUnavailable`."""
        if parsed.problems:
            return CheckResult(parsed.problems, ())
        module = published.module
        with telemetry.CHECK_SECONDS.time():
            await self._floor.checker.load(module.hash, module.text)
            found = await self._floor.checker.check(parsed, module.hash, owner_of(principal))
        return CheckResult(found.diagnostics, (*parsed.warnings, *found.warnings))

    async def open(
        self,
        job: Job,
        code: str,
        begin: Mapping[str, JSON],
        *,
        prefix: Sequence[legs.Said] = (),
        first: Sequence[Command] = (),
        ahead: Ahead | None = None,
    ) -> Drive:
        """Write the run and drive it. `begin` are the `seed` and further fields of its `started` entry, `prefix`
        entries that come after that, `first` commands whose effect has to be durable before, `ahead` a process that
        has loaded the program. Raises `StoreUnavailable`."""
        work = self._open(job, code, begin, prefix, first, ahead)
        return await self._runner.finish(work, name=f"open {job.run_id}")

    async def _open(
        self,
        job: Job,
        code: str,
        begin: Mapping[str, JSON],
        prefix: Sequence[legs.Said],
        first: Sequence[Command],
        ahead: Ahead | None,
    ) -> Drive:
        async with self._runner.ahead(ahead, begin["seed"], job):
            await self._floor.modules.put(job.module.hash, job.module.as_json())
            writer, alive = await legs.write(self._floor, job, code, begin, prefix=prefix, first=first)
        drive = self._runner.launch(job, writer, ahead)
        if not alive:
            drive.stop(REVOKED)
        return drive

    async def rejected(self, job: Job, code: str, found: CheckResult) -> RunView:
        """A program that did not pass has a record too, and nothing else."""
        principal, created = job.principal, job.created_at
        body: dict[str, JSON] = {"diagnostics": views.diagnostics(found.diagnostics), "logs": []}
        stats = {"tool_calls": 0, "duration_ms": max(0, self._floor.clock() - created), "replays": 0}
        view = RunView(job.run_id, job.session, RunStatus.REJECTED, principal.agent, created, body, stats)
        fields = legs.fields(job, RunStatus.REJECTED, code) | {"view": compact({"body": body, "stats": stats})}
        entry = Entry(0, "ended", created, {"status": "rejected", "diagnostics": body["diagnostics"]})
        kept = self._floor.config.gateway.retention
        writer, _ = await self._floor.journal.open(job.run_id, fields, [entry], tenant=principal.tenant, now=created)
        self._floor.audit.rejected(
            job.run_id, principal, job.session, writer, code_sha256=legs.digest(code), keep_seconds=kept
        )
        await self._floor.journal.expire(job.run_id, kept)
        telemetry.run_ended(RunStatus.REJECTED.value, stats["duration_ms"] / 1000)
        return view


def new_run_id(principal: Principal) -> str:
    return keys.run_id(principal.tenant, principal.agent)
