"""Upstream servers that are started behind walls: `sandbox: true`. What each may reach, as an order for `confine`."""

from __future__ import annotations

import json
import logging
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from gateway.config import ServerConfig
from gateway.errors import ConfigError
from gateway.sandbox import walls

log = logging.getLogger(__name__)

_SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store"),
    *("/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf"),
    *("/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/gai.conf", "/etc/services"),
    *("/etc/protocols", "/etc/passwd", "/etc/group", "/etc/localtime", "/etc/os-release", "/etc/mime.types"),
    *("/proc/self", "/proc/meminfo", "/proc/cpuinfo", "/proc/stat", "/proc/sys/kernel", "/proc/sys/vm"),
    *("/sys/fs/cgroup", "/sys/devices/system/cpu", "/dev/random", "/dev/urandom", "/dev/zero"),
)
_ELSEWHERE = (
    "XDG_",
    "UV_CACHE",
    "UV_PYTHON",
    "UV_TOOL",
    "PIP_CACHE",
    "NPM_CONFIG_CACHE",
    "npm_config_cache",
    "DENO_DIR",
)
"""Variables that lead to folders of the person's own."""


class Confinement:
    """`folder` is where each server gets a folder of its own; `mode` is `gateway.walls`."""

    def __init__(self, folder: Path, mode: str) -> None:
        self._folder = folder
        self._mode = mode

    def __call__(
        self, name: str, config: ServerConfig, base_env: Mapping[str, str]
    ) -> tuple[ServerConfig, Mapping[str, str]]:
        """How the server is to be started instead, and in which environment. Raises `ConfigError` when walls are
        required and there are none."""
        if not config.sandbox or config.command is None or self._mode == "off":
            return config, base_env
        if not self._possible(name):
            return config, base_env
        program = shutil.which(config.command, path={**base_env, **config.env}.get("PATH"))
        if program is None:
            return config, base_env  # which says better what is wrong
        own = self._folder / _plain(name)
        for folder in (own, own / "tmp"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        cwd = config.cwd or own
        installed = {Path(program).parent, Path(program).resolve().parent, Path(sys.prefix), Path(sys.base_prefix)}
        order = {
            "read": [*_SYSTEM, *map(str, sorted(installed)), *_certificates(base_env), *config.sandbox_read],
            "write": ["/dev/null", str(own), str(cwd), *config.sandbox_write],
            "network": config.sandbox_network,
        }
        environment = {key: value for key, value in base_env.items() if not key.startswith(_ELSEWHERE)}
        environment |= {"HOME": str(own), "TMPDIR": str(own / "tmp")}
        args = ("-I", "-m", "gateway.sandbox.confine", json.dumps(order), program, *config.args)
        return config.model_copy(update={"command": sys.executable, "args": args, "cwd": cwd}), environment

    def _possible(self, name: str) -> bool:
        missing = [wall for wall in walls.status() if wall.name in ("landlock", "seccomp") and not wall.up]
        if not missing:
            return True
        reason = "; ".join(f"{wall.name}: {wall.detail}" for wall in missing)
        if self._mode == "required":
            raise ConfigError(
                f"{name} is to be sandboxed and cannot be here ({reason}).", fix=missing[0].fix or "Run it on Linux."
            )
        log.warning("upstream %s is started without the walls that it should have (%s)", name, reason)
        return False


def _certificates(base_env: Mapping[str, str]) -> list[str]:
    return [value for key, value in base_env.items() if "CERT" in key or key.endswith(("_CA_BUNDLE", "_CAINFO"))]


def _plain(name: str) -> str:
    """The name as one segment of a path."""
    return "".join(char if char.isalnum() or char in "-_" else f"%{ord(char):x}" for char in name)
