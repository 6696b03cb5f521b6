"""Shutting off: whom it hits, what is left of them, and what brings nobody back."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import Forbidden, NotFound, StoreUnavailable, Unauthenticated
from gateway.service import tokens
from gateway.store import keys, sessions
from gateway.store.client import Client
from gateway.store.embedded import Embedded
from gateway.store.ledger import REVOCATIONS
from gateway.store.liveness import Liveness
from tests.live import Live, agent, live, replica, stdio
from tests.soak.revoke import soaking

AGENTS = {
    "tester": agent("fast"),
    "other": agent("fast"),
    "elsewhere": {**agent("fast"), "tenant": "acme"},
}
CONFIG: dict[str, Any] = {"mcpServers": {"fast": stdio("fast.py")}, "agents": AGENTS}
WAITS = 'await waitFor("never")'


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Embedded]:
    embedded = Embedded(tmp_path / "shared")
    await embedded.start()
    yield embedded
    await embedded.close()


@pytest.fixture
async def gateway(tmp_path: Path, store: Embedded) -> AsyncIterator[Live]:
    config = {**CONFIG, "gateway": {"redis_url": store.url, "pool_size": 1}}
    async with live(tmp_path / "a", config) as running:
        yield running


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a").mkdir()
    return tmp_path


async def is_alive(gateway: Live, token: str) -> bool:
    try:
        await gateway.services.tokens.resolve(token)
    except Unauthenticated:
        return False
    return True


async def test_nothing_is_left_of_what_is_revoked_over_two_gateways(tmp_path: Path) -> None:
    """A small `scripts/soak revoke`: every state that a run can be in."""
    shutil.rmtree(tmp_path / "a")
    async with soaking(tmp_path, random.Random(7), programs=2) as soak:
        for kind, pushed in (("parent", True), ("tenant", False), ("all", True)):
            await soak.round(kind, pushed=pushed)
        assert soak.found.wrong == []
        assert soak.found.sent > 0


async def test_who_is_hit(gateway: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    # Tokens are read and told in pages: here of two.
    for module in (sessions, tokens):
        monkeypatch.setattr(module, "PAGE", 2)
    services = gateway.services
    issue, revoke = services.tokens.issue, services.revoker.revoke
    parent = await issue("tester", ttl_seconds=600)
    child = await issue("tester", ttl_seconds=600, parent=parent["id"])
    sibling = await issue("tester", ttl_seconds=600)
    other, acme = await issue("other", ttl_seconds=600), await issue("elsewhere", ttl_seconds=600)

    async def alive() -> list[bool]:
        return [await is_alive(gateway, one["token"]) for one in (parent, child, sibling, other, acme)]

    assert (await revoke(session=child["session"]))["revoked"] == [child["id"]]
    assert await alive() == [True, False, True, True, True]
    assert sorted((await revoke(token_id=parent["id"]))["revoked"]) == sorted([parent["id"], child["id"]])
    assert await alive() == [False, False, True, True, True]
    await revoke(tenant="acme")
    assert await alive() == [False, False, True, True, False]
    await revoke(agent="tester")
    assert await alive() == [False, False, False, True, False]
    await revoke(everything=True)
    assert await alive() == [False] * 5
    left = {name: one for name, one in services.config.agents.items() if name != "elsewhere"}
    await services.reload(services.config.model_copy(update={"agents": left}))
    listed = {one["id"]: one["state"] for one in await services.tokens.list()}
    assert listed == dict.fromkeys((one["id"] for one in (parent, child, sibling, other, acme)), "revoked")
    nobody: list[dict[str, Any]] = [{"token_id": "tok_x"}, {"agent": "x"}, {"session": "sid_x"}, {"tenant": "x"}]
    for one in nobody:
        with pytest.raises(NotFound):
            await revoke(**one)


async def test_what_was_shut_off_is_opened_by_a_new_token_alone(gateway: Live) -> None:
    services = gateway.services
    old = await services.tokens.issue("tester", ttl_seconds=600)
    await gateway.execute("return 1")
    await services.revoker.revoke(agent="tester")
    with pytest.raises(Forbidden, match="was shut off"):
        await gateway.execute("return 1")
    new = await services.tokens.issue("tester", ttl_seconds=600)
    assert (await is_alive(gateway, old["token"]), await is_alive(gateway, new["token"])) == (False, True)
    assert (await gateway.execute("return 1"))["result"] == 1


async def test_a_restored_snapshot_brings_nobody_back(gateway: Live, store: Embedded, tmp_path: Path) -> None:
    services = gateway.services
    dead, kept = [await services.tokens.issue(name, ttl_seconds=600) for name in ("tester", "other")]
    principal = await services.tokens.resolve(dead["token"])
    asleep = await services.runs.execute(principal, WAITS)
    snapshot = tmp_path / "snapshot"
    shutil.copytree(tmp_path / "shared" / "store", snapshot)
    assert (await services.revoker.revoke(token_id=dead["id"]))["runs_stopped"] == 1
    await restored(store, snapshot, tmp_path)
    assert (await is_alive(gateway, dead["token"]), await is_alive(gateway, kept["token"])) == (False, True)
    client = services.floor.client
    async with asyncio.timeout(10):
        # The store is told again, for replicas that have never heard of it.
        while await client.send("EXISTS", keys.live(dead["id"])):
            await asyncio.sleep(0.02)
    assert await Liveness(client).revoked() == {dead["id"]}
    await services.runner.resume(asleep.run_id)
    record = await services.floor.journal.record(asleep.run_id)
    assert record is not None and record["status"] == "revoked", "the snapshot has it asleep"


async def test_a_gateway_that_starts_on_a_restored_snapshot_knows(store: Embedded, tmp_path: Path) -> None:
    config = {**CONFIG, "gateway": {"redis_url": store.url, "pool_size": 1}}
    async with live(tmp_path / "a", config) as gateway:
        dead = await gateway.token("tester")
        snapshot = tmp_path / "snapshot"
        shutil.copytree(tmp_path / "shared" / "store", snapshot)
        await gateway.services.revoker.revoke(agent="tester")
    await restored(store, snapshot, tmp_path)
    async with live(tmp_path / "a", config) as gateway:
        assert not await is_alive(gateway, dead)
        with pytest.raises(Forbidden):
            await gateway.execute("return 1")


async def restored(store: Embedded, snapshot: Path, folder: Path) -> None:
    """The store as it was, as an operator puts a backup back."""
    await store.close()
    shutil.rmtree(folder / "shared" / "store")
    shutil.copytree(snapshot, folder / "shared" / "store")
    await store.start()


async def test_a_flushed_store_denies_everybody(gateway: Live) -> None:
    services = gateway.services
    revoked, unknown = await gateway.token("tester"), await gateway.token("other")
    principal = await services.tokens.resolve(unknown)
    spins = await services.runs.execute(principal, "while (true) {}", wait_seconds=0)
    drive = services.runner.drives[spins.run_id]
    await services.revoker.revoke(agent="tester")
    await services.floor.client.send("FLUSHALL")
    assert not await is_alive(gateway, revoked) and not await is_alive(gateway, unknown)
    async with asyncio.timeout(10):
        await drive.settled.wait()
    async with asyncio.timeout(10):
        while "agent:default/tester" not in await Liveness(services.floor.client).revoked():
            await asyncio.sleep(0.02)
    assert await is_alive(gateway, await gateway.token("other")), "a new token is a new token"


async def test_the_store_restarts_and_the_dead_stay_dead(gateway: Live, store: Embedded) -> None:
    dead, alive = await gateway.token("tester"), await gateway.token("other")
    await gateway.services.revoker.revoke(agent="tester")
    await store.close()
    with pytest.raises(StoreUnavailable):
        await gateway.services.tokens.resolve(alive)
    await store.start()
    assert (await is_alive(gateway, dead), await is_alive(gateway, alive)) == (False, True)


async def test_before_revoke_returns_each_replica_has_it_on_its_own_disk_and_their_runs_are_counted(
    gateway: Live, store: Embedded, tmp_path: Path
) -> None:
    config = {**CONFIG, "gateway": {"redis_url": store.url}}
    async with replica(tmp_path / "b", config) as other:
        issued = await gateway.services.tokens.issue("tester", ttl_seconds=600)
        for code in ("while (true) {}", WAITS, "return 1"):
            await other.call("execute", code=code, wait_seconds=1)
        await gateway.execute("while (true) {}", wait_seconds=0)
        assert (await gateway.services.revoker.revoke(agent="tester"))["runs_stopped"] == 3
        for name in ("a", "b"):
            text = (tmp_path / name / "data" / REVOCATIONS).read_text()
            assert issued["id"] in [one for line in text.splitlines() for one in json.loads(line).get("shut", [])]


async def test_an_agent_may_be_revoked_while_nothing_can_be_published(gateway: Live) -> None:
    client: Client = gateway.services.floor.client
    token = await gateway.token("tester")
    await client.send("ACL", "SETUSER", "default", "resetchannels")
    await gateway.services.revoker.revoke(agent="tester")
    assert not await is_alive(gateway, token)


async def test_what_one_replica_opens_again_is_open_on_another_that_has_not_heard_of_it(store: Embedded) -> None:
    client = Client(store.url)
    # Nobody tells the second anything: it has what it has asked for.
    first, second = Liveness(client), Liveness(client)
    chain = ("tenant:default", "agent:default/tester", "tok_1")
    await first.admit_all([(one, None) for one in chain])
    await first.revoke(chain[1:2])
    await second.catch_up()
    assert not await second.is_alive(chain)
    await first.admit_all([(one, None) for one in chain], reopen=True)
    assert await second.is_alive(chain)
    await second.admit_all([(chain[2], 60)])
    await client.close()
