"""Shutting identities off: durable first, then everywhere at once."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable, Sequence

from gateway.errors import NotFound, StaleWriter, StoreCorrupt, UsageError
from gateway.model import JSON, RunStatus, Token
from gateway.service.floor import Floor
from gateway.service.outcome import REVOKED
from gateway.service.runner import Runner
from gateway.service.tokens import identities

log = logging.getLogger(__name__)

ENDED_AT_ONCE = 16
"""Hibernated runs that are ended in parallel."""
PAGE = 1_000
"""Runs that are looked at in one round trip."""
ENDING_SECONDS = 1.0
"""How long other replicas get to write down how their runs ended, before `revoke` returns without having seen it."""
LOOK_SECONDS = 0.02
SPARE_MS = 86_400_000
"""A revocation is remembered for so long after its tokens have expired: clocks differ."""


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
        tenant: str | None = None,
        everything: bool = False,
    ) -> dict[str, JSON]:
        """Kill a token with its children, the token of a session space, all tokens of an agent or of a tenant, or all
        there are. After this has returned no call of theirs is sent. An agent or tenant that was shut off stays so
        until it is issued a token again. Returns `{"revoked": [ids], "runs_stopped": N}`: the runs that were under
        way, on any replica or asleep, and have ended as revoked by the time of the answer.

        Raises `UsageError` unless exactly one is chosen, `NotFound` when nothing fits, `StoreError`."""
        given = {"token": token_id, "agent": agent, "session": session, "tenant": tenant, "all": "all" * everything}
        chosen = [(kind, name) for kind, name in given.items() if name]
        if len(chosen) != 1:
            raise UsageError("revoke needs exactly one of: a token id, --agent, --session, --tenant, --all.")
        [(kind, name)] = chosen
        roots = await self._roots(kind, name)
        if not roots:
            raise NotFound(f"There is no {kind} {name!r} to revoke.", fix="See `gateway token list`.")
        # The announcement ends them before we do, here and elsewhere: remember which there were.
        before, _ = await asyncio.gather(self._floor.timers.all(), self._shut(roots))
        # Every token by itself too: it must not come back when its agent or tenant is opened again. (An agent may have
        # tokens from when it was another tenant's.)
        below = await self._tokens(lambda token: not roots.isdisjoint(token.chain) or token.agent == agent)
        ids = {token.id for token in below}
        # Not those that were revoked before: what is remembered would grow with every revocation of a busy agent.
        fresh = [token for token in below if not self._floor.liveness.is_shut((token.id,))]
        await self._shut({token.id for token in fresh}, max((token.expires_at for token in fresh), default=0))
        stopped = await self._stop_runs(roots | ids, before)
        await self._record(kind, name, below)
        return {"revoked": [token.id for token in below], "runs_stopped": stopped}

    async def token(self, token_id: str) -> None:
        """Kill a token with its children."""
        await self.revoke(token_id=token_id)

    async def tokens(self) -> dict[str, JSON]:
        """Kill every token there is, as `revoke` does, and leave agents and tenants open: new tokens are good."""
        found = await self._tokens(lambda token: True)
        ids = frozenset(token.id for token in found)
        until = max((token.expires_at for token in found), default=0)
        before, _ = await asyncio.gather(self._floor.timers.all(), self._shut(ids, until))
        stopped = await self._stop_runs(ids, before)
        await self._record("all", "all", found)
        return {"revoked": [token.id for token in found], "runs_stopped": stopped}

    # --- whom --------------------------------------------------------------------------------------------------

    async def _roots(self, kind: str, name: str) -> frozenset[str]:
        """The identities of which every token that is meant has one in its chain."""
        agents = self._floor.config.agents
        match kind:
            case "token":
                return frozenset({name} if await self._floor.sessions.token(name) else ())
            case "session":
                return frozenset(token.id for token in await self._tokens(lambda token: token.session == name))
            case "agent" if name in agents:
                return frozenset({identities(agents[name].tenant, name)[1]})
            case "agent":
                return frozenset(token.chain[1] for token in await self._tokens(lambda token: token.agent == name))
            case "tenant" if name not in await self._runner.tokens.tenants():
                return frozenset()
        tenants = [name] if kind == "tenant" else await self._runner.tokens.tenants()
        within = {
            identity for one, its in agents.items() if its.tenant in tenants for identity in identities(its.tenant, one)
        }
        return frozenset(within | {identities(one, "")[0] for one in tenants})

    async def _tokens(self, chosen: Callable[[Token], bool]) -> list[Token]:
        return [token for token in await self._runner.tokens.all() if chosen(token)]

    async def _shut(self, whom: Collection[str], expires_at: int | None = None) -> None:
        if whom:
            await self._floor.liveness.revoke(sorted(whom), None if expires_at is None else expires_at + SPARE_MS)

    async def _record(self, kind: str, name: str, tokens: Iterable[Token]) -> None:
        whose: dict[tuple[str, str], list[str]] = {}
        for token in tokens:
            whose.setdefault((token.tenant, token.agent), []).append(token.id)
        for (tenant, agent), theirs in sorted(whose.items()):
            await self._floor.audit.record(
                "token.revoked",
                tenant=tenant,
                agent=agent,
                tokens=theirs,
                target=kind if kind == "all" else f"{kind} {name}",
            )

    # --- their runs --------------------------------------------------------------------------------------------

    async def _stop_runs(self, dead: frozenset[str], before: Iterable[str]) -> int:
        """End every run whose token chain holds one of `dead`: those at work here or elsewhere, and those that sleep.
        Returns how many of them, and of the runs `before`, have ended by it."""
        here = self._runner.of(dead)
        self._runner.stop(here.__contains__, REVOKED)
        going_on = set(await self._theirs(dead, {*before, *await self._floor.timers.all()}))
        for drive in here:
            await drive.settled.wait()
        stopped, until = 0, time.monotonic() + ENDING_SECONDS
        while True:
            ended, free = await self._stand(sorted(going_on))
            stopped += sum(status == RunStatus.REVOKED for status in ended.values())
            going_on -= ended.keys()
            await self._end(free)
            if not going_on or time.monotonic() > until:
                break
            await asyncio.sleep(LOOK_SECONDS)
        if going_on:
            log.warning("after %g s these runs were being ended: %s", ENDING_SECONDS, ", ".join(sorted(going_on)))
        return stopped

    async def _end(self, run_ids: Iterable[str]) -> None:
        """End runs that nobody drives. One that was just woken is stopped by whoever drives it."""
        gate = asyncio.Semaphore(ENDED_AT_ONCE)

        async def end(run_id: str) -> None:
            async with gate:
                try:
                    await self._runner.end(run_id, REVOKED)
                except (NotFound, StaleWriter, StoreCorrupt) as error:
                    log.error("run %s could not be ended: %s", run_id, error)

        await asyncio.gather(*map(end, run_ids))

    async def _stand(self, run_ids: Sequence[str]) -> tuple[dict[str, str], list[str]]:
        """Of these runs, those that have ended with their status, and those that nobody drives now."""
        ended, free = {}, []
        for run_id, (status, is_held) in (await self._floor.journal.standing(run_ids)).items():
            if status not in (RunStatus.RUNNING, RunStatus.WAITING):
                ended[run_id] = status
            elif not is_held:
                free.append(run_id)
        return ended, free

    async def _theirs(self, dead: frozenset[str], run_ids: Iterable[str]) -> list[str]:
        found: list[str] = []
        ids = list(run_ids)
        for some in (ids[start : start + PAGE] for start in range(0, len(ids), PAGE)):
            chains = await self._floor.journal.chains(some)
            found += [run_id for run_id, chain in zip(some, chains, strict=True) if not dead.isdisjoint(chain)]
        return found
