"""A program's run as the terminal shows it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

import click

from gateway.cli.output import emit, note
from gateway.cli.remote import Api, segment
from gateway.errors import UsageError

_STEP_SECONDS = 20.0
"""How long one request waits for the end; a run that takes longer is asked for again."""


def read(file: TextIO) -> str:
    """A program's text. Raises UsageError for what is none."""
    try:
        return file.read()
    except UnicodeDecodeError as error:
        raise UsageError(f"{file.name} is not UTF-8 text: {error.reason}.", fix="Name a TypeScript file.") from error


def finish(api: Api, run: dict[str, Any], *, as_json: bool, wait: float | None, name: str) -> None:
    """Follow a run until it ends (or for `wait` seconds), print it, and exit with 1 unless it completed."""
    began = time.monotonic()
    told = ""
    try:
        while run["status"] in ("running", "waiting"):
            left = _STEP_SECONDS if wait is None else min(_STEP_SECONDS, wait - (time.monotonic() - began))
            if left <= 0:
                break
            if (why := explain(run)) != told:
                note(f"{run['run_id']} is {run['status']}: {why}" if why else f"{run['run_id']} is {run['status']}.")
                told = why
            run = api.get(f"/runs/{segment(run['run_id'])}/result", patience=left, wait_seconds=left)
    except KeyboardInterrupt:
        note(f"\n{run['run_id']} goes on. Stop it with: gateway runs cancel {run['run_id']}")
        raise
    _print(run, as_json=as_json, name=name)
    if run["status"] != "completed":
        raise click.exceptions.Exit(1)


def explain(run: Mapping[str, Any]) -> str:
    """Why a run is as it is, in a line."""
    if waiting := run.get("waiting"):
        until = f" until {waiting['until']}" if waiting.get("until") else ""
        answer = f" → {waiting['answer']}" if waiting.get("answer") else ""
        return f"{waiting['for']}{until}: {waiting['detail']}{answer}"
    if error := run.get("error"):
        return str(error["message"])
    return "; ".join(finding["message"] for finding in run.get("diagnostics", ()))


def _print(run: Mapping[str, Any], *, as_json: bool, name: str) -> None:
    if as_json:
        emit(run)
        return
    for line in run.get("logs", ()):
        note(line)
    print_findings(run, name)
    if error := run.get("error"):
        place = ":".join(str(part) for part in (name, error.get("line"), error.get("column")) if part)
        note(f"{place}: {error['message']}")
    note(f"{run['run_id']} {run['status']}, {run['stats'].get('tool_calls', 0)} calls")
    if run["status"] == "completed":
        emit(run.get("result"))


def print_findings(found: Mapping[str, Any], name: str) -> None:
    """The type checker's findings, as compilers print them."""
    _findings(found.get("diagnostics", ()), name, "error")
    _findings(found.get("warnings", ()), name, "warning")


def _findings(findings: Iterable[Mapping[str, Any]], name: str, kind: str) -> None:
    for finding in findings:
        note(f"{name}:{finding['line']}:{finding['column']}: {kind}: {finding['message']}")
