"""Random JSON Schemas for the fuzzer: of every keyword, nested, recursive, and with `malformed`, broken ones."""

from __future__ import annotations

import random
from typing import Any

NAMES = [
    "a",
    "b",
    "kind",
    "id",
    "repo_path",
    "x-y",
    "0",
    "then",
    "constructor",
    "__proto__",
    "*/",
    "`${x}`",
    "é",
    "delete",
]
TEXTS = [
    "plain",
    "*/ }; declare const evil: any; /*",
    "\u2028\u2029",
    "`${1}`",
    "{{ 7*7 }}{% raw %}",
    "\x00\u202e",
    "@ts-ignore",
]
SCALARS: list[Any] = ["red", "blue", "", 0, 1, -1.5, 1e300, True, False, None, "\u2028", "*/"]


class RandomSchemas:
    def __init__(self, seed: int, *, malformed: bool) -> None:
        self.random = random.Random(seed)
        self.malformed = malformed

    def tool(self, name: str) -> dict[str, Any]:
        """A whole tool whose input is an object."""
        tool: dict[str, Any] = {"name": name, "inputSchema": self.root()}
        if self.random.random() < 0.5:
            tool["description"] = self.random.choice(TEXTS)
        if self.random.random() < 0.4:
            tool["outputSchema"] = self.root()
        return tool

    def root(self) -> Any:
        definitions = {name: self.schema(1) for name in ("A", "B", "C")}
        root = {**self.object(0), "$defs": definitions, "type": "object"}
        if self.random.random() < 0.2:
            root |= self.keywords(1)
        return root

    def schema(self, depth: int) -> Any:
        pick = self.random.random()
        if self.malformed and pick < 0.08:
            return self.random.choice([None, 1, "string", [], [{}], {"type": 5}, {"$ref": 1}, {"$ref": "#/nowhere"}])
        if pick < 0.04:
            return self.random.choice([True, {}])
        if depth > 4 or pick < 0.35:
            return self.leaf()
        maker = self.random.choice([self.object, self.object, self.array, self.either, self.every, self.reference])
        made = maker(depth)
        if self.random.random() < 0.15:
            made = {**made, **self.keywords(depth + 1)}
        return made

    def leaf(self) -> dict[str, Any]:
        choose = self.random.choice
        kinds: list[dict[str, Any]] = [
            {"type": choose(["string", "number", "integer", "boolean", "null"])},
            {"type": ["string", "null"]},
            {"enum": self.random.sample(SCALARS, 3)},
            {"const": choose(SCALARS)},
            {"type": "string", "enum": ["red", "green", "blue"]},
            {"type": "integer", "minimum": 0, "maximum": 9, "default": 3},
        ]
        leaf = dict(choose(kinds))
        if self.random.random() < 0.3:
            leaf["description"] = choose(TEXTS)
        return leaf

    def object(self, depth: int) -> dict[str, Any]:
        names = self.random.sample(NAMES, self.random.randint(0, 4))
        made: dict[str, Any] = {"type": "object", "properties": {name: self.schema(depth + 1) for name in names}}
        made["required"] = [name for name in names if self.random.random() < 0.4]
        pick = self.random.random()
        if pick < 0.3:
            made["additionalProperties"] = False
        elif pick < 0.4:
            made["additionalProperties"] = True
        elif pick < 0.55:
            made["additionalProperties"] = self.schema(depth + 1)
        if self.random.random() < 0.1:
            made["patternProperties"] = {self.random.choice(["^x-", "_id$", "^[a-z]+$"]): self.schema(depth + 1)}
        if self.random.random() < 0.05:
            made["propertyNames"] = {"enum": ["a", "b", "c"]}
        return made

    def array(self, depth: int) -> dict[str, Any]:
        pick = self.random.random()
        if pick < 0.7:
            return {"type": "array", "items": self.schema(depth + 1)}
        items = [self.schema(depth + 1) for _ in range(self.random.randint(1, 3))]
        if pick < 0.85 or not self.malformed:  # the judge of instances knows this form only
            return {
                "type": "array",
                "prefixItems": items,
                "items": self.random.choice([False, True, {"type": "string"}]),
            }
        return {"type": "array", "items": items, "additionalItems": self.random.choice([False, {"type": "number"}])}

    def either(self, depth: int) -> dict[str, Any]:
        keyword = self.random.choice(["anyOf", "oneOf"])
        return {keyword: [self.schema(depth + 1) for _ in range(self.random.randint(1, 4))]}

    def every(self, depth: int) -> dict[str, Any]:
        return {"allOf": [self.schema(depth + 1) for _ in range(self.random.randint(1, 3))]}

    def reference(self, depth: int) -> dict[str, Any]:
        targets = ["#/$defs/A", "#/$defs/B", "#/$defs/C", "#"]
        return {"$ref": self.random.choice(targets), **({"description": "x"} if depth % 2 else {})}

    def keywords(self, depth: int) -> dict[str, Any]:
        """Conditions beside whatever else a schema says."""
        choose = self.random.choice
        kinds: list[dict[str, Any]] = [
            {"if": {"properties": {"kind": {"const": "red"}}}, "then": {"required": ["a"]}},
            {"if": self.schema(depth), "then": self.schema(depth), "else": self.schema(depth)},
            {"not": choose([{"required": ["a"]}, {"type": "null"}, {"const": "red"}, self.schema(depth)])},
            {"dependentRequired": {"a": ["b"]}},
            {"dependentSchemas": {"a": self.schema(depth)}},
            {"anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
            {"nullable": True},
            {"allOf": [self.schema(depth), self.schema(depth)]},
        ]
        return choose(kinds)
