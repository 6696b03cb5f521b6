"""What is wrong with a configuration file, in the author's terms: file, line, key, what was found, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.config.base import Model
from gateway.config.models import File
from gateway.config.source import KeyPath, Source
from gateway.errors import ConfigError

_SECRET_SETTINGS = {("gateway", "redis_url"), ("gateway", "oidc", "client_secret")}
_SECRET_SERVER_KEYS = {"args", "env", "headers", "url"}

_EXPECTED = {
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
    "dict_type": "expected a mapping of keys",
    "float_parsing": "expected a number",
    "float_type": "expected a number",
    "int_from_float": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_type": "expected a whole number",
    "model_type": "expected a mapping of keys",
    "string_too_short": "expected a text that is not empty",
    "string_type": "expected a text",
    "too_short": "expected a list that is not empty",
    "tuple_type": "expected a list",
}
"""Pydantic's names of mistakes in the words of this file; for all others its own sentence serves."""


@dataclass(frozen=True, slots=True)
class Problem:
    path: KeyPath
    message: str
    fix: str


def dotted(path: KeyPath) -> str:
    """`agents.triage.grants[1].server`"""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def nearest(word: str, known: Collection[str]) -> str:
    """`Did you mean 'x'?`, or what there is to choose from."""
    lowered = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {lowered[close[0]]!r}?"
    return f"Known here: {', '.join(sorted(known))}." if known else "There are none here."


def refuse(source: Source, problems: Iterable[Problem], given: Collection[KeyPath] = ()) -> ConfigError:
    """One error for all problems of a file, in the order of its lines. `given`: settings of the command line."""
    rows = []
    for problem in sorted(problems, key=lambda each: (source.line(each.path) or 0, dotted(each.path))):
        line = None if problem.path in given else source.line(problem.path) or 1
        rows.append(
            {
                "file": source.name,
                "line": line,
                "key": dotted(problem.path),
                "message": problem.message,
                "fix": problem.fix,
            }
        )
    first = rows[0]
    message, fix = _text(first), str(first["fix"])
    if len(rows) > 1:
        message = "\n  ".join(
            [f"{source.name}: {len(rows)} problems:", *(f"{_text(row)} {row['fix']}" for row in rows)]
        )
        fix = ""
    return ConfigError(message, fix=fix, file=source.name, line=first["line"], key=first["key"], problems=rows)


def _text(row: dict[str, Any]) -> str:
    where = "command line" if row["line"] is None else f"{row['file']}:{row['line']}"
    return f"{where}: {row['key']}: {row['message']}."


def from_validation(error: ValidationError, value: Any, touched: Collection[KeyPath]) -> list[Problem]:
    """Pydantic's findings on `value`, one for each key."""
    found: dict[KeyPath, Problem] = {}
    for details in error.errors(include_url=False, include_context=False):
        problem = _problem(details, value, touched)
        found.setdefault(problem.path, problem)
    return list(found.values())


def _problem(details: ErrorDetails, value: Any, touched: Collection[KeyPath]) -> Problem:
    path, here = _locate(details["loc"], value)
    if details["type"] == "missing":
        path = (*path, str(details["loc"][-1]))
        return Problem(path, "is missing", "Add it.")
    if details["type"] == "extra_forbidden":
        return Problem(path, "unknown key", nearest(str(path[-1]), _known_keys(path[:-1])))
    message = details["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
    message = _EXPECTED.get(details["type"], message)
    secret = any(text[: len(path)] == path for text in touched)
    if secret:
        message = message.partition(": ")[0]  # what follows a colon may quote the value
    if details["loc"][-1:] != ("[key]",):
        message += f"; found {_described(here, secret=secret or _is_secret(path))}"
    return Problem(path, message, "Correct it.")


def _is_secret(path: KeyPath) -> bool:
    return path in _SECRET_SETTINGS or (path[0] == "mcpServers" and not _SECRET_SERVER_KEYS.isdisjoint(path[2:3]))


def _locate(loc: tuple[int | str, ...], value: Any) -> tuple[KeyPath, Any]:
    """The path in the file that pydantic's location stands for: steps through its own types are left out."""
    path: KeyPath = ()
    for part in loc:
        inside = dict(enumerate(value)) if isinstance(value, list) else value
        if isinstance(inside, dict) and part in inside:
            path, value = (*path, part), inside[part]
    return path, value


def _described(value: Any, *, secret: bool) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict | list):
        return "a mapping of keys" if isinstance(value, dict) else "a list"
    if isinstance(value, str):
        return "a text" if secret else f"the text {value if len(value) <= 40 else value[:39] + '…'!r}"
    return f"the {'truth value' if isinstance(value, bool) else 'number'} {str(value).lower()}"


def _known_keys(path: KeyPath) -> list[str]:
    section: Any = File
    for part in path:
        section = _inside(section, part)
    return keys(section) if isinstance(section, type) and issubclass(section, Model) else []


def keys(section: type[Model]) -> list[str]:
    """The keys of a section as the file has them."""
    return [_key(name, field) for name, field in section.model_fields.items()]


def _key(name: str, field: Any) -> str:
    return field.validation_alias if isinstance(field.validation_alias, str) else name


def _inside(section: Any, part: str | int) -> Any:
    if isinstance(section, type) and issubclass(section, Model):
        fields = {_key(name, field): field.annotation for name, field in section.model_fields.items()}
        return plain(fields.get(str(part)))
    inner = get_args(section)
    if get_origin(section) is dict:
        return plain(inner[1])
    return plain(inner[0]) if inner else None


def plain(annotation: Any) -> Any:
    """An annotation without its metadata and without `None`."""
    while hasattr(annotation, "__metadata__"):
        annotation = annotation.__origin__
    options = [option for option in get_args(annotation) if option is not type(None)]
    optional = len(options) < len(get_args(annotation)) and get_origin(annotation) is not tuple
    return plain(options[0]) if optional and len(options) == 1 else annotation
