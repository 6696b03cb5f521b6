from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.live import Live, agent, live, stdio


@pytest_asyncio.fixture(loop_scope="package", scope="package")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    """One gateway for the tests of this package that leave it as they found it."""
    config = {"mcpServers": {"fast": stdio("fast.py")}, "agents": {"tester": agent("fast"), "other": agent("fast")}}
    async with live(tmp_path_factory.mktemp("gateway"), config) as running:
        yield running
