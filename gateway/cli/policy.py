"""`gateway policy`: what an agent may call, and why."""

from __future__ import annotations

import json
from typing import Any

import click

from gateway.cli.output import Group, emit, json_option, note, table
from gateway.cli.remote import Api, with_api


@click.group("policy", cls=Group)
def command() -> None:
    """What an agent may call, and why."""


@command.command()
@click.argument("agent")
@click.argument("tool", metavar="SERVER:TOOL")
@click.argument("call", metavar="[JSON]", required=False, default="{}")
@json_option
@with_api
def explain(api: Api, agent: str, tool: str, call: str, as_json: bool) -> None:
    """Whether AGENT may call SERVER:TOOL now, which rule says so, and why the others did not.

    JSON: the tool's arguments, or an object whose only key is "args".
    """
    server, colon, name = tool.partition(":")
    if not colon:
        raise click.BadParameter("expected SERVER:TOOL", param_hint="SERVER:TOOL")
    question = {"agent": agent, "server": server, "tool": name, "args": _arguments(call)}
    decision = api.post("/policy/explain", question)
    if as_json:
        emit(decision)
        return
    click.echo(f"{decision['effect']}: {decision['reason']} ({decision['rule']})")
    if decision["held"]:
        note(f"But {tool} is held, since it has changed: see `gateway servers check` and `gateway servers approve`.")
    if decision["considered"]:
        note("Considered:")
        table(({"rule": rule, "why_not": why} for rule, why in decision["considered"]), ("rule", "why_not"), empty="")


def _arguments(text: str) -> Any:
    try:
        call = json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"not JSON: {error}", param_hint="JSON") from error
    if isinstance(call, dict) and list(call) == ["args"] and isinstance(call["args"], dict):
        return call["args"]
    return call
