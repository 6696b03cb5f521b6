"""A whole gateway on a store of several nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.live import Live, agent, live, stdio
from tests.store.topologies import cluster, sentinels, until

WORK = """
let sum = 0;
for (const n of [1, 2, 3]) sum += (await tools.fast.add({ a: sum, b: n })).sum;
await state.set("sum", sum);
return "x".repeat(100_000).length + await state.get("sum");
"""


def config(url: str) -> dict[str, Any]:
    return {
        "mcpServers": {"fast": stdio("fast.py")},
        "agents": {"tester": agent("fast")},
        "gateway": {"redis_url": url},
    }


async def works(gateway: Live) -> None:
    run = await gateway.execute(WORK)
    assert run["status"] == "completed", run


async def wakes(gateway: Live, run_id: str) -> None:
    principal = await gateway.principal()
    await gateway.services.runs.signal(principal, run_id, "go", {"n": 1})
    view = await gateway.services.runs.result(principal, run_id, wait_seconds=30)
    assert view.as_dict()["result"] == {"n": 1}, view.as_dict()


async def test_a_cluster(tmp_path: Path) -> None:
    async with cluster(tmp_path) as (url, _), live(tmp_path, config(url)) as gateway:
        await works(gateway)
        asleep = await gateway.execute('return await waitFor("go")')
        assert asleep["status"] == "waiting", asleep
        await wakes(gateway, asleep["run_id"])

        token = await gateway.token()
        spinning = await gateway.call(token, "execute", code="while (true);", wait_seconds=0)
        assert spinning["result"]["structuredContent"]["status"] == "running"
        [known] = [t for t in await gateway.services.tokens.list() if not t["id"].startswith("tok_local")]
        await gateway.services.revoker.revoke(token_id=known["id"])
        run_id = spinning["result"]["structuredContent"]["run_id"]
        record = await gateway.services.floor.journal.record(run_id)
        assert record is not None and record["status"] == "revoked"


async def test_a_failover_loses_no_run_that_sleeps(tmp_path: Path) -> None:
    async with sentinels(tmp_path) as (url, master), live(tmp_path, config(url)) as gateway:
        await works(gateway)
        asleep = await gateway.execute('return await waitFor("go")')
        await master.copied()
        await master.kill()

        async def promoted() -> bool:
            role = await gateway.services.floor.client.send("ROLE")
            return bool(role[0] == b"master")

        await until(promoted)
        await wakes(gateway, asleep["run_id"])
        await works(gateway)
