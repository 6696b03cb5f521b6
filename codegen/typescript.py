"""Types → TypeScript text: one line where it fits, documentation where it says something."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from codegen import text
from codegen.algebra import union
from codegen.docs import one_line, reflowed
from codegen.ir import (
    Array,
    Doc,
    Index,
    Intersection,
    Literal,
    Node,
    Object,
    Primitive,
    Prop,
    Recursive,
    Top,
    Tuple,
    Union,
    walk,
)

WIDTH = 110
BRIEF_LITERALS = 12
"""Values of an enumeration that are written out where brevity counts; the rest is counted."""

_INHERITED = frozenset(
    (
        "constructor",
        "hasOwnProperty",
        "isPrototypeOf",
        "propertyIsEnumerable",
        "toLocaleString",
        "toString",
        "valueOf",
    )
)
_NO_ARRAY = "[Symbol.iterator]?: never;"
_PLAIN_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")


@dataclass(frozen=True, slots=True)
class Printer:
    """Writes types. `names`: digest → the name that stands for that type. `brief`: without comments and what else a
    reader can do without. `qualifier` is put before names, since they live in a namespace of their own. `compiled`:
    with what only compilers look at."""

    names: Mapping[bytes, str] = field(default_factory=dict)
    brief: bool = False
    qualifier: str = ""
    compiled: bool = False

    def type(self, node: Node, indent: int = 0) -> str:
        """`node` by its name if it has one, else written out."""
        name = self.names.get(node.digest)
        return self.body(node, indent) if name is None else self.qualifier + name

    def body(self, node: Node, indent: int = 0) -> str:
        """`node` written out, its parts by their names. `indent` is the number of spaces its line starts with."""
        match node:
            case Top(usable=usable):
                return "any" if usable else "unknown"
            case Primitive(name=name):
                return name
            case Literal(value=value):
                return text.literal(value) if isinstance(value, str) else json.dumps(value)
            case Array(item=item):
                return self._grouped(item, indent) + "[]"
            case Tuple():
                return self._tuple(node, indent)
            case Object():
                return self._object(node, indent)
            case Union(members=members):
                return self._union(members, indent)
            case Intersection(members=members):
                return " & ".join(self._grouped(member, indent) for member in members)
            case Recursive():
                return "unknown"
        return "never"

    def _union(self, members: tuple[Node, ...], indent: int) -> str:
        parts = [self._part(member, indent) for member in members]
        if self.brief and len(parts) > BRIEF_LITERALS and all(isinstance(member, Literal) for member in members[:-1]):
            parts = [*parts[: BRIEF_LITERALS - 4], f"{parts[-1]} /* {len(parts) - BRIEF_LITERALS + 3} more */"]
        flat = " | ".join(parts)
        large = sum(isinstance(member, Object | Intersection) for member in members) > 1
        if not large or ("\n" not in flat and len(flat) + indent <= WIDTH):
            return flat
        start = "\n" + " " * (indent + 2) + "| "
        return start + start.join(part.replace("\n", "\n    ") for part in parts)

    def _part(self, node: Node, indent: int) -> str:
        return self._grouped(node, indent) if isinstance(node, Intersection) else self.type(node, indent)

    def _grouped(self, node: Node, indent: int) -> str:
        written = self.type(node, indent)
        if isinstance(node, Union | Intersection) and node.digest not in self.names:
            return enclosed("(", written, ")", indent)
        return written

    def _tuple(self, node: Tuple, indent: int) -> str:
        if refers_to_itself(node):  # `[A?]` is circular for TypeScript where `[item?: A]` is not
            return self._labelled_tuple(node, indent)
        parts = []
        for position, item in enumerate(node.items):
            parts.append(self.type(item, indent) if position < node.required else self._grouped(item, indent) + "?")
        if node.rest is not None:
            parts.append(f"...{self._grouped(node.rest, indent)}[]")
        return f"[{', '.join(parts)}]"

    def _labelled_tuple(self, node: Tuple, indent: int) -> str:
        parts = []
        for position, item in enumerate(node.items):
            mark = "" if position < node.required else "?"
            parts.append(f"item{position}{mark}: {self.type(item, indent)}")
        if node.rest is not None:
            parts.append(f"...rest: {self._grouped(node.rest, indent)}[]")
        return f"[{', '.join(parts)}]"

    def _object(self, node: Object, indent: int) -> str:
        if not node.props and not node.indexes:
            return "Record<string, never>" if node.closed else "{}"
        if not node.props and len(node.indexes) == 1 and self._fits_record(node.indexes[0]):
            return self._record(node.indexes[0], indent)
        lines = [line for prop in node.props for line in self._prop(prop, indent + 2)]
        if not (self.brief and lines and all(isinstance(index.type, Top) for index in node.indexes)):
            lines += [self._index(node, index, indent + 2) for index in node.indexes]
            lines += [_NO_ARRAY] * (self.compiled and _would_take_arrays(node))
        flat = "{ " + " ".join(lines).removesuffix(";") + " }"
        if len(flat) + indent <= WIDTH and not any("/**" in line or "\n" in line for line in lines):
            return flat
        inner = " " * (indent + 2)
        return "{\n" + "".join(f"{inner}{line}\n" for line in lines) + " " * indent + "}"

    def _fits_record(self, index: Index) -> bool:
        """`type A = Record<string, A>` is circular for TypeScript where an index signature is not."""
        return index.is_for_all and not refers_to_itself(index.type)

    def _record(self, index: Index, indent: int) -> str:
        if _is_any(index.type):
            return "JsonObject"
        return enclosed("Record<string, ", self.type(index.type, indent), ">", indent)

    def _prop(self, prop: Prop, indent: int) -> Iterable[str]:
        if prop.doc and not self.brief:
            yield from comment_lines(prop.doc)
        if prop.optional and prop.name in _INHERITED and not isinstance(prop.type, Top):
            written = f"{self._grouped(prop.type, indent)} | Function"  # `{}` has one, of this type
        else:
            written = self.type(prop.type, indent)
        yield after(f"{key(prop.name)}{'?' * prop.optional}:", written) + ";"

    def _index(self, node: Object, index: Index, indent: int) -> str:
        keys = "string" if index.is_for_all else f"`{index.prefix}${{string}}{index.suffix}`"
        if isinstance(index.type, Top):
            return f"[key: {keys}]: {self.type(index.type, indent)};"
        covered = [prop for prop in node.props if _matches(index, prop.name)]
        types = {index.type.digest: index.type}
        types |= {prop.type.digest: prop.type for prop in covered}
        if keys == "string":
            types |= {other.type.digest: other.type for other in node.indexes}
        held = union(types.values())
        written = self.type(held, indent)
        if any(prop.optional for prop in covered) and not isinstance(held, Top):
            written += " | Function" if any(prop.name in _INHERITED for prop in covered) else ""
            written += " | undefined"
        return after(f"[key: {keys}]:", written) + ";"


def after(label: str, written: str) -> str:
    """`written` behind `label`, on the same line unless it starts one of its own."""
    return label + written if written.startswith("\n") else f"{label} {written}"


def enclosed(start: str, written: str, end: str, indent: int) -> str:
    """`written` between brackets, the closing one below where it takes several lines."""
    if not written.startswith("\n"):
        return start + written + end
    return f"{start.rstrip()}{written}\n{' ' * indent}{end}"


def refers_to_itself(node: Node) -> bool:
    return any(isinstance(part, Recursive) for part in walk([node]))


def key(name: str) -> str:
    """A property name as it is written in a type: bare where it can be."""
    return name if _PLAIN_KEY.fullmatch(name) else text.literal(name)


@lru_cache(maxsize=4096)
def comment_lines(doc: Doc) -> tuple[str, ...]:
    """`doc` as a block comment, a line each; empty if there is nothing to say."""
    words = text.comment(reflowed(doc.text))
    facts = ", ".join(one_line(text.comment(fact)) for fact in doc.facts)
    if words and facts:
        facts = f" ({facts})"
    lines = f"{words}{facts}".split("\n") if words or facts else []
    if doc.tags:
        lines[-1:] = [" ".join([*lines[-1:], *(f"@{one_line(text.comment(tag))}" for tag in doc.tags)])]
    if not lines:
        return ()
    lines[-1] += " */"
    return (f"/** {lines[0]}", *(f" * {line}" for line in lines[1:]))


def _is_any(node: Node) -> bool:
    return isinstance(node, Top) and node.usable


def _would_take_arrays(node: Object) -> bool:
    """TypeScript takes anything that is no primitive for `{ [key: string]: any }`."""
    return any(index.is_for_all and _is_any(index.type) for index in node.indexes) and all(
        prop.optional for prop in node.props
    )


def _matches(index: Index, name: str) -> bool:
    return name.startswith(index.prefix) and name.endswith(index.suffix)
