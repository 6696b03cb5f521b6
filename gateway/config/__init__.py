"""The configuration: `load()` reads one file, `diff()` compares two, and nothing else reads the environment.

base, quantities          how sections and amounts are written
servers, agents, settings the sections of the file; `models.Config` is the whole
globs                     the glob grammar of grants
source                    YAML with the line of every key
clients                   what other clients' files say that has another name, or no meaning, here
load                      file → Config, or every mistake at once
changes                   what a changed file means for a running gateway
environment               the only reader of `os.environ`
"""

from gateway.config.agents import (
    AgentConfig,
    ApprovalConfig,
    ArgumentConfig,
    DenyConfig,
    GrantConfig,
    GrantLimits,
    HoursConfig,
    RangeConfig,
    WhenConfig,
)
from gateway.config.audit import AuditSettings, JsonlSettings, OtlpSettings, SyslogSettings
from gateway.config.base import Model
from gateway.config.changes import Changes, diff
from gateway.config.environment import admin_token, base_environment, environment, gateway_url
from gateway.config.load import DEFAULT_PATH, load
from gateway.config.models import Config
from gateway.config.servers import AnnotationOverride, ServerConfig, ServerOAuth, Transport
from gateway.config.settings import ExchangeConfig, GatewaySettings, Limits, OidcSettings, RequestCaps

__all__ = [
    "DEFAULT_PATH",
    "AgentConfig",
    "AnnotationOverride",
    "ApprovalConfig",
    "ArgumentConfig",
    "AuditSettings",
    "Changes",
    "Config",
    "DenyConfig",
    "ExchangeConfig",
    "GatewaySettings",
    "GrantConfig",
    "GrantLimits",
    "HoursConfig",
    "JsonlSettings",
    "Limits",
    "Model",
    "OidcSettings",
    "OtlpSettings",
    "RangeConfig",
    "RequestCaps",
    "ServerConfig",
    "ServerOAuth",
    "SyslogSettings",
    "Transport",
    "WhenConfig",
    "admin_token",
    "base_environment",
    "diff",
    "environment",
    "gateway_url",
    "load",
]
