"""The pool: processes ready before they are wanted, used once, replaced when they die, and gone with the gateway."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.config import Limits
from gateway.errors import GatewayError, ProcessDied
from gateway.sandbox import deno_binary
from gateway.sandbox.pool import ProcessPool
from tests.sandbox.driving import Talk, body, run

LIMITS = Limits(result_mb=1)


@asynccontextmanager
async def fresh(sandbox_dir: Path, *, size: int = 1, max_active: int = 4) -> AsyncIterator[ProcessPool]:
    pool = ProcessPool(limits=LIMITS, data_dir=sandbox_dir, size=size, max_active=max_active)
    await pool.start()
    try:
        yield pool
    finally:
        await pool.close()


async def until(condition: object, seconds: float = 20.0) -> None:
    """Wait for what other processes bring about."""
    async with asyncio.timeout(seconds):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.005)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children(pid: int) -> set[int]:
    """Every process below one, by /proc."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = {pid}
    while below := {child for child, parent in parents.items() if parent in found} - found:
        found |= below
    return found - {pid}


async def test_processes_are_ready_before_they_are_wanted(sandbox_dir: Path) -> None:
    async with fresh(sandbox_dir, size=2) as pool:
        await until(lambda: pool.idle == 2)
        process = await pool.acquire()
        assert process.runtime.startswith("bridge ")
        assert (pool.active, process.pid > 0) == (1, True)
        await until(lambda: pool.idle == 2)
        await process.kill()
        await process.kill()
        assert pool.active == 0
        assert not alive(process.pid)


async def test_no_process_is_used_twice(sandbox_dir: Path) -> None:
    async with fresh(sandbox_dir, size=2) as pool:
        pids = set()
        for _ in range(6):
            process = await pool.acquire()
            pids.add(process.pid)
            await process.kill()
        assert len(pids) == 6


async def test_the_data_folder_may_be_relative(sandbox_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(sandbox_dir.parent)
    async with fresh(Path(sandbox_dir.name)) as pool:
        ran = await run(pool, "return 1")
        assert ran.value == 1


async def test_without_spare_processes_they_are_started_on_demand(sandbox_dir: Path) -> None:
    async with fresh(sandbox_dir, size=0) as pool:
        ran = await run(pool, "return 1")
        assert ran.value == 1
        await until(lambda: pool.idle == 0)


async def test_who_waits_is_served_in_turn(sandbox_dir: Path) -> None:
    async with fresh(sandbox_dir, max_active=2) as pool:
        first, second = await pool.acquire(), await pool.acquire()
        order: list[int] = []

        async def take(number: int) -> None:
            process = await pool.acquire()
            order.append(number)
            await process.kill()

        waiting = [asyncio.ensure_future(take(number)) for number in range(4)]
        await asyncio.sleep(0.05)
        assert (order, pool.active) == ([], 2)
        waiting[1].cancel()
        await first.kill()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert order == [0, 2, 3]
        await second.kill()


async def test_a_cancelled_wait_loses_no_process(sandbox_dir: Path) -> None:
    async with fresh(sandbox_dir, size=0, max_active=1) as pool:
        for delay in (0.0, 0.01, 0.03, 0.06):
            waiting = asyncio.ensure_future(pool.acquire())
            await asyncio.sleep(delay)
            if waiting.done():
                await waiting.result().kill()
            waiting.cancel()
        process = await pool.acquire()
        await process.kill()


async def test_a_pooled_process_that_is_killed_is_replaced_and_never_handed_out(sandbox_dir: Path) -> None:
    async with fresh(sandbox_dir, size=2) as pool:
        await until(lambda: pool.idle == 2)
        killed = [process.pid for process in pool._idle]
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        while any(alive(pid) for pid in killed):  # without a turn of the event loop: the pool has not heard of it
            time.sleep(0.001)
        ran = await run(pool, "return 'fine'")
        assert ran.value == "fine"
        await until(lambda: pool.idle == 2)
        assert all(alive(process.pid) for process in pool._idle)


async def test_a_process_killed_in_the_middle_of_a_run_says_so(sandbox_dir: Path) -> None:
    async with fresh(sandbox_dir) as pool:
        process = await pool.acquire()
        await Talk(process).start(body("await tools.t.echo();"))
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(ProcessDied, match="SIGKILL"):
            await process.receive()
        await process.kill()
        assert pool.active == 0


async def test_a_kill_ends_a_spinning_program_at_once(sandbox_dir: Path) -> None:
    async with fresh(sandbox_dir) as pool:
        process = await pool.acquire()
        running = asyncio.ensure_future(Talk(process).start(body("console.log('on'); while (true) {}")))
        await until(lambda: process.usage().cpu_seconds > 0.1)
        process.kill_now()
        async with asyncio.timeout(5):
            with pytest.raises(ProcessDied):
                await running
        await process.kill()
        assert not alive(process.pid)


async def test_a_launcher_that_is_killed_is_replaced(sandbox_dir: Path) -> None:
    async with fresh(sandbox_dir, size=2) as pool:
        process = await pool.acquire()
        await until(lambda: pool.idle == 2)
        (launcher,) = children(os.getpid()) & {int(_parent(process.pid))}
        os.kill(launcher, signal.SIGKILL)
        with pytest.raises(ProcessDied):
            await process.receive()
        await until(lambda: not alive(process.pid))
        ran = await run(pool, "return 'again'")
        assert ran.value == "again"
        await until(lambda: pool.idle == 2)
        await process.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="nothing watches processes elsewhere")
