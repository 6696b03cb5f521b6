"""How long the event loop is held up while the gateway publishes the tools of the corpus, and how long that takes.

    python -m benchmarks.publishing

Needs the corpus of real servers in ../shared/corpus. A task that sleeps for 5 ms at a time tells how late it wakes up.
"""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from gateway.config import Config
from gateway.model import Catalog
from gateway.service.learn import Learner
from gateway.service.publish import Offer, Publisher
from gateway.service.search import Search
from gateway.store.client import Client
from gateway.store.modules import Modules
from gateway.tasks import Tasks
from tests.search.catalogs import corpus, offered

OUT = Path(__file__).parent / "out" / "publishing.json"
STEP = 0.005


async def main() -> None:
    publisher, search = Publisher(Learner(Config(), Modules(Client("redis://127.0.0.1:1")), _nothing)), Search()
    servers = {dump["server"]: offered(dump) for dump in corpus()}
    smaller = {**servers, "git": replace(servers["git"], tools=servers["git"].tools[1:])}
    half = Offer(frozenset((server.name, tool.name) for server in servers.values() for tool in server.tools[::2]))

    async def publish(catalog: Catalog) -> None:
        module = await publisher.take(catalog)
        await asyncio.to_thread(search.publish, catalog, module)

    print(f"{'':34}{'seconds':>9}{'late p50':>10}{'p99':>8}{'max (ms)':>10}")
    async with _watched() as measure:
        await measure("all tools, cold", publish(Catalog(1, servers)))
        gc.collect()
        gc.freeze()  # as the gateway does once it is up
        await measure("the same again", publish(Catalog(2, servers)))
        await measure("one server changed", publish(Catalog(3, smaller)))
        await measure("a principal's half of each server", publisher.publish(half))
        await measure("the same again, for the principal", publisher.publish(half))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(measure.rows, indent=2) + "\n", encoding="utf-8")


class _Watch:
    def __init__(self) -> None:
        self.late: list[float] = []
        self.rows: list[dict[str, str | float]] = []

    async def run(self) -> None:
        while True:
            start = time.perf_counter()
            await asyncio.sleep(STEP)
            self.late.append((time.perf_counter() - start - STEP) * 1000)

    async def __call__(self, name: str, work: Awaitable[object]) -> None:
        await asyncio.sleep(2 * STEP)  # what came before is not to be counted
        self.late.clear()
        start = time.perf_counter()
        await work
        seconds = time.perf_counter() - start
        late = sorted(self.late) or [0.0]
        p50, p99 = late[len(late) // 2], late[int(len(late) * 0.99)]
        self.rows.append({"what": name, "seconds": seconds, "p50_ms": p50, "p99_ms": p99, "max_ms": late[-1]})
        print(f"{name:34}{seconds:>9.3f}{p50:>10.1f}{p99:>8.1f}{late[-1]:>10.1f}")


@asynccontextmanager
async def _watched() -> AsyncIterator[_Watch]:
    tasks, watch = Tasks(), _Watch()
    tasks.start(watch.run(), name="watch")
    try:
        yield watch
    finally:
        await tasks.close()


async def _nothing() -> None:
    pass


if __name__ == "__main__":
    asyncio.run(main())
