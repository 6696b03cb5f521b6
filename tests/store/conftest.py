from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.store.client import Client
from gateway.store.embedded import Embedded


@pytest.fixture
async def embedded(tmp_path: Path) -> AsyncIterator[Embedded]:
    store = Embedded(tmp_path)
    await store.start()
    yield store
    await store.close()


@pytest.fixture
async def client(embedded: Embedded) -> AsyncIterator[Client]:
    client = Client(embedded.url)
    yield client
    await client.close()
