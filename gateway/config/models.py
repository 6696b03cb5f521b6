"""The whole configuration file."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from pydantic import ConfigDict, Field

from gateway.config.agents import AgentConfig, DenyConfig
from gateway.config.base import Model
from gateway.config.quantities import PlainName, ServerName
from gateway.config.servers import ServerConfig
from gateway.config.settings import GatewaySettings
from gateway.model import Grant


class File(Model):
    """What the file itself holds."""

    model_config = ConfigDict(populate_by_name=True)

    servers: dict[ServerName, ServerConfig] = Field(
        default={}, validation_alias="mcpServers", description="The upstream MCP servers."
    )
    agents: dict[PlainName, AgentConfig] = Field(default={}, description="Who may call, and what.")
    deny: tuple[DenyConfig, ...] = Field(default=(), description="What nobody may call. Wins over any grant.")
    gateway: GatewaySettings = Field(default=GatewaySettings(), description="The gateway itself.")

    @cached_property
    def denied(self) -> tuple[Grant, ...]:
        """The deny rules for the policy engine, in the file's order. Always the same tuple: it is compiled once."""
        return tuple(rule.to_grant() for rule in self.deny)


class Config(File):
    """One file as loaded, and where it came from."""

    path: Path | None = None
    notices: tuple[str, ...] = ()
    """What was understood but has no meaning here, one line each, for the operator."""
    secrets: frozenset[str] = Field(default=frozenset(), repr=False)
    """Values that are secrets by where they come from or what they are called: scrub them from what leaves."""
