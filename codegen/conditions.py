"""Keywords that depend on the instance (`if`, `not`, `dependentRequired` …), as far as types can say them.

Their complement is what makes them expressible: "if `kind` is "a" then `x` is required" becomes
`{kind: "a", x} | {kind: "b" | "c"}` because the other values of `kind` are known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from codegen.algebra import conjoin, family_of, members_of, names_in, union
from codegen.ir import BOOLEAN, NEVER, Literal, Node, Object, Prop, Top, Union

_ANNOTATIONS = frozenset(("description", "title", "$comment", "default", "examples", "type"))
_TYPES_BY_NAME = {"integer": "number"}


def names_only(node: Node, top: Top) -> Node:
    """An object that may have the properties `node` mentions, whatever they hold: `node` without its constraints."""
    names = dict.fromkeys(names_in(node))
    return Object(tuple(Prop(name, top, True) for name in names)) if names else top


def absent(names: Iterable[str]) -> Node:
    """Objects without at least one of `names`."""
    return union(Object((Prop(name, NEVER, True),)) for name in names)


def complement(schema: Any, base: Node) -> Node | None:
    """The type of those values of `base` that `schema` refuses; None when no type says so."""
    if schema is True or schema == {}:
        return NEVER
    if not isinstance(schema, Mapping):
        return None
    words = schema.keys() - _ANNOTATIONS
    if words == {"required"} and _names(schema["required"]):
        return absent(_names(schema["required"]))
    if words == {"anyOf"} and isinstance(schema["anyOf"], list):
        return _complement_of_all(schema["anyOf"], base)
    if words in ({"const"}, {"enum"}):
        values = [schema["const"]] if "const" in schema else schema["enum"]
        return _other_values(values, base) if isinstance(values, list) else None
    if words == {"properties"} or (words == {"properties", "required"}):
        return _other_property(schema, base)
    if not words and "type" in schema:
        return _other_types(schema["type"], base)
    return None


def _complement_of_all(branches: list[Any], base: Node) -> Node | None:
    result: Node | None = None
    for branch in branches:
        part = complement(branch, base)
        if part is None:
            return None
        result = part if result is None else conjoin(result, part)
    return result


def _names(value: Any) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def _other_values(values: list[Any], base: Node) -> Node | None:
    literals = _literals(base)
    if literals is None:
        return None
    excluded = {Literal(value).digest for value in values if isinstance(value, str | int | float | bool)}
    return union(literal for literal in literals if literal.digest not in excluded)


def _literals(node: Node) -> list[Node] | None:
    """The members of `node` where each is one value (or null)."""
    found: list[Node] = []
    for member in members_of(node):
        if member is BOOLEAN:
            found += [Literal(True), Literal(False)]
        elif isinstance(member, Literal) or family_of(member) == "null":
            found.append(member)
        else:
            return None
    return found


def _other_property(schema: Mapping[str, Any], base: Node) -> Node | None:
    """`{properties: {k: {const: v}}}` refuses objects that have another value at k, and nothing else does it."""
    properties = schema["properties"]
    if not isinstance(properties, Mapping) or len(properties) != 1:
        return None
    (name, value), *_ = properties.items()
    required = _names(schema.get("required"))
    if not set(required) <= {name}:
        return None
    known = _property(base, name)
    others = None if known is None else complement(value, known)
    if others is None or not isinstance(value, Mapping) or not value.keys() & {"const", "enum"}:
        return None
    return Object((Prop(name, others, bool(required)),))


def _property(base: Node, name: str) -> Node | None:
    """What `base` says of a property; None when it does not name it in each of its alternatives."""
    objects = [member for member in members_of(base) if isinstance(member, Object)]
    found = [prop.type for member in objects for prop in member.props if prop.name == name]
    return union(found) if found and len(found) == len(members_of(base)) else None


def _other_types(declared: Any, base: Node) -> Node | None:
    refused = {
        _TYPES_BY_NAME.get(name, name) for name in _names(declared if isinstance(declared, list) else [declared])
    }
    if isinstance(base, Top) or (isinstance(base, Union) and not all(map(family_of, base.members))):
        return None
    return union(member for member in members_of(base) if family_of(member) not in refused)
