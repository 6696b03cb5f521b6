"""Landlock through plain ctypes: what files a process may touch, and no TCP. Linux 5.13+, no privileges needed.

Source: Linux `Documentation/userspace-api/landlock.rst` and `include/uapi/linux/landlock.h`. The three system calls
have the same numbers on every architecture. A library for them would be larger than this file.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Iterable, Sequence

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG = 1
_RULE_PATH_BENEATH = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | 1 << 14 | 1 << 15
"""The rights that a single file can have: those above, truncating, and orders to devices."""
_FS_BITS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""ABI → how many file system rights it knows; later ones know as many as 5."""
_NET_TCP = 0b11
_SCOPES = 0b11
"""From ABI 6: no signals and no abstract Unix sockets to processes outside."""

_libc = ctypes.CDLL(None, use_errno=True)


class LandlockError(OSError):
    """A Landlock system call failed; `errno` says why."""


def _syscall(number: int, *arguments: object) -> int:
    result: int = _libc.syscall(number, *arguments)
    if result < 0:
        code = ctypes.get_errno()
        raise LandlockError(code, os.strerror(code))
    return result


def abi() -> int:
    """The kernel's Landlock version, from 1. Raises `LandlockError`: ENOSYS (not built), EOPNOTSUPP (off at boot)."""
    return _syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_FLAG))


def restrict(version: int, readable: Iterable[str], executable: Iterable[str], *, own: Iterable[str] = ()) -> None:
    """Take every file right from this process and its children but reading `readable` (files, or folders with what
    is below), running `executable`, and everything but running below the folders `own`. From ABI 4 no TCP either.
    Needs no_new_privs. A path that is not there is left out: nothing is to be had from it.
    """
    rules = [(path, READ_FILE) for path in readable]
    rules += [(path, READ_FILE | EXECUTE) for path in executable]
    rules += [(path, everything(version) & ~EXECUTE) for path in own]
    enforce(version, rules, tcp=False)


def enforce(version: int, rules: Iterable[tuple[str, int]], *, tcp: bool) -> None:
    """Take every file right from this process and its children but those of `rules`: paths (files, or folders with
    what is below), and what may be done there. Without `tcp` no TCP either, from ABI 4. As for the rest, see
    `restrict`."""
    handled = everything(version)
    attributes = [handled]
    if version >= 4:
        attributes.append(0 if tcp else _NET_TCP)
    if version >= 6:
        attributes.append(_SCOPES)
    ruleset = _create(attributes)
    try:
        for path, rights in rules:
            _allow(ruleset, path, rights & handled)
        _syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)


def everything(version: int) -> int:
    """All rights to files and folders that the kernel knows."""
    return (1 << _FS_BITS.get(version, 16)) - 1


def _create(attributes: Sequence[int]) -> int:
    raw = struct.pack(f"={len(attributes)}Q", *attributes)
    return _syscall(_CREATE_RULESET, raw, ctypes.c_size_t(len(raw)), ctypes.c_uint32(0))


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        folder_or_file = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EACCES):
            return
        raise
    try:
        if not stat.S_ISDIR(os.fstat(folder_or_file).st_mode):
            rights &= _OF_FILES
        rule = struct.pack("=Qi", rights, folder_or_file)
        _syscall(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(_RULE_PATH_BENEATH), rule, ctypes.c_uint32(0))
    finally:
        os.close(folder_or_file)
