"""A whole gateway on a store of several nodes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.asyncio.connection import SSLConnection
from redis.asyncio.sentinel import SentinelConnectionPool

from gateway.errors import ConfigError, StoreUnavailable
from gateway.store.client import Client, connect
from tests.live import Live, agent, live, stdio
from tests.store.topologies import SERVICE, cluster, free_ports, node, sentinels, until

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


async def test_a_cluster_that_is_gone(tmp_path: Path) -> None:
    async with cluster(tmp_path) as (url, nodes):
        client = Client(url)
        await client.send("PING")
        for one in nodes:
            await one.kill()
        with pytest.raises(StoreUnavailable):
            await client.send("GET", "key")
        await client.close()


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


async def test_a_sentinel_that_was_away_is_asked_again(tmp_path: Path) -> None:
    ports = free_ports(3)
    watching = f"sentinel monitor {SERVICE} 127.0.0.1 {ports[0]} 1"
    client = Client(f"redis+sentinel://127.0.0.1:{ports[1]},127.0.0.1:{ports[2]}/{SERVICE}")
    async with node(tmp_path / "master", ports[0]) as master:
        async with node(tmp_path / "second", ports[2], watching, sentinel=True):
            await asyncio.gather(*(client.send("PING") for _ in range(10)))
        async with node(tmp_path / "first", ports[1], watching, sentinel=True):
            await master.send("CLIENT", "KILL", "TYPE", "normal")
            assert await client.send("PING") == b"PONG"
        await client.close()


def test_credentials_of_a_store_behind_sentinels() -> None:
    store = connect("redis+sentinel://me:p%2Fw@[::1]:1,two/service/3?sentinel_password=theirs")
    assert isinstance(store, Redis) and isinstance(store.connection_pool, SentinelConnectionPool)
    found = store.connection_pool.connection_kwargs
    assert (found["username"], found["password"], found["db"]) == ("me", "p/w", 3)
    pools = [sentinel.connection_pool for sentinel in store.connection_pool.sentinel_manager.sentinels]
    assert [(pool.connection_kwargs["host"], pool.connection_kwargs["port"]) for pool in pools] == [
        ("::1", 1),
        ("two", 26_379),
    ]
    assert {pool.connection_kwargs["password"] for pool in pools} == {"theirs"}


def test_a_store_and_sentinels_behind_tls() -> None:
    store = connect("rediss+sentinel://one/service")
    assert isinstance(store, Redis) and isinstance(store.connection_pool, SentinelConnectionPool)
    pools = [sentinel.connection_pool for sentinel in store.connection_pool.sentinel_manager.sentinels]
    assert all(issubclass(pool.connection_class, SSLConnection) for pool in (store.connection_pool, *pools))


@pytest.mark.parametrize(
    "url",
    [
        "http://store",
        "redis://store:99999",
        "redis://me:p/w@store",
        "redis://store?speed=1",
        "redis+cluster://",
        "redis+cluster://store?speed=1",
        "redis+sentinel://",
        "redis+sentinel://one,:1/service",
        "redis+sentinel://one:99999/service",
        "redis+sentinel://one/service/first",
        "redis+sentinel://one/service?speed=1",
    ],
)
def test_a_url_that_cannot_be_read(url: str) -> None:
    with pytest.raises(ConfigError, match=r"redis_url cannot be read.*Use redis://") as refused:
        connect(url)
    assert "p/w" not in str(refused.value)
