"""Every file that a gateway may open taken by connections: it neither dies nor spins, and goes on for who is in."""

from __future__ import annotations

import os
import resource
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.attacks.client.few_files import FILES
from tests.live import Replica, agent, replica, stdio

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc and prlimit are Linux's")

CALL = "return (await tools.fast.add({ a: 20, b: 22 })).sum"
CONFIG = {"mcpServers": {"fast": stdio("fast.py")}, "agents": {"tester": agent("fast")}}


def connect(gateway: Replica, number: int) -> socket.socket:
    parts = urlsplit(gateway.url)
    assert parts.hostname is not None
    assert parts.port is not None
    return socket.create_connection((parts.hostname, parts.port), timeout=20, source_address=(f"127.0.1.{number}", 0))


def health(gateway: Replica, number: int) -> str:
    with connect(gateway, number) as one:
        one.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return one.makefile("rb").read().decode()


def open_files(gateway: Replica) -> int:
    return len(os.listdir(f"/proc/{gateway.process.pid}/fd"))


async def test_more_connections_than_files_leave_the_gateway_its_own(tmp_path: Path) -> None:
    async with replica(tmp_path, CONFIG, module="tests.attacks.client.few_files") as gateway:
        assert (await gateway.call("execute", code=CALL))["result"] == 42
        held = [connect(gateway, 1 + number % 9) for number in range(2 * FILES)]
        for _ in range(3):
            assert (await gateway.call("execute", code=CALL))["result"] == 42
            assert open_files(gateway) < FILES - 100
        for one in held:
            one.close()
        while not (answer := health(gateway, 99)).startswith("HTTP/1.1 200"):
            assert "gateway.requests.connections" in answer
        assert (await gateway.call("execute", code=CALL))["result"] == 42


async def test_without_a_single_file_left_it_waits_for_better_times(tmp_path: Path) -> None:
    """However it came to that: no process can be started, and trying does not become all that it does."""
    async with replica(tmp_path, CONFIG, module="tests.attacks.client.few_files") as gateway:
        assert (await gateway.call("execute", code=CALL))["result"] == 42
        pid = gateway.process.pid
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, FILES))
        before = _cpu_seconds(pid)
        ends = [await gateway.call("execute", code="return 42") for _ in range(3)]
        assert _cpu_seconds(pid) - before < 1
        assert "pipes" in str(ends[-1]["error"])
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (FILES, FILES))
        while (ran := await gateway.call("execute", code=CALL)).get("result") != 42:
            assert "pipes" in str(ran["error"])
        assert health(gateway, 99).startswith("HTTP/1.1 200")


def _cpu_seconds(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
