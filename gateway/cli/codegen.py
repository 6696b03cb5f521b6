"""`gateway codegen`: TypeScript declarations for MCP tools, from dumps or from a running gateway."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click

from codegen import ServerSpec, generate, load_dump, write
from gateway.cli import recorded
from gateway.cli.output import Command, emit, json_option, note
from gateway.cli.remote import config_option, find
from gateway.errors import UsageError

_DUMP = click.Path(path_type=Path, exists=True, dir_okay=False, readable=True)


@click.command("codegen", cls=Command)
@click.option("--from", "dumps", type=_DUMP, multiple=True, metavar="DUMP.json", help="Tools of one or more servers.")
@click.argument("more", type=_DUMP, nargs=-1, metavar="[DUMP.json]...")
@click.option("--server", "servers", multiple=True, metavar="NAME", help="A server of the running gateway.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Where to write.")
@click.option("--learn", type=_DUMP, metavar="FILE", help="Recorded results, for tools that declare none.")
@config_option
@click.option("--url", metavar="URL", help="A gateway elsewhere; needs GATEWAY_ADMIN_TOKEN.")
@json_option
def command(
    dumps: tuple[Path, ...],
    more: tuple[Path, ...],
    servers: tuple[str, ...],
    out: Path,
    learn: Path | None,
    config_path: Path,
    url: str | None,
    as_json: bool,
) -> None:
    """Write tools.d.ts and manifest.json into OUT: from dumps, or else from the running gateway."""
    specs = [spec for path in (*dumps, *more) for spec in _read(path)]
    if servers or not specs:
        api = find(config_path, url)
        for server in servers or (None,):
            specs += load_dump(api.get("/catalog", server=server))
    if learn is not None:
        specs = list(_taught(specs, recorded.learn(learn)))
    module = generate(specs)
    write(module, out)
    if as_json:
        emit({"hash": module.hash, "servers": len(specs), "tools": len(module.tools), "issues": module.issues})
        return
    for issue in module.issues:
        note(issue)
    note(f"{out}: {len(module.tools)} tools of {len(specs)} servers, {len(module.issues)} issues.")


def _taught(specs: Sequence[ServerSpec], learnt: recorded.Learnt) -> Iterator[ServerSpec]:
    known = {(spec.name, tool["name"]) for spec in specs for tool in spec.tools}
    for server, tool in sorted(learnt.keys() - known):
        note(f"{server}:{tool} has recorded results and no definition.")
    for spec in specs:
        observed = {tool: shape for (server, tool), shape in learnt.items() if server == spec.name}
        yield replace(spec, observed=observed)


def _read(path: Path) -> list[ServerSpec]:
    try:
        return load_dump(json.loads(path.read_bytes()))
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{path} is not a dump of tools: {error}.", fix='Its form: {"server": …, "tools": […]}.'
        ) from error
