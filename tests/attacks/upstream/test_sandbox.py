"""Attacks by what a stdio server does beside the protocol, with `sandbox: true`: it gets its own folder and no more."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.config import ServerConfig, base_environment
from gateway.errors import ConfigError
from gateway.sandbox import walls
from gateway.sandbox.servers import Confinement
from gateway.upstream.pool import Upstreams

THIEF = Path(__file__).parents[2] / "servers" / "thief.py"
MISSING = [wall.name for wall in walls.status() if wall.name in ("landlock", "seccomp") and not wall.up]
walled = pytest.mark.skipif(bool(MISSING), reason=f"not to be had here: {', '.join(MISSING)}")


@pytest.fixture
async def secret(tmp_path: Path) -> Path:
    found = tmp_path / "home" / ".ssh" / "id_rsa"
    found.parent.mkdir(parents=True)
    found.write_text("private key")
    return found


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Path]:
    """A Unix socket, as the embedded store has one."""
    path = tmp_path / "store.sock"
    server = await asyncio.start_unix_server(lambda reader, writer: writer.close(), path)
    async with server:
        yield path


async def steal(tmp_path: Path, attempts: dict[str, Any], **settings: Any) -> dict[str, str]:
    """What a sandboxed thief gets, by attempt: "got …" or the error."""
    config = ServerConfig(
        command=sys.executable, args=(str(THIEF),), sandbox=True, sandbox_read=(str(THIEF),), **settings
    )
    confine = Confinement(tmp_path / "servers", "auto")
    upstreams = Upstreams({"thief": config}, base_env=base_environment(), confine=confine)
    try:
        await upstreams.start(settle=20)
        assert upstreams.status()[0].state == "ready", upstreams.status()
        result = await upstreams.call("thief", "steal", attempts)
    finally:
        await upstreams.close()
    return dict(result.structured or {})


@walled
async def test_a_sandboxed_server_reads_and_writes_no_file_of_others(tmp_path: Path, secret: Path) -> None:
    outside = tmp_path / "planted"
    got = await steal(
        tmp_path,
        {
            "read": str(secret),
            "list": str(secret.parent),
            "read /etc/shadow": "/etc/shadow",
            "read environment": f"/proc/{os.getpid()}/environ",
            "write": str(outside),
            "write own": "note.txt",
            "write tmp": "$TMPDIR/note.txt",
        },
    )
    assert not outside.exists()
    own = {got.pop("write own"), got.pop("write tmp")}
    assert own == {"got it"}, "its own folder is its own"
    assert {each.split(":")[0] for each in got.values()} == {"PermissionError"}, got
    assert (tmp_path / "servers" / "thief" / "note.txt").exists()


@walled
async def test_a_sandboxed_server_reaches_no_socket_of_the_machine(tmp_path: Path, store: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        attempts = {"unix": str(store), "tcp": port, "udp": port}
        with_network = await steal(tmp_path, attempts)
        without = await steal(tmp_path, attempts, sandbox_network=False)
    assert with_network["tcp"] == "got it" and with_network["unix"].startswith("PermissionError")
    assert {each.split(":")[0] for each in without.values()} == {"PermissionError"}, without


@walled
async def test_a_sandboxed_server_ends_no_process_of_others(tmp_path: Path) -> None:
    bystander = await asyncio.create_subprocess_exec("sleep", "60")
    try:
        got = await steal(tmp_path, {"kill": bystander.pid, "child": str(tmp_path)})
        assert bystander.returncode is None
        os.kill(bystander.pid, 0)
    finally:
        bystander.send_signal(signal.SIGKILL)
        await bystander.wait()
    version = walls.landlock_abi()
    assert got["kill"].startswith("PermissionError") or version < 6
    assert got["child"].startswith("PermissionError"), "what it starts is behind the same walls"


async def test_required_walls_that_are_missing_keep_a_server_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = (walls.Wall("landlock", False, "off at boot", "Turn it on."),)
    monkeypatch.setattr(walls, "status", lambda: missing)
    config = ServerConfig(command=sys.executable, args=(str(THIEF),), sandbox=True)
    with pytest.raises(ConfigError, match="thief is to be sandboxed and cannot be here"):
        Confinement(tmp_path, "required")("thief", config, base_environment())
    assert Confinement(tmp_path, "auto")("thief", config, {})[0] is config
