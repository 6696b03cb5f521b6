"""The Deno binary: where it is, and what it tells about itself. Run by the gateway for itself, never for a program."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from deno import find_deno_bin

from gateway.errors import GatewayError
from gateway.sandbox.flags import NOWHERE

_TIMEOUT_SECONDS = 60
_REINSTALL = "Reinstall the `deno` package in the gateway's environment."
_LIST_BUILTINS = 'import { builtinModules } from "node:module"; console.log(JSON.stringify(builtinModules))'


def find() -> Path:
    """The binary of the `deno` wheel. Raises `GatewayError`."""
    try:
        return Path(find_deno_bin()).resolve()
    except FileNotFoundError as error:
        raise GatewayError(f"Deno is not there: {error}.", fix=_REINSTALL) from error


def version(deno: Path) -> str:
    return run([str(deno), "--version"])


def builtin_modules(deno: Path) -> list[str]:
    """The modules that come with Deno under a bare or a `node:` name."""
    names: list[str] = json.loads(run([str(deno), "eval", _LIST_BUILTINS]))
    return names


def libraries(deno: Path) -> tuple[str, ...]:
    """The shared libraries that the system's loader brings in for Deno, itself included: absolute paths."""
    if sys.platform != "linux":
        return ()
    listed = run([str(deno)], environment={"LD_TRACE_LOADED_OBJECTS": "1"})
    words = (word for line in listed.splitlines() for word in line.split())
    return tuple(sorted({word for word in words if word.startswith("/")}))


def run(command: Sequence[str], *, cwd: str | None = None, environment: Mapping[str, str] | None = None) -> str:
    """Standard output of a command that has to succeed. Raises `GatewayError` with what it complained about."""
    own = {"DENO_DIR": NOWHERE, "HOME": "/nonexistent", "NO_COLOR": "1", "DENO_NO_UPDATE_CHECK": "1"}
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**own, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GatewayError(f"Deno cannot be run: {error}.", fix=_REINSTALL) from error
    if done.returncode != 0:
        raise GatewayError(f"`{' '.join(command)[:80]}` failed: {done.stderr.strip()[-800:]}", fix=_REINSTALL)
    return done.stdout
