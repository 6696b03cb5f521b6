"""`gateway servers`: the MCP servers behind the gateway."""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.output import Group, emit, json_option, note, table
from gateway.cli.remote import Api, with_api

_COLUMNS = ("name", "state", "transport", "protocol", "tools", "latency_ms", "error")
_CHECK_SECONDS = 120


@click.group("servers", cls=Group)
def command() -> None:
    """The MCP servers behind the gateway."""


@command.command("list")
@json_option
@with_api
def list_(api: Api, as_json: bool) -> None:
    """The servers as they are now."""
    _show(api.get("/servers"), as_json=as_json)


@command.command()
@json_option
@with_api
def check(api: Api, as_json: bool) -> None:
    """Ask every server now. Exits with 1 when one does not answer."""
    servers = api.post("/servers/check", patience=_CHECK_SECONDS)
    _show(servers, as_json=as_json)
    if any(server["state"] == "failed" for server in servers):
        raise click.exceptions.Exit(1)


def _show(servers: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        emit(servers)
        return
    table(servers, _COLUMNS, empty="No server is configured: see `gateway import`.")
    for server in servers:
        for line in (*server["skipped"], *(server["stderr_tail"] if server["state"] == "failed" else ())):
            note(f"{server['name']}: {line}")
