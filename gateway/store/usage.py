"""Counting against the limits of grants, the same on all replicas."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from gateway.engine.rules import Limit
from gateway.store import keys
from gateway.store.client import Client, Command
from gateway.store.scripts import COUNT

MINUTE, DAY = 60, 86_400
RUN_TTL = 30 * DAY


class Usage:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def count(
        self, limits: Sequence[Limit], *, tenant: str, agent: str, run_id: str, call: str, size: int, now_ms: int
    ) -> Limit | None:
        """Count one call of `size` bytes against all `limits`, or against none of them: then the first that is used
        up is returned. `call` names the call, so that counting it again does not count it twice per minute."""
        if not limits:
            return None
        names = [keys.usage(tenant, agent, limit.rule, _window(limit, run_id, now_ms)) for limit in limits]
        args: list[str | int] = [call, size]
        for limit in limits:
            args += [limit.window, limit.cap, _ttl(limit)]
        full = await self._client.run(COUNT, names, args)
        return limits[full - 1] if full else None

    async def used(
        self, limits: Sequence[Limit], *, tenant: str, agent: str, now_ms: int
    ) -> dict[tuple[str, str], int]:
        """(`Limit.rule`, `Limit.window`) → what is used of it now, for the limits that are not counted for each run."""
        lasting = [limit for limit in limits if limit.window in ("per_minute", "per_day")]
        asked: list[Command] = []
        for limit in lasting:
            name = keys.usage(tenant, agent, limit.rule, _window(limit, "", now_ms))
            since = f"({now_ms - MINUTE * 1000}"
            asked.append(("ZCOUNT", name, since, "+inf") if limit.window == "per_minute" else ("GET", name))
        found = await self._client.batch(asked) if asked else []
        return {(limit.rule, limit.window): int(used or 0) for limit, used in zip(lasting, found, strict=True)}

    async def add_bytes(self, limits: Sequence[Limit], *, tenant: str, agent: str, run_id: str, size: int) -> None:
        """Add the size of a result to the `bytes` counters: it is known only afterwards."""
        names = [keys.usage(tenant, agent, one.rule, f"bytes:{run_id}") for one in limits if one.window == "bytes"]
        if names:
            await self._client.batch([("INCRBY", name, size) for name in names])


def _window(limit: Limit, run_id: str, now_ms: int) -> str:
    match limit.window:
        case "per_minute":
            return "minute"
        case "per_day":
            return datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y-%m-%d")
    return f"{limit.window}:{run_id}" if limit.window == "per_run" else f"bytes:{run_id}"


def _ttl(limit: Limit) -> int:
    return {"per_minute": 2 * MINUTE, "per_day": 2 * DAY}.get(limit.window, RUN_TTL)
