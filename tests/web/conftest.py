"""One gateway for all tests of a module: two agents, one real server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.live import Live, agent, live, stdio

CONFIG = {
    "mcpServers": {"fast": stdio("fast.py"), "other": stdio("fast.py")},
    "agents": {"tester": agent("fast", "other"), "narrow": agent("fast")},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    async with live(tmp_path_factory.mktemp("gateway"), CONFIG) as started:
        yield started
