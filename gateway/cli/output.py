"""What commands print: one JSON document, or tables for people, on stdout; all else on stderr."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click
import orjson

from gateway.engine.text import legible
from gateway.errors import GatewayError, UsageError
from gateway.model import JSON

_LONGEST = 4_000
"""Characters of one thing that is shown: servers may have written it."""


class Misused(click.ClickException):
    exit_code = 2


class Command(click.Command):
    """A command whose errors become a message, and with `--json` a document too."""

    def make_context(self, info_name: str | None, args: list[str], *more: Any, **extra: Any) -> click.Context:
        as_json = "--json" in args
        try:
            return super().make_context(info_name, args, *more, **extra)
        except click.UsageError as error:
            if as_json:
                emit({"error": UsageError(error.format_message()).as_dict()})
            raise

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (GatewayError, OSError, UnicodeError) as error:
            told = _in_words(error)
            if told is None:
                raise
            if ctx.params.get("as_json"):
                emit({"error": told.as_dict()})
            failure = Misused if isinstance(told, UsageError) else click.ClickException
            raise failure(legible(str(told), _LONGEST)) from error


def _in_words(error: Exception) -> GatewayError | None:
    """What the one who typed the command can do something about; None for any other error."""
    match error:
        case GatewayError():
            return error
        case OSError(filename=str() as path, strerror=str() as reason):
            return UsageError(f"{path}: {reason}.", fix="Name another file or folder.")
        case UnicodeEncodeError():
            return UsageError(f"{error.object!a} is not UTF-8.", fix="Write it as the terminal's encoding has it.")
        case _:
            return None


class Group(click.Group):
    command_class = Command


json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")


def emit(value: JSON) -> None:
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2))


def note(text: str) -> None:
    click.echo(legible(text, _LONGEST), err=True)


def table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], *, empty: str) -> None:
    """Rows of text under the columns' names; `empty` is said where there are none."""
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    if not cells:
        note(empty)
        return
    header = [column.replace("_", " ").upper() for column in columns]
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    for line in (header, *cells):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    first, more, _ = text.partition("\n")
    return legible(first.replace("\t", " "), _LONGEST) + ("…" if more else "")
