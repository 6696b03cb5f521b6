"""`gateway token`: issue, list, show, revoke."""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.output import Group, emit, json_option, note, table
from gateway.cli.remote import Api, segment, with_api

_COLUMNS = ("id", "agent", "state", "session", "expires_at")


@click.group("token", cls=Group)
def command() -> None:
    """Issue, list and revoke tokens."""


@command.command()
@click.argument("agent")
@click.option("--ttl", metavar="DURATION", help="Lifetime, such as 12h or 30d.")
@click.option(
    "--grant", "grants", metavar="SERVER:TOOLS", multiple=True, help="Only these tools, of what the agent may."
)
@click.option("--parent", metavar="TOKEN_ID", help="Issue a child, which can do no more and dies with its parent.")
@json_option
@with_api
def issue(api: Api, agent: str, ttl: str | None, grants: tuple[str, ...], parent: str | None, as_json: bool) -> None:
    """Issue a token for AGENT. It is shown this once, and kept nowhere."""
    body = {"agent": agent, "ttl": ttl, "grants": [_grant(grant) for grant in grants], "parent": parent}
    issued = api.post("/tokens", body)
    if as_json:
        emit(issued)
        return
    note(f"Token {issued['id']} for agent {issued['agent']}, good until {issued['expires_at']}. Keep it safe:")
    click.echo(issued["token"])


def _grant(text: str) -> dict[str, Any]:
    """A grant of `--grant`. Raises BadParameter for what would open more, or less, than it looks like."""
    server, _, tools = text.partition(":")
    names = [tool.strip() for tool in tools.split(",")]
    if not server.strip() or not all(names):
        told = f"{text!r} is not SERVER:TOOLS, such as git:git_log, 'git:git_log,git_show' or 'git:*'"
        raise click.BadParameter(told, param_hint="--grant")
    return {"server": server.strip(), "tools": names}


@command.command("list")
@json_option
@with_api
def list_(api: Api, as_json: bool) -> None:
    """All tokens that have been issued."""
    tokens = api.get("/tokens")
    emit(tokens) if as_json else table(tokens, _COLUMNS, empty="No token has been issued.")


@command.command()
@click.argument("token_id", metavar="ID")
@json_option
@with_api
def show(api: Api, token_id: str, as_json: bool) -> None:
    """One token: whose it is, what narrows it, how long it lives."""
    token = api.get(f"/tokens/{segment(token_id)}")
    if as_json:
        emit(token)
        return
    table(({"field": name, "value": value} for name, value in token.items()), ("field", "value"), empty="")


@command.command()
@click.argument("token_id", metavar="[ID]", required=False)
@click.option("--agent", help="All tokens of this agent.")
@click.option("--session", help="The token of this session.")
@click.option("--tenant", help="All tokens of this tenant.")
@click.option("--all", "everything", is_flag=True, help="Every token.")
@json_option
@with_api
def revoke(
    api: Api,
    token_id: str | None,
    agent: str | None,
    session: str | None,
    tenant: str | None,
    everything: bool,
    as_json: bool,
) -> None:
    """Revoke tokens and stop their running programs, now, on every replica."""
    if sum(map(bool, (token_id, agent, session, tenant, everything))) != 1:
        raise click.UsageError("Name exactly one: a token ID, --agent, --session, --tenant or --all.")
    whom = {"token": token_id, "agent": agent, "session": session, "tenant": tenant, "all": everything}
    done = api.post("/tokens/revoke", whom)
    if as_json:
        emit(done)
        return
    note(f"Revoked {len(done['revoked'])} and stopped {done['runs_stopped']} runs.")
    for revoked in done["revoked"]:
        click.echo(revoked)
