"""The table of every setting, written from the models. `scripts/settings-table --write` puts it into the documents that
have a place for it; `test_docs.py` holds them against each other."""

from __future__ import annotations

import argparse
import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Le
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from gateway.config import Model
from gateway.config.models import File
from gateway.config.problems import plain

ROOT = Path(__file__).parents[2]
DOCUMENTS = (ROOT / "docs" / "configuration.md", ROOT / "README.md")
BEGIN, END = "<!-- settings:begin -->", "<!-- settings:end -->"

_NAMED = {
    "Seconds": "duration",
    "Duration": "duration",
    "Words": "text or list of texts",
    "FilePaths": "path or list of paths",
    "HttpUrl": "URL",
    "IssuerUrl": "URL",
    "Minute": "`HH:MM`",
    "Scalar": "value",
}
_PLAIN: dict[Any, str] = {bool: "`true` or `false`", int: "whole number", str: "text", Path: "path", Any: "value"}
_SPANS = ((86_400, "days"), (3_600, "h"), (60, "min"), (1, "s"))


def settings_table() -> str:
    """The table in Markdown, without a line break at its end."""
    rows = ["| Key | Type | Default | Meaning |", "|---|---|---|---|"]
    rows += [f"| `{key}` | {kind} | {default} | {meaning} |" for key, kind, default, meaning in _rows(File, "", {})]
    return "\n".join(rows)


def documented(text: str) -> str | None:
    """The table that a document holds, or None where it has no place for one."""
    _, begin, rest = text.partition(BEGIN)
    table, end, _ = rest.partition(END)
    return table.strip() if begin and end else None


def _rows(section: type[Model], prefix: str, seen: dict[Any, str]) -> Iterator[tuple[str, str, str, str]]:
    for name, setting in section.model_fields.items():
        key = prefix + str(setting.validation_alias or name)
        inner, place = _inner(setting.annotation, key)
        kind = _kind(section, name, setting)
        if inner is not None and inner in seen:
            kind += f", as `{seen[inner]}`"
        yield key, kind, _default(kind, setting), _meaning(setting)
        if inner is not None and inner not in seen:
            seen[inner] = place
            yield from _rows(inner, f"{place}.", seen)


def _inner(annotation: Any, key: str) -> tuple[type[Model] | None, str]:
    """The section that a setting holds, and where its keys are."""
    annotation = plain(annotation)
    if get_origin(annotation) is dict:
        return _inner(get_args(annotation)[1], f"{key}.NAME")
    if get_origin(annotation) is tuple:
        return _inner(get_args(annotation)[0], f"{key}[]")
    return (annotation if isinstance(annotation, type) and issubclass(annotation, Model) else None), key


def _kind(section: type[Model], name: str, setting: FieldInfo) -> str:
    written = next(owned[name] for owner in section.__mro__ if name in (owned := inspect.get_annotations(owner)))
    named = _NAMED.get(str(written).removesuffix(" | None"))
    bounds = {type(bound): bound for bound in setting.metadata}
    if not named and {Ge, Le} <= bounds.keys():
        return f"{_described(setting.annotation)}, {bounds[Ge].ge:,}–{bounds[Le].le:,}"
    return named or _described(setting.annotation)


def _described(annotation: Any) -> str:
    annotation = plain(annotation)
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{option}`" for option in inner)
    if origin is tuple:
        return f"list of {_described(inner[0])}s" if not get_args(inner[0]) else f"list of {_described(inner[0])}"
    if origin is dict:
        return "mapping"
    if inner:
        return "number"
    return _PLAIN.get(annotation, "section")


def _default(kind: str, setting: FieldInfo) -> str:
    default = setting.default
    if default is PydanticUndefined:
        return "required"
    if default in (None, "", (), {}) or isinstance(default, Model):
        return "–"
    if kind == "duration":
        size, unit = next(span for span in _SPANS if default % span[0] == 0)
        return f"`{default // size:g} {unit}`"
    if isinstance(default, str | Path):
        return f"`{default}`"
    return f"`{json.dumps(default)}`"


def _meaning(setting: FieldInfo) -> str:
    return f"{setting.description}{' Taken over without a restart.' if setting.json_schema_extra else ''}"


def _with_table(text: str) -> str:
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{settings_table()}\n{END}{after}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Print the table of settings, or put it into the documents.")
    parser.add_argument("--write", action="store_true", help="put it into docs/configuration.md and README.md")
    if not parser.parse_args().write:
        print(settings_table())
        return 0
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8") if document.exists() else ""
        if documented(text) is not None:
            document.write_text(_with_table(text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
