"""`gateway runs`: what programs have done and are doing."""

from __future__ import annotations

from typing import Any, TextIO

import click

from gateway.cli.decisions import answer, approve, deny, resolve, signal
from gateway.cli.journals import export, replay, tail
from gateway.cli.output import Group, emit, json_option, note, table
from gateway.cli.programs import explain, finish, print_findings, read
from gateway.cli.remote import Api, segment, with_api

_STATUSES = ("running", "waiting", "completed", "failed", "rejected", "cancelled", "revoked")
_FACTS = ("by", "until", "continues", "forked_from", "retry_of", "continued_as")
_COLUMNS = ("time", "event", "line", "outcome", "ms", "replayed", "detail")


@click.group("runs", cls=Group)
def command() -> None:
    """Runs: look at them, stop them, decide what they wait for."""


for other in (tail, export, replay, approve, deny, answer, signal, resolve):
    command.add_command(other)


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
    table(rows, ("run_id", "status", "agent", "session", "created", "calls", "why"), empty="No run.")


@command.command()
@click.argument("run_id", metavar="ID")
@json_option
@with_api
def show(api: Api, run_id: str, as_json: bool) -> None:
    """A run, and what happened in it: each step, how it ended, and what was replayed."""
    run = api.get(f"/runs/{segment(run_id)}")
    if as_json:
        emit(run)
        return
    del run["steps"]
    timeline = run.pop("timeline")
    emit(run)
    table(map(_row, timeline), _COLUMNS, empty="Nothing has happened in it.")


def _row(line: dict[str, Any]) -> dict[str, Any]:
    number = f"#{line['cid']} " if "cid" in line else ""
    name = line["name"] if line["event"] == "step" else line["event"]
    facts = (f"{fact} {line[fact]}" for fact in _FACTS if fact in line)
    told = [*facts, *([line["detail"]] if "detail" in line else []), *(["copied"] if "copied" in line else [])]
    return {
        "time": line["at"][11:-1],
        "event": f"{number}{name}",
        "line": line.get("line"),
        "outcome": line.get("state"),
        "ms": line.get("ms"),
        "replayed": line.get("replayed") or None,
        "detail": ", ".join(told),
    }


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


@command.command()
@click.argument("run_id", metavar="ID")
@click.option("--at", type=click.IntRange(min=1), required=True, metavar="CID", help="The first step done anew.")
@click.option("--code", "file", type=click.File(encoding="utf-8"), metavar="FILE", help="With this program.")
@click.option("--session", help="In another session. Default: the run's own.")
@json_option
@with_api
def fork(api: Api, run_id: str, at: int, file: TextIO | None, session: str | None, as_json: bool) -> None:
    """Start a new run that has done all that run ID had done before step CID. What ID did is not done again."""
    body = {"at": at, "code": None if file is None else read(file), "session": session}
    _started(api.post(f"/runs/{segment(run_id)}/fork", body), as_json=as_json)


@command.command()
@click.argument("run_id", metavar="ID")
@click.option("--from-start", is_flag=True, help="From its first line: all that it did is done again.")
@json_option
@with_api
def retry(api: Api, run_id: str, from_start: bool, as_json: bool) -> None:
    """Go on, in a new run, where run ID failed or was cancelled: the call that failed is made again, what succeeded is
    not."""
    _started(api.post(f"/runs/{segment(run_id)}/retry", {"from_start": from_start}), as_json=as_json)


def _started(run: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        emit(run)
    else:
        click.echo(run["run_id"])
        note(f"{run['run_id']} is {run['status']}. Wait for it with: gateway runs wait {run['run_id']}")
    if run["status"] == "rejected":
        print_findings(run, "the program")
        raise click.exceptions.Exit(1)
