"""The kernel's walls by themselves: Deno's own permission checks are off here, and a program still gets nothing."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.config import Limits
from gateway.errors import GatewayError
from gateway.sandbox import landlock, seccomp, walls
from gateway.sandbox.pool import ProcessPool
from gateway.sandbox.starter import Starter

pytestmark = [
    pytest.mark.asyncio(loop_scope="package"),
    pytest.mark.skipif(sys.platform != "linux", reason="the kernel's walls are Linux's"),
]

needs_landlock = pytest.mark.skipif(not walls.landlock_abi(), reason="this kernel has no Landlock")
needs_seccomp = pytest.mark.skipif(seccomp.available() is not None, reason="this kernel has no seccomp")

# Each attempt gives what the attacker got. `outside` is a file of the test's, `victim` the pid of the test itself.
ATTEMPTS = {
    "read a file": "Deno.readTextFileSync(outside)",
    "read /etc/passwd": "Deno.readTextFileSync('/etc/passwd')",
    "read /etc/hostname": "Deno.readTextFileSync('/etc/hostname')",
    "read another's environment": "Deno.readTextFileSync(`/proc/${victim}/environ`)",
    "read another's memory map": "Deno.readTextFileSync(`/proc/${victim}/maps`)",
    "read another's command line": "Deno.readTextFileSync(`/proc/${victim}/cmdline`)",
    "list the root": "[...Deno.readDirSync('/')].length",
    "list the processes": "[...Deno.readDirSync('/proc')].length",
    "list the home": "[...Deno.readDirSync('/root')].length",
    "write a file": "Deno.writeTextFileSync(outside, 'changed')",
    "make a file": "Deno.writeTextFileSync(outside + '.new', 'new')",
    "make a folder": "Deno.mkdirSync(outside + '.dir')",
    "remove a file": "Deno.removeSync(outside)",
    "rename a file": "Deno.renameSync(outside, outside + '.moved')",
    "link to a file": "Deno.symlinkSync(outside, outside + '.link')",
    "truncate a file": "Deno.truncateSync(outside, 0)",
    "change the mode": "Deno.chmodSync(outside, 0o777) ?? Deno.readTextFileSync(outside)",
    "a temporary file": "Deno.makeTempFileSync()",
    "run a program": "new Deno.Command('/bin/sh', {args: ['-c', 'echo ran']}).outputSync().code",
    "run Deno again": "new Deno.Command(Deno.execPath(), {args: ['--version']}).outputSync().code",
    "a worker that runs a program": "new Deno.Command('true').spawn().pid",
    "connect by TCP": "await Deno.connect({hostname: '127.0.0.1', port}).then(() => 'connected')",
    "connect by UDP": "(await Deno.listenDatagram({port: 0, transport: 'udp'})).addr",
    "listen": "Deno.listen({hostname: '127.0.0.1', port: 0}).addr.port",
    "fetch": "(await fetch(`http://127.0.0.1:${port}/`)).status",
    "resolve a name": "(await Deno.resolveDns('localhost', 'A')).length",
    "a Unix socket": "await Deno.connect({transport: 'unix', path: '/var/run/docker.sock'}).then(() => 'connected')",
    "kill the gateway": "Deno.kill(victim, 'SIGKILL') ?? 'sent'",
    "signal the gateway": "Deno.kill(victim, 'SIGUSR1') ?? 'sent'",
    "kill everything": "Deno.kill(-1, 'SIGTERM') ?? 'sent'",
    "signal its launcher": "Deno.kill(Deno.ppid, 'SIGKILL') ?? 'sent'",
    "load a library from elsewhere": "Deno.dlopen('/usr/lib/x86_64-linux-gnu/libssl.so.3', {})",
    "fill the disk": "Deno.writeFileSync('/dev/shm/fill', new Uint8Array(1e6))",
}

# With native code of one's own, through the C library that is loaded anyway: each gives -1, or kills nobody.
NATIVE = {
    "native open": "c.open(text('/etc/hostname'), 0, 0)",
    "native open to write": "c.open(text(outside), 0o1101, 0o600)",
    "native socket": "c.socket(2, 2, 0)",
    "native Unix socket": "c.socket(1, 1, 0)",
    "native fork": "c.fork()",
    "native exec": "c.execv(text('/bin/true'), new BigUint64Array([0n]))",
    "native exec of Deno": "c.execv(text(Deno.execPath()), new BigUint64Array([0n]))",
    "native kill of the gateway": "c.kill(victim, 9)",
    "native kill of everything": "c.kill(-1, 9)",
    "native ptrace": "Number(c.ptrace(16, victim, 0n, 0n))",
    "native setsid": "c.setsid()",
    "native setuid": "c.setuid(0)",
    "native mount": "c.mount(text('none'), text('/tmp'), text('tmpfs'), 0n, null)",
    "native unshare": "c.unshare(0x10000000)",
    "native chroot": "c.chroot(text('/'))",
    "native escape of the death signal": "c.prctl(1, 0n, 0n, 0n, 0n)",
    "native higher limits": "c.setrlimit(0, new BigUint64Array([1000n, 1000n]))",
    "native shared memory": "c.shmget(1, 4096n, 0o1666)",
}

SCRIPT = """
const [outside, victim, port] = JSON.parse(Deno.args[0]);
const text = (s) => new TextEncoder().encode(s + "\\0");
const f = (parameters, result = "i32") => ({parameters, result});
const c = Deno.dlopen("libc.so.6", {
  open: f(["buffer", "i32", "i32"]), socket: f(["i32", "i32", "i32"]), fork: f([]), execv: f(["buffer", "buffer"]),
  kill: f(["i32", "i32"]), ptrace: f(["i32", "i32", "i64", "i64"], "i64"), setsid: f([]), setuid: f(["i32"]),
  mount: f(["buffer", "buffer", "buffer", "i64", "buffer"]), unshare: f(["i32"]), chroot: f(["buffer"]),
  prctl: f(["i32", "i64", "i64", "i64", "i64"]), setrlimit: f(["i32", "buffer"]), shmget: f(["i32", "i64", "i32"]),
}).symbols;
const attempts = {%s};
const out = {};
for (const [name, attempt] of Object.entries(attempts)) {
  try { out[name] = ["got", String(await attempt())]; } catch (e) { out[name] = ["refused", e.message]; }
}
out["no_new_privs"] = Deno.readTextFileSync("/proc/self/status").match(/NoNewPrivs:\\s*(\\d)/)[1];
out["seccomp"] = Deno.readTextFileSync("/proc/self/status").match(/Seccomp:\\s*(\\d)/)[1];
out["limits"] = Deno.readTextFileSync("/proc/self/limits");
out["session"] = Deno.readTextFileSync("/proc/self/stat").split(") ")[1].split(" ").slice(2, 4).map(Number);
out["pid"] = Deno.pid;
console.log(JSON.stringify(out));
"""


async def _outcome(pool: ProcessPool, argv: Sequence[str], **plan: Any) -> str:
    """Standard output of a command behind the pool's walls, or behind a plan that differs from them."""
    assert pool._order is not None
    order = replace(pool._order, argv=argv, plan=replace(pool._order.plan, **plan))
    starter = Starter(order, lambda: None)
    try:
        stdin, our_stdin = os.pipe()
        our_stdout, stdout = os.pipe()
        started = starter.start(stdin, stdout)
        os.close(stdin)
        os.close(stdout)
        with os.fdopen(our_stdout) as output:
            text = await asyncio.to_thread(output.read)
        os.close(our_stdin)
        ended = await started.ended
        return text or f"exit {ended.code}: {ended.stderr}"
    finally:
        await starter.close()


