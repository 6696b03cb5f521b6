from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.config import Limits
from gateway.sandbox.pool import ProcessPool


@pytest.fixture(scope="package")
def sandbox_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sandbox")


@pytest_asyncio.fixture(loop_scope="package", scope="package")
async def pool(sandbox_dir: Path) -> AsyncIterator[ProcessPool]:
    pool = ProcessPool(limits=Limits(result_mb=1), data_dir=sandbox_dir, size=2, max_active=8)
    await pool.start()
    yield pool
    await pool.close()
