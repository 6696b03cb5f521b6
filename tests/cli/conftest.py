"""The command line as a person uses it: in a folder and a home of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.main import gateway

Run = Callable[..., Result]


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
        return CliRunner().invoke(gateway, arguments, catch_exceptions=False, env=more)

    return command
