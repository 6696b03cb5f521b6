"""`gateway runs tail|export|replay`: journals, live, as files, and played again."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import orjson
from pydantic import ValidationError

from gateway.cli.output import Command, emit, json_option, note
from gateway.cli.remote import Api, segment, with_api
from gateway.config import Limits
from gateway.engine import exported
from gateway.errors import GatewayError, UsageError
from gateway.model import JSON
from gateway.sandbox.pool import ProcessPool
from gateway.service.rehearse import Rehearsal, Step, rehearse

_SHOWN = 100
"""Characters of a value in a line."""


@click.command(cls=Command)
@click.argument("run_id", metavar="[ID]", required=False)
@json_option
@with_api
def tail(api: Api, run_id: str | None, as_json: bool) -> None:
    """What run ID writes into its journal, from its beginning until it ends; without an ID, what all runs write from
    now on. With --json, one document on each line."""
    for entry in api.lines("/runs/tail" if run_id is None else f"/runs/{segment(run_id)}/tail"):
        click.echo(orjson.dumps(entry) if as_json else _line(entry))


@click.command(cls=Command)
@click.argument("run_id", metavar="ID")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@with_api
def export(api: Api, run_id: str, file: Path) -> None:
    """Write the journal of run ID to FILE (- for stdout), for `gateway runs replay`. Known secrets are blanked; what
    tools returned is in it."""
    lines = _whole(run_id, api.lines(f"/runs/{segment(run_id)}/export"))
    if str(file) == "-":
        for line in lines:
            click.echo(orjson.dumps(line))
        return
    draft = file.with_name(f".{file.name}.part")
    try:
        with draft.open("wb") as out:
            out.writelines(orjson.dumps(line) + b"\n" for line in lines)
        draft.replace(file)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}.", fix="Name another file.") from error
    finally:
        draft.unlink(missing_ok=True)
    note(f"{run_id} is in {file}. Replay it with: gateway runs replay {file}")


def _whole(run_id: str, lines: Iterator[Any]) -> Iterator[Any]:
    """The lines, if all of them come: a stream that breaks looks like one that ends."""
    header = next(lines, {"entries": None})
    yield header
    count = 0
    for line in lines:
        count += 1
        yield line
    if count != header["entries"]:
        raise GatewayError(f"The export of {run_id} was broken off.", fix="Try again.")


@click.command(cls=Command)
@click.argument("file", type=click.File("rb"))
@json_option
def replay(file: Any, as_json: bool) -> None:
    """Run the program of an exported journal again, here and with nothing but FILE (- for stdin): what it asks for is
    compared with the journal and answered from it. Exits with 1 where it differs."""
    told = exported.read(file.read(), file.name)
    found = asyncio.run(_rehearse(told, lambda step: None if as_json else click.echo(_step("✓", step))))
    if as_json:
        emit(found.as_dict())
    else:
        _verdict(told, found)
    if not found.ok:
        raise click.exceptions.Exit(1)


async def _rehearse(told: exported.Exported, on_step: Any) -> Rehearsal:
    try:
        limits = Limits.model_validate(told.header["limits"])
    except ValidationError as error:
        raise UsageError(f"The limits in the file are wrong: {error.errors()[0]['msg']}.") from error
    with tempfile.TemporaryDirectory(prefix="gateway-replay-") as folder:
        pool = ProcessPool(limits=limits, data_dir=Path(folder), size=0, max_active=1)
        try:
            await pool.start()
            return await rehearse(pool, told, on_step)
        finally:
            await pool.close()


def _verdict(told: exported.Exported, found: Rehearsal) -> None:
    for line in found.logs:
        note(line)
    if found.differs is not None:
        cid = found.differs.get("cid", 0)
        if len(found.steps) >= cid > 0:
            click.echo(_step("✗", found.steps[cid - 1]))
        at = f"line {found.differs['line']}: " if "line" in found.differs else ""
        click.echo(f"✗ {at}{found.differs['message']}")
    elif found.end is not None:
        click.echo(f"✓ {found.end['status']}, after {len(found.steps)} steps: as in the journal.")
    else:
        click.echo(f"✓ {len(found.steps)} steps are as in the journal, which ends here ({told.header['status']}).")
    for text in found.notes:
        note(text)


def _step(mark: str, step: Step) -> str:
    line = f"line {step.line}" if step.line else ""
    value = "" if step.outcome != "done" else f" {_short(step.value)}"
    return f"{mark} #{step.cid:<4} {line:9} {step.name} {_short(step.args)} → {step.outcome}{value}"


def _line(entry: dict[str, Any]) -> str:
    at = datetime.fromtimestamp(entry.pop("at") / 1000, UTC)
    run_id, kind, cid = entry.pop("run_id"), entry.pop("k"), entry.pop("cid", None)
    entry.pop("seq")
    name = entry.pop("name", "") if kind == "call" else ""
    number = f"#{cid} " if cid is not None else ""
    return f"{at:%H:%M:%S}.{at.microsecond // 1000:03} {run_id} {kind} {number}{name} {_short(entry)}".rstrip()


def _short(value: JSON) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
