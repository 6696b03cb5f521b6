"""Gateways that are killed, stopped or cut off: no run is lost, no step recorded twice, no unsafe call sent twice."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.identity.keys import KeyRing
from gateway.store import keys
from gateway.store.client import Client
from gateway.store.embedded import Embedded
from gateway.store.journal import LEASE_MS, Journal
from tests.live import Replica, agent, replica
from tests.servers import launch

ODD = Path(launch.__file__).parent / "odd.py"
FAST = Path(launch.__file__).parent / "fast.py"


class Shared:
    """One store, one recording upstream, and what a test does to them."""

    def __init__(self, folder: Path, client: Client, config: dict[str, Any], recorded: Path) -> None:
        self.folder = folder
        self.client = client
        self.config = config
        self.recorded = recorded

    async def lapse(self, run_id: str) -> None:
        """The owner's lease has run out by the store's clock, and the queue knows it."""
        await self.client.batch(
            [
                ("HSET", keys.run(run_id), "lease_until", 1),
                ("ZADD", keys.alive(keys.shard(run_id)), 1, run_id),
            ]
        )

    def calls(self) -> list[str]:
        return [event["tool"] for event in launch.recorded(self.recorded) if "tool" in event]

    async def called(self, name: str) -> None:
        """Until the upstream has seen a call."""
        async with asyncio.timeout(20):
            while name not in self.calls():
                await asyncio.sleep(0.02)

    async def entries(self, run_id: str) -> list[tuple[str, int | None]]:
        found = await Journal(self.client, owner="test").entries(run_id)
        return [(entry.kind, entry.data.get("cid")) for entry in found]


@pytest.fixture
async def shared(tmp_path: Path) -> AsyncIterator[Shared]:
    store = Embedded(tmp_path / "shared")
    await store.start()
    client = Client(store.url)
    recorded = tmp_path / "calls.jsonl"
    for name in ("a", "b"):
        # Replicas share their keys, as a team's deployment gives them.
        (tmp_path / name / "data").mkdir(parents=True)
    KeyRing.load_or_create(tmp_path / "a" / "data" / "keys")
    shutil.copytree(tmp_path / "a" / "data" / "keys", tmp_path / "b" / "data" / "keys")
    async with launch.http(ODD, "--record", str(recorded)) as odd, launch.http(FAST) as fast:
        config = {
            "mcpServers": {"odd": {"url": odd}, "fast": {"url": fast}},
            "agents": {"tester": agent("odd", "fast")},
            "gateway": {"redis_url": store.url, "public_url": "http://gateway.test"},
        }
        yield Shared(tmp_path, client, config, recorded)
    await client.close()
    await store.close()


async def finished(gateway: Replica, run_id: str) -> dict[str, Any]:
    async with asyncio.timeout(40):
        while (run := await gateway.call("result", run_id=run_id, wait_seconds=10))["status"] == "running":
            pass
    return run


async def test_a_run_that_sleeps_on_a_killed_gateway_wakes_on_another(shared: Shared) -> None:
    async with replica(shared.folder / "a", shared.config) as a, replica(shared.folder / "b", shared.config) as b:
        code = "const r = Math.random(); await tools.fast.add({ a: 1, b: 2 }); await sleep(6000); return r === r && 7"
        run = await a.call("execute", code=code, wait_seconds=1)
        assert run["status"] == "waiting" and run["waiting"]["for"] == "sleep", run
        await a.kill()
        b.token = a.token
        done = await finished(b, run["run_id"])
        assert (done["status"], done["result"], done["stats"]["replays"]) == ("completed", 7, 1), done


async def test_a_run_at_work_on_a_killed_gateway_goes_on_by_itself(shared: Shared) -> None:
    async with replica(shared.folder / "a", shared.config) as a, replica(shared.folder / "b", shared.config) as b:
        code = """
        const before = await tools.fast.add({ a: 1, b: 2 });
        for (let until = Date.now(); (globalThis as any).spin !== true; ) { await tools.fast.echo({ text: "x" }); }
        return before.sum;
        """.replace("(globalThis as any).spin !== true", "(await state.get('stop')) !== true")
        run = await a.call("execute", code=code, wait_seconds=1)
        assert run["status"] == "running", run
        await a.kill()
        await shared.lapse(run["run_id"])
        b.token = a.token
        await b.call("execute", code='await state.set("stop", true); return 1')
        done = await finished(b, run["run_id"])
        assert (done["status"], done["result"]) == ("completed", 3), done
        kinds = await shared.entries(run["run_id"])
        for kind in ("call", "done"):
            cids = [cid for one, cid in kinds if one == kind]
            assert len(cids) == len(set(cids)), f"a {kind} is recorded twice"


@pytest.mark.parametrize(
    ("choice", "status", "value"),
    [("supply", "completed", "supplied"), ("fail", "completed", "InDoubtError")],
)
async def test_an_unsafe_call_whose_gateway_died_is_in_doubt_and_never_repeated(
    shared: Shared, choice: str, status: str, value: str
) -> None:
    async with replica(shared.folder / "a", shared.config) as a, replica(shared.folder / "b", shared.config) as b:
        code = "try { return await tools.odd.slow() } catch (e) { return e.name }"
        run = await a.call("execute", code=code, wait_seconds=0)
        await shared.called("slow")
        await a.kill()
        await shared.lapse(run["run_id"])
        b.token = a.token
        doubtful = await finished(b, run["run_id"])
        assert doubtful["status"] == "waiting" and doubtful["waiting"]["for"] == "in_doubt", doubtful
        assert "odd:slow" in doubtful["waiting"]["detail"]
        admin = (shared.folder / "b" / "data" / "keys" / "admin.key").read_text().strip()
        body = {"choice": choice, "value": "supplied"}
        headers = {"Authorization": f"Bearer {admin}"}
        async with b.http.post(f"{b.url}/api/v1/runs/{run['run_id']}/resolution", json=body, headers=headers) as answer:
            assert answer.status < 300, await answer.text()
        done = await finished(b, run["run_id"])
        assert (done["status"], done["result"]) == (status, value), done
        assert shared.calls().count("slow") == 1


async def test_a_gateway_that_was_frozen_writes_and_sends_nothing_more(shared: Shared) -> None:
    async with replica(shared.folder / "a", shared.config) as a, replica(shared.folder / "b", shared.config) as b:
        code = "let n = 0; while (n < 400) { n += (await tools.fast.add({ a: 0, b: 1 })).sum; } return n"
        run = await a.call("execute", code=code, wait_seconds=0)
        os.kill(a.process.pid, signal.SIGSTOP)
        await shared.lapse(run["run_id"])
        b.token = a.token
        other = asyncio.create_task(finished(b, run["run_id"]))
        async with asyncio.timeout(20):
            while not any(kind == "resumed" for kind, _ in await shared.entries(run["run_id"])):
                await asyncio.sleep(0.02)
        os.kill(a.process.pid, signal.SIGCONT)
        done = await other
        assert (done["status"], done["result"]) == ("completed", 400), done
        kinds = await shared.entries(run["run_id"])
        assert [cid for kind, cid in kinds if kind == "call"] == list(range(1, 401))
        assert sorted(cid or 0 for kind, cid in kinds if kind == "done") == list(range(1, 401))


async def test_nothing_is_done_twice_when_a_gateway_is_frozen_for_twice_its_lease(shared: Shared) -> None:
    async with replica(shared.folder / "a", shared.config) as a, replica(shared.folder / "b", shared.config) as b:
        code = """
        let sent = 0, doubtful = 0;
        while ((await state.get("stop")) !== true) {
          try { await tools.odd.pid({}, { onDoubt: "throw" }); sent++; } catch { doubtful++; }
          await sleep(50);
        }
        return { sent, doubtful };
        """
        run = await a.call("execute", code=code, wait_seconds=0)
        await shared.called("pid")
        os.kill(a.process.pid, signal.SIGSTOP)
        # As long as it says: nothing lets the lease run out but time.
        await asyncio.sleep(2 * LEASE_MS / 1000)
        assert ("resumed", None) in await shared.entries(run["run_id"])
        os.kill(a.process.pid, signal.SIGCONT)
        b.token = a.token
        # The one that was frozen answers again, and what it had in hand has come to its end.
        await a.call("execute", code='await state.set("stop", true); return 1')
        done = await finished(b, run["run_id"])
        assert done["status"] == "completed" and done["result"]["doubtful"] <= 1, done
        assert shared.calls().count("pid") <= done["result"]["sent"] + done["result"]["doubtful"]
        kinds = await shared.entries(run["run_id"])
        for kind in ("call", "done"):
            cids = [cid for one, cid in kinds if one == kind]
            assert len(cids) == len(set(cids)), f"a {kind} is recorded twice"
