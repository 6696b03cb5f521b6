"""JSON Schema (drafts 4 to 2020-12, mixed and malformed) → types.

The type accepts every valid instance. What TypeScript cannot say is left out (the type gets wider) and noted as an
issue; so is whatever is broken. Two readings are deliberate, since servers mean them: a schema with `properties` but no
`type` is an object, and an object that does not mention `additionalProperties` has just the properties it names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from codegen import docs, refs
from codegen.algebra import complexity, conjoin, core_of, family_of, members_of, union
from codegen.conditions import absent, complement, names_only
from codegen.ir import (
    ANY,
    BOOLEAN,
    NEVER,
    NULL,
    NUMBER,
    STRING,
    UNKNOWN,
    Array,
    Index,
    Literal,
    Never,
    Node,
    Object,
    Primitive,
    Prop,
    Recursive,
    Top,
    Tuple,
)
from codegen.keywords import COMBINING, element_name, implied_types, is_generic, known_type, simple_type
from codegen.patterns import template_of
from codegen.recursion import closed_under

MAX_DEPTH = 40
"""Levels of nested schemas that are typed; the deepest real one seen had 12."""
MAX_SCHEMAS = 20_000
"""Schemas converted for one tool before the rest is left untyped."""
MAX_COMPLEXITY = 1_000
"""Members to which TypeScript may have to multiply out one intersection of unions; it gives up at 100,000."""
MAX_ISSUES = 20

Schema = Mapping[str, Any]

_CONDITIONAL = ("if", "not", "dependentRequired", "dependentSchemas", "dependencies")
_SCALARS: dict[str | None, Node] = {
    "string": STRING,
    "number": NUMBER,
    "integer": NUMBER,
    "boolean": BOOLEAN,
    "null": NULL,
}


@dataclass(frozen=True, slots=True)
class Converted:
    """One schema as a type. `hints`: digest → (rank, wish for a name), lower ranks first. `recursive`: the bodies of
    `Recursive` nodes by key."""

    node: Node
    issues: tuple[str, ...] = ()
    hints: Mapping[bytes, tuple[int, str]] = field(default_factory=dict)
    recursive: Mapping[str, Node] = field(default_factory=dict)


def _besides_objects(node: Node) -> list[Node]:
    return [] if isinstance(node, Top) else [member for member in members_of(node) if family_of(member) != "object"]


def convert(schema: Any, *, output: bool, said: str = "") -> Converted:
    """The type of `schema`. In an `output` what is unknown is `any`, so that programs can read on; else `unknown`.
    Comments leave out what is `said` around the type already."""
    converter = _Converter(schema, ANY if output else UNKNOWN, said)
    node = converter.convert(schema, "", 0)
    recursive = closed_under(converter.recursive, converter.top)
    return Converted(node, tuple(converter.issues), converter.hints, recursive)


class _Converter:
    """One run over one schema document: what was found so far, and the way back from references to themselves."""

    def __init__(self, root: Any, top: Top, said: str) -> None:
        self.document = refs.Document(root)
        self.top = top
        self.said = said
        self.issues: dict[str, None] = {}
        self.hints: dict[bytes, tuple[int, str]] = {}
        self.recursive: dict[str, Node] = {}
        self._count = 0
        self._open: dict[str, bool] = {}
        """References being converted now → whether they were met again inside themselves."""
        self._done: dict[str, Node] = {}

    def convert(self, schema: Any, where: str, depth: int, context: Node | None = None) -> Node:
        """The type of `schema`, which stands at `where`. `context`: what is known of the same value from around."""
        if isinstance(schema, bool):
            return self.top if schema else NEVER
        if isinstance(schema, dict) and (scalar := _SCALARS.get(simple_type(schema))) is not None:
            return scalar
        if (problem := self._problem(schema, depth)) is not None:
            return self._widen(where, problem)
        node: Node = self.top
        for part in self._parts(schema, where, depth):
            node = self._both(node, part, where)
        if context is not None and "type" not in schema and implied_types(schema) == ["object"]:
            node = union([node, *_besides_objects(context)])
        node = self._combined(node, schema, where, depth)
        if not schema.keys().isdisjoint(_CONDITIONAL):
            node = self._conditioned(node, schema, where, depth, context or self.top)
        if schema.get("nullable") is True:
            node = union([node, NULL])
        self.hint(node, 1, schema.get("title"))
        return node

    def _problem(self, schema: Any, depth: int) -> str | None:
        """Why `schema` is not read, if it is not."""
        if not isinstance(schema, dict):
            return "is no schema"
        self._count += 1
        if self._count > MAX_SCHEMAS:
            return f"comes after {MAX_SCHEMAS} other schemas"
        return f"is nested deeper than {MAX_DEPTH} levels" if depth > MAX_DEPTH else None

    def _both(self, left: Node, right: Node, where: str) -> Node:
        """The conjunction, or where it would be empty or too much for TypeScript, something wider."""
        node = conjoin(left, right)
        if isinstance(node, Never) and not isinstance(left, Never) and not isinstance(right, Never):
            self._note(where, "contradicts itself")
            return left
        if complexity(node) > MAX_COMPLEXITY:
            self._note(where, "combines too many alternatives; some are left out")
            return conjoin(left, names_only(right, self.top))
        return node

    def _parts(self, schema: Schema, where: str, depth: int) -> Iterator[Node]:
        typed = self._typed(schema, where, depth)
        reference = refs.reference_of(schema)
        if reference is None:
            yield typed
            return
        yield self._reference(reference, where, depth)
        yield names_only(typed, self.top) if self.document.ignores_siblings else typed

    def _combined(self, node: Node, schema: Schema, where: str, depth: int) -> Node:
        for part in self._list(schema, "allOf", where):
            node = self._both(node, self.convert(part, where, depth + 1, node), where)
        for keyword in ("anyOf", "oneOf"):
            branches = self._list(schema, keyword, where)
            if branches:
                either = union([self.convert(branch, where, depth + 1, node) for branch in branches])
                node = self._both(node, either, where)
        return node

    # --- references ---

    def _reference(self, reference: str, where: str, depth: int) -> Node:
        if reference in self._open:
            self._open[reference] = True
            return Recursive(self._key(reference))
        if reference in self._done:
            return self._done[reference]
        found = self.document.resolve(reference)
        if found is None:
            return self._widen(where, f"refers to {reference[:80]!r}, which is not there")
        if self.document.is_circle(reference):
            return self._widen(where, f"refers to {reference[:80]!r}, which is only a circle of references")
        self._open[reference] = False
        node = self.convert(found[0], where, depth + 1)
        if self._open.pop(reference):
            key = self._key(reference)
            self.recursive[key] = node
            node = Recursive(key)
        name = refs.name_of(reference) or "root"
        self.hint(node, 4 if is_generic(name) else 0, name)
        self._done[reference] = node
        return node

    def _key(self, reference: str) -> str:
        return f"{'out' if self.top.usable else 'in'} {self.document.digest(reference)}"

    # --- keywords of one type ---

    def _typed(self, schema: Schema, where: str, depth: int) -> Node:
        names = self._type_names(schema, where)
        typed = self.top if names is None else union([self._of_type(name, schema, where, depth) for name in names])
        literals = self._literals(schema, where)
        if literals is None:
            return typed
        both = conjoin(typed, literals)
        if isinstance(both, Never):
            self._note(where, "has an `enum` or `const` that contradicts its `type`")
            return literals
        return both

    def _type_names(self, schema: Schema, where: str) -> list[str] | None:
        declared = schema.get("type")
        if declared is None:
            return implied_types(schema)
        names: list[str] = []
        for name in declared if isinstance(declared, list) else [declared]:
            known = known_type(name)
            if known is None:
                self._note(where, f"has the unknown type {str(name)[:40]!r}")
                return implied_types(schema)
            names.append(known)
        return names or implied_types(schema)

    def _literals(self, schema: Schema, where: str) -> Node | None:
        if "const" in schema:
            return self._value(schema["const"], 0)
        values = self._list(schema, "enum", where) if "enum" in schema else None
        if values == []:
            self._note(where, "has an `enum` that nothing fits")
        return union([self._value(value, 0) for value in values]) if values else None

    def _value(self, value: Any, depth: int) -> Node:
        """The type of which `value` is the only instance."""
        if depth > MAX_DEPTH:
            return self.top
        if isinstance(value, dict):
            props = tuple(Prop(name, self._value(item, depth + 1), False) for name, item in value.items())
            return Object(props, closed=True)
        if isinstance(value, list):
            return Tuple(tuple(self._value(item, depth + 1) for item in value), len(value), None)
        if isinstance(value, int | float) and not abs(value) < 1e300:  # no number has such a literal: NaN, infinite
            return NUMBER
        return NULL if value is None else Literal(value)

    def _of_type(self, name: str, schema: Schema, where: str, depth: int) -> Node:
        if name == "object":
            return self._object(schema, where, depth)
        return self._array(schema, where, depth) if name == "array" else _SCALARS[name]

    def _array(self, schema: Schema, where: str, depth: int) -> Node:
        items = schema.get("items", True)
        positional = schema.get("prefixItems", items if isinstance(items, list) else None)
        if not isinstance(positional, list) or not positional:
            return Array(self.convert(True if isinstance(items, list) else items, f"{where}[]", depth + 1))
        after = schema.get("additionalItems", True) if isinstance(items, list) else items
        if after is True and schema.keys().isdisjoint(COMBINING):  # which would say more of what else is in it
            after = schema.get("unevaluatedItems", True)
        types = tuple(self.convert(item, f"{where}[{i}]", depth + 1) for i, item in enumerate(positional))
        rest = self.convert(after, f"{where}[]", depth + 1)
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        required = max(0, min(least, len(types))) if isinstance(least, int) else 0
        ends = isinstance(rest, Never) or (isinstance(most, int) and most <= len(types))
        return Tuple(types, required, None if ends else rest)

    def _object(self, schema: Schema, where: str, depth: int) -> Node:
        required = dict.fromkeys(name for name in self._list(schema, "required", where) if isinstance(name, str))
        props: dict[str, Prop] = {}
        for name, value in self._map(schema, "properties", where).items():
            node = self.convert(value, f"{where}.{name}" if where else name, depth + 1)
            if not isinstance(node, Primitive):
                self.hint(node, 2, name)
            props[name] = Prop(name, node, name not in required, docs.of(value, name, self.said))
        extra = self._extra(schema, where, depth)
        forbidden = any(schema.get(word) is False for word in ("additionalProperties", "unevaluatedProperties"))
        for name in required.keys() - props.keys():
            props[name] = Prop(name, extra or self.top, False)
        if not forbidden and (keys := self._known_keys(schema)):
            props |= {name: Prop(name, extra or self.top, True) for name in keys if name not in props}
            extra, forbidden = None, True
        indexes = self._indexes(schema, extra, where, depth)
        if props or indexes:
            return Object(tuple(props.values()), indexes, forbidden and not indexes)
        if forbidden or (depth == 0 and schema.get("properties") == {}):
            return Object((), closed=True)
        return Object((), (Index(self.top),), vague=True)

    def _extra(self, schema: Schema, where: str, depth: int) -> Node | None:
        """The type of properties that have no name of their own; None when the schema allows or mentions none."""
        for keyword in ("additionalProperties", "unevaluatedProperties"):
            if keyword in schema:
                node = self.convert(schema[keyword], f"{where}.*", depth + 1)
                self.hint(node, 2, element_name(where))
                return None if isinstance(node, Never) else node
        return None

    def _indexes(self, schema: Schema, extra: Node | None, where: str, depth: int) -> tuple[Index, ...]:
        types: dict[tuple[str, str], Node] = {}
        for pattern, value in self._map(schema, "patternProperties", where).items():
            node = self.convert(value, f"{where}.*", depth + 1)
            affixes = template_of(pattern)
            if affixes is None:
                self._note(where, f"has keys by a pattern that no template says: {pattern[:60]!r}")
                affixes = ("", "")
                mentioned = "additionalProperties" in schema
                node = node if mentioned and extra is None else union([node, extra or self.top])
            types[affixes] = union([types[affixes], node]) if affixes in types else node
        if extra is not None:
            types["", ""] = union([types["", ""], extra]) if ("", "") in types else extra
        return tuple(Index(node, *affixes) for affixes, node in types.items())

    def _known_keys(self, schema: Schema) -> list[str]:
        names = schema.get("propertyNames")
        keys = names.get("enum") if isinstance(names, dict) else None
        return [key for key in keys if isinstance(key, str)] if isinstance(keys, list) else []

    # --- conditions ---

    def _conditioned(self, node: Node, schema: Schema, where: str, depth: int, context: Node) -> Node:
        """`node` under the conditions of `schema`, which may look at what the `context` says of the same value."""
        base = conjoin(context, node)
        if "not" in schema:
            others = complement(schema["not"], base)
            if others is None:
                self._note(where, "has a `not` that no type says")
            else:
                node = self._both(node, others, where)
        for condition in self._conditions(schema, where, depth, base):
            rest = _besides_objects(base)
            if not isinstance(base, Top) and len(rest) < len(members_of(base)):  # they bind objects alone
                node = self._both(node, union([condition, *rest]), where)
        return node

    def _conditions(self, schema: Schema, where: str, depth: int, base: Node) -> Iterator[Node]:
        if "if" in schema:
            yield self._choice(schema, where, depth, base)
        for keyword in _CONDITIONAL[2:]:
            for name, needed in self._map(schema, keyword, where).items():
                yield self._dependent(name, needed, where, depth)

    def _choice(self, schema: Schema, where: str, depth: int, base: Node) -> Node:
        """`if`/`then`/`else` as the union of both ways."""
        then = conjoin(
            self.convert(schema["if"], where, depth + 1), self.convert(schema.get("then", True), where, depth + 1)
        )
        otherwise = self.convert(schema.get("else", True), where, depth + 1)
        refused = complement(schema["if"], base)
        if refused is None:
            self._note(where, "has an `if` whose contrary no type says")
            return conjoin(names_only(then, self.top), names_only(otherwise, self.top))
        return union([conjoin(then, names_only(otherwise, self.top)), self._unless(refused, then, otherwise)])

    def _unless(self, refused: Node, then: Node, otherwise: Node) -> Node:
        return conjoin(conjoin(refused, otherwise), names_only(then, self.top))

    def _dependent(self, name: str, needed: Any, where: str, depth: int) -> Node:
        if isinstance(needed, list):
            names = [other for other in needed if isinstance(other, str)]
            then: Node = Object(tuple(Prop(other, self.top, False) for other in dict.fromkeys([name, *names])))
        else:
            present = Object((Prop(name, self.top, False),))
            then = conjoin(present, self.convert(needed, where, depth + 1))
        return union([conjoin(absent([name]), names_only(then, self.top)), then])

    # --- small parts ---

    def _list(self, schema: Schema, keyword: str, where: str) -> list[Any]:
        value = schema.get(keyword, [])
        if isinstance(value, list):
            return value
        if not isinstance(value, bool):  # draft 3 had `required: true` on the property itself
            self._note(where, f"has a `{keyword}` that is no list")
        return []

    def _map(self, schema: Schema, keyword: str, where: str) -> dict[str, Any]:
        value = schema.get(keyword, {})
        if isinstance(value, dict):
            return value
        self._note(where, f"has a `{keyword}` that is no object")
        return {}

    def _widen(self, where: str, problem: str) -> Node:
        self._note(where, f"{problem}; typed as `{'any' if self.top.usable else 'unknown'}`")
        return self.top

    def _note(self, where: str, problem: str) -> None:
        if len(self.issues) < MAX_ISSUES:
            self.issues.setdefault(f"{where[:120] or 'the schema'} {problem}")

    def hint(self, node: Node, rank: int, name: object) -> None:
        """Remember `name` as a wish for `node`, or for what it is a list or an optional of."""
        if not isinstance(name, str) or not name or isinstance(node, Primitive | Top):
            return
        target, plural = core_of(node)
        wish = (rank, element_name(name) if plural else name[:64])
        self.hints[target.digest] = min(self.hints.get(target.digest, wish), wish)
