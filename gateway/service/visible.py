"""Which runs somebody may see: a token's own, those of its children, and all for an administrator."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from gateway.errors import NotFound
from gateway.model import Principal
from gateway.service.floor import Floor


def may_see(principal: Principal, record: Mapping[str, str]) -> bool:
    """`record` has at least the `token` and the `chain` of a run."""
    if principal.admin or record["token"] == principal.token_id:
        return True
    return principal.token_id in orjson.loads(record["chain"])[2:]


async def newest(floor: Floor, principal: Principal, limit: int) -> list[str]:
    """Ids of runs of the principal's tenant, for an administrator of all tenants; of each the newest first."""
    tenants = {agent.tenant for agent in floor.config.agents.values()} if principal.admin else {principal.tenant}
    found = [await floor.journal.recent(tenant, limit=limit) for tenant in sorted(tenants or {principal.tenant})]
    return [run_id for ids in found for run_id in ids]


async def latest(floor: Floor, principal: Principal, run_id: str) -> tuple[str, Mapping[str, str]]:
    """A run that the principal may see, or, when it was continued, its last leg that has begun. Raises `NotFound`."""
    record = await own(floor, principal, run_id)
    while (leg := record.get("continued_as")) and (found := await floor.journal.record(leg)) is not None:
        run_id, record = leg, found
    return run_id, record


async def own(floor: Floor, principal: Principal, run_id: str) -> Mapping[str, str]:
    """The record of a run that the principal may see; anything else does not exist. Raises `NotFound`."""
    record = await floor.journal.record(run_id)
    if record is None or not may_see(principal, record):
        raise NotFound(f"There is no run {run_id[:80]!r}.", fix="Use the run_id that execute returned.")
    return record
