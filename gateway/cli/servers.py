"""`gateway servers`: the MCP servers behind the gateway."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from gateway.cli.output import Group, emit, json_option, note, table
from gateway.cli.remote import Api, segment, with_api
from gateway.engine.text import one_line

_COLUMNS = ("name", "state", "transport", "protocol", "tools", "latency_ms", "error")
_CHECK_SECONDS = 120
_DRIFT = ("added", "removed", "changed")


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


@command.command()
@click.argument("server")
@click.argument("tools", nargs=-1, metavar="[TOOL]...")
@click.option(
    "--seen", metavar="DIGEST", help="Only if this is what `servers check` showed: it may have changed again."
)
@json_option
@with_api
def approve(api: Api, server: str, tools: tuple[str, ...], seen: str | None, as_json: bool) -> None:
    """Take what SERVER lists now as approved: these tools, or all that drifted."""
    approved = api.post(f"/servers/{segment(server)}/approve", {"tools": list(tools), "seen": seen})
    if as_json:
        emit(approved)
        return
    lines = [f"{name} ({what})" for what in _DRIFT for name in approved[what]]
    click.echo("\n".join(one_line(line, 200) for line in lines) or "Nothing has drifted.")


def _show(servers: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        emit(servers)
        return
    table(servers, _COLUMNS, empty="No server is configured: see `gateway import`.")
    for server in servers:
        tail = server["stderr_tail"] if server["state"] == "failed" else ()
        for line in (*_drifted(server["name"], server["drift"]), *server["skipped"], *tail):
            note(f"{server['name']}: {line}")


def _drifted(server: str, drift: dict[str, Any]) -> Iterator[str]:
    """Lines about tools that are not as they were approved."""
    for what in _DRIFT:
        for tool in drift[what]:
            parts = f" ({', '.join(drift['parts'][tool])})" if drift["parts"].get(tool) else ""
            yield f"{what} since approval: {tool}{parts}{'; held' if tool in drift['held'] else ''}"
    if drift["digest"]:
        yield f"to approve just this: gateway servers approve {server} --seen {drift['digest']}"
