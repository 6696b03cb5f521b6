"""`gateway serve`: the gateway itself, in the foreground."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import click

from gateway import app
from gateway.cli.clients import claude_command, http_entry, snippet
from gateway.cli.connect import check_agent
from gateway.cli.output import Command
from gateway.cli.remote import announce, config_option
from gateway.config.load import load
from gateway.service.signin import sign_in_code


@click.command("serve", cls=Command)
@config_option
@click.option("--listen", metavar="HOST:PORT", help="Instead of the file's `listen`.")
@click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), help="Instead of the file's `data_dir`.")
@click.option("--redis-url", metavar="URL", help="Instead of the file's `redis_url`.")
@click.option("--watch", is_flag=True, help="Take over changes of the file by themselves (SIGHUP always does).")
@click.option("--json-logs", is_flag=True, help="One JSON object a line on stderr.")
@click.option(
    "--connect",
    "agent",
    metavar="[AGENT]",
    is_flag=False,
    flag_value="",
    help="Issue a token at start, and say how a client connects with it. Default: the first agent of the file.",
)
def command(
    config_path: Path,
    listen: str | None,
    data_dir: Path | None,
    redis_url: str | None,
    watch: bool,
    json_logs: bool,
    agent: str | None,
) -> None:
    """Start the gateway; Ctrl-C ends it and all it started."""
    config = load(config_path, listen=listen, data_dir=data_dir, redis_url=redis_url)
    if agent == "":
        agent = next(iter(config.agents), None)
    if agent is not None:
        check_agent(config, agent)

    async def banner(services: app.Services) -> str:
        announce(services.config)
        invitation = await _invitation(services, agent) if agent else ""
        return _address(services) + await _sign_in(services) + invitation

    try:
        code = app.serve(config, config_path=config_path, watch=watch, json_logs=json_logs, banner=banner)
    except KeyboardInterrupt:
        code = 0  # uvicorn raises Ctrl-C once more after everything has ended in order
    raise click.exceptions.Exit(code)


def _address(services: app.Services) -> str:
    gateway = services.config.gateway
    store = "Redis at redis_url" if gateway.redis_url else "embedded Valkey"
    servers = services.upstreams.status()
    ready = sum(server.state == "ready" for server in servers)
    return f"""\
MCP code gateway {version("mcp-code-gateway")}
  MCP endpoint   {gateway.base_url}/mcp
  Servers        {ready} of {len(servers)} ready: {", ".join(server.name for server in servers)}
  Data           {gateway.data_dir} ({store})
"""


async def _sign_in(services: app.Services) -> str:
    """Where a person signs in, with a code for the one who sees this terminal; with OIDC nobody needs one."""
    code = await sign_in_code(services)
    return f"  Sign in        {services.config.gateway.base_url}/ui/sign-in?code={code}\n" if code else ""


async def _invitation(services: app.Services, agent: str) -> str:
    url = f"{services.config.gateway.base_url}/mcp"
    issued = await services.tokens.issue(agent, ttl_seconds=None)
    token = issued["token"]
    return f"""
  Token for agent {agent}, good until {issued["expires_at"]}:
{token}

  Claude Code:
{claude_command(url, token)}

  Any other client:
{snippet(http_entry(url, token))}
"""
