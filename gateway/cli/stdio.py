"""`gateway stdio`: the four tools for a client that launches a command."""

from __future__ import annotations

from pathlib import Path

import click
import uvloop

from gateway import app, telemetry
from gateway.cli.connect import only_agent
from gateway.cli.output import Command
from gateway.cli.remote import Api, config_option, find, segment
from gateway.config import Config
from gateway.config.environment import gateway_url
from gateway.config.load import load
from gateway.errors import ConfigError, NotFound
from gateway.web import stdio


@click.command("stdio", cls=Command)
@config_option
@click.option("--agent", help="The agent to act as. Default: the only one there is.")
def command(config_path: Path, agent: str | None) -> None:
    """Serve MCP over stdin and stdout, until stdin ends.

    Where a gateway runs already (GATEWAY_URL, or on the data folder of the file), its tools are relayed; else the
    gateway runs in this process. Nothing but MCP goes to stdout.
    """
    if gateway_url() is not None:
        if agent is None:
            raise click.UsageError("Give --agent: which of the gateway's agents to act as.")
        _relay(find(config_path), agent)
        return
    config = load(config_path)
    agent = agent or only_agent(config)
    api = _running(config_path)
    if api is not None:
        _relay(api, agent)
        return
    telemetry.configure_logs("warning", json_logs=False, secrets=config.secrets)
    uvloop.run(_serve(config, agent))


def _running(config_path: Path) -> Api | None:
    """The gateway of this configuration, if it answers. None also where there never was one: it has no admin key."""
    try:
        api = find(config_path)
        api.get("/servers")
    except (NotFound, ConfigError):
        return None
    return api


def _relay(api: Api, agent: str) -> None:
    uvloop.run(stdio.relay(f"{api.url}/api/v1/agents/{segment(agent)}/mcp", api.bearer))


async def _serve(config: Config, agent: str) -> None:
    async with app.running(config) as services:
        await stdio.serve_agent(services, agent)
