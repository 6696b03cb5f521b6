"""The command line as a person uses it: in a folder and a home of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from click.testing import CliRunner, Result

from gateway.cli import main
from tests.cli.shell import Shell
from tests.live import Live, agent, live, stdio

Run = Callable[..., Result]
CONFIG = {"mcpServers": {"fast": stdio("fast.py")}, "agents": {"tester": agent("fast")}}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home; the working folder is another empty one, `home / "work"`."""
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path / "work")
    for name in ("GATEWAY_URL", "GATEWAY_ADMIN_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def run(home: Path) -> Run:
    """`run("token", "list")` → its exit code, stdout and stderr."""

    def command(*arguments: str, **more: str) -> Result:
        return CliRunner().invoke(main.gateway, arguments, catch_exceptions=False, env=more)

    return command


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    async with live(tmp_path_factory.mktemp("gateway"), CONFIG) as started:
        yield started


@pytest.fixture
def shell(gateway: Live, home: Path) -> Shell:
    return Shell(gateway)