@pytest_asyncio.fixture(loop_scope="package", scope="module")
async def attacked(pool: ProcessPool, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("outside")
    outside = folder / "secret.txt"
    outside.write_text("the secret")
    script = folder / "attack.js"
    attempts = (f"{json.dumps(name)}: async () => {text}" for name, text in (ATTEMPTS | NATIVE).items())
    script.write_text(SCRIPT % ",".join(attempts))
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    assert pool._order is not None
    arguments = json.dumps([str(outside), os.getpid(), server.sockets[0].getsockname()[1]])
    argv = [pool._order.argv[0], "run", "-A", "--quiet", "--no-config", "--no-code-cache", str(script), arguments]
    readable = (*pool._order.plan.readable, str(script))
    text = await _outcome(pool, argv, readable=readable)
    server.close()
    await server.wait_closed()
    assert text.startswith("{"), text
    yield json.loads(text) | {"folder": sorted(path.name for path in folder.iterdir()), "text": outside.read_text()}


@needs_landlock
@needs_seccomp
@pytest.mark.parametrize("name", ATTEMPTS)
async def test_without_deno_s_checks_the_kernel_still_refuses(attacked: dict[str, Any], name: str) -> None:
    assert attacked[name][0] == "refused", attacked[name]


@needs_landlock
@needs_seccomp
@pytest.mark.parametrize("name", NATIVE)
async def test_native_code_is_refused_too(attacked: dict[str, Any], name: str) -> None:
    assert attacked[name] == ["got", "-1"]


@needs_landlock
async def test_nothing_outside_has_changed(attacked: dict[str, Any]) -> None:
    assert (attacked["folder"], attacked["text"]) == (["attack.js", "secret.txt"], "the secret")


async def test_the_process_is_alone_and_limited(attacked: dict[str, Any]) -> None:
    assert attacked["no_new_privs"] == "1"
    assert attacked["seccomp"] == "2"
    assert attacked["session"] == [attacked["pid"]] * 2
    limits = {line[:25].strip(): line[26:46].strip() for line in attacked["limits"].splitlines()}
    assert limits["Max core file size"] == "0"
    assert limits["Max cpu time"] == "30"
    assert limits["Max open files"] == "64"
    assert limits["Max file size"] == str(walls.STDERR_BYTES)
    assert int(limits["Max data size"]) <= (768 + 256) * 2**20


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
    only_landlock = json.loads(await _outcome(pool, argv, readable=readable, seccomp=False))
    only_seccomp = json.loads(await _outcome(pool, argv, readable=readable, landlock_abi=0))
    abi = walls.landlock_abi()
    if abi >= 6:
        assert {only_landlock[name] for name in ("file", "tcp", "run", "kill")}.isdisjoint({"got"})
        assert only_landlock["tcp"] != "ConnectionRefused"
    assert {only_seccomp[name] for name in ("tcp", "udp", "run", "kill")}.isdisjoint({"got"})
    assert only_seccomp["file"] == "got"


async def test_a_program_that_cannot_be_started_says_why(pool: ProcessPool) -> None:
    text = await _outcome(pool, ["/nonexistent/deno"])
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
