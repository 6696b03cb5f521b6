"""`gateway run`: a program of a file, as an agent."""

from __future__ import annotations

from typing import TextIO

import click

from gateway.cli.output import Command, json_option
from gateway.cli.programs import finish, read
from gateway.cli.remote import Api, with_api


@click.command("run", cls=Command)
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option("--agent", help="The agent to act as. Default: the only one there is.")
@click.option("--session", default="default", show_default=True, help="The session whose `state` the program sees.")
@click.option("--wait", type=click.FloatRange(min=0), metavar="SECONDS", help="Wait no longer than this.")
@json_option
@with_api
def command(api: Api, file: TextIO, agent: str | None, session: str, wait: float | None, as_json: bool) -> None:
    """Run the TypeScript program in FILE (- for stdin), and wait until it ends. Exits with 0 when it completed."""
    run = api.post("/runs", {"code": read(file), "agent": agent, "session": session})
    finish(api, run, as_json=as_json, wait=wait, name=file.name)
