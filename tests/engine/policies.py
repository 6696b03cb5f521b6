"""Short ways to say who, which tool and which grant, for the tests of the policy engine."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gateway.config import DenyConfig, GrantConfig
from gateway.engine.policy import Decision, decide
from gateway.engine.table import Usage
from gateway.model import Annotations, Grant, Principal, Tool

NOW = int(datetime(2026, 11, 18, 12, 0, tzinfo=UTC).timestamp() * 1000)
"""A Wednesday, noon UTC."""


def tool(name: str = "git:git_log", **hints: bool) -> Tool:
    server, _, tool_name = name.partition(":")
    return Tool(server, tool_name, {}, Annotations(**hints), "pin")


def grant(server: str = "git", tools: Any = "*", **rest: Any) -> Grant:
    """As the configuration file would give it."""
    return GrantConfig.model_validate({"server": server, "tools": tools, **rest}).to_grant()


def closing(server: str = "git", tools: Any = "*", **rest: Any) -> Grant:
    return DenyConfig.model_validate({"server": server, "tools": tools, **rest}).to_grant()


def principal(*policies: tuple[Grant, ...], deny: tuple[Grant, ...] = ()) -> Principal:
    return Principal("tok_1", "triage", "alice@example.com", "default", "sid", ("default", "triage"), policies, deny)


def ask(
    grants: tuple[Grant, ...],
    called: Tool | None = None,
    args: Any = None,
    *,
    deny: tuple[Grant, ...] = (),
    now: int = NOW,
    usage: Usage | None = None,
) -> Decision:
    return decide(principal(grants, deny=deny), called or tool(), {} if args is None else args, now, usage)
