from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.service import drive, open, wake
from tests.durability.scene import Scene
from tests.durability.world import Upstream
from tests.live import agent, live


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """A gateway with few places and little patience, and an upstream that obeys orders."""
    folder: Path = tmp_path_factory.mktemp("scene")
    upstream = Upstream(folder / "upstream", None)
    await upstream.start()
    config = {
        "mcpServers": {"rec": {"url": upstream.url, "learn": False}},
        "agents": {"tester": agent("rec"), "other": agent("rec")},
        "gateway": {"max_active_runs": 4},
    }
    with pytest.MonkeyPatch.context() as patch:
        for module in (drive, open):
            patch.setattr(module, "STAY_MS", 300)
        patch.setattr(wake, "LOOK_SECONDS", 0.05)
        patch.setattr(wake, "SWEEP_SECONDS", 0.2)
        async with live(folder, config) as gateway:
            yield Scene(gateway, upstream)
    await upstream.close()
