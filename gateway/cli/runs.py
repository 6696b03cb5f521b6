"""`gateway runs`: what programs have done and are doing."""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.decisions import answer, approve, deny, resolve, signal
from gateway.cli.output import Group, emit, json_option, note, table
from gateway.cli.programs import explain, finish
from gateway.cli.remote import Api, segment, with_api

_STATUSES = ("running", "waiting", "completed", "failed", "rejected", "cancelled", "revoked")
_STEP_COLUMNS = ("cid", "kind", "server", "tool", "state", "attempts", "started", "ended")


@click.group("runs", cls=Group)
def command() -> None:
    """Runs: look at them, stop them, decide what they wait for."""


for decision in (approve, deny, answer, signal, resolve):
    command.add_command(decision)


@command.command("list")
@click.option("--status", type=click.Choice(_STATUSES))
@click.option("--agent")
@click.option("--session")
@click.option("--limit", type=click.IntRange(1, 1_000), default=50, show_default=True)
@json_option
@with_api
def list_(api: Api, as_json: bool, **query: Any) -> None:
    """Runs, the latest first."""
    runs = api.get("/runs", **query)
    if as_json:
        emit(runs)
        return
    rows = [{**run, "calls": run["stats"].get("tool_calls"), "why": explain(run)} for run in runs]
    table(rows, ("run_id", "status", "agent", "session", "created", "calls", "why"), empty="No run yet.")


@command.command()
@click.argument("run_id", metavar="ID")
@json_option
@with_api
def show(api: Api, run_id: str, as_json: bool) -> None:
    """A run with its steps."""
    run = api.get(f"/runs/{segment(run_id)}")
    if as_json:
        emit(run)
        return
    steps = run.pop("steps")
    emit(run)
    table(steps, _STEP_COLUMNS, empty="It has made no call.")


@command.command()
@click.argument("run_id", metavar="ID")
@json_option
@with_api
def cancel(api: Api, run_id: str, as_json: bool) -> None:
    """Stop a run."""
    run = api.post(f"/runs/{segment(run_id)}/cancel")
    emit(run) if as_json else note(f"{run['run_id']} is {run['status']}.")


@command.command()
@click.argument("run_id", metavar="ID")
@json_option
@with_api
def wait(api: Api, run_id: str, as_json: bool) -> None:
    """Wait until a run has ended. Exits with 0 when it completed."""
    finish(api, api.get(f"/runs/{segment(run_id)}/result"), as_json=as_json, wait=None, name=run_id)
