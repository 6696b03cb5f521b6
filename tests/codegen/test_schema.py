"""Every keyword of JSON Schema, as the TypeScript a reader sees."""

from __future__ import annotations

from typing import Any

import pytest

from codegen.ir import Object
from codegen.schema import convert
from codegen.typescript import Printer


def written(schema: Any, *, output: bool = False) -> str:
    """The type of a property with this schema."""
    converted = convert({"type": "object", "properties": {"x": schema}}, output=output)
    assert isinstance(converted.node, Object)
    return Printer().type(converted.node.props[0].type)


def obj(required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required or []}


STRING = {"type": "string"}
NUMBER = {"type": "number"}

KEYWORDS: list[tuple[str, Any, str]] = [
    ("string", STRING, "string"),
    ("integer", {"type": "integer"}, "number"),
    ("boolean", {"type": "boolean"}, "boolean"),
    ("null", {"type": "null"}, "null"),
    ("type list", {"type": ["string", "null"]}, "string | null"),
    ("nullable", {"type": "string", "nullable": True}, "string | null"),
    ("nothing said", {}, "unknown"),
    ("true", True, "unknown"),
    ("false", False, "never"),
    ("bare object", {"type": "object"}, "Record<string, unknown>"),
    ("bare array", {"type": "array"}, "unknown[]"),
    ("array", {"type": "array", "items": STRING}, "string[]"),
    ("array of a union", {"type": "array", "items": {"type": ["string", "number"]}}, "(string | number)[]"),
    (
        "array of an intersection",
        {"type": "array", "items": {"anyOf": [STRING, {"type": "null"}]}},
        "(string | null)[]",
    ),
    ("object", obj(["a"], a=STRING, b=NUMBER), "{ a: string; b?: number }"),
    ("no type but properties", {"properties": {"a": STRING}}, "{ a?: string }"),
    ("no type but items", {"items": STRING}, "string[]"),
    ("no type but pattern", {"pattern": "^a"}, "string"),
    ("no type but minimum", {"minimum": 1}, "number"),
    ("required without properties", {"type": "object", "required": ["a"]}, "{ a: unknown }"),
    ("closed", {**obj(a=STRING), "additionalProperties": False}, "{ a?: string }"),
    ("closed and empty", {"type": "object", "additionalProperties": False}, "Record<string, never>"),
    ("open", {**obj(a=STRING), "additionalProperties": True}, "{ a?: string; [key: string]: unknown }"),
    ("map", {"type": "object", "additionalProperties": NUMBER}, "Record<string, number>"),
    (
        "map beside properties",
        {**obj(["a"], a=STRING, b=NUMBER), "additionalProperties": {"type": "boolean"}},
        "{ a: string; b?: number; [key: string]: boolean | string | number | undefined }",
    ),
    ("unevaluatedProperties", {"type": "object", "unevaluatedProperties": NUMBER}, "Record<string, number>"),
    (
        "patternProperties with a fixed start",
        {"type": "object", "patternProperties": {"^x-": STRING}, "additionalProperties": False},
        "{ [key: `x-${string}`]: string }",
    ),
    (
        "patternProperties with a fixed end",
        {"type": "object", "patternProperties": {r"_id$": STRING}, "additionalProperties": False},
        "{ [key: `${string}_id`]: string }",
    ),
    (
        "patternProperties for any key",
        {"type": "object", "patternProperties": {"^.*$": STRING}, "additionalProperties": False},
        "Record<string, string>",
    ),
    (
        "patternProperties that no template says",
        {"type": "object", "patternProperties": {"^[a-z]+$": STRING}, "additionalProperties": False},
        "Record<string, string>",
    ),
    (
        "patternProperties beside others",
        {"type": "object", "patternProperties": {"^x-": STRING}, "additionalProperties": NUMBER},
        "{ [key: `x-${string}`]: string; [key: string]: number | string }",
    ),
    (
        "propertyNames",
        {"type": "object", "propertyNames": {"enum": ["a", "b"]}, "additionalProperties": NUMBER},
        "{ a?: number; b?: number }",
    ),
    ("enum", {"type": "string", "enum": ["a", "b"]}, '"a" | "b"'),
    ("enum of every type", {"enum": ["a", 1, 1.5, True, None]}, '"a" | 1 | 1.5 | true | null'),
    ("enum of containers", {"enum": [{"a": 1}, [1, "b"], {}]}, '{ a: 1 } | [1, "b"] | Record<string, never>'),
    ("enum of both booleans", {"enum": [True, False]}, "boolean"),
    ("enum and a type it is partly of", {"type": "string", "enum": ["a", None]}, '"a"'),
    ("enum and a type it is not of", {"type": "integer", "enum": ["1", "2"]}, '"1" | "2"'),
    ("empty enum", {"type": "string", "enum": []}, "string"),
    ("nullable enum", {"enum": ["a"], "nullable": True}, '"a" | null'),
    ("const", {"const": 5}, "5"),
    ("const null", {"const": None}, "null"),
    ("hostile const", {"const": '"; evil("\u2028'}, r'"\"; evil(\"\u2028"'),
    ("infinite const", {"const": float("inf")}, "number"),
    ("anyOf", {"anyOf": [STRING, NUMBER]}, "string | number"),
    ("anyOf with null first", {"anyOf": [{"type": "null"}, STRING]}, "string | null"),
    ("anyOf with a hint of values", {"anyOf": [{"enum": ["a"]}, STRING]}, '"a" | string'),
    ("anyOf with anything", {"anyOf": [STRING, {}]}, "unknown"),
    ("oneOf beside a type", {"type": "string", "oneOf": [{"const": "a"}, {"const": "b"}]}, '"a" | "b"'),
    ("allOf of objects", {"allOf": [obj(["a"], a=STRING), obj(b=NUMBER)]}, "{ a: string; b?: number }"),
    ("allOf of one", {"allOf": [STRING], "description": "x"}, "string"),
    ("allOf tightens", {"allOf": [obj(a={}), {"required": ["a"]}]}, "{ a: unknown }"),
    (
        "allOf with an open one",
        {"allOf": [{"type": "object", "additionalProperties": {}}, obj(["a"], a=STRING)]},
        "{ a: string; [key: string]: unknown }",
    ),
    ("allOf that contradicts itself", {"allOf": [STRING, NUMBER]}, "string"),
    (
        "alternatives of required",
        {**obj(a=STRING, b=STRING), "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
        "{ a: string; b?: string } | { a?: string; b: string }",
    ),
    (
        "discriminated union",
        {"oneOf": [obj(["kind"], kind={"const": "a"}, x=STRING), obj(["kind"], kind={"const": "b"}, y=NUMBER)]},
        '{ kind: "a"; x?: string } | { kind: "b"; y?: number }',
    ),
    ("not a type", {"type": ["string", "number", "null"], "not": {"type": "null"}}, "string | number"),
    ("not a value", {"enum": ["a", "b", "c"], "not": {"const": "b"}}, '"a" | "c"'),
    (
        "not both",
        {**obj(a=STRING, b=STRING), "not": {"required": ["a", "b"]}},
        "{ a?: never; b?: string } | { a?: string; b?: never }",
    ),
    ("not something else", {"type": "string", "not": {"pattern": "x"}}, "string"),
    (
        "if over a known value",
        {
            **obj(["kind"], kind={"enum": ["a", "b"]}, x=STRING),
            "if": {"properties": {"kind": {"const": "a"}}},
            "then": {"required": ["x"]},
        },
        '{ kind: "a"; x: string } | { kind: "b"; x?: string }',
    ),
    (
        "if and else",
        {
            **obj(["on"], on={"type": "boolean"}, x=STRING, y=STRING),
            "if": {"properties": {"on": {"const": True}}},
            "then": {"required": ["x"]},
            "else": {"required": ["y"]},
        },
        "{ on: true; x: string; y?: string } | { on: false; x?: string; y: string }",
    ),
    (
        "if that no type says",
        {**obj(a=STRING), "if": {"properties": {"a": {"pattern": "x"}}}, "then": obj(["b"], b=STRING)},
        "{ a?: string; b?: unknown }",
    ),
    (
        "dependentRequired",
        {**obj(a=STRING, b=STRING), "dependentRequired": {"a": ["b"]}},
        "{ a?: never; b?: string } | { a: string; b: string }",
    ),
    (
        "dependencies of draft 7",
        {**obj(a=STRING), "dependencies": {"a": obj(["b"], b=NUMBER)}},
        "{ a?: never; b?: unknown } | { a: string; b: number }",
    ),
    ("dependentRequired of a string", {"type": "string", "dependentRequired": {"a": ["b"]}}, "string"),
    ("tuple", {"type": "array", "prefixItems": [STRING, NUMBER], "items": False, "minItems": 2}, "[string, number]"),
    (
        "tuple that may end early",
        {"type": "array", "prefixItems": [STRING, NUMBER], "maxItems": 2},
        "[string?, number?]",
    ),
    ("open tuple", {"type": "array", "prefixItems": [STRING], "minItems": 1}, "[string, ...unknown[]]"),
    (
        "tuple and rest",
        {"prefixItems": [STRING], "items": {"type": ["number", "null"]}},
        "[string?, ...(number | null)[]]",
    ),
    ("tuple of draft 7", {"type": "array", "items": [STRING, NUMBER], "additionalItems": False}, "[string?, number?]"),
    (
        "keys that are no identifiers",
        obj(["x-y", "1", 'a"b'], **{"x-y": STRING, "1": STRING, 'a"b': STRING}),
        '{ "x-y": string; "1": string; "a\\"b": string }',
    ),
    (
        "inherited names",
        obj(["valueOf"], constructor=STRING, valueOf=STRING),
        "{ constructor?: string | Function; valueOf: string }",
    ),
    (
        "somebody else's type names",
        {"type": "dict", "properties": {"a": {"type": "str"}, "b": {"type": "int"}}},
        "{ a?: string; b?: number }",
    ),
]


@pytest.mark.parametrize(("schema", "expected"), [row[1:] for row in KEYWORDS], ids=[row[0] for row in KEYWORDS])
def test_a_keyword_reads_as(schema: Any, expected: str) -> None:
    assert written(schema) == expected


REFERENCES: list[tuple[str, dict[str, Any], str]] = [
    ("$defs", {"$ref": "#/$defs/a"}, "string"),
    ("definitions", {"$ref": "#/definitions/a"}, "string"),
    ("a place that is no definition", {"$ref": "#/properties/other"}, "boolean"),
    ("percent and tilde escapes", {"$ref": "#/$defs/a%20b~1c~0d"}, "number"),
    ("an anchor", {"$ref": "#here"}, "string"),
    ("an $id", {"$ref": "https://example.com/item.json"}, "number"),
    ("an $id, relatively", {"$ref": "item.json"}, "number"),
    ("into an $id", {"$ref": "item.json#/$defs/inner"}, "boolean"),
    ("siblings", {"$ref": "#/$defs/open", "required": ["a"]}, "{ a: string }"),
    (
        "siblings that add properties",
        {"$ref": "#/$defs/open", "properties": {"b": NUMBER}},
        "{ a?: string; b?: number }",
    ),
    ("the document itself by its name", {"$ref": "#/$defs/a", "title": "x"}, "string"),
    ("the other dialect's keyword", {"$ref": "#/definitions/open"}, "{ a?: string }"),
    ("nothing that is there", {"$ref": "#/$defs/missing"}, "unknown"),
    ("another document", {"$ref": "https://elsewhere.example/x.json"}, "unknown"),
    ("no string", {"$ref": 7}, "unknown"),
    ("only references", {"$ref": "#/$defs/circle"}, "unknown"),
]


@pytest.mark.parametrize(("schema", "expected"), [row[1:] for row in REFERENCES], ids=[row[0] for row in REFERENCES])
def test_a_reference_to(schema: Any, expected: str) -> None:
    document = {
        "$id": "https://example.com/root.json",
        "type": "object",
        "properties": {"x": schema, "other": {"type": "boolean"}},
        "$defs": {
            "a": {"type": "string", "$anchor": "here"},
            "a b/c~d": NUMBER,
            "open": obj(a=STRING),
            "item": {"$id": "item.json", "type": "number", "$defs": {"inner": {"type": "boolean"}}},
            "circle": {"$ref": "#/$defs/circle2"},
            "circle2": {"$ref": "#/$defs/circle"},
        },
        "definitions": {"a": STRING},
    }
    text = Printer().type(convert(document, output=False).node)
    assert text == f"{{ x?: {expected}; other?: boolean }}"


def test_up_to_draft_7_siblings_of_a_reference_do_not_count_but_their_names_do() -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {"x": {"$ref": "#/definitions/a", "type": "object", "required": ["b"]}},
        "definitions": {"a": obj(a=STRING)},
    }
    assert Printer().type(convert(schema, output=False).node) == "{ x?: { a?: string; b?: unknown } }"


