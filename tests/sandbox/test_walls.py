"""The kernel's walls: which there are, that each holds alone, and what is said of one that is missing."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.config import Limits
from gateway.errors import GatewayError
from gateway.sandbox import landlock, seccomp, walls
from gateway.sandbox.pool import ProcessPool
from tests.sandbox.behind import outcome

pytestmark = [
    pytest.mark.asyncio(loop_scope="package"),
    pytest.mark.skipif(sys.platform != "linux", reason="the kernel's walls are Linux's"),
]

needs_seccomp = pytest.mark.skipif(seccomp.available() is not None, reason="this kernel has no seccomp")


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's system calls")
async def test_each_wall_holds_by_itself(pool: ProcessPool, tmp_path: Path) -> None:
    """Landlock without seccomp keeps files and TCP; seccomp without Landlock keeps sockets and processes."""
    script = tmp_path / "a.js"
    script.write_text("""
const tries = {
  file: () => Deno.readTextFileSync("/etc/hostname"), tcp: () => Deno.connect({hostname: "127.0.0.1", port: 1}),
  udp: () => Deno.listenDatagram({port: 0, transport: "udp", hostname: "127.0.0.1"}),
  run: () => new Deno.Command("/bin/true").outputSync(), kill: () => Deno.kill(Deno.ppid, "SIGUSR1"),
};
const out = {};
for (const [name, attempt] of Object.entries(tries)) {
  try { await attempt(); out[name] = "got"; } catch (e) { out[name] = e.name; }
}
console.log(JSON.stringify(out));""")
    assert pool._order is not None
    argv = [pool._order.argv[0], "run", "-A", "--quiet", "--no-config", "--unstable-net", str(script)]
    readable = (*pool._order.plan.readable, str(script))
    only_landlock = json.loads(await outcome(pool, argv, readable=readable, seccomp=False))
    only_seccomp = json.loads(await outcome(pool, argv, readable=readable, landlock_abi=0))
    abi = walls.landlock_abi()
    if abi >= 6:
        assert {only_landlock[name] for name in ("file", "tcp", "run", "kill")}.isdisjoint({"got"})
        assert only_landlock["tcp"] != "ConnectionRefused"
    assert {only_seccomp[name] for name in ("tcp", "udp", "run", "kill")}.isdisjoint({"got"})
    assert only_seccomp["file"] == "got"


async def test_a_program_that_cannot_be_started_says_why(pool: ProcessPool) -> None:
    text = await outcome(pool, ["/nonexistent/deno"])
    assert "could not be started" in text


async def test_required_walls_refuse_to_start_without_them(sandbox_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> int:
        raise landlock.LandlockError(38, "Function not implemented")

    pool = ProcessPool(limits=Limits(), data_dir=sandbox_dir, size=0, max_active=1, mode="required")
    monkeypatch.setattr(landlock, "abi", missing)
    with pytest.raises(GatewayError, match="landlock: the kernel refuses it: Function not implemented"):
        await pool.start()
    status = {wall.name: wall for wall in walls.status()}
    assert not status["landlock"].up
    assert "5.13" in status["landlock"].fix
    relaxed = ProcessPool(limits=Limits(), data_dir=sandbox_dir, size=0, max_active=1, mode="auto")
    await relaxed.start()
    assert any(check["name"] == "wall: landlock" and not check["ok"] for check in relaxed.doctor())
    await relaxed.close()


async def test_walls_that_are_off_are_off(sandbox_dir: Path) -> None:
    pool = ProcessPool(limits=Limits(), data_dir=sandbox_dir, size=0, max_active=1, mode="off")
    await pool.start()
    process = await pool.acquire()
    assert "Seccomp:\t0" in Path(f"/proc/{process.pid}/status").read_text()
    assert any("switched off" in str(check["detail"]) for check in pool.doctor())
    await process.kill()
    await pool.close()


@needs_seccomp
async def test_programs_run_behind_the_walls(pool: ProcessPool) -> None:
    process = await pool.acquire()
    status = Path(f"/proc/{process.pid}/status").read_text()
    assert "Seccomp:\t2" in status
    assert "NoNewPrivs:\t1" in status
    assert os.getsid(process.pid) == os.getpgid(process.pid) == process.pid
    assert os.getpgid(process.pid) != os.getpgid(0)
    await process.kill()


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
async def test_the_filter_decides_as_written(machine: str) -> None:
    """The BPF program, run by an interpreter of its few instructions, on both machines."""
    program = seccomp.build(machine, pid=1234, exec_path=0x7F00_1234_5678)
    arch = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}[machine]
    number = {"x86_64": (0, 41, 56, 59, 234, 62, 157), "aarch64": (63, 198, 220, 221, 131, 129, 167)}[machine]
    read, socket, clone, execve, tgkill, kill, prctl = number
    allow, refuse, die = 0x7FFF0000, 0x00050001, 0x80000000
    decide = _interpreter(program)
    assert decide(arch, read) == allow
    assert decide(0x40000003, read) == die
    assert decide(arch, socket) == decide(arch, kill, 1234, signal.SIGKILL) == refuse
    assert decide(arch, clone, 0x3D0F00) == allow
    assert decide(arch, clone, signal.SIGCHLD) == refuse
    assert decide(arch, 435) == 0x00050026
    assert decide(arch, execve, 0x7F00_1234_5678) == allow
    assert decide(arch, execve, 0x7F01_1234_5678) == decide(arch, execve, 0x7F00_1234_5679) == refuse
    assert decide(arch, tgkill, 1234) == allow
    assert decide(arch, tgkill, 1235) == decide(arch, tgkill, 1234 | 1 << 32) == refuse
    assert (decide(arch, prctl, 1), decide(arch, prctl, 15)) == (refuse, allow)
    if machine == "x86_64":
        assert decide(arch, 0x40000000 | 41) == refuse
    assert all(code in (0x20, 0x15, 0x35, 0x45, 0x06) for code, *_ in program)


def _interpreter(program: Sequence[seccomp.Instruction]) -> Any:
    def decide(arch: int, number: int, *arguments: int) -> int:
        words = {0: number, 4: arch}
        for index, value in enumerate((*arguments, 0, 0, 0)[:3]):
            words[16 + 8 * index], words[20 + 8 * index] = value & 0xFFFFFFFF, value >> 32
        accumulator, at = 0, 0
        while True:
            code, when_true, when_false, constant = program[at]
            at += 1
            match code:
                case 0x20:
                    accumulator = words[constant]
                case 0x15:
                    at += when_true if accumulator == constant else when_false
                case 0x35:
                    at += when_true if accumulator >= constant else when_false
                case 0x45:
                    at += when_true if accumulator & constant else when_false
                case _:
                    return constant

    return decide
