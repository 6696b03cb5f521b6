"""A seccomp filter through plain ctypes: the system calls that a program's process has no business with.

Source: Linux `Documentation/userspace-api/seccomp_filter.rst`; numbers from `arch/x86/entry/syscalls/syscall_64.tbl`
and `include/uapi/asm-generic/unistd.h`. A list of what is refused and not of what is allowed: V8, Deno and the C
library use new calls with every release, while the dangerous ones are old and known. libseccomp would be a native
dependency for a filter that is written once.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterable

_PR_SET_SECCOMP, _PR_GET_SECCOMP, _MODE_FILTER = 22, 21, 2

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _REFUSE, _UNKNOWN = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16
_X32 = 0x40000000
_CLONE_THREAD = 0x00010000
_PR_SET_PDEATHSIG = 1

_ARCHES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
"""Machine → (AUDIT_ARCH, column of the tables below)."""

_SPECIAL = {
    "clone": (56, 220),
    "clone3": (435, 435),
    "execve": (59, 221),
    "tgkill": (234, 131),
    "prlimit64": (302, 261),
    "prctl": (157, 167),
    "getpgid": (121, 155),
    "getsid": (124, 156),
}

_REFUSED: dict[str, tuple[int | None, int | None]] = {
    # the network; `socketpair` stays, tokio needs one for its signals
    **{"socket": (41, 198), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201), "accept": (43, 202)},
    **{"accept4": (288, 242), "sendmsg": (46, 211), "sendmmsg": (307, 269)},
    # other processes
    **{"fork": (57, None), "vfork": (58, None), "execveat": (322, 281), "ptrace": (101, 117), "kill": (62, 129)},
    **{"tkill": (200, 130), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "kcmp": (312, 272)},
    **{"process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "process_madvise": (440, 440)},
    **{"pidfd_open": (434, 434), "pidfd_send_signal": (424, 424), "pidfd_getfd": (438, 438), "setsid": (112, 157)},
    **{"setpgid": (109, 154), "process_mrelease": (448, 448), "setpriority": (141, 140)},
    # what slows other processes of the same user, or moves their memory
    **{"sched_setparam": (142, 118), "sched_setscheduler": (144, 119), "sched_setaffinity": (203, 122)},
    **{"sched_setattr": (314, 274), "ioprio_set": (251, 30), "migrate_pages": (256, 238), "move_pages": (279, 239)},
    # shared memory and queues that have names, and memory that is a file
    **{"shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "semget": (64, 190), "semctl": (66, 191)},
    **{"semop": (65, 193), "semtimedop": (220, 192), "msgget": (68, 186), "msgctl": (71, 187), "msgsnd": (69, 189)},
    **{"msgrcv": (70, 188), "mq_open": (240, 180), "mq_unlink": (241, 181)},
    **{"memfd_create": (319, 279), "memfd_secret": (447, 447)},
    # modes, owners, times and attributes of files, which Landlock leaves alone
    **{"chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None)},
    **{"fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "utime": (132, None), "utimes": (235, None)},
    **{"futimesat": (261, None), "utimensat": (280, 88), "setxattr": (188, 5), "lsetxattr": (189, 6)},
    **{"fsetxattr": (190, 7), "setxattrat": (463, 463), "removexattr": (197, 14), "lremovexattr": (198, 15)},
    **{"fremovexattr": (199, 16), "removexattrat": (466, 466), "flock": (73, 32)},
    # who and where it is
    **{"setuid": (105, 146), "setgid": (106, 144), "setreuid": (113, 145), "setregid": (114, 143)},
    **{"setresuid": (117, 147), "setresgid": (119, 149), "setgroups": (116, 159), "setfsuid": (122, 151)},
    **{"setfsgid": (123, 152), "capset": (126, 91), "setrlimit": (160, 164), "personality": (135, 92)},
    **{"chroot": (161, 51), "pivot_root": (155, 41), "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40)},
    **{"umount2": (166, 39), "move_mount": (429, 429), "open_tree": (428, 428), "fsopen": (430, 430)},
    **{"open_tree_attr": (467, 467), "statmount": (457, 457), "listmount": (458, 458)},
    **{"fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442)},
    # large or privileged parts of the kernel
    **{"bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425)},
    **{"io_uring_enter": (426, 426), "io_uring_register": (427, 427), "keyctl": (250, 219), "add_key": (248, 217)},
    **{"request_key": (249, 218), "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264)},
    **{"fanotify_init": (300, 262), "init_module": (175, 105), "finit_module": (313, 273), "iopl": (172, None)},
    **{"delete_module": (176, 106), "kexec_load": (246, 104), "kexec_file_load": (320, 294), "reboot": (169, 142)},
    **{"swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89), "quotactl": (179, 60), "ioperm": (173, None)},
    **{"settimeofday": (164, 170), "clock_settime": (227, 112), "adjtimex": (159, 171), "clock_adjtime": (305, 266)},
    **{"sethostname": (170, 161), "setdomainname": (171, 162), "syslog": (103, 116), "modify_ldt": (154, None)},
}

_libc = ctypes.CDLL(None, use_errno=True)
Instruction = tuple[int, int, int, int]
"""BPF: code, jump if true, jump if false, constant."""


def available() -> str | None:
    """Why there can be no filter here, or None when there can."""
    if platform.machine() not in _ARCHES:
        return f"there is no filter for {platform.machine()}"
    if _libc.prctl(_PR_GET_SECCOMP, 0, 0, 0, 0) < 0:
        return "the kernel has no seccomp"
    return None


def build(machine: str, pid: int, exec_path: int) -> list[Instruction]:
    """The filter for the process `pid`. The one program it may run is named by a text at the address `exec_path`:
    after that call the address means something else, so that it works once.
    """
    arch, column = _ARCHES[machine]
    number = {name: numbers[column] for name, numbers in _SPECIAL.items()}
    program: list[Instruction] = [(_LOAD, 0, 0, _ARCH), (_JUMP_EQUAL, 1, 0, arch), (_RETURN, 0, 0, _KILL)]
    program += [(_LOAD, 0, 0, _NUMBER), (_JUMP_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _REFUSE)]
    program += _on(number["clone"], [*_low(0), (_JUMP_ANY_BIT, 0, 1, _CLONE_THREAD), *_verdict(_ALLOW, _REFUSE)])
    # The C library falls back to `clone`, whose flags a filter can read.
    program += _on(number["clone3"], [(_RETURN, 0, 0, _UNKNOWN)])
    program += _on(number["execve"], _if_argument(0, exec_path))
    program += _on(number["tgkill"], _if_argument(0, pid))
    # Of itself only: the answer for another process would tell that there is one.
    program += _on(number["getpgid"], _if_argument(0, 0))
    program += _on(number["getsid"], _if_argument(0, 0))
    # Limits may be read, not set.
    program += _on(number["prlimit64"], _if_argument(2, 0))
    program += _on(number["prctl"], [*_low(0), (_JUMP_EQUAL, 0, 1, _PR_SET_PDEATHSIG), *_verdict(_REFUSE, _ALLOW)])
    for numbers in _REFUSED.values():
        refused = numbers[column]
        if refused is not None:
            program += [(_JUMP_EQUAL, 0, 1, refused), (_RETURN, 0, 0, _REFUSE)]
    return [*program, (_RETURN, 0, 0, _ALLOW)]


def _on(number: int, body: list[Instruction]) -> list[Instruction]:
    """`body`, which has to end in a verdict, for one system call."""
    return [(_JUMP_EQUAL, 0, len(body), number), *body]


def _low(argument: int) -> list[Instruction]:
    return [(_LOAD, 0, 0, _ARGUMENTS + 8 * argument)]


def _verdict(when_true: int, when_false: int) -> list[Instruction]:
    """After a jump with offsets (0, 1)."""
    return [(_RETURN, 0, 0, when_true), (_RETURN, 0, 0, when_false)]


def _if_argument(argument: int, value: int) -> list[Instruction]:
    """Allow when a 64-bit argument has this value (little-endian halves)."""
    at = _ARGUMENTS + 8 * argument
    return [
        (_LOAD, 0, 0, at),
        (_JUMP_EQUAL, 0, 3, value & 0xFFFFFFFF),
        (_LOAD, 0, 0, at + 4),
        (_JUMP_EQUAL, 0, 1, value >> 32),
        *_verdict(_ALLOW, _REFUSE),
    ]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def restrict(pid: int, exec_path: int) -> None:
    """Put the filter on this thread and what it starts. Needs no_new_privs. Raises OSError."""
    _load(build(platform.machine(), pid, exec_path))


def restrict_sockets(families: Iterable[int]) -> None:
    """Let this process and what it starts have sockets of these address families only (`socketpair` stays), no
    io_uring, which could make others, and no debugging. Needs no_new_privs. Raises OSError."""
    arch, column = _ARCHES[platform.machine()]
    program: list[Instruction] = [(_LOAD, 0, 0, _ARCH), (_JUMP_EQUAL, 1, 0, arch), (_RETURN, 0, 0, _KILL)]
    program += [(_LOAD, 0, 0, _NUMBER), (_JUMP_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _REFUSE)]
    for name in ("io_uring_setup", "ptrace", "process_vm_readv", "process_vm_writev"):
        program += [(_JUMP_EQUAL, 0, 1, _REFUSED[name][column] or 0), (_RETURN, 0, 0, _REFUSE)]
    allowed = [line for family in families for line in ((_JUMP_EQUAL, 0, 1, family), (_RETURN, 0, 0, _ALLOW))]
    program += _on(_REFUSED["socket"][column] or 0, [*_low(0), *allowed, (_RETURN, 0, 0, _REFUSE)])
    _load([*program, (_RETURN, 0, 0, _ALLOW)])


def _load(program: list[Instruction]) -> None:
    raw = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    handle = _Program(len(program), raw)
    if _libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(handle), 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"seccomp: {os.strerror(code)}")
