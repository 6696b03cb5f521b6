"""Vocabulary: what type a schema means without saying so, and what a good name for a type is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from codegen.refs import REFERENCE_KEYWORDS

_TYPES = frozenset(("string", "number", "integer", "boolean", "null", "array", "object"))
_ALIASES = {
    "str": "string",
    "text": "string",
    "date": "string",
    "datetime": "string",
    "int": "integer",
    "float": "number",
    "double": "number",
    "bool": "boolean",
    "dict": "object",
    "map": "object",
    "list": "array",
    "none": "null",
}
_IMPLYING = {
    "properties": "object",
    "required": "object",
    "additionalProperties": "object",
    "patternProperties": "object",
    "propertyNames": "object",
    "dependentRequired": "object",
    "unevaluatedProperties": "object",
    "minProperties": "object",
    "maxProperties": "object",
    "items": "array",
    "prefixItems": "array",
    "minItems": "array",
    "maxItems": "array",
    "uniqueItems": "array",
    "contains": "array",
    "pattern": "string",
    "format": "string",
    "minLength": "string",
    "maxLength": "string",
    "minimum": "number",
    "maximum": "number",
    "exclusiveMinimum": "number",
    "exclusiveMaximum": "number",
    "multipleOf": "number",
}
COMBINING = frozenset(("anyOf", "oneOf", "allOf", "not", "if", *REFERENCE_KEYWORDS))
_SAYS_MORE = frozenset(("enum", "const", *COMBINING))
_SIMPLE = frozenset(
    (
        "type",
        "description",
        "title",
        "default",
        "examples",
        "deprecated",
        "readOnly",
        "writeOnly",
        "$comment",
        *(word for word, name in _IMPLYING.items() if name in ("string", "number")),
    )
)
_GENERIC = re.compile(
    r"_*(schema|def|definition|type|ref|anon|object|model|items|properties|additionalProperties)?_*\d*", re.IGNORECASE
)


def simple_type(schema: Mapping[str, Any]) -> str | None:
    """The type of a schema that says nothing but one type and remarks about it: most of those that servers send."""
    name = schema.get("type")
    return name if isinstance(name, str) and schema.keys() <= _SIMPLE else None


def known_type(name: Any) -> str | None:
    """The JSON Schema type that `name` means, also where a server used its own language's word for it."""
    if not isinstance(name, str):
        return None
    lowered = name.lower()
    return lowered if lowered in _TYPES else _ALIASES.get(lowered)


def implied_types(schema: Mapping[str, Any]) -> list[str] | None:
    """The types for which the keywords of a schema without `type` make sense; None when nothing can be told.

    Beside a reference or alternatives only `properties` and `required` tell: the others may well be left-overs."""
    if schema.keys() & _SAYS_MORE:
        return (
            ["object"] if schema.keys() & {"properties", "required"} and not schema.keys() & {"enum", "const"} else None
        )
    return next(([_IMPLYING[word]] for word in schema if word in _IMPLYING), None)


def is_generic(name: str) -> bool:
    """Whether `name` was made by a tool (`__schema0`) and says nothing to a reader."""
    return _GENERIC.fullmatch(name) is not None


def element_name(plural: str) -> str:
    """`filters` → `filter`, `entries` → `entry`: a name for what a list or a map holds."""
    name = plural.rpartition(".")[2].rstrip("[]*")
    if name.endswith("ies") and len(name) > 4:
        return name[:-3] + "y"
    return name[:-1] if name.endswith("s") and not name.endswith(("ss", "us", "is")) else name
