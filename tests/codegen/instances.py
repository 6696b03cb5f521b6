"""Instances of JSON Schemas for property tests: valid ones, and mutants that TypeScript is able to refuse.

`jsonschema` is the judge of both: what it does not accept is not called valid, and a mutant counts only when each
reason for which it is refused is one that types express (type, required, additionalProperties, enum, const).
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jsonschema

EXPRESSIBLE = frozenset(("type", "required", "additionalProperties", "enum", "const", "unevaluatedProperties"))
BRANCHING = frozenset(("anyOf", "oneOf"))
MAX_DEPTH = 12
GUESSES = (
    *("1", "abc", "a-b", "A1", "PROJ-123", "2026-01-02", "2026-01-02T03:04:05Z", "#ffffff", "ab/cd", "http://a.b"),
    *("10:30", "1234567890", "arn:aws:s3tables:us-east-1:123456789012:bucket/abc", "abc_1", "ABC", "a@b.cc"),
)


@dataclass(frozen=True, slots=True)
class Mutant:
    kind: str
    """drop | type | extra | literal"""
    value: Any


class Instances:
    """Makes instances of one schema, the same for the same seed."""

    def __init__(self, schema: Any, seed: int) -> None:
        self.schema = schema
        self.random = random.Random(seed)
        self.judge = jsonschema.validators.validator_for(schema, jsonschema.Draft202012Validator)(schema)

    def valid(self, count: int) -> list[Any]:
        """At most `count` different valid instances: the smallest, the largest, then random ones."""
        found: list[Any] = []
        for fullness in [0.0, 1.0, *[self.random.random() for _ in range(count * 2)]]:
            value = self._make(self.schema, fullness, 0)
            if len(found) < count and value not in found and self.accepts(value):
                found.append(value)
        return found

    def accepts(self, value: Any) -> bool:
        return bool(self.judge.is_valid(value))

    def mutants(self, value: Any, count: int) -> list[Mutant]:
        """At most `count` broken copies of the valid `value`, of each kind as evenly as can be."""
        every = list(self._mutations(value))
        self.random.shuffle(every)
        found: list[Mutant] = []
        for kind in ("drop", "type", "extra", "literal"):
            kept = 0
            for mutant in every:
                if mutant.kind != kind or kept * 4 >= count:
                    continue
                if mutant.value not in (f.value for f in found) and self._refused_for_types(mutant.value):
                    found.append(mutant)
                    kept += 1
        return found

    def _refused_for_types(self, value: Any) -> bool:
        errors = list(self.judge.iter_errors(value))
        return bool(errors) and any(map(_expressible, errors))

    # --- making ---

    def _make(self, schema: Any, fullness: float, depth: int) -> Any:
        if not isinstance(schema, dict) or depth > MAX_DEPTH:
            return self.random.choice(["any", 1, None, True, {}, []]) if fullness else {}
        if isinstance(schema.get("$ref"), str):
            target = self._resolve(schema["$ref"])
            return self._make({**target, **{k: v for k, v in schema.items() if k != "$ref"}}, fullness, depth + 1)
        if "const" in schema:
            return schema["const"]
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return self.random.choice(schema["enum"])
        for keyword in ("anyOf", "oneOf"):
            if schema.get(keyword):
                branch = self.random.choice(schema[keyword])
                return self._both(schema, keyword, branch, fullness, depth)
        if schema.get("allOf"):
            merged: Any = None
            for part in schema["allOf"]:
                merged = _overlay(merged, self._both(schema, "allOf", part, fullness, depth))
            return merged
        return self._typed(schema, fullness, depth)

    def _both(self, schema: Any, keyword: str, branch: Any, fullness: float, depth: int) -> Any:
        rest = {k: v for k, v in schema.items() if k != keyword}
        made = self._make(branch, fullness, depth + 1)
        if rest.keys() & {"properties", "type", "required"}:
            if isinstance(branch, dict) and isinstance(branch.get("required"), list):
                rest = {**rest, "required": [*rest.get("required", []), *branch["required"]]}
            return _overlay(self._make(rest, fullness, depth + 1), made)
        return made

    def _resolve(self, reference: str) -> Any:
        node = self.schema
        for token in reference.removeprefix("#").split("/")[1:]:
            key = token.replace("~1", "/").replace("~0", "~")
            node = node[int(key)] if isinstance(node, list) else node[key]
        return node if isinstance(node, dict) else {}

    def _typed(self, schema: dict[str, Any], fullness: float, depth: int) -> Any:
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = self.random.choice(kind)
        if kind is None:
            kind = (
                "object" if schema.keys() & {"properties", "required"} else "array" if "items" in schema else "string"
            )
        match kind:
            case "object":
                return self._object(schema, fullness, depth)
            case "array":
                return self._array(schema, fullness, depth)
            case "integer" | "number":
                return self._number(schema, kind)
            case "boolean":
                return self.random.random() < 0.5
            case "null":
                return None
        return self._string(schema)

    def _object(self, schema: dict[str, Any], fullness: float, depth: int) -> Any:
        made: dict[str, Any] = {}
        required = schema.get("required", [])
        chance = fullness if depth < 6 else 0.0
        for name, value in schema.get("properties", {}).items():
            if name in required or self.random.random() < chance:
                made[name] = self._make(value, fullness, depth + 1)
        for name in required:
            made.setdefault(name, "x")
        extra = schema.get("additionalProperties")
        if isinstance(extra, dict) or extra is True:
            keys = schema.get("propertyNames", {}).get("enum", ["alpha", "beta-2"])
            if self.random.random() < fullness:
                made[self.random.choice(keys)] = self._make(extra, fullness, depth + 1)
        return made

    def _array(self, schema: dict[str, Any], fullness: float, depth: int) -> Any:
        items = schema.get("items", True)
        positional = schema.get("prefixItems", items if isinstance(items, list) else [])
        made = [self._make(item, fullness, depth + 1) for item in positional]
        least, most = schema.get("minItems", 0), schema.get("maxItems", 3)
        wanted = max(least, min(most, self.random.randint(1, 2) if fullness else 0))
        while len(made) < wanted and not isinstance(items, list):
            made.append(self._make(items, fullness, depth + 1))
        return made

    def _number(self, schema: dict[str, Any], kind: str) -> Any:
        low = schema.get("minimum", schema.get("exclusiveMinimum", 0 if "maximum" not in schema else None))
        high = schema.get("maximum", schema.get("exclusiveMaximum"))
        low = low if isinstance(low, int | float) else (high or 0) - 10
        value = max(low + 1, 0) if high is None or low + 1 <= high else low
        step = schema.get("multipleOf")
        if step:
            return step * (value // step + 1)
        return int(value) if kind == "integer" else value

    def _string(self, schema: dict[str, Any]) -> str:
        known = {
            "uuid": "8c2d6b0e-54a1-4f6e-9d61-0c58b1f3a7e2",
            "date": "2026-01-02",
            "date-time": "2026-01-02T03:04:05Z",
        }
        text: str = known.get(str(schema.get("format")), "text")
        least, most = schema.get("minLength", 0), schema.get("maxLength", 10**6)
        pattern = schema.get("pattern")
        if pattern:
            text = next((guess for guess in GUESSES if _matches(pattern, guess)), text)
        longest: int = max(least, min(most, 64))
        return str(text * (1 + least // len(text)))[:longest]

    # --- breaking ---

    def _mutations(self, value: Any) -> Iterator[Mutant]:
        for path, part in _places(value, ()):
            if path:
                yield Mutant("type", _with(value, path, self._other_type(part)))
            if isinstance(part, dict):
                for name in part:
                    yield Mutant("drop", _without(value, (*path, name)))
                yield Mutant("extra", _with(value, (*path, "noSuchKeyHere"), 1))
            elif isinstance(part, str | int | float) and path:
                yield Mutant("literal", _with(value, path, f"{part}~" if isinstance(part, str) else 987_654_321.5))

    def _other_type(self, part: Any) -> Any:
        others = [v for v in ("wrong", 12_345, True, ["wrong"], {"wrong": 1}) if type(v) is not type(part)]
        return self.random.choice(others)


def _expressible(error: Any) -> bool:
    """Whether types can refuse an instance for this error alone."""
    if error.validator in BRANCHING:
        branches: dict[Any, list[Any]] = {}
        for child in error.context or ():
            branches.setdefault(child.schema_path[0], []).append(child)
        return bool(branches) and all(any(map(_expressible, errors)) for errors in branches.values())
    if error.validator == "type" and isinstance(error.instance, int | float) and not isinstance(error.instance, bool):
        wanted = error.validator_value
        return not {"integer", "number"} & set(wanted if isinstance(wanted, list) else [wanted])
    return error.validator in EXPRESSIBLE


def _matches(pattern: str, text: str) -> bool:
    import re

    try:
        return re.search(pattern, text) is not None
    except re.error:
        return False


def _overlay(left: Any, right: Any) -> Any:
    return {**left, **right} if isinstance(left, dict) and isinstance(right, dict) else right


def _places(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    yield path, value
    for name, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _places(part, (*path, name))


def _with(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    changed = copy.deepcopy(value)
    holder = changed
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = new
    return changed


def _without(value: Any, path: tuple[Any, ...]) -> Any:
    changed = copy.deepcopy(value)
    holder = changed
    for key in path[:-1]:
        holder = holder[key]
    del holder[path[-1]]
    return changed
