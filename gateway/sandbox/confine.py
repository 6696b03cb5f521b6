"""Puts walls around itself, then becomes another program: how a stdio server with `sandbox: true` is started, and,
behind walls as narrow as a program's, the type checker.

    python -I -m gateway.sandbox.confine '{"read": […], "write": […], "network": true}' PROGRAM ARGUMENT…
    python -I -m gateway.sandbox.confine '{"read": […], "run": […], "own": […]}' PROGRAM ARGUMENT…

Only what the standard library has, so that it starts fast. What the server starts is behind the same walls.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import sys
from typing import NoReturn

from gateway.sandbox import landlock, seccomp, walls

_LOOK = landlock.READ_FILE | landlock.READ_DIR | landlock.EXECUTE


def main() -> None:
    order, (program, *arguments) = json.loads(sys.argv[1]), sys.argv[2:]
    if "own" in order:
        become_alone(program, arguments, **order)
    confine(**order)
    os.execv(program, [program, *arguments])


def become_alone(program: str, arguments: list[str], *, read: list[str], run: list[str], own: list[str]) -> NoReturn:
    """Become a program that reads `read`, runs `run`, has the folders `own` to itself, and reaches no network and no
    other process. Raises OSError where the kernel refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    path = ctypes.create_string_buffer(os.fsencode(program))
    argv = (ctypes.c_char_p * (len(arguments) + 2))(*map(os.fsencode, (program, *arguments)), None)
    walls.no_new_privs()
    landlock.restrict(landlock.abi(), read, run, own=own)
    # The filter knows the one program that may still be run by its address, which `execv` passes on as it is.
    seccomp.restrict(os.getpid(), ctypes.addressof(path))
    libc.execv(path, argv)
    raise OSError(ctypes.get_errno(), f"{program} cannot be run")


def confine(read: list[str], write: list[str], *, network: bool) -> None:
    """For this process and all that it starts: files only below `read` and `write`, no sockets but TCP and UDP, and
    none at all without `network`. Sockets with a name in the file system are out in either case: Landlock does not see
    them, and the gateway's own store may be behind one. Raises OSError where the kernel refuses."""
    walls.no_new_privs()
    version = landlock.abi()
    rules = [*((path, _LOOK) for path in read), *((path, landlock.everything(version)) for path in write)]
    landlock.enforce(version, rules, tcp=network)
    seccomp.restrict_sockets((socket.AF_INET, socket.AF_INET6, 16) if network else ())


if __name__ == "__main__":
    main()
