"""What a changed file means for a running gateway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.config.models import Config
from gateway.config.settings import GatewaySettings


@dataclass(frozen=True, slots=True)
class Changes:
    """Names of what differs between two configurations; what is not named goes on undisturbed."""

    servers: frozenset[str]
    """Added, removed or changed servers; one that is disabled counts as absent."""
    agents: frozenset[str]
    """Added, removed or changed agents."""
    deny: bool
    settings: frozenset[str]
    """Settings of `gateway` that can be taken over at once."""
    restart: frozenset[str]
    """Settings of `gateway` that take effect at the next start only."""

    def __bool__(self) -> bool:
        return bool(self.servers or self.agents or self.deny or self.settings or self.restart)


def diff(old: Config, new: Config) -> Changes:
    """What differs between two loaded files."""
    differing = _differing(dict(old.gateway), dict(new.gateway))
    reloadable = {name for name in differing if GatewaySettings.model_fields[name].json_schema_extra is not None}
    return Changes(
        servers=_differing(_enabled(old), _enabled(new)),
        agents=_differing(old.agents, new.agents),
        deny=old.deny != new.deny,
        settings=frozenset(reloadable),
        restart=differing - reloadable,
    )


def _enabled(config: Config) -> Mapping[str, Any]:
    return {name: server for name, server in config.servers.items() if server.enabled}


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(name for name in {*old, *new} if old.get(name) != new.get(name))
