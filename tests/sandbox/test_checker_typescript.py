"""Bringing TypeScript 7's compiler."""

from __future__ import annotations

import asyncio
import logging
import platform
from pathlib import Path

import pytest

from gateway.sandbox import typescript


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder, with nothing brought for all."""
    monkeypatch.setattr(typescript, "SHARED", tmp_path / "shared")
    return tmp_path / "data"


async def test_it_is_brought_once_however_many_ask(nowhere: Path) -> None:
    if typescript.platform_key() is None:
        pytest.skip("no package for this machine")
    first, second = await asyncio.gather(typescript.ensure(nowhere), typescript.ensure(nowhere))
    if first is None:
        pytest.skip("no network")
    assert first == second == typescript.find(nowhere)
    process = await asyncio.create_subprocess_exec(str(first), "--version", stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert output.decode().strip() == f"Version {typescript.VERSION}"
    assert [entry.name for entry in (nowhere / "typescript").iterdir()] == [first.parent.parent.name]


async def test_another_archive_than_the_pinned_one_is_refused(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pinned = {key: "A" + sha512[1:] for key, sha512 in typescript.SHA512.items()}
    monkeypatch.setattr(typescript, "SHA512", pinned)
    with caplog.at_level(logging.WARNING):
        assert await typescript.ensure(nowhere) is None
    assert "could not be brought" in caplog.text
    assert typescript.find(nowhere) is None


async def test_it_does_not_take_longer_than_it_may(nowhere: Path) -> None:
    assert await typescript.ensure(nowhere, seconds=0.001) is None


async def test_a_machine_without_a_package_goes_without(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert await typescript.ensure(nowhere) is None
