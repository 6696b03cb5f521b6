"""What one gateway alone may have: the address that it listens on, and its data folder."""

from __future__ import annotations

import fcntl
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.config import Config
from gateway.errors import ConfigError, Conflict


def listen(config: Config) -> tuple[Config, socket.socket]:
    """Bind before anything else starts: a port in use is said at once. Port 0 becomes the one that was taken."""
    settings = config.gateway
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        bound = socket.create_server((settings.host, settings.port), family=family, backlog=1024)
    except OSError as error:
        raise ConfigError(
            f"Cannot listen on {settings.listen}: {error.strerror or error}.",
            fix="Stop what uses that address, or choose another with --listen.",
        ) from error
    bracketed = f"[{settings.host}]" if family == socket.AF_INET6 else settings.host
    taken = settings.model_copy(update={"listen": f"{bracketed}:{bound.getsockname()[1]}"})
    return config.model_copy(update={"gateway": taken}), bound


@contextmanager
def owned(data_dir: Path) -> Iterator[None]:
    """One gateway for one data folder."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (data_dir / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(
                f"Another gateway is running on the data folder {data_dir}.",
                fix="Stop it, or give this one a folder of its own with --data-dir.",
            ) from error
        yield
