"""Runs a command that only needs its own folder behind the kernel's walls: the type checker, which reads programs.

`python -m gateway.sandbox.confined CONFINEMENT` puts the walls up around itself, then becomes the command. It costs one
start of Python for each start of a checker; programs have the launcher, which spares them that.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from gateway.sandbox import landlock, seccomp, walls


def available() -> bool:
    """Whether the kernel has both walls."""
    return walls.landlock_abi() > 0 and seccomp.available() is None


@dataclass(frozen=True, slots=True)
class Confinement:
    """The command `argv`, the files or folders that it may read and run, and the folders that are its own."""

    argv: Sequence[str]
    readable: Sequence[str]
    executable: Sequence[str]
    own: Sequence[str]

    def command(self) -> list[str]:
        """What to start in the command's place: the command itself where there are no walls to be had."""
        if not available():
            return list(self.argv)
        return [sys.executable, "-I", "-m", "gateway.sandbox.confined", json.dumps(asdict(self))]


def main() -> None:
    """Never returns: this process is the command, or ends with 126."""
    confinement = Confinement(**json.loads(sys.argv[1]))
    libc = ctypes.CDLL(None, use_errno=True)
    path = ctypes.create_string_buffer(os.fsencode(confinement.argv[0]))
    argv = (ctypes.c_char_p * (len(confinement.argv) + 1))(*map(os.fsencode, confinement.argv), None)
    walls.no_new_privs()
    abi = landlock.abi()
    landlock.restrict(abi, confinement.readable, confinement.executable, own=confinement.own)
    seccomp.restrict(os.getpid(), ctypes.addressof(path))
    libc.execv(path, argv)  # which passes this very address on to execve
    sys.exit(126)


if __name__ == "__main__":
    main()
