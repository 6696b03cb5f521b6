"""`gateway check`: the type checker's verdict on a program, which is not run."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from pathlib import Path
from typing import Any, TextIO

import click

from gateway.cli.output import Command, emit, json_option, note
from gateway.cli.programs import print_findings, read
from gateway.cli.remote import config_option, find
from gateway.engine.program import parse
from gateway.errors import UsageError
from gateway.sandbox.checker import Checker
from gateway.service.views import diagnostics


@click.command("check", cls=Command)
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option(
    "--types",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="Against the tools.d.ts that `gateway codegen` wrote there: no gateway is needed.",
)
@click.option("--agent", help="With the tools of this agent. Default: the only one there is.")
@config_option
@click.option("--url", metavar="URL", help="A gateway elsewhere; needs GATEWAY_ADMIN_TOKEN.")
@json_option
def command(
    file: TextIO, types: Path | None, agent: str | None, config_path: Path, url: str | None, as_json: bool
) -> None:
    """Type-check the TypeScript program in FILE (- for stdin). Exits with 1 when it would be rejected."""
    code = read(file)
    if types is not None:
        found = asyncio.run(_check(code, _declarations(types)))
    else:
        found = find(config_path, url).post("/check", {"code": code, "agent": agent})
    if as_json:
        emit(found)
    else:
        print_findings(found, file.name)
        note(f"{file.name}: {'fine' if found['ok'] else 'rejected'}")
    if not found["ok"]:
        raise click.exceptions.Exit(1)


def _declarations(folder: Path) -> str:
    try:
        return (folder / "tools.d.ts").read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{folder} has no tools.d.ts.", fix="Write one with `gateway codegen --out DIR`.") from error


async def _check(code: str, declarations: str) -> dict[str, Any]:
    """The verdict of a checker that is started for this one program."""
    program = parse(code)
    module = hashlib.sha256(declarations.encode()).hexdigest()
    with tempfile.TemporaryDirectory(prefix="gateway-check-") as folder:
        checker = Checker(data_dir=Path(folder))
        try:
            await checker.start()
            await checker.load(module, declarations)
            found = await checker.check(program, module)
        finally:
            await checker.close()
    return {
        "ok": not found.diagnostics,
        "diagnostics": diagnostics(found.diagnostics),
        "warnings": diagnostics((*program.warnings, *found.warnings)),
    }
