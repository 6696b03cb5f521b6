"""A generated upstream of 1,000 distinct tools: 20 servers with 50 each, from the vocabulary in `thousand.yaml`.

    python -m tests.search.thousand > thousand.json     # a list of dumps, as `gateway codegen --from` reads them

Deterministic: the same vocabulary gives the same bytes. Each server has five tools for each of its eight things
(list, get, create, update, delete) and ten of its own.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

VOCABULARY = Path(__file__).with_name("thousand.yaml")

Schema = dict[str, Any]

NUMBERS = ("amount", "price", "quantity", "percent", "hours", "minutes", "days", "months", "limit", "weight", "rating")
LISTS = ("_ids", "lines", "guests", "members", "people", "tags", "boards", "stops", "features", "images")


def dumps() -> list[dict[str, Any]]:
    """Every server as `{"server", "title", "instructions", "tools": [<MCP Tool>, …]}`."""
    vocabulary = yaml.safe_load(VOCABULARY.read_text(encoding="utf-8"))
    return [_server(name, spec) for name, spec in vocabulary.items()]


def _server(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    tools = [tool for thing, (what, fields) in spec["things"].items() for tool in _things(thing, what, fields.split())]
    for tool, entry in spec["tools"].items():
        parameters = entry[1].split() if len(entry) > 1 else []
        tools.append(_tool(tool, f"{entry[0]}.", parameters, parameters[:1]))
    return {"server": name, "title": spec["about"], "instructions": f"{spec['about']}.", "tools": tools}


def _things(thing: str, what: str, fields: list[str]) -> list[dict[str, Any]]:
    plural, words, key = _plural(thing), thing.replace("_", " "), f"{thing}_id"
    known: Schema = {"type": "object", "properties": {key: _schema(key)} | {field: _schema(field) for field in fields}}
    page: Schema = {"type": "object", "properties": {plural: {"type": "array", "items": known}}}
    listing = f"List {plural.replace('_', ' ')}, page by page, newest first."
    updating = f"Change fields of a {words}; fields left out stay as they are."
    reads, destroys = {"readOnlyHint": True}, {"destructiveHint": True}
    return [
        _tool(f"list_{plural}", listing, ["query", "cursor", "limit", *fields[:2]], output=page, annotations=reads),
        _tool(f"get_{thing}", f"Get one {words} by its id: {what}.", [key], [key], output=known, annotations=reads),
        _tool(f"create_{thing}", f"Create a {words}: {what}.", fields, fields[:2], output=known),
        _tool(f"update_{thing}", updating, [key, *fields], [key]),
        _tool(f"delete_{thing}", f"Delete a {words} for good.", [key], [key], annotations=destroys),
    ]


def _tool(
    name: str,
    description: str,
    parameters: list[str],
    required: list[str] | None = None,
    *,
    output: Schema | None = None,
    annotations: dict[str, bool] | None = None,
) -> dict[str, Any]:
    schema: Schema = {
        "type": "object",
        "properties": {p: _schema(p) for p in parameters},
        "additionalProperties": False,
    }
    if required:
        schema["required"] = required
    tool: dict[str, Any] = {"name": name, "description": description, "inputSchema": schema}
    if output:
        tool["outputSchema"] = output
    if annotations:
        tool["annotations"] = annotations
    return tool


def _schema(field: str) -> Schema:
    words = field.replace("_", " ")
    if field.endswith(LISTS):
        return {"type": "array", "items": {"type": "string"}, "description": f"The {words}."}
    if field.endswith(NUMBERS):
        return {"type": "number", "description": f"The {words}."}
    if field.endswith(("_on", "_date", "date", "until")):
        return {"type": "string", "format": "date", "description": f"{words.capitalize()}, as YYYY-MM-DD."}
    if field.startswith(("public", "private", "optional", "create_", "reply_all", "hard")):
        return {"type": "boolean", "description": f"Whether {words}."}
    return {"type": "string", "description": f"The {words}."}


def _plural(noun: str) -> str:
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun if noun.endswith("hours") else f"{noun}es"
    return f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2] not in "aeiou" else f"{noun}s"


if __name__ == "__main__":
    json.dump(dumps(), sys.stdout, indent=1)
