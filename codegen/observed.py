"""Types learnt from results: the shape of what a tool returned so far, never a value of it.

A shape is bounded in depth, width and size whatever comes. It forgets values, does not infer enums, and calls a field
optional once a result came without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from codegen import ir
from codegen.algebra import union

MAX_DEPTH = 8
MAX_FIELDS = 100
"""Fields kept per object. An object with more is a map: its values are merged into one shape."""
MAX_SHAPES = 2_000
"""Object fields in one shape altogether."""
MAX_ITEMS = 200
"""Items of one array that are looked at."""
MAX_VALUES = 5_000
MAX_READ = 20_000
"""Objects and arrays of one result that are looked at, and fields in them; about 20 ms. The rest tells nothing."""
MAX_KEY = 200
"""Length of a name from which an object is a map."""

_SCALARS = {str: "string", int: "number", float: "number", bool: "boolean", type(None): "null"}


@dataclass(frozen=True, slots=True)
class Shape:
    """What was seen at one place: JSON scalar kinds; an array's items; an object's fields, or what its values are when
    it is used as a map. `opaque`: too deep or too large to say more."""

    kinds: frozenset[str] = frozenset()
    item: Shape | None = None
    fields: tuple[tuple[str, Field], ...] | None = None
    values: Shape | None = None
    opaque: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    shape: Shape
    optional: bool


@dataclass(frozen=True, slots=True)
class Observed:
    """The learnt shape of one tool's result and the number of results it was learnt from."""

    shape: Shape = field(default_factory=Shape)
    calls: int = 0

    def node(self) -> ir.Node:
        """The shape as a type."""
        return _node(self.shape)


_NOTHING = Shape()
_SCALAR_SHAPES = {kind: Shape(frozenset((name,))) for kind, name in _SCALARS.items()}
_OPAQUE = Shape(opaque=True)


def observe(known: Observed | None, value: Any) -> Observed:
    """What is known after one more result."""
    seen = _shape(value, 0, _Budget())
    if known is None:
        return Observed(_bounded(seen), 1)
    return Observed(_bounded(_merge(known.shape, seen)), known.calls + 1)


def merge(left: Observed, right: Observed) -> Observed:
    """What both were learnt from, together."""
    return Observed(_bounded(_merge(left.shape, right.shape)), left.calls + right.calls)


def to_json(observed: Observed) -> dict[str, Any]:
    return {"calls": observed.calls, "shape": _to_json(observed.shape)}


def from_json(data: Any) -> Observed:
    """The inverse of `to_json`. ValueError: the data did not come from there."""
    if not isinstance(data, Mapping) or not isinstance(data.get("calls"), int):
        raise ValueError("an observed shape is an object with the number `calls` and a `shape`")
    return Observed(_bounded(_from_json(data.get("shape"), 0)), data["calls"])


class _Budget:
    """What may still be looked at of one result."""

    def __init__(self) -> None:
        self.fields = MAX_READ
        self.values = MAX_VALUES

    def takes(self, value: Any) -> bool:
        self.values -= 1
        self.fields -= len(value) if isinstance(value, Mapping) and len(value) <= MAX_FIELDS else 0
        return self.values >= 0 and self.fields >= 0


def _shape(value: Any, depth: int, budget: _Budget) -> Shape:
    scalar = _SCALAR_SHAPES.get(type(value))
    if scalar is not None:
        return scalar
    if depth >= MAX_DEPTH:
        return _OPAQUE
    if not budget.takes(value):
        return _NOTHING
    if isinstance(value, Mapping):
        return _object_shape(value, depth, budget)
    if isinstance(value, list | tuple):
        item = _merge_all(_shape(item, depth + 1, budget) for item in islice(value, MAX_ITEMS))
        return Shape(item=item)
    return _OPAQUE


def _object_shape(value: Mapping[str, Any], depth: int, budget: _Budget) -> Shape:
    if len(value) > MAX_FIELDS or any(len(name) > MAX_KEY for name in value):
        return Shape(values=_merge_all(_shape(v, depth + 1, budget) for v in islice(value.values(), MAX_ITEMS)))
    return Shape(fields=tuple((k, Field(_shape(v, depth + 1, budget), False)) for k, v in sorted(value.items())))


def _merge_all(shapes: Iterable[Shape]) -> Shape:
    merged = _NOTHING
    for shape in shapes:
        merged = _merge(merged, shape)
    return merged


def _merge(left: Shape, right: Shape) -> Shape:
    if left is right or _says_nothing(right):
        return left
    if _says_nothing(left):
        return right
    values = _merge_optional(left.values, right.values)
    fields = _merge_fields(left.fields, right.fields)
    if fields is not None and (values is not None or len(fields) > MAX_FIELDS):
        values = _merge_all([values or _NOTHING, *(entry.shape for _, entry in fields)])
        fields = None
    return Shape(
        left.kinds | right.kinds, _merge_optional(left.item, right.item), fields, values, left.opaque or right.opaque
    )


