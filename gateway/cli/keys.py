"""`gateway keys`: the keys that sign tokens and checkpoints."""

from __future__ import annotations

import click

from gateway.cli.output import Group, emit, json_option, note, table
from gateway.cli.remote import Api, with_api


@click.group("keys", cls=Group)
def command() -> None:
    """The keys that sign tokens and checkpoints."""


@command.command("list")
@json_option
@with_api
def list_(api: Api, as_json: bool) -> None:
    """The keys that are accepted, and until when."""
    keys = api.get("/keys")
    emit(keys) if as_json else table(keys, ("purpose", "state", "kid", "until", "source"), empty="")


@command.command()
@click.option("--checkpoints", is_flag=True, help="The key of the audit record's checkpoints, not that of tokens.")
@click.option("--emergency", is_flag=True, help="The key leaked: end all tokens and their runs, on every replica.")
@json_option
@with_api
def rotate(api: Api, checkpoints: bool, emergency: bool, as_json: bool) -> None:
    """Sign with a new key from now on. Tokens of the former one stay good until they end."""
    purpose = "checkpoints" if checkpoints else "tokens"
    done = api.post("/keys/rotate", {"purpose": purpose, "emergency": emergency})
    if as_json:
        emit(done)
        return
    note(f"The key for {purpose} is now {done['kid']}.")
    if emergency:
        note(f"Revoked {len(done['revoked'])} tokens and stopped {done['runs_stopped']} runs.")
