"""`gateway audit`: who did what, and the proof that the record of it is whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
import orjson

from gateway.cli.output import Group, emit, json_option, note, table
from gateway.cli.remote import Api, with_api
from gateway.errors import UsageError
from gateway.model import JSON

LOOK_SECONDS = 1.0
_PATIENCE_SECONDS = 600.0
_COLUMNS = ("time", "event", "agent", "server", "tool", "decision", "outcome", "ms", "run", "detail")

_F = TypeVar("_F", bound=Callable[..., Any])


def _filters(command: _F) -> _F:
    for option in (
        click.option("--until", metavar="TIME", help="Before this time."),
        click.option("--since", metavar="TIME", help="From 2026-11-17, 2026-11-17T09:00 (UTC), or 2h, 3 days ago on."),
        click.option("--event", metavar="GLOB", help="Such as tool.call, tool.denied, run.*, token.*."),
        click.option("--run", metavar="ID", help="What this run did."),
        click.option("--tool", metavar="GLOB", help="Calls of these tools."),
        click.option("--server", metavar="GLOB", help="Calls of tools of these servers."),
        click.option("--agent", help="What this agent did."),
    ):
        command = option(command)
    return command


@click.group("audit", cls=Group)
def command() -> None:
    """The audit record: who did what, and the proof that it is whole."""


@command.command()
@_filters
@click.option("-n", "--lines", type=click.IntRange(1, 1_000), default=20, show_default=True, help="So many at first.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes; with --json, a document on each line.")
@json_option
@with_api
def tail(api: Api, lines: int, follow: bool, as_json: bool, **query: Any) -> None:
    """The latest records."""
    page = api.get("/audit/records", last=lines, **query, patience=_PATIENCE_SECONDS)
    if not follow:
        emit(page["records"]) if as_json else table(map(_row, page["records"]), _COLUMNS, empty="Nothing fits.")
        return
    while True:
        for one in page["records"]:
            click.echo(orjson.dumps(one) if as_json else _line(one))
        if not page["more"]:
            time.sleep(LOOK_SECONDS)
        page = api.get("/audit/records", cursor=page["cursor"], **query)


@command.command()
@_filters
@json_option
@with_api
def export(api: Api, as_json: bool, **query: Any) -> None:
    """All records that fit, oldest first, one JSON document on each line (with --json, one list)."""
    pages = _pages(api, query)
    if as_json:
        emit([one for page in pages for one in page["records"]])
        return
    for page in pages:
        _lines(page["records"])


@command.command()
@click.option(
    "--checkpoint",
    "file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Checkpoints that were exported (of `gateway audit checkpoint` or an exporter): no end can be missing.",
)
@json_option
@with_api
def verify(api: Api, file: Path | None, as_json: bool) -> None:
    """Prove the record unbroken, with all that runs did. Exits with 1 and names the first bad record if it is not."""
    checkpoints = _checkpoints(file) if file is not None else []
    found = api.post("/audit/verify", {"checkpoints": checkpoints}, patience=_PATIENCE_SECONDS)
    if as_json:
        emit(found)
    elif found["ok"]:
        click.echo(f"✓ {found['records']} records and {found['checkpoints']} checkpoints are as they were written.")
    else:
        bad = found["first_bad"]
        click.echo(f"✗ Record {bad['seq']}: {bad['reason']}.")
    if not found["ok"]:
        raise click.exceptions.Exit(1)


@command.command()
@json_option
@with_api
def checkpoint(api: Api, as_json: bool) -> None:
    """Sign the record's end now. Keep what is printed on another machine, for `gateway audit verify --checkpoint`."""
    signed = api.post("/audit/checkpoint")
    emit(signed) if as_json else _lines(signed)


def _pages(api: Api, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
    page = api.get("/audit/records", limit=1_000, **query, patience=_PATIENCE_SECONDS)
    gaps = set(page["gaps"])
    yield page
    while page["more"]:
        page = api.get("/audit/records", limit=1_000, cursor=page["cursor"], **query, patience=_PATIENCE_SECONDS)
        gaps.update(page["gaps"])
        yield page
    if gaps:
        note(f"The journals of {len(gaps)} runs are no longer kept, so what they did is not here (gateway.retention).")


def _checkpoints(file: Path) -> list[JSON]:
    """From a JSON document, a list of them, or one on each line; other records are passed over."""
    text = file.read_bytes()
    try:
        read = orjson.loads(text)
    except orjson.JSONDecodeError:
        read = _each_line(file, text)
    listed = read if isinstance(read, list) else [read]
    found = [one for one in listed if isinstance(one, dict) and one.get("event") == "checkpoint"]
    if not found:
        raise UsageError(f"{file} has no checkpoint in it.", fix="Use what `gateway audit checkpoint` printed.")
    return found


def _each_line(file: Path, text: bytes) -> list[JSON]:
    try:
        return [orjson.loads(line) for line in text.splitlines() if line.strip()]
    except orjson.JSONDecodeError as error:
        raise UsageError(f"{file} is not JSON: {error}.", fix="Use what `gateway audit checkpoint` printed.") from error


def _lines(records: list[JSON]) -> None:
    for one in records:
        click.echo(orjson.dumps(one))


def _line(one: dict[str, Any]) -> str:
    return "  ".join(str(value) for value in _row(one).values() if value is not None)


def _row(one: dict[str, Any]) -> dict[str, Any]:
    at = datetime.fromtimestamp(one["ts"] / 1000, UTC)
    return {
        "time": f"{at:%Y-%m-%d %H:%M:%S}",
        "event": one["event"],
        "agent": one.get("agent") or one.get("actor", {}).get("sub"),
        "server": one.get("server"),
        "tool": one.get("tool"),
        "decision": one.get("decision"),
        "outcome": one.get("result", {}).get("status") or one.get("status"),
        "ms": one.get("duration_ms"),
        "run": one.get("run_id"),
        "detail": one.get("reason") or _preview(one),
    }


def _preview(one: dict[str, Any]) -> str | None:
    preview = one.get("args_preview")
    return None if preview is None else orjson.dumps(preview).decode()[:120]