def test_what_a_program_reads_is_any_where_what_it_passes_is_unknown() -> None:
    assert written({}, output=True) == "any"
    assert written({"type": "object"}, output=True) == "JsonObject"


MALFORMED: list[tuple[Any, str]] = [
    ({"type": "object", "properties": []}, "Record<string, unknown>"),
    ({"type": "object", "properties": {"a": 5}}, "{ a?: unknown }"),
    ({"type": "object", "required": "a"}, "Record<string, unknown>"),
    ({"type": "object", "properties": {"a": {"type": "string", "required": True}}}, "{ a?: string }"),
    ({"type": 5}, "unknown"),
    ({"type": "string", "enum": "abc"}, "string"),
    ({"anyOf": {"type": "string"}}, "unknown"),
    ({"type": "object", "additionalProperties": "yes"}, "Record<string, unknown>"),
    ({"type": "array", "items": 5}, "unknown[]"),
    ({"type": "object", "patternProperties": 5, "properties": {"a": STRING}}, "{ a?: string }"),
    ("string", "unknown"),
    (None, "unknown"),
]


@pytest.mark.parametrize(("schema", "expected"), MALFORMED)
def test_a_malformed_schema_widens_and_says_so(schema: Any, expected: str) -> None:
    converted = convert({"type": "object", "properties": {"x": schema}}, output=False)
    assert Printer().type(converted.node) == f"{{ x?: {expected} }}"
    assert converted.issues or schema == MALFORMED[3][0]  # draft 3's `required` is understood


def test_an_issue_says_where_and_what() -> None:
    schema = obj(filter={"type": "array", "items": obj(by={"$ref": "#/$defs/gone"})})
    assert convert(schema, output=False).issues == (
        "filter[].by refers to '#/$defs/gone', which is not there; typed as `unknown`",
    )
