"""What is left in indexes when runs and tokens are gone: runs go by their time to live, their names by this."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.store import keys
from gateway.store.client import Client

AT_ONCE = 500


class Retention:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def trim_runs(self, tenant: str, before: int) -> int:
        """Drop the runs of a tenant that began before a time (ms) and are no longer kept. Returns how many."""
        return await self._trim(keys.runs(tenant), before)

    async def trim_session(self, sid: str, name: str, before: int) -> int:
        """The same in a session's list."""
        return await self._trim(keys.session_runs(sid, name), before)

    async def expire_sessions(self, sid: str, names: Iterable[str], seconds: int) -> None:
        """Give the sessions of a token that is dead their time to live, if they have none yet."""
        each = (key for name in names for key in (keys.state(sid, name), keys.session_runs(sid, name)))
        await self._client.batch([("EXPIRE", key, seconds, "NX") for key in (keys.sessions(sid), *each)])

    async def _trim(self, index: str, before: int) -> int:
        dropped = seen = 0
        while True:
            # What was kept of the pages before stands at the front.
            page = await self._client.send("ZRANGE", index, "-inf", f"({before}", "BYSCORE", "LIMIT", seen, AT_ONCE)
            there = await self._client.batch([("EXISTS", keys.run(run_id.decode())) for run_id in page])
            gone = [run_id for run_id, exists in zip(page, there, strict=True) if not exists]
            if gone:
                await self._client.send("ZREM", index, *gone)
            dropped, seen = dropped + len(gone), seen + len(page) - len(gone)
            if len(page) < AT_ONCE:
                return dropped
