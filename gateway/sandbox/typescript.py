"""Brings TypeScript 7's native compiler: one binary from npm, without Node, fetched by the bundled Deno.

The version is pinned, and so is the SHA-512 of each platform's archive: Deno checks it against the lock file that is
written here, and installs nothing that differs. Registry, proxy and credentials are those of the user's environment.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import platform
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from pathlib import Path

from deno import find_deno_bin

log = logging.getLogger(__name__)

VERSION = "7.0.2"
SHA512 = {
    "linux-x64": "EYdf2cNg7rgCWJnxCdJ+F3V39O8ihb37eHAu1LK8oAFizgTQbPOK7zHHXbPt8rX24COqODXeI3sIf0fCXG7H/A==",
    "linux-arm64": "Qh4eU4/y3yDjnfjjyPYihMj5/ODIlmt+Bzu17OI+fiSRDW57QmU5SiN63exPRNJPKUzcc1INa1NXdrJ+MqHjUQ==",
    "darwin-x64": "SZ9xZInqApNlNGc9s0W1VSsktYSOe9cFqNOIqmN1Gs8SmkjKZYFt017G4VwPxASInODuAdbTW7sXiFUf893RgA==",
    "darwin-arm64": "gowzar9MwS/aRWp6f3a4KUqzRjAZjOsmGNCM6LcTgXum+dBfgsBVMN+AgvOCCbguXyick6LJhpBszxMebJ8syA==",
}
SHARED = Path(sys.prefix) / "share" / "mcp-code-gateway"
"""Where an image or an environment may hold it for every data folder: `ensure(SHARED)`."""
SECONDS = 60.0

_MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


def platform_key() -> str | None:
    """The package's name for this machine. None: there is no package for it."""
    key = f"{sys.platform}-{_MACHINES.get(platform.machine().lower(), '')}"
    return key if key in SHA512 else None


def find(data_dir: Path) -> Path | None:
    """The compiler, if it has been brought before, into `data_dir` or for all."""
    places = (_home(folder) / "lib" / "tsc" for folder in (data_dir, SHARED))
    return next((place for place in places if os.access(place, os.X_OK)), None)


async def ensure(data_dir: Path, *, seconds: float = SECONDS) -> Path | None:
    """The compiler, brought into `data_dir` if need be. None, with the reason in the log, when it cannot be had within
    `seconds`: no network, no package for this machine, or an archive that is not the pinned one."""
    if (found := find(data_dir)) is not None:
        return found
    key = platform_key()
    if key is None:
        log.warning("TypeScript %s has no package for %s on %s", VERSION, sys.platform, platform.machine())
        return None
    try:
        await _bring(data_dir, key, seconds)
    except OSError as error:
        if find(data_dir) is None:
            log.warning("TypeScript %s could not be brought: %s", VERSION, error)
    return find(data_dir)


def _home(folder: Path) -> Path:
    return folder / "typescript" / f"{VERSION}-{platform_key()}"


async def _bring(data_dir: Path, key: str, seconds: float) -> None:
    """Fetch into a folder of its own beside the final one, then rename: of two that do it at once, one wins. Raises
    OSError."""
    home = _home(data_dir)
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".incoming-", dir=home.parent, ignore_cleanup_errors=True) as incoming:
        package = f"@typescript/typescript-{key}"
        _describe(Path(incoming), package, SHA512[key])
        status, output = await _install(Path(incoming), seconds)
        brought = Path(incoming) / "node_modules" / package
        if status != 0 or not (brought / "lib" / "tsc").is_file():
            raise OSError(f"deno install ended with {status}: {output[:500].strip() or 'it took too long'}")
        brought.resolve().rename(home)


def _describe(folder: Path, package: str, sha512: str) -> None:
    """A project that needs this one package, and a lock file that says which archive it is."""
    system, machine = package.rsplit("-", 2)[1:]
    name = f"{package}@{VERSION}"
    lock = {
        "version": "5",
        "specifiers": {f"npm:{name}": VERSION},
        "npm": {name: {"integrity": f"sha512-{sha512}", "os": [system], "cpu": [machine]}},
        "workspace": {"packageJson": {"dependencies": [f"npm:{name}"]}},
    }
    (folder / "package.json").write_text(json.dumps({"dependencies": {package: VERSION}}), encoding="utf-8")
    (folder / "deno.lock").write_text(json.dumps(lock), encoding="utf-8")


async def _install(folder: Path, seconds: float) -> tuple[int | None, str]:
    """Exit status and output of `deno install`; `env` adds one variable to the environment that it inherits."""
    process = await asyncio.create_subprocess_exec(
        *("/usr/bin/env", f"DENO_DIR={folder / 'cache'}", "NO_COLOR=1"),
        *(find_deno_bin(), "install", "--quiet", "--frozen", "--node-modules-dir=auto"),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        cwd=folder,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(seconds):
            output, _ = await process.communicate()
            return process.returncode, output.decode("utf-8", "replace")
    except TimeoutError:
        return None, ""
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
