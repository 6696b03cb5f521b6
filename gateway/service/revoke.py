"""Shutting identities off: durable first, then everywhere at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gateway.config import Config
from gateway.errors import NotFound, UsageError
from gateway.model import JSON, RunStatus, Token
from gateway.service.drive import Drive
from gateway.service.floor import Floor
from gateway.service.outcome import REVOKED
from gateway.service.runner import Runner
from gateway.service.tokens import identities

ENDED_AT_ONCE = 16
"""Hibernated runs that are ended in parallel."""


class Revoker:
    def __init__(self, floor: Floor, runner: Runner) -> None:
        self._floor = floor
        self._runner = runner

    async def revoke(
        self,
        *,
        token_id: str | None = None,
        agent: str | None = None,
        session: str | None = None,
        everything: bool = False,
    ) -> dict[str, JSON]:
        """Kill a token with its children, all tokens of an agent, the token of a session space, or all there are.
        After this has returned no call of theirs is sent. Returns `{"revoked": [ids], "runs_stopped": N}`.

        Raises `UsageError` unless exactly one is chosen, `NotFound` when nothing fits."""
        chosen = [token_id, agent, session, everything or None]
        if sum(one is not None for one in chosen) != 1:
            raise UsageError("revoke needs exactly one of: a token id, --agent, --session, --all.")
        tokens = await self._tokens(self._floor.config)
        hit = [t for t in tokens if everything or token_id in t.chain or agent == t.agent or session == t.session]
        if not hit and not everything:
            raise NotFound(f"No token fits {token_id or agent or session!r}.", fix="See `gateway token list`.")
        ids = [token.id for token in hit]
        if agent is not None:
            ids += sorted({identities(token.tenant, agent)[1] for token in hit})
        dead = frozenset(ids)
        # The announcement may stop them before we do: remember whose they were.
        at_work = self._runner.of(dead)
        if ids:
            await self._floor.liveness.revoke(ids)
        stopped = await self.stop_runs(dead, at_work)
        for tenant, whose in sorted({(token.tenant, token.agent) for token in hit}):
            theirs = [token.id for token in hit if (token.tenant, token.agent) == (tenant, whose)]
            await self._floor.audit.record("token.revoked", tenant=tenant, agent=whose, tokens=theirs)
        return {"revoked": [token.id for token in hit], "runs_stopped": stopped}

    async def token(self, token_id: str) -> None:
        """Kill a token with its children."""
        await self.revoke(token_id=token_id)

    async def stop_runs(self, dead: frozenset[str], at_work: Sequence[Drive] = ()) -> int:
        """End every run whose token chain holds one of `dead`: those at work here, then those that sleep."""
        here = {*at_work, *self._runner.of(dead)}
        self._runner.stop(here.__contains__, REVOKED)
        for drive in here:
            await drive.settled.wait()
        stopped = {d.job.run_id for d in here if d.view is not None and d.view.status is RunStatus.REVOKED}
        gate = asyncio.Semaphore(ENDED_AT_ONCE)

        async def end(run_id: str) -> None:
            async with gate:
                if await self._runner.end(run_id, REVOKED):
                    stopped.add(run_id)

        await asyncio.gather(*(end(run_id) for run_id in await self._asleep(dead)))
        return len(stopped)

    async def _asleep(self, dead: frozenset[str]) -> list[str]:
        ids = await self._floor.timers.all()
        chains = await self._floor.journal.chains(ids)
        return [run_id for run_id, chain in zip(ids, chains, strict=True) if not dead.isdisjoint(chain)]

    async def _tokens(self, config: Config) -> list[Token]:
        tenants = {agent.tenant for agent in config.agents.values()} or {"default"}
        return [token for tenant in sorted(tenants) for token in await self._floor.sessions.tokens(tenant)]
