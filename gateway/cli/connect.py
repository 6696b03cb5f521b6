"""`gateway connect`: what an MCP client needs to reach the gateway as an agent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from gateway.cli.clients import NAME, Client, claude_command, http_entry, known, read_settings, snippet, stdio_entry
from gateway.cli.output import Command, note
from gateway.cli.remote import config_option, find
from gateway.config import Config
from gateway.config.load import load
from gateway.errors import UsageError


@click.command("connect", cls=Command)
@click.argument("client", type=click.Choice(list(known(Path(), Path()))))
@click.option("--agent", help="The agent to act as. Default: the only one there is.")
@click.option("--write", is_flag=True, help="Write it into the client's own file (a copy of which is kept as .bak).")
@config_option
def command(client: str, agent: str | None, write: bool, config_path: Path) -> None:
    """Show, or with --write put in its place, what CLIENT needs. A client that speaks HTTP gets a new token."""
    config = load(config_path)
    agent = agent or only_agent(config)
    check_agent(config, agent)
    where = known(Path.home(), Path.cwd())[client]
    path = next((file for file in where.files if file.exists()), where.files[0])
    settings = _settings(path, where.key) if write else {}  # before a token is issued in vain
    entry = _entry(where, config, config_path, agent)
    if client == "claude-code":
        click.echo(claude_command(entry["url"], entry["headers"]["Authorization"].removeprefix("Bearer ")))
    elif write:
        settings[where.key][NAME] = entry
        _write(path, settings)
    else:
        note(f"Add this to {path} (or let --write do it):")
        click.echo(snippet(entry, where.key))


def check_agent(config: Config, agent: str) -> None:
    """Raises UsageError for an agent that the configuration does not have."""
    if agent not in config.agents:
        raise UsageError(f"There is no agent '{agent}'.", fix=f"The file has: {', '.join(config.agents)}.")


def only_agent(config: Config) -> str:
    """The agent of a configuration that has just one. Raises UsageError."""
    if len(config.agents) != 1:
        known_agents = ", ".join(config.agents) or "(none is configured)"
        raise UsageError("Which agent?", fix=f"Give --agent with one of: {known_agents}.")
    return next(iter(config.agents))


def _entry(where: Client, config: Config, config_path: Path, agent: str) -> dict[str, Any]:
    if where.reach == "stdio":
        return stdio_entry(config_path, agent)
    issued = find(config_path).post("/tokens", {"agent": agent})
    note(f"Issued token {issued['id']} for agent {agent}, good until {issued['expires_at']}.")
    return http_entry(f"{config.gateway.base_url}/mcp", issued["token"])


def _settings(path: Path, key: str) -> dict[str, Any]:
    """The client's own, with a place for the gateway. Raises UsageError."""
    settings = read_settings(path) if path.exists() else {}
    if not isinstance(settings.setdefault(key, {}), dict):
        raise UsageError(f"{path}: `{key}` is no mapping of servers.", fix="Mend it, or leave out --write.")
    return settings


def _write(path: Path, settings: dict[str, Any]) -> None:
    if path.exists():
        path.with_suffix(path.suffix + ".bak").write_bytes(path.read_bytes())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    note(f"Written to {path}. Restart the client.")
