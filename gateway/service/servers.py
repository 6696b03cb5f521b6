"""The upstream servers with what the gateway puts around them: secrets blanked, commands behind walls."""

from __future__ import annotations

from gateway.config import Config, base_environment
from gateway.engine.scrub import Scrubber
from gateway.identity.keychain import KeyChain
from gateway.identity.keys import KeyRing
from gateway.identity.tokens import beginning
from gateway.sandbox.servers import Confinement
from gateway.upstream.credentials import Bearers
from gateway.upstream.pool import OnChange, Recall, Upstreams


def known_secrets(config: Config, admin_key: str) -> frozenset[str]:
    """The configuration's, and the gateway's own."""
    return config.secrets | {admin_key}


def beginnings(ring: KeyRing) -> list[str]:
    """How the tokens of this gateway begin, the caller's own too: they are blanked in what servers send."""
    return [beginning(kid) for kid in ring.accepted]


def upstreams(config: Config, keys: KeyChain, bearers: Bearers, on_change: OnChange, recall: Recall) -> Upstreams:
    """The configured servers, not started."""
    settings = config.gateway
    return Upstreams(
        config.servers,
        base_env=base_environment(),
        on_change=on_change,
        bearers=bearers,
        scrubber=Scrubber(known_secrets(config, keys.admin), beginnings(keys.tokens)),
        confine=Confinement(settings.data_dir / "servers", settings.walls),
        recall=recall,
    )
