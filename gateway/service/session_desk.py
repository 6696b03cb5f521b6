"""Sessions as people see them: what they hold, whose they are, and how they are deleted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from gateway.errors import Conflict, NotFound, UsageError
from gateway.model import JSON, Principal, Token
from gateway.service.floor import Floor
from gateway.service.views import iso

SHOWN_RUNS = 50
_LIVE = ("running", "waiting")
_GLANCE = ("status", "sid", "session")

Cancel = Callable[[Principal, str], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class _Session:
    token: Token
    name: str
    created: int

    @property
    def key(self) -> tuple[str, str]:
        return self.token.session, self.name


class SessionDesk:
    """`cancel` stops a run."""

    def __init__(self, floor: Floor, cancel: Cancel) -> None:
        self._floor = floor
        self._cancel = cancel

    async def list(
        self, principal: Principal, *, agent: str | None = None, token: str | None = None
    ) -> list[dict[str, JSON]]:
        """The sessions that the principal may see, the latest first: whose they are, their state's size, their runs."""
        found = await self._sessions(principal, agent, token)
        sizes = await self._floor.sessions.sizes([one.key for one in found])
        counts = await self._floor.sessions.run_counts([one.key for one in found])
        live = Counter(key for key, _ in await self._live())
        rows = [
            {**_about(one), **_sums(size), "runs": count, "live_runs": live[one.key]}
            for one, size, count in zip(found, sizes, counts, strict=True)
        ]
        return sorted(rows, key=lambda row: str(row["created"]), reverse=True)

    async def show(
        self, principal: Principal, name: str, *, agent: str | None = None, token: str | None = None
    ) -> dict[str, JSON]:
        """One session, with its keys and its newest runs. Raises `NotFound`, `UsageError` when several fit."""
        one = await self._one(principal, name, agent, token)
        [size] = await self._floor.sessions.sizes([one.key])
        ids = await self._floor.sessions.runs(*one.key, SHOWN_RUNS)
        records = await self._floor.journal.glance(ids, ("status", "created"))
        return {
            **_about(one),
            **_sums(size),
            "state": [{"key": key, "bytes": count} for key, count in sorted(size.items())],
            "runs": [
                {"run_id": run_id, "status": record["status"], "created": iso(int(record["created"]))}
                for run_id, record in zip(ids, records, strict=True)
                if record is not None
            ],
        }

    async def delete(
        self,
        principal: Principal,
        name: str,
        *,
        agent: str | None = None,
        token: str | None = None,
        cancel: bool = False,
    ) -> dict[str, JSON]:
        """Forget a session: its state and its list of runs, whose journals stay. Runs that go on are cancelled with
        `cancel`; without it they are why nothing is deleted. Raises `NotFound`, `UsageError`, `Conflict`."""
        one = await self._one(principal, name, agent, token)
        live = [run_id for key, run_id in await self._live() if key == one.key]
        if live and not cancel:
            some = ", ".join(live[:5]) + (f" and {len(live) - 5} more" if len(live) > 5 else "")
            raise Conflict(
                f"Session {name} has runs that go on: {some}.",
                fix="Cancel them, or delete it with --cancel (cancel=true), which does.",
            )
        for run_id in live:
            await self._cancel(principal, run_id)
        about = {"agent": one.token.agent, "jti": one.token.id, "sid": one.token.session, "session": name}
        await self._floor.audit.record("session.deleted", tenant=one.token.tenant, **about, runs_cancelled=len(live))
        await self._floor.sessions.delete(*one.key)
        return {**_about(one), "cancelled": live}

    async def _one(self, principal: Principal, name: str, agent: str | None, token: str | None) -> _Session:
        found = [one for one in await self._sessions(principal, agent, token) if one.name == name]
        own = [one for one in found if one.token.id == principal.token_id]
        found = own or found
        if not found:
            raise NotFound(f"There is no session {name[:80]!r}.", fix="See `gateway sessions list`.")
        if len(found) > 1:
            whose = ", ".join(f"{one.token.id} of {one.token.agent}" for one in found[:5])
            raise UsageError(
                f"{len(found)} tokens have a session {name!r}: {whose}.", fix="Say whose with --token (token=…)."
            )
        return found[0]

    async def _sessions(self, principal: Principal, agent: str | None, token: str | None) -> Sequence[_Session]:
        agents = self._floor.config.agents.values()
        tenants = {one.tenant for one in agents} if principal.admin else {principal.tenant}
        tokens = [one for tenant in sorted(tenants) for one in await self._floor.sessions.tokens(tenant)]
        tokens = [
            one
            for one in tokens
            if (principal.admin or principal.token_id in one.chain)
            and agent in (None, one.agent)
            and token in (None, one.id)
        ]
        names = await self._floor.sessions.all_names([one.session for one in tokens])
        return [
            _Session(one, name, created)
            for one, known in zip(tokens, names, strict=True)
            for name, created in known.items()
        ]

    async def _live(self) -> Sequence[tuple[tuple[str, str], str]]:
        """The session and the id of each run that has not ended."""
        ids = await self._floor.timers.all()
        records = await self._floor.journal.glance(ids, _GLANCE)
        found = zip(ids, records, strict=True)
        return [((r["sid"], r["session"]), run_id) for run_id, r in found if r is not None and r["status"] in _LIVE]


def _about(one: _Session) -> dict[str, JSON]:
    token = one.token
    about = {"session": one.name, "token": token.id, "agent": token.agent, "owner": token.owner}
    return {**about, "created": iso(one.created)}


def _sums(sizes: dict[str, int]) -> dict[str, JSON]:
    return {"keys": len(sizes), "bytes": sum(len(key.encode()) + count for key, count in sizes.items())}
