from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.identity.fetch import Fetcher
from gateway.store.client import Client
from gateway.store.embedded import Embedded
from tests.oauth.gate import Gate, replica
from tests.oauth.site import Site, serving


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def store(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """One store for all tests."""
    embedded = Embedded(tmp_path_factory.mktemp("store"))
    await embedded.start()
    client = Client(embedded.url)
    try:
        yield client
    finally:
        await client.close()
        await embedded.close()


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with serving(tmp_path_factory.mktemp("site")) as started:
        yield started


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def started(store: Client, site: Site, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gate]:
    async with replica(tmp_path_factory.mktemp("gate"), store, fetcher=Fetcher(site.trust)) as gate:
        yield gate


@pytest_asyncio.fixture(loop_scope="package")
async def gate(store: Client, started: Gate, site: Site) -> Gate:
    """A gateway nobody has come to yet: what it keeps is in the store, and that is empty."""
    await store.send("FLUSHALL")
    site.clear()
    started.clock.ahead_ms = 0
    started.getting_in.floor.liveness._ledger.replace([])
    started.getting_in.floor.issuers._known.clear()
    started.getting_in.floor.issuers._failed.clear()
    started.tokens.reload(started.config)
    started.browser.cookie_jar.clear()
    started.recorded.clear()
    return started