async def test_a_spinning_program_gives_way_to_all_others(sandbox_dir: Path) -> None:
    async with fresh(sandbox_dir) as pool:
        process = await pool.acquire()
        shared = Path(f"/proc/{process.pid}/autogroup")
        first = _session_nice(shared)
        running = asyncio.ensure_future(Talk(process).start(body("while (true) {}")))
        await until(lambda: os.getpriority(os.PRIO_PROCESS, process.pid) >= 10)
        if shared.exists():
            # The niceness of its session: the process's own counts only among those of the same session.
            assert first >= 10
            await until(lambda: _session_nice(shared) > first)
        await process.kill()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="only the launcher can kill here")
async def test_a_kill_waits_for_nobody_s_turn(sandbox_dir: Path) -> None:
    async with fresh(sandbox_dir) as pool:
        process = await pool.acquire()
        launcher = int(_parent(process.pid))
        os.kill(launcher, signal.SIGSTOP)
        try:
            process.kill_now()
            await until(lambda: _state(process.pid) == "Z")
        finally:
            os.kill(launcher, signal.SIGCONT)
        await process.kill()


def _session_nice(shared: Path) -> int:
    return int(shared.read_text().split()[-1]) if shared.exists() else 0


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def _parent(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]


async def test_closing_leaves_nothing_behind(sandbox_dir: Path) -> None:
    before = children(os.getpid())
    async with fresh(sandbox_dir, size=2) as pool:
        process = await pool.acquire()
        running = asyncio.ensure_future(Talk(process).start(body("while (true) {}")))
        waiting = [asyncio.ensure_future(pool.acquire()) for _ in range(6)]
        await asyncio.sleep(0.05)
        started = children(os.getpid()) - before
        assert len(started) >= 2
    await asyncio.gather(running, *waiting, return_exceptions=True)
    assert not any(alive(pid) for pid in started)
    assert list((sandbox_dir / "sandbox" / "empty").iterdir()) == []
    with pytest.raises((GatewayError, ProcessDied)):
        await running


GATEWAY = """
import asyncio, sys
from pathlib import Path
from gateway.config import Limits
from gateway.engine.frames import Go, Start
from gateway.sandbox.pool import ProcessPool

async def main():
    pool = ProcessPool(limits=Limits(), data_dir=Path(sys.argv[1]), size=2, max_active=4)
    await pool.start()
    process = await pool.acquire()
    spin = "export default (async () => {\\nwhile (true) {}\\n});"
    await process.send(Start("r", spin, {}, {}))
    await process.send(Go("0" * 32, 0))
    while pool.idle < 2 or process.usage().cpu_seconds < 0.2:
        await asyncio.sleep(0.01)
    print("spinning", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_gateway_killed_with_9_leaves_no_process_not_even_a_spinning_one(sandbox_dir: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", GATEWAY, str(sandbox_dir)], stdout=subprocess.PIPE) as gateway:
        assert gateway.stdout is not None
        line = await asyncio.to_thread(gateway.stdout.readline)
        assert line == b"spinning\n"
        left = children(gateway.pid)
        assert len(left) >= 4
        gateway.kill()
    await until(lambda: not any(alive(pid) for pid in left), 5)


async def test_a_deno_that_cannot_run_is_told_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "deno"
    broken.write_text("#!/bin/sh\necho 'no such instruction' >&2\nexit 3\n")
    broken.chmod(0o755)
    pool = ProcessPool(limits=LIMITS, data_dir=tmp_path, size=1, max_active=1)
    for path in (broken, tmp_path / "missing"):
        monkeypatch.setattr(deno_binary, "find", lambda path=path: path)
        with pytest.raises(GatewayError, match="Reinstall"):
            await pool.start()
    await pool.close()


async def test_a_bridge_that_does_not_load_is_told_at_the_start(
    sandbox_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with fresh(tmp_path):
        pass
    (bridge,) = (tmp_path / "sandbox").glob("bridge-*.js")
    bridge.write_text("throw new Error('broken bridge');")
    with pytest.raises(GatewayError, match="broken bridge"):
        async with fresh(tmp_path):
            pass


async def test_the_doctor_tells_of_the_pool_and_every_wall(sandbox_dir: Path) -> None:
    async with fresh(sandbox_dir) as pool:
        checks = {check["name"]: check for check in pool.doctor()}
        assert checks["sandbox"]["ok"]
        assert {"wall: process group", "wall: limits", "wall: landlock", "wall: seccomp"} <= set(checks)
    assert not pool.doctor()[0]["ok"]
