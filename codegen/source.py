"""What codegen is given: servers and their raw tools, checked and bounded before anything reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from codegen.observed import Observed
from codegen.text import COMMENT_LIMIT

MAX_NESTING = 256
MAX_CHARACTERS = 2_000_000
"""JSON of one tool that is read as it is (the largest real one seen: about 90,000)."""


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """One server: `tools` are MCP Tool objects as it sent them. `observed`: tool name → learnt shape of its results.
    `notes`: tool name → words to show as tags, such as "needs approval"."""

    name: str
    tools: Sequence[Mapping[str, Any]]
    title: str = ""
    instructions: str = ""
    observed: Mapping[str, Observed] = field(default_factory=dict)
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)


def load_dump(data: Any) -> list[ServerSpec]:
    """A dump (`{"server", "tools"}` or a list of such) as specs. ValueError says which entry is wrong and how."""
    entries = data if isinstance(data, list) else [data]
    return [
        _load_entry(entry, f"entry {i}" if isinstance(data, list) else "the dump") for i, entry in enumerate(entries)
    ]


def _load_entry(entry: Any, where: str) -> ServerSpec:
    if not isinstance(entry, Mapping):
        raise ValueError(f'{where} is {_kind(entry)}: expected {{"server": "name", "tools": [...]}}')
    name, tools = entry.get("server"), entry.get("tools")
    if not isinstance(name, str) or not name:
        raise ValueError(f"{where} has no `server` name (a string that is not empty)")
    if not isinstance(tools, list):
        raise ValueError(f"{where} ({name!r}) has no `tools` list")
    for position, tool in enumerate(tools):
        if not isinstance(tool, Mapping) or not isinstance(tool.get("name"), str):
            raise ValueError(f"{where} ({name!r}): tools[{position}] is no MCP Tool: it needs a `name`")
    title, instructions = (entry.get(key) for key in ("title", "instructions"))
    return ServerSpec(
        name, tools, title if isinstance(title, str) else "", instructions if isinstance(instructions, str) else ""
    )


def _kind(value: Any) -> str:
    return "null" if value is None else type(value).__name__


def canonical(tool: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """What codegen reads of `tool` as JSON text, with whatever is too deep or too large taken out and said so."""
    kept = {key: tool[key] for key in ("name", "inputSchema", "outputSchema") if key in tool}
    prose = {key: words for key in ("title", "description") if isinstance(words := tool.get(key), str)}
    kept |= {key: words.strip()[: COMMENT_LIMIT + 1] for key, words in prose.items()}
    hints = tool.get("annotations")
    if isinstance(hints, Mapping):
        kept["annotations"] = {key: value for key, value in hints.items() if isinstance(value, bool)}
    written = _json(kept)
    if 0 < len(written) <= MAX_CHARACTERS and written.count("{") + written.count("[") <= MAX_NESTING:
        return written, ()
    issues: list[str] = []
    for key in ("inputSchema", "outputSchema"):
        if key in kept:
            kept[key], problem = _bounded(kept[key])
            issues += [f"{key} {problem}"] if problem else []
    return json.dumps(kept), tuple(issues)


def _json(value: Any) -> str:
    """Empty where `value` is nested too deeply to be written."""
    try:
        return json.dumps(value)
    except RecursionError:
        return ""


def _bounded(schema: Any) -> tuple[Any, str]:
    size = len(_json(schema))
    if size > MAX_CHARACTERS:
        return {}, f"has {size} characters of JSON: more than {MAX_CHARACTERS} are not read"
    if not _too_deep(schema):
        return schema, ""
    return _pruned(schema), f"is nested deeper than {MAX_NESTING} levels: what is below is untyped"


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_NESTING):
        level = [item for node in level for item in _items(node)]
        if not level:
            return False
    return True


def _items(node: Any) -> list[Any]:
    if isinstance(node, dict):
        return [item for item in node.values() if isinstance(item, dict | list)]
    return [item for item in node if isinstance(item, dict | list)] if isinstance(node, list) else []


def _pruned(value: Any) -> Any:
    """A copy of `value` in which containers below MAX_NESTING are `true`, the schema that allows everything."""
    root: list[Any] = [None]
    pending: list[tuple[Any, Any, Any, int]] = [(value, root, 0, 0)]
    while pending:
        node, holder, key, depth = pending.pop()
        if not isinstance(node, dict | list):
            holder[key] = node
        elif depth >= MAX_NESTING:
            holder[key] = True
        elif isinstance(node, dict):
            holder[key] = copy = dict.fromkeys(node)
            pending.extend((item, copy, name, depth + 1) for name, item in node.items())
        else:
            holder[key] = [None] * len(node)
            pending.extend((item, holder[key], i, depth + 1) for i, item in enumerate(node))
    return root[0]