def _says_nothing(shape: Shape) -> bool:
    return not (shape.kinds or shape.item or shape.values or shape.opaque) and shape.fields is None


def _merge_optional(left: Shape | None, right: Shape | None) -> Shape | None:
    if left is None or right is None:
        return left if right is None else right
    return _merge(left, right)


_Fields = tuple[tuple[str, Field], ...]


def _merge_fields(left: _Fields | None, right: _Fields | None) -> _Fields | None:
    if left is None or right is None:
        return left if right is None else right
    lefts, rights = dict(left), dict(right)
    merged: list[tuple[str, Field]] = []
    for name in sorted(lefts.keys() | rights.keys()):
        mine, theirs = lefts.get(name), rights.get(name)
        if mine is None or theirs is None:
            merged.append((name, Field((mine or theirs or Field(_NOTHING, True)).shape, True)))
        else:
            merged.append((name, Field(_merge(mine.shape, theirs.shape), mine.optional or theirs.optional)))
    return tuple(merged)


def _bounded(shape: Shape) -> Shape:
    """`shape` with at most MAX_SHAPES fields: the deepest levels go first."""
    widths = [0] * (MAX_DEPTH + 2)
    _measure(shape, 0, widths)
    total = 0
    for depth, width in enumerate(widths):
        total += width
        if total > MAX_SHAPES:
            return _cut(shape, depth)
    return shape


def _measure(shape: Shape, depth: int, widths: list[int]) -> None:
    """Add the number of fields on each level to `widths`."""
    widths[depth] += len(shape.fields or ())
    for part in (shape.item, shape.values, *(entry.shape for _, entry in shape.fields or ())):
        if part is not None:
            _measure(part, depth + 1, widths)


def _cut(shape: Shape, depth: int) -> Shape:
    if depth == 0:
        return Shape(shape.kinds, opaque=True) if shape.item or shape.values or shape.fields else shape
    return Shape(
        shape.kinds,
        shape.item and _cut(shape.item, depth - 1),
        shape.fields and tuple((n, Field(_cut(f.shape, depth - 1), f.optional)) for n, f in shape.fields),
        shape.values and _cut(shape.values, depth - 1),
        shape.opaque,
    )


def _node(shape: Shape) -> ir.Node:
    if shape.opaque:
        return ir.ANY
    parts: list[ir.Node] = [ir.Primitive(kind) for kind in sorted(shape.kinds - {"null"})]
    if shape.item is not None:
        parts.append(ir.Array(_node(shape.item)))
    if shape.fields is not None:
        props = tuple(ir.Prop(name, _node(entry.shape), entry.optional) for name, entry in shape.fields)
        parts.append(ir.Object(props) if props else ir.Object((), (ir.Index(ir.ANY),)))
    if shape.values is not None:
        parts.append(ir.Object((), (ir.Index(_node(shape.values)),)))
    if not parts:  # nothing, or nothing but null: says nothing about what else may come
        return ir.ANY
    return union([*parts, ir.NULL] if "null" in shape.kinds else parts)


def _to_json(shape: Shape) -> dict[str, Any]:
    data: dict[str, Any] = {}
    if shape.kinds:
        data["kinds"] = sorted(shape.kinds)
    if shape.item is not None:
        data["item"] = _to_json(shape.item)
    if shape.fields is not None:
        data["fields"] = {name: _to_json(entry.shape) for name, entry in shape.fields}
        data["optional"] = [name for name, entry in shape.fields if entry.optional]
    if shape.values is not None:
        data["values"] = _to_json(shape.values)
    if shape.opaque:
        data["opaque"] = True
    return data


def _from_json(data: Any, depth: int) -> Shape:
    if not isinstance(data, Mapping) or depth > MAX_DEPTH + 1:
        raise ValueError(f"an observed shape is an object of at most {MAX_DEPTH + 1} levels")
    fields: tuple[tuple[str, Field], ...] | None = None
    if "fields" in data:
        optional = _names(data.get("optional", []))
        if not isinstance(data["fields"], Mapping):
            raise ValueError("the `fields` of an observed shape are an object")
        below = {name: _from_json(shape, depth + 1) for name, shape in data["fields"].items()}
        fields = tuple((name, Field(below[name], name in optional)) for name in sorted(below))
    return Shape(
        frozenset(_names(data.get("kinds", []))) & frozenset(_SCALARS.values()),
        _from_json(data["item"], depth + 1) if "item" in data else None,
        fields,
        _from_json(data["values"], depth + 1) if "values" in data else None,
        data.get("opaque") is True,
    )


def _names(data: Any) -> set[str]:
    if not isinstance(data, list) or not all(isinstance(name, str) for name in data):
        raise ValueError("`kinds` and `optional` of an observed shape are lists of strings")
    return set(data)
