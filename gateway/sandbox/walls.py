"""The kernel's walls around a program's process, put up in the child between fork and exec, and what stands here.

| wall          | what it holds                                                        | where            |
|---------------|----------------------------------------------------------------------|------------------|
| process group | own session and group: killed whole, no terminal                     | everywhere       |
| limits        | CPU, data, open files, no core dumps, no file writes beyond stderr   | everywhere       |
| parent death  | killed with the launcher, even while it spins                        | Linux            |
| no_new_privs  | no gain through set-uid programs; needed by the next two             | Linux            |
| landlock      | no files but Deno's own, no TCP, no signals to others                | Linux 5.13+      |
| seccomp       | no sockets, processes, debugging, mounts, keys …                     | Linux            |

Only what the standard library has: the launcher stays small. Written against ctypes since the packages for Landlock
and seccomp that there are would each bring more code, or a native library, than the calls they wrap.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass

from gateway.sandbox import landlock, seccomp
from gateway.sandbox.processor import stand_back

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
STDERR_BYTES = 64 * 1024
"""Deno writes there only when it dies; the largest file that a process may write."""
_OPEN_FILES = 64

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Wall:
    """One wall as `gateway doctor` shows it: `detail` says what it does, or why it is not up."""

    name: str
    up: bool
    detail: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to put up. `cpu_seconds` and `data_bytes` are limits of the process; `readable` and `executable` are the
    only files that it may open; `landlock_abi` 0 leaves Landlock out."""

    cpu_seconds: int
    data_bytes: int
    readable: tuple[str, ...]
    executable: tuple[str, ...]
    landlock_abi: int
    seccomp: bool


def status() -> tuple[Wall, ...]:
    """Every wall, up or not, on this machine."""
    linux = sys.platform == "linux"
    elsewhere = f"only Linux has it, this is {sys.platform}"
    return (
        Wall("process group", True, "own session; killed as a whole"),
        Wall("limits", True, "CPU, memory, files" if linux else "CPU, files, V8's heap; nothing watches other memory"),
        Wall("parent death", linux, "dies with the gateway, even while it spins" if linux else elsewhere),
        Wall("no_new_privs", linux, "gains no privileges" if linux else elsewhere),
        _landlock() if linux else Wall("landlock", False, elsewhere),
        _seccomp() if linux else Wall("seccomp", False, elsewhere),
    )


def _landlock() -> Wall:
    try:
        version = landlock.abi()
    except landlock.LandlockError as error:
        return Wall(
            "landlock",
            False,
            f"the kernel refuses it: {error.strerror}",
            "Run on Linux 5.13 or later with `landlock` among the kernel's `lsm=` modules; in a container, let its "
            "seccomp profile pass the landlock_* calls.",
        )
    return Wall("landlock", True, f"no files but Deno's own (ABI {version}{'' if version < 4 else ', no TCP'})")


def _seccomp() -> Wall:
    reason = seccomp.available()
    if reason is None:
        return Wall("seccomp", True, "no sockets, no other processes")
    return Wall("seccomp", False, reason, "Run on x86-64 or arm64 with a kernel that has CONFIG_SECCOMP_FILTER.")


def landlock_abi() -> int:
    """The kernel's Landlock version, 0 where there is none."""
    try:
        return landlock.abi() if sys.platform == "linux" else 0
    except landlock.LandlockError:
        return 0


def put_up(plan: Plan, parent: int, exec_path: int) -> None:
    """Put every wall of the plan around this process. For the child, after fork and before exec. Raises OSError.

    `exec_path` is the address of the text that names the program it runs next. Order matters: the filter comes last,
    since it takes away what the others need.
    """
    os.setsid()
    stand_back()
    _limit(plan)
    if sys.platform == "linux":
        _check(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "parent death")
        if os.getppid() != parent:
            os._exit(1)
        no_new_privs()
        _die_first()
        if plan.landlock_abi:
            landlock.restrict(plan.landlock_abi, plan.readable, plan.executable)
        if plan.seccomp:
            seccomp.restrict(os.getpid(), exec_path)


def no_new_privs() -> None:
    """Give up what set-uid programs would give. Landlock and seccomp need it. Raises OSError."""
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")


def _die_first() -> None:
    """When the machine runs out of memory, a program goes before the gateway."""
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")


def _limit(plan: Plan) -> None:
    cpu = plan.cpu_seconds
    _lower(resource.RLIMIT_CPU, cpu, cpu + 1)
    _lower(resource.RLIMIT_DATA, plan.data_bytes, plan.data_bytes)
    _lower(resource.RLIMIT_CORE, 0, 0)
    _lower(resource.RLIMIT_FSIZE, STDERR_BYTES, STDERR_BYTES)
    _lower(resource.RLIMIT_NOFILE, _OPEN_FILES, _OPEN_FILES)


def _lower(limit: int, soft: int, hard: int) -> None:
    """Set a limit, never above the one that is there: a container may have a stricter one."""
    ceiling = resource.getrlimit(limit)[1]
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    resource.setrlimit(limit, (soft, hard))


def _check(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
