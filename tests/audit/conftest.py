from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
import redis

from gateway.store.client import Client
from gateway.store.embedded import Embedded
from tests.audit.parts import Clock, Replica


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="package")
def shared_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of one real store for all tests that leave it alive, in a loop of its own."""
    store = Embedded(tmp_path_factory.mktemp("store"))
    started: Future[asyncio.Event] = Future()

    async def live() -> None:
        await store.start()
        over = asyncio.Event()
        started.set_result(over)
        await over.wait()
        await store.close()

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=(live(),))
    thread.start()
    over = started.result(20)
    yield store.url
    loop.call_soon_threadsafe(over.set)
    thread.join()
    loop.close()


@pytest.fixture
async def embedded(tmp_path: Path) -> AsyncIterator[Embedded]:
    """A store of the test's own, to be killed: take it before `replica`."""
    store = Embedded(tmp_path)
    await store.start()
    yield store
    await store.close()


@pytest.fixture
def store_url(request: pytest.FixtureRequest) -> str:
    """Of an empty store."""
    if "embedded" in request.fixturenames:
        own: Embedded = request.getfixturevalue("embedded")
        return own.url
    shared: str = request.getfixturevalue("shared_store")
    with redis.Redis.from_url(shared) as emptied:
        emptied.flushall()
    return shared


@pytest.fixture
async def replica(store_url: str, tmp_path: Path, clock: Clock) -> AsyncIterator[Replica]:
    client = Client(store_url)
    replica = Replica(client, tmp_path, clock, name="a")
    yield replica
    await replica.audit.close()
    await client.close()


@pytest.fixture
async def other(store_url: str, tmp_path: Path, clock: Clock) -> AsyncIterator[Replica]:
    """A second replica on the same store."""
    client = Client(store_url)
    replica = Replica(client, tmp_path, clock, name="b")
    yield replica
    await replica.audit.close()
    await client.close()
