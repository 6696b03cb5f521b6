"""Ended runs go when their time is over, with all that names them; the audit record stays provable."""

from __future__ import annotations

import asyncio
from pathlib import Path

from gateway.service import retention
from gateway.store import keys
from gateway.web.auth import ADMIN
from tests.live import agent, live, stdio


async def test_runs_go_and_what_names_them_too_and_the_record_is_whole(tmp_path: Path) -> None:
    config = {
        "mcpServers": {"fast": stdio("fast.py")},
        "agents": {"tester": agent("fast")},
        "gateway": {"retention": "1s"},
    }
    async with live(tmp_path, config) as gateway:
        services, floor = gateway.services, gateway.services.floor
        stays = await gateway.execute("return waitFor('go')", session="work")
        gone = await gateway.execute("return (await tools.fast.echo({ text: 'y'.repeat(100_000) })).length")
        rejected = await gateway.execute("return nothing")
        issued = await services.tokens.issue("tester", ttl_seconds=60)
        dead = await services.tokens.resolve(issued["token"])
        last = await services.runs.execute(dead, 'await state.set("k", 1)')
        await services.revoker.revoke(token_id=issued["id"])
        async with asyncio.timeout(20):
            while any(await floor.journal.records([gone["run_id"], rejected["run_id"], last.run_id])):
                await asyncio.sleep(0.05)
        await retention.trim(floor)
        index = [one.decode() for one in await floor.client.send("ZRANGE", keys.runs("default"), 0, -1)]
        assert index == [stays["run_id"]]
        assert [run.run_id for run in await services.runs.list(ADMIN)] == [stays["run_id"]]
        principal = await gateway.principal()
        assert await floor.sessions.run_counts([(principal.sid, "work"), (principal.sid, "default")]) == [1, 0]
        assert await floor.client.send("TTL", keys.state(dead.sid, "default")) != -1
        left = await floor.client.send("KEYS", f"{keys.PREFIX}*{gone['run_id']}*")
        assert left == []
        await floor.audit.flush()
        assert (await services.audit.verify())["ok"]
