"""The address that the gateway listens on."""

from __future__ import annotations

import socket

from gateway.config import Config
from gateway.errors import ConfigError


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
