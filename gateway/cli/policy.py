"""`gateway policy`: what an agent may call, and why."""

from __future__ import annotations

import json
from typing import Any

import click
import orjson

from gateway.cli.output import Group, emit, json_option, note, table
from gateway.cli.remote import Api, with_api


@click.group("policy", cls=Group)
def command() -> None:
    """What an agent may call, and why."""


@command.command()
@click.argument("agent")
@click.argument("tool", metavar="SERVER:TOOL")
@click.argument("call", metavar="[JSON]", required=False, default="{}")
@click.option("--token", "token_id", metavar="ID", help="With all that narrows this token of the agent.")
@json_option
@with_api
def explain(api: Api, agent: str, tool: str, call: str, token_id: str | None, as_json: bool) -> None:
    """Whether AGENT may call SERVER:TOOL now, which rule says so, and why the others did not.

    JSON: the tool's arguments, or an object whose only key is "args".
    """
    server, colon, name = tool.partition(":")
    if not colon:
        raise click.BadParameter("expected SERVER:TOOL", param_hint="SERVER:TOOL")
    question = {"agent": agent, "server": server, "tool": name, "args": _arguments(call), "token": token_id}
    decision = api.post("/policy/explain", question)
    if as_json:
        emit(decision)
        return
    click.echo(f"{decision['effect']}: {decision['reason']} ({decision['rule']})")
    if decision["held"]:
        note(f"But {tool} is held, since it has changed: see `gateway servers check` and `gateway servers approve`.")
    for limit in decision["limits"]:
        used = "" if limit["used"] is None else f", {limit['used']} used"
        click.echo(f"  counts against {limit['window']}: {limit['cap']}{used}")
    for approval in decision["approvals"]:
        click.echo(f"  needs the approval of {approval['by']} within {approval['ttl_seconds']} s")
    if decision["considered"]:
        note("The other rules:")
        table(decision["considered"], ("rule", "why_not"), empty="")


def _arguments(text: str) -> Any:
    try:
        orjson.loads(text)  # which takes no NaN, and nesting only as deep as the gateway does
        call = json.loads(text, object_pairs_hook=_without_duplicates)
    except ValueError as error:
        raise click.BadParameter(f"not JSON: {error}", param_hint="JSON") from error
    if not isinstance(call, dict):
        raise click.BadParameter("expected the tool's arguments as a JSON object", param_hint="JSON")
    return call["args"] if list(call) == ["args"] and isinstance(call["args"], dict) else call


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """What an argument that is given twice means, nobody can tell."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found
