"""YAML (and so JSON) as plain values, with the line of every key and the author's own spelling of every scalar.

The value types are YAML 1.2's core schema, so that `18:00` and `no` are texts as people mean them, and JSON means what
it means elsewhere. Values are built from parser events, with caps on size, depth and expansion: a hostile file costs
no more than a large one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

from gateway.errors import ConfigError

KeyPath = tuple[str | int, ...]
_T = TypeVar("_T")

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_VALUES = 50_000
"""Values after aliases are expanded."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")}
_INTEGER = re.compile(r"[-+]?[0-9]{1,40}|0o[0-7]{1,40}|0x[0-9a-fA-F]{1,40}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Source:
    """A file's values. `lines` has the 1-based line of every key and list item, `written` each scalar as it stands."""

    name: str
    value: dict[str, Any]
    lines: dict[KeyPath, int] = field(default_factory=dict)
    written: dict[KeyPath, str] = field(default_factory=dict)

    def rename(self, parent: KeyPath, section: dict[str, Any], old: str, new: str) -> None:
        """Give a key of `section`, which lies at `parent`, another name, as if the author had written it so."""
        section[new] = section.pop(old)
        _rekey(self.lines, (*parent, old), new)
        _rekey(self.written, (*parent, old), new)

    def line(self, path: KeyPath) -> int | None:
        """The line of `path`, or of the innermost part of it that the file has."""
        return next((self.lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self.lines), None)


def _rekey(places: dict[KeyPath, _T], path: KeyPath, new: str) -> None:
    inside = {place: what for place, what in places.items() if place[: len(path)] == path}
    places.update({(*path[:-1], new, *place[len(path) :]): what for place, what in inside.items()})


def read(path: Path) -> Source:
    """Read one file. Raises ConfigError: absent, unreadable, too large, not UTF-8, not YAML, not a mapping."""
    name = str(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise ConfigError(
            f"{name}: there is no such file.", fix="Create it, or name another one with -c FILE.", file=name
        ) from error
    except IsADirectoryError as error:
        raise ConfigError(f"{name}: is a folder.", fix="Name a file in it with -c FILE.", file=name) from error
    except OSError as error:
        raise ConfigError(
            f"{name}: cannot be read: {error.strerror}.", fix="Check the path and its permissions.", file=name
        ) from error
    if len(data) > MAX_BYTES:
        raise ConfigError(
            f"{name}: is larger than {MAX_BYTES >> 20} MiB.",
            fix="A configuration is small: is it this file?",
            file=name,
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{name}:{line}: is not UTF-8 text.", fix="Save the file in UTF-8.", file=name, line=line
        ) from error
    return parse(text, name=name)


def parse(text: str, *, name: str) -> Source:
    """The values of one YAML document. `name` stands for the file in errors. Raises ConfigError as `read` does."""
    builder = _Builder(name)
    try:
        builder.document(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join(part for part in (error.context, error.problem) if part)
        raise builder.error(f"is not valid YAML: {what}", mark, "Check quotes, brackets and indentation.") from error
    except yaml.YAMLError as error:
        raise builder.error(
            "has a character that YAML does not allow", None, "Remove control characters from the file."
        ) from error
    if builder.value is None:
        raise builder.error(
            "is empty", None, "Start with 'mcpServers:' and 'agents:'; configs/demo.yaml is an example."
        )
    if not isinstance(builder.value, dict):
        raise builder.error("is not a mapping of keys", None, "Start with 'mcpServers:' and 'agents:'.")
    return Source(name, builder.value, builder.lines, builder.written)


class _Builder:
    """Events → values. An alias is built anew from the recorded events of its anchor, so that its paths are its own."""

    def __init__(self, name: str) -> None:
        self.value: Any = None
        self.lines: dict[KeyPath, int] = {}
        self.written: dict[KeyPath, str] = {}
        self._name = name
        self._count = 0
        self._anchors: dict[str, list[Any]] = {}
        self._open_anchors: list[str] = []

    def error(self, what: str, mark: Any, fix: str) -> ConfigError:
        line = None if mark is None else mark.line + 1
        where = self._name if line is None else f"{self._name}:{line}"
        return ConfigError(f"{where}: {what}.", fix=fix, file=self._name, line=line)

    def document(self, events: Iterator[Any]) -> None:
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self.error("has a second document", event.start_mark, "Keep one; remove the '---' line.")
                self.value = self._build(next(events), events, ())

    def _build(self, event: Any, events: Iterator[Any], path: KeyPath) -> Any:
        self._count += 1
        if self._count > MAX_VALUES:
            raise self.error(f"has more than {MAX_VALUES:,} values", event.start_mark, "Use fewer aliases (*name).")
        if len(path) > MAX_DEPTH:
            raise self.error(f"is nested deeper than {MAX_DEPTH} levels", event.start_mark, "Flatten it.")
        if isinstance(event, yaml.AliasEvent):
            return self._expand(event, path)
        if event.tag not in (None, "!", "tag:yaml.org,2002:str"):
            raise self.error(f"the tag {event.tag!r} is not supported", event.start_mark, "Write the value plainly.")
        if event.anchor is None:
            return self._plain(event, events, path)
        recorded: list[Any] = []
        self._open_anchors.append(event.anchor)
        self._anchors.pop(event.anchor, None)
        value = self._plain(event, _recorded(events, recorded), path)
        self._open_anchors.pop()
        self._anchors[event.anchor] = [event, *recorded]
        return value

    def _expand(self, alias: Any, path: KeyPath) -> Any:
        events = self._anchors.get(alias.anchor)
        if events is None:
            what = "contains itself" if alias.anchor in self._open_anchors else "is not defined before it is used"
            raise self.error(f"the alias *{alias.anchor} {what}", alias.start_mark, f"Define &{alias.anchor} earlier.")
        replay = iter(events)
        return self._plain(next(replay), replay, path)

    def _plain(self, event: Any, events: Iterator[Any], path: KeyPath) -> Any:
        if isinstance(event, yaml.ScalarEvent):
            self.written[path] = event.value
            return _scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(events, path)
        return self._mapping(events, path)

    def _sequence(self, events: Iterator[Any], path: KeyPath) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            place = (*path, len(items))
            self.lines[place] = event.start_mark.line + 1
            items.append(self._build(event, events, place))
        return items

    def _mapping(self, events: Iterator[Any], path: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = getattr(event, "value", None)
            if not isinstance(key, str):
                raise self.error("a key is not a plain word", event.start_mark, "Write 'key: value'.")
            place = (*path, key)
            if key in values:
                first = self.lines[place]
                raise self.error(
                    f"the key {key!r} is there twice, first in line {first}", event.start_mark, "Keep one of them."
                )
            self.lines[place] = event.start_mark.line + 1
            values[key] = self._build(next(events), events, place)
        return values


def _recorded(events: Iterator[Any], record: list[Any]) -> Iterator[Any]:
    for event in events:
        record.append(event)
        yield event


def _scalar(event: Any) -> Any:
    text: str = event.value
    if not event.implicit[0]:
        return text
    if text in _NULL:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.fullmatch(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
