"""Two gateways on one store with one upstream, all of which may die at any moment and come back; and an oracle, a third
gateway with a store and an upstream of its own, to which nothing ever happens."""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
import shutil
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

from gateway.errors import GatewayError
from gateway.identity.keys import KeyRing, admin_key
from gateway.store import keys
from gateway.store.client import Client
from gateway.store.embedded import Embedded
from tests.durability.serve import SHORT
from tests.live import Replica, agent, replica
from tests.servers import launch

FROZEN_SECONDS = 2 * SHORT["LEASE_MS"] / 1000
REACH_SECONDS = 30.0
UNREACHED = (aiohttp.ClientError, OSError, TimeoutError, KeyError, json.JSONDecodeError, RuntimeError)
"""What a request to a gateway that is killed meanwhile may come to; the last is aiohttp's, for one given up before."""


class Store(Embedded):
    """An embedded store whose last write may have been torn, or met a full disk."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.torn = False

    async def _spawn(self) -> None:
        torn, self.torn = self.torn, False
        # One that met a full disk first has its torn end already, and nobody wrote on.
        if torn and self._process is not None and self._process.returncode == -signal.SIGKILL:
            newest = max((self._folder / "appendonlydir").glob("*.incr.aof"), key=lambda file: file.stat().st_mtime)
            with newest.open("ab") as file:
                file.write(b"*3\r\n$3\r\nSET\r\n$4\r\ntorn\r\n$10\r\nha")
        await super()._spawn()

    def tear(self) -> None:
        """kill -9 in the middle of a write that nobody was told of."""
        self.torn = True
        self.kill()

    def fill_disk(self) -> None:
        """From now on it can write a few bytes more: the next write is cut short, and the store ends."""
        pid = self.pid
        file = max((self._folder / "appendonlydir").glob("*.incr.aof"), key=lambda one: one.stat().st_mtime)
        if pid is not None:
            limit = file.stat().st_size + 50
            with suppress(OSError, ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    def kill(self) -> None:
        if self.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


class Seat:
    """A place for one gateway: whenever its process dies, another one takes it."""

    def __init__(self, name: str, folder: Path, config: dict[str, Any], hear: Callable[[dict[str, Any]], None]) -> None:
        self.name = name
        self.restarts = -1
        self.up = asyncio.Event()
        self.gateway: Replica | None = None
        self.token = ""
        self._folder = folder
        self._config = config
        self._hear = hear
        self._ended = False

    async def keep(self) -> None:
        while not self._ended:
            # One that comes up while the store is away, or takes no writes, says so and ends.
            with suppress(json.JSONDecodeError):
                await self._one()

    async def _one(self) -> None:
        async with replica(self._folder, self._config, module="tests.durability.serve") as gateway:
            self.gateway, self.restarts = gateway, self.restarts + 1
            self.token = self.token or gateway.token
            gateway.token = self.token
            self.up.set()
            if self._ended:
                gateway.process.terminate()
            assert gateway.process.stdout is not None
            async for line in gateway.process.stdout:
                self._heard(json.loads(line), gateway)
            self.up.clear()
            # Its end has to be seen, or it would be told to end.
            await gateway.process.wait()

    def _heard(self, message: dict[str, Any], gateway: Replica) -> None:
        self._hear(message)
        if message.get("fired", {}).get("do") == "stop":
            asyncio.get_running_loop().call_later(FROZEN_SECONDS, self.go_on, gateway)

    @staticmethod
    def go_on(gateway: Replica) -> None:
        with suppress(ProcessLookupError):
            gateway.process.send_signal(signal.SIGCONT)

    def order(self, message: dict[str, Any]) -> None:
        if self.gateway is not None and self.up.is_set() and self.gateway.process.stdin is not None:
            with suppress(OSError):
                self.gateway.process.stdin.write(json.dumps(message).encode() + b"\n")

    def kill(self) -> None:
        if self.gateway is not None and self.up.is_set():
            with suppress(ProcessLookupError):
                self.gateway.process.kill()

    def end(self) -> None:
        """No more gateways here; the one that runs is asked to stop."""
        self._ended = True
        if self.gateway is not None and self.gateway.process.returncode is None:
            self.go_on(self.gateway)
            self.gateway.process.terminate()


class Upstream:
    """The recording server, started again whenever it ends."""

    def __init__(self, folder: Path, store: str | None) -> None:
        folder.mkdir()
        # What comes while the server is away waits in the socket's line.
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/mcp"
        self._folder = folder
        self._store = ["--store", store] if store else []
        self._process: asyncio.subprocess.Process | None = None
        self._orders = 0
        self._ended = False
        self._read = 0
        self._calls: list[dict[str, Any]] = []

    async def start(self) -> None:
        fd = self._socket.fileno()
        where = ["--socket", str(fd), "--folder", str(self._folder), *self._store]
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.durability.upstream", *where),
            cwd=launch.FAST.parents[2],
            pass_fds=[fd],
        )

    async def keep(self) -> None:
        while not self._ended:
            if self._process is not None:
                await self._process.wait()
            if not self._ended:
                await self.start()

    def order(self, what: str) -> None:
        self._orders += 1
        (self._folder / f"order-{what}-{self._orders}").touch()

    def forget_orders(self) -> None:
        for order in self._folder.glob("order-*"):
            order.unlink(missing_ok=True)

    def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    def end(self) -> None:
        self._ended = True
        self.kill()

    async def close(self) -> None:
        self.end()
        if self._process is not None:
            await self._process.wait()
        self._socket.close()

    def calls(self) -> list[dict[str, Any]]:
        """All calls so far, oldest first."""
        file = self._folder / "calls.jsonl"
        if file.exists():
            with file.open("rb") as lines:
                lines.seek(self._read)
                for line in lines:
                    if line.endswith(b"\n"):
                        self._read += len(line)
                        self._calls.append(json.loads(line))
        return self._calls


class World:
    """Everything above. `fired` counts the faults that happened, `found` is what points inside gateways saw, `lost` how
    often one of them waited in vain for the answer to a call, by its idempotency key."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.folder = folder
        self.rng = rng
        self.fired: Counter[str] = Counter()
        self.found: list[str] = []
        self.lost: dict[str, int] = {}
        self.refusal = ""
        """What a gateway said when it last refused a request of ours."""
        self.store = Store(folder / "store")
        self.client = Client(self.store.url)
        self.upstream = Upstream(folder / "upstream", self.store.url)
        self.admin = ""
        self._oracle_upstream = Upstream(folder / "oracle-upstream", None)
        config = self._config(self.upstream)
        config["gateway"]["redis_url"] = self.store.url
        self.seats = [Seat(name, folder / name, config, self._hear) for name in ("a", "b")]
        self.oracle = Seat("oracle", folder / "oracle", self._config(self._oracle_upstream), self._hear)
        self.oracle_client = Client(Embedded(folder / "oracle" / "data").url)
        self.upstreams = (self.upstream, self._oracle_upstream)
        self._tasks: list[asyncio.Task[None]] = []

    @staticmethod
    def _config(upstream: Upstream) -> dict[str, Any]:
        server = {"url": upstream.url, "learn": False}
        settings = {"public_url": "http://gateway.test", "log_level": "error", "max_active_runs": 24, "walls": "off"}
        # Each program has a session of its own, all of them of one token.
        settings["max_sessions"] = 1_000_000
        return {"mcpServers": {"rec": server}, "agents": {"tester": agent("rec")}, "gateway": settings}

    def oracle_calls(self) -> list[dict[str, Any]]:
        return self._oracle_upstream.calls()

    def _hear(self, message: dict[str, Any]) -> None:
        if "fired" in message:
            fault = message["fired"]
            self.fired[f"{fault['do']} {fault['when']} {fault['at']}"] += 1
        elif "violation" in message:
            self.found.append(message["violation"])
        elif "lost" in message:
            self.lost[message["lost"]] = max(message["times"], self.lost.get(message["lost"], 0))

    async def start(self) -> None:
        await self.store.start()
        for seat in (*self.seats, self.oracle):
            (seat._folder / "data").mkdir(parents=True, mode=0o700)
        first = self.seats[0]._folder / "data" / "keys"
        KeyRing.load_or_create(first)
        self.admin = admin_key(first)
        for seat in (self.seats[1], self.oracle):
            # Replicas share their keys, as a team's deployment gives them.
            shutil.copytree(first, seat._folder / "data" / "keys")
        await asyncio.gather(*(upstream.start() for upstream in self.upstreams))
        parts = [seat.keep() for seat in (*self.seats, self.oracle)] + [upstream.keep() for upstream in self.upstreams]
        self._tasks = [asyncio.get_running_loop().create_task(part) for part in parts]
        await self.all_up()
        # One token is known on both.
        self.seats[1].token = self.seats[0].token
        assert self.seats[1].gateway is not None
        self.seats[1].gateway.token = self.seats[0].token

    async def all_waiting(self, *run_ids: str) -> None:
        """Until these runs sleep."""
        async with asyncio.timeout(30):
            while set(await self.ask_store(*(("HGET", keys.run(one), "status") for one in run_ids))) != {b"waiting"}:
                await asyncio.sleep(0.02)

    async def all_up(self) -> None:
        async with asyncio.timeout(120):
            for seat in (*self.seats, self.oracle):
                await seat.up.wait()

    async def close(self) -> None:
        for seat in (*self.seats, self.oracle):
            seat.end()
        for upstream in self.upstreams:
            upstream.end()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for upstream in self.upstreams:
            await upstream.close()
        await self.client.close()
        await self.oracle_client.close()
        await self.store.close()

    # --- reaching it -------------------------------------------------------------------------------------------

    async def ask_store(self, *commands: tuple[Any, ...]) -> list[Any]:
        """Replies of the store, when it is there."""
        until = time.monotonic() + REACH_SECONDS
        while True:
            try:
                return await self.client.batch(commands)
            except GatewayError:
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(0.05)

    def any_gateway(self) -> Replica | None:
        up = [seat.gateway for seat in self.seats if seat.up.is_set() and seat.gateway is not None]
        return self.rng.choice(up) if up else None

    async def post(self, gateway: Replica | None, path: str, body: Any) -> Any:
        """A request of an administrator. None when it did not come through, or was refused."""
        if gateway is None:
            return None
        headers = {"Authorization": f"Bearer {self.admin}"}
        seconds = aiohttp.ClientTimeout(5)
        with suppress(*UNREACHED):
            url = f"{gateway.url}/api/v1{path}"
            async with gateway.http.post(url, json=body, headers=headers, timeout=seconds) as answer:
                if answer.status < 300:
                    return await answer.json()
                self.refusal = f"{answer.status} {await answer.text()}"
        return None


@asynccontextmanager
async def world(folder: Path, rng: random.Random) -> AsyncIterator[World]:
    made = World(folder, rng)
    try:
        await made.start()
        yield made
    finally:
        await made.close()
