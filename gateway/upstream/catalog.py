"""From what servers list to the `Catalog`: broken tools left out, hints settled, definitions pinned."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import orjson
import rfc8785
from mcp.shared.inbound import find_invalid_x_mcp_header

from gateway.config import AnnotationOverride, ServerConfig
from gateway.config.globs import name_glob
from gateway.model import JSON, Annotations, Catalog, ServerTools, Tool

_MAX_NAME = 512
_MAX_DEPTH = 200
_EXACT = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Listing:
    """The tools of one server that can be offered, in its order, and the others, each as `name: reason`."""

    tools: tuple[Tool, ...]
    skipped: tuple[str, ...]


def build(server: str, config: ServerConfig, raw_tools: Iterable[JSON]) -> Listing:
    """Sort what `tools/list` gave. What the operator excludes is neither offered nor reported."""
    tools: dict[str, Tool] = {}
    skipped: list[str] = []
    for position, raw in enumerate(raw_tools):
        fault = _fault(raw)
        name = raw["name"] if isinstance(raw, dict) and isinstance(raw.get("name"), str) else f"#{position + 1}"
        if fault is None and name in tools:
            fault = "a tool of this name was listed before"
        if not is_wanted(config, name):
            continue
        if fault is not None:
            skipped.append(f"{name[:_MAX_NAME]}: {fault}")
        else:
            tools[name] = Tool(server, name, raw, _annotations(config, name, raw), pin(raw, config.endpoint))
    return Listing(tuple(tools.values()), tuple(skipped))


def assemble(version: int, offered: Iterable[ServerTools]) -> Catalog:
    """The catalog in its one order: servers by name, tools as their server lists them."""
    return Catalog(version, {each.name: each for each in sorted(offered, key=lambda each: each.name)})


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed at one server, by names of tools."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]


def diff(before: Mapping[str, str], after: Mapping[str, str]) -> Difference:
    """What changed between two listings of a server, each as tool → pin."""
    return Difference(
        added=tuple(name for name in after if name not in before),
        removed=tuple(name for name in before if name not in after),
        changed=tuple(name for name in after if name in before and after[name] != before[name]),
    )


def parts(tool: Tool) -> dict[str, str]:
    """Each key of a definition with a short hash of its value: enough to say later which of them have changed."""
    return {key: _short_hash(value) for key, value in tool.raw.items()}


def pin(raw: Mapping[str, JSON], endpoint: Sequence[str]) -> str:
    """SHA-256 (hex) of the RFC 8785 form of a definition and the command line or URL that it came from."""
    value: dict[str, JSON] = {"endpoint": list(endpoint), "tool": raw}
    try:
        return hashlib.sha256(_canonical(value)).hexdigest()
    except ValueError:
        # RFC 8785 has no integers beyond 2**53. The prefix keeps this form apart from every canonical one.
        text = json.dumps(value, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(b"not RFC 8785:" + text.encode("utf-8", "surrogatepass")).hexdigest()


def _canonical(value: JSON) -> bytes:
    """RFC 8785. Where it has nothing to say about numbers and the order of keys, orjson writes the same in a tenth of
    the time, of which thousands of tools take seconds."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS) if _is_plain(value) else rfc8785.dumps(value)
    except TypeError:
        return rfc8785.dumps(value)


def _is_plain(value: JSON) -> bool:
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            if not all(map(str.isascii, one)):
                return False
            todo += one.values()
        elif isinstance(one, list):
            todo += one
        elif isinstance(one, float) or (isinstance(one, int) and abs(one) > _EXACT):
            return False
    return True


def _short_hash(value: JSON) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def is_wanted(config: ServerConfig, name: str) -> bool:
    """Whether the operator lets a tool of this name in at all."""

    def fits(globs: Iterable[str]) -> bool:
        return any(name_glob(pattern).fits(name) for pattern in globs)

    return fits(config.include) and not fits(config.exclude)


def _fault(raw: JSON) -> str | None:
    if not isinstance(raw, dict):
        return "the definition is not an object"
    name, schema = raw.get("name"), raw.get("inputSchema")
    if not isinstance(name, str) or not name.strip():
        return "it has no name"
    if len(name) > _MAX_NAME:
        return f"its name is longer than {_MAX_NAME} characters"
    if not isinstance(schema, dict):
        return "its inputSchema is not an object"
    if schema.get("type", "object") != "object":
        return f"its inputSchema is of type {str(schema['type'])[:50]!r}; arguments are an object"
    if _is_deep(raw):
        return f"its definition is nested deeper than {_MAX_DEPTH} levels"
    return find_invalid_x_mcp_header(schema)


def _is_deep(value: JSON) -> bool:
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [child for each in level for child in _children(each)]
        if not level:
            return False
    return True


def _children(value: JSON) -> Iterable[JSON]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _annotations(config: ServerConfig, name: str, raw: Mapping[str, JSON]) -> Annotations:
    """The operator's word first, then the server's hint, then MCP's default. A tool that only reads destroys nothing,
    unless the same source says that it does."""
    hints = raw.get("annotations")
    hints = hints if isinstance(hints, dict) else {}
    operator = _override(config, name)
    read_only = _first(operator.read_only, hints.get("readOnlyHint"), False)
    said_to_read = False if operator.read_only else None
    return Annotations(
        read_only=read_only,
        destructive=_first(operator.destructive, said_to_read, hints.get("destructiveHint"), not read_only),
        idempotent=_first(operator.idempotent, hints.get("idempotentHint"), False),
        open_world=_first(operator.open_world, hints.get("openWorldHint"), True),
    )


def _override(config: ServerConfig, name: str) -> AnnotationOverride:
    """The last glob that fits wins, as a whole."""
    fitting = [override for pattern, override in config.annotations.items() if name_glob(pattern).fits(name)]
    return fitting[-1] if fitting else AnnotationOverride()


def _first(*candidates: JSON) -> bool:
    """The first that is a boolean: hints are whatever a server sent."""
    return next(candidate for candidate in candidates if isinstance(candidate, bool))
