"""`gateway sessions`: what programs keep in `state`, per token and session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from gateway.cli.output import Group, emit, json_option, note, table
from gateway.cli.remote import Api, segment, with_api

_F = TypeVar("_F", bound=Callable[..., Any])
_COLUMNS = ("session", "agent", "token", "created", "keys", "bytes", "runs", "live_runs")


def _whose(command: _F) -> _F:
    command = click.option("--token", metavar="ID", help="Only of this token.")(command)
    return click.option("--agent", help="Only of this agent's tokens.")(command)


@click.group("sessions", cls=Group)
def command() -> None:
    """Sessions: what their state holds, and whose they are."""


@command.command("list")
@_whose
@json_option
@with_api
def list_(api: Api, as_json: bool, **query: Any) -> None:
    """Sessions, the latest first."""
    sessions = api.get("/sessions", **query)
    emit(sessions) if as_json else table(sessions, _COLUMNS, empty="No session.")


@command.command()
@click.argument("name", metavar="NAME")
@_whose
@json_option
@with_api
def show(api: Api, name: str, as_json: bool, **query: Any) -> None:
    """A session: the keys of its state with their sizes, and its latest runs."""
    session = api.get(f"/sessions/{segment(name)}", **query)
    if as_json:
        emit(session)
        return
    table([session], _COLUMNS[:-2], empty="")
    table(session["state"], ("key", "bytes"), empty="Its state is empty.")
    table(session["runs"], ("run_id", "status", "created"), empty="It has no run.")


@command.command()
@click.argument("name", metavar="NAME")
@_whose
@click.option("--cancel", is_flag=True, help="Cancel its runs that go on; without this they are in the way.")
@json_option
@with_api
def delete(api: Api, name: str, as_json: bool, **query: Any) -> None:
    """Forget a session: its state, and which runs it had. The runs' journals stay."""
    done = api.delete(f"/sessions/{segment(name)}", **query)
    if as_json:
        emit(done)
    else:
        note(f"Session {name} of {done['token']} is deleted; {len(done['cancelled'])} runs were cancelled.")
