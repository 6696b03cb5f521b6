"""The kernel's walls by themselves: Deno's own permission checks are off here, and a program still gets nothing.

code-executor-MCP#53 (a missing `--no-remote`) and mcp-remote's CVE-2025-6514 are what one forgotten flag does where the
flags are all there is.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.sandbox import seccomp, walls
from gateway.sandbox.pool import ProcessPool
from tests.sandbox.behind import outcome

pytestmark = [
    pytest.mark.asyncio(loop_scope="package"),
    pytest.mark.skipif(not walls.landlock_abi(), reason="this kernel has no Landlock"),
    pytest.mark.skipif(seccomp.available() is not None, reason="there is no seccomp filter here"),
]

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
    "native open of the root through /proc": "c.open(text('/proc/self/' + 'root/etc/hostname'), 0, 0)",
    "native open of its own memory": "c.open(text('/proc/self/mem'), 2, 0)",
    "native open of the folder it stands in": "c.open(text('.'), 0o200000, 0)",
    "native open of the terminal": "c.open(text('/dev/tty'), 2, 0)",
    "native change of a mode": "c.chmod(text(outside), 0o777)",
    "native change of an owner": "c.chown(text(outside), 1, 1)",
    "native change of times": "c.utimensat(-100, text(outside), null, 0)",
    "native attribute of a file": "c.setxattr(text(outside), text('user.x'), text('1'), 1n, 0)",
    "native lock of a file": "c.flock(0, 2)",
    "native hard link": "c.link(text(outside), text(outside + '.link'))",
    "native named pipe": "c.mkfifo(text(outside + '.fifo'), 0o600)",
    "native memory file": "c.memfd_create(text('x'), 0)",
    "native exec of a memory file": "c.fexecve(c.memfd_create(text('x'), 0), text(''), text(''))",
    "native io_uring": "Number(c.syscall(nr.io_uring_setup, 8n, new Uint8Array(256), null, 0n, 0n))",
    "native bpf": "Number(c.syscall(nr.bpf, 0n, new Uint8Array(64), null, 64n, 0n))",
    "native userfaultfd": "Number(c.syscall(nr.userfaultfd, 0n, null, null, 0n, 0n))",
    "native perf_event_open": "Number(c.syscall(nr.perf_event_open, 0n, new Uint8Array(128), null, -1n, 0n))",
    "native keyring": "Number(c.syscall(nr.keyctl, 0n, null, null, 0n, 0n))",
    "native handle of a process": "Number(c.syscall(nr.pidfd_open, BigInt(victim), null, null, 0n, 0n))",
    "native read of another's memory": "Number(c.syscall(nr.process_vm_readv, BigInt(victim), null, null, 0n, 0n))",
    "native comparison with another": "Number(c.syscall(nr.kcmp, BigInt(victim), null, null, 0n, 0n))",
    "native list of mounts": "Number(c.syscall(nr.listmount, 0n, new Uint8Array(64), new Uint8Array(64), 8n, 0n))",
    "native slowing of the gateway": "c.sched_setscheduler(victim, 5, new Uint8Array(8))",
    "native pinning of the gateway": "c.sched_setaffinity(victim, 8n, new Uint8Array(8).fill(1))",
    "native nice of the gateway": "c.setpriority(0, victim, 19)",
    "native disk priority of the gateway": "Number(c.syscall(nr.ioprio_set, 1n, null, null, 0n, 0n))",
    "native group of another": "c.getpgid(victim)",
    "native session of another": "c.getsid(victim)",
    "native signal of no effect": "c.kill(victim, 0)",
    "native signal to a thread of another": "Number(c.syscall(nr.tgkill, BigInt(victim), null, null, 9n, 0n))",
    "native removal of another's shared memory": "c.shmctl(0, 0, null)",
    "native semaphore of another's": "c.semop(0, new Uint8Array(8), 1n)",
    "native queue": "c.mq_unlink(text('/x'))",
    "native entry of a namespace": "c.setns(0, 0)",
    "native personality": "c.personality(0x40000n)",
    "native clock": "c.settimeofday(new BigUint64Array(2), null)",
    "native name of the machine": "c.sethostname(text('x'), 1n)",
}

# What has no function of the C library's: the numbers of the system calls.
NUMBERS = {
    "x86_64": {
        **{"io_uring_setup": 425, "bpf": 321, "userfaultfd": 323, "perf_event_open": 298, "tgkill": 234},
        **{"keyctl": 250, "pidfd_open": 434, "process_vm_readv": 310, "kcmp": 312, "listmount": 458, "ioprio_set": 251},
    },
    "aarch64": {
        **{"io_uring_setup": 425, "bpf": 280, "userfaultfd": 282, "perf_event_open": 241, "tgkill": 131},
        **{"keyctl": 219, "pidfd_open": 434, "process_vm_readv": 270, "kcmp": 272, "listmount": 458, "ioprio_set": 30},
    },
}

SCRIPT = """
const [outside, victim, port, numbers] = JSON.parse(Deno.args[0]);
const nr = Object.fromEntries(Object.entries(numbers).map(([name, number]) => [name, BigInt(number)]));
const text = (s) => new TextEncoder().encode(s + "\\0");
const f = (parameters, result = "i32") => ({parameters, result});
const c = Deno.dlopen("libc.so.6", {
  open: f(["buffer", "i32", "i32"]), socket: f(["i32", "i32", "i32"]), fork: f([]), execv: f(["buffer", "buffer"]),
  kill: f(["i32", "i32"]), ptrace: f(["i32", "i32", "i64", "i64"], "i64"), setsid: f([]), setuid: f(["i32"]),
  mount: f(["buffer", "buffer", "buffer", "i64", "buffer"]), unshare: f(["i32"]), chroot: f(["buffer"]),
  syscall: f(["i64", "i64", "buffer", "buffer", "i64", "i64"], "i64"), link: f(["buffer", "buffer"]),
  chmod: f(["buffer", "u32"]), chown: f(["buffer", "u32", "u32"]), utimensat: f(["i32", "buffer", "buffer", "i32"]),
  flock: f(["i32", "i32"]), mkfifo: f(["buffer", "u32"]), memfd_create: f(["buffer", "u32"]),
  fexecve: f(["i32", "buffer", "buffer"]), sched_setscheduler: f(["i32", "i32", "buffer"]), getpgid: f(["i32"]),
  sched_setaffinity: f(["i32", "i64", "buffer"]), setpriority: f(["i32", "i32", "i32"]), getsid: f(["i32"]),
  shmctl: f(["i32", "i32", "buffer"]), semop: f(["i32", "buffer", "i64"]), mq_unlink: f(["buffer"]),
  setns: f(["i32", "i32"]), personality: f(["i64"]), settimeofday: f(["buffer", "buffer"]),
  setxattr: f(["buffer", "buffer", "buffer", "i64", "i32"]), sethostname: f(["buffer", "i64"]),
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


@pytest_asyncio.fixture(loop_scope="package", scope="module")
async def attacked(pool: ProcessPool, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("outside")
    outside = folder / "secret.txt"
    outside.write_text("the secret")
    outside.chmod(0o600)
    script = folder / "attack.js"
    attempts = (f"{json.dumps(name)}: async () => {text}" for name, text in (ATTEMPTS | NATIVE).items())
    script.write_text(SCRIPT % ",".join(attempts))
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    assert pool._order is not None
    numbers = NUMBERS[platform.machine()]
    arguments = json.dumps([str(outside), os.getpid(), server.sockets[0].getsockname()[1], numbers])
    argv = [pool._order.argv[0], "run", "-A", "--quiet", "--no-config", "--no-code-cache", str(script), arguments]
    readable = (*pool._order.plan.readable, str(script))
    text = await outcome(pool, argv, readable=readable)
    server.close()
    await server.wait_closed()
    assert text.startswith("{"), text
    files, mode = sorted(path.name for path in folder.iterdir()), outside.stat().st_mode & 0o777
    yield json.loads(text) | {"folder": files, "text": outside.read_text(), "mode": mode}


@pytest.mark.parametrize("name", ATTEMPTS)
async def test_without_deno_s_checks_the_kernel_still_refuses(attacked: dict[str, Any], name: str) -> None:
    assert attacked[name][0] == "refused", attacked[name]


@pytest.mark.parametrize("name", NATIVE)
async def test_native_code_is_refused_too(attacked: dict[str, Any], name: str) -> None:
    assert attacked[name] == ["got", "-1"]


async def test_nothing_outside_has_changed(attacked: dict[str, Any]) -> None:
    assert (attacked["folder"], attacked["text"]) == (["attack.js", "secret.txt"], "the secret")
    assert attacked["mode"] == 0o600


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


async def test_shared_memory_is_memory_too(pool: ProcessPool, tmp_path: Path) -> None:
    """Not private, so no limit of the kernel's counts it; no file, though the kernel keeps it as one."""
    script = tmp_path / "bomb.js"
    script.write_text("""
const f = (parameters) => ({parameters, result: "pointer"});
const c = Deno.dlopen("libc.so.6", {
  mmap: f(["i64", "i64", "i32", "i32", "i32", "i64"]), memset: f(["pointer", "i32", "i64"]),
}).symbols;
const SHARED_ANONYMOUS = 0x21;
for (;;) c.memset(c.mmap(0n, 50_000_000n, 3, SHARED_ANONYMOUS, -1, 0n), 1, 50_000_000n);""")
    assert pool._order is not None
    argv = [pool._order.argv[0], "run", "-A", "--quiet", "--no-config", str(script)]
    text = await outcome(pool, argv, watch=True, readable=(*pool._order.plan.readable, str(script)))
    assert text.startswith("exit -9 over its memory")
