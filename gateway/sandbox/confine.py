"""Puts walls around itself, then becomes another program: how a stdio server with `sandbox: true` is started.

    python -I -m gateway.sandbox.confine '{"read": […], "write": […], "network": true}' PROGRAM ARGUMENT…

Only what the standard library has, so that it starts fast. What the server starts is behind the same walls.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import sys

from gateway.sandbox import landlock, seccomp

_PR_SET_NO_NEW_PRIVS = 38
_LOOK = landlock.READ_FILE | landlock.READ_DIR | landlock.EXECUTE


def main() -> None:
    order, program, *arguments = sys.argv[1:]
    confine(**json.loads(order))
    os.execv(program, [program, *arguments])


def confine(read: list[str], write: list[str], *, network: bool) -> None:
    """For this process and all that it starts: files only below `read` and `write`, no sockets but TCP and UDP, and
    none at all without `network`. Sockets with a name in the file system are out in either case: Landlock does not see
    them, and the gateway's own store may be behind one. Raises OSError where the kernel refuses."""
    if ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError("no_new_privs was refused")
    version = landlock.abi()
    rules = [*((path, _LOOK) for path in read), *((path, landlock.everything(version)) for path in write)]
    landlock.enforce(version, rules, tcp=network)
    seccomp.restrict_sockets((socket.AF_INET, socket.AF_INET6, 16) if network else ())


if __name__ == "__main__":
    main()
