"""One tool on its own: its two schemas as types, its words, its issues. Nothing here depends on other tools."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from codegen import docs, schema
from codegen.algebra import members_of, union
from codegen.ir import ANY, UNKNOWN, Index, Intersection, Node, Object, Recursive, Union
from codegen.kept import Kept

REMEMBERED = 24_000_000
"""Characters of definitions whose types are remembered, three times the corpus of 4,297 tools: 80 MB."""
OPEN_ARGUMENTS = Object((), (Index(UNKNOWN),))


@dataclass(frozen=True, slots=True)
class ToolTypes:
    """`result` is None where the server does not declare one. `wrapped`: results come as `{result: …}`."""

    name: str
    description: str
    sentences: tuple[str, ...]
    tags: tuple[str, ...]
    args: Node
    args_optional: bool
    result: Node | None
    wrapped: bool
    issues: tuple[str, ...]
    hints: Mapping[bytes, tuple[int, str]]
    recursive: Mapping[str, Node]


def _tool_types(definition: str) -> ToolTypes:
    """`definition` is the JSON text that `source.canonical` makes."""
    tool = json.loads(definition)
    name, description = tool["name"], _description(tool)
    given = schema.convert(tool.get("inputSchema", {}), output=False, said=docs.one_line(description))
    args, problems = _arguments(given.node, given.recursive)
    returned, wrapped = _returned(tool.get("outputSchema"))
    wishes = {args.digest: (3, f"{name} args"), returned.node.digest: (3, f"{name} result")}
    return ToolTypes(
        name=name,
        description=description,
        sentences=docs.sentences(description),
        tags=_tags(tool.get("annotations", {})),
        args=args,
        args_optional=_accepts_nothing(args, given.recursive),
        result=None if returned.node is ANY else returned.node,
        wrapped=wrapped,
        issues=(*given.issues, *problems, *(f"result: {issue}" for issue in returned.issues)),
        hints={**wishes, **returned.hints, **given.hints},
        recursive={**returned.recursive, **given.recursive},
    )


tool_types = Kept(_tool_types, len, REMEMBERED)


def _arguments(node: Node, recursive: Mapping[str, Node]) -> tuple[Node, tuple[str, ...]]:
    """What a call takes is always one object: of alternatives, those that are."""
    if node is UNKNOWN:
        return OPEN_ARGUMENTS, ()
    objects = [member for member in members_of(node) if _is_object(member, recursive)]
    if objects:
        return union(objects), ()
    return OPEN_ARGUMENTS, ("inputSchema is not an object's; any arguments are taken",)


def _is_object(node: Node, recursive: Mapping[str, Node]) -> bool:
    match node:
        case Object():
            return True
        case Union(members=members):
            return all(_is_object(member, recursive) for member in members)
        case Intersection(members=members):
            return any(_is_object(member, recursive) for member in members)
        case Recursive(key=key):
            return key in recursive and _is_object(recursive[key], {})
    return False


def _accepts_nothing(node: Node, recursive: Mapping[str, Node]) -> bool:
    """Whether `{}` is of this type."""
    match node:
        case Object(props=props):
            return all(prop.optional for prop in props)
        case Union(members=members):
            return any(_accepts_nothing(member, recursive) for member in members)
        case Intersection(members=members):
            return all(_accepts_nothing(member, recursive) for member in members)
        case Recursive(key=key):
            return key in recursive and _accepts_nothing(recursive[key], {})
    return False


def _returned(declared: Any) -> tuple[schema.Converted, bool]:
    """The type of the result, taken out of `{result: …}` where an SDK put it there, and whether it was."""
    if not isinstance(declared, dict):
        return schema.Converted(ANY), False
    found = schema.convert(declared, output=True)
    if not _is_wrapper(declared):
        return found, False
    inner = found.node.props[0].type if isinstance(found.node, Object) and found.node.props else ANY
    return replace(found, node=inner), True


def _is_wrapper(declared: Mapping[str, Any]) -> bool:
    """Whether this is the schema that an SDK makes for a tool that returns something else than an object."""
    props = declared.get("properties", {})
    flagged = declared.get("x-fastmcp-wrap-result") is True
    if not isinstance(props, dict) or set(props) != {"result"}:
        return flagged and not props
    title = declared.get("title")
    return flagged or (isinstance(title, str) and title.endswith("Output") and declared.get("required") == ["result"])


def _description(tool: Mapping[str, Any]) -> str:
    for key in ("description", "title"):
        words = tool.get(key)
        if words and not (key == "title" and docs.says_nothing(words, tool["name"])):
            return str(words)
    return ""


def _tags(annotations: Mapping[str, Any]) -> tuple[str, ...]:
    if annotations.get("readOnlyHint") is True:
        return ("read-only",)
    return ("destructive",) if annotations.get("destructiveHint") is True else ()
