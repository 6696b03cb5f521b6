"""The upstream servers with what the gateway puts around them: secrets blanked, commands behind walls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from gateway.config import Config, base_environment
from gateway.engine.scrub import Scrubber
from gateway.identity.keys import KeyRing, admin_key
from gateway.identity.tokens import beginning
from gateway.model import Catalog
from gateway.sandbox.servers import Confinement
from gateway.upstream.pool import Upstreams


def known_secrets(config: Config) -> frozenset[str]:
    """The configuration's, and the gateway's own."""
    return config.secrets | {admin_key(config.gateway.data_dir)}


def upstreams(config: Config, on_change: Callable[[Catalog], Awaitable[None]]) -> Upstreams:
    """Besides whole secrets, every token of this gateway is blanked in what servers send, the caller's own too."""
    settings = config.gateway
    ring = KeyRing.load_or_create(settings.data_dir)
    return Upstreams(
        config.servers,
        base_env=base_environment(),
        on_change=on_change,
        scrubber=Scrubber(known_secrets(config), [beginning(ring.kid)]),
        confine=Confinement(settings.data_dir / "servers", settings.walls),
    )
