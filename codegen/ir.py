"""The types that codegen works on: a small immutable tree, between JSON Schema and TypeScript.

Every node knows its `digest` (equal digests mean equal types, documentation included) and its `size` (about the number
of characters it takes when written out in place). Both are computed once, from the children's, so that a schema that
reuses one definition a million times stays cheap: nodes are shared, never copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    digest: bytes = field(init=False, repr=False)
    size: int = field(init=False, repr=False)

    def children(self) -> Iterator[Node]:
        """The nodes directly below this one."""
        return iter(())

    def _seal(self, kind: str, facts: str, size: int) -> None:
        digest = blake2b(kind.encode(), digest_size=16)
        digest.update(facts.encode("utf-8", "surrogatepass"))
        for child in self.children():
            digest.update(child.digest)
            size += child.size
        object.__setattr__(self, "digest", digest.digest())
        object.__setattr__(self, "size", size)


@dataclass(frozen=True, slots=True, eq=False)
class Top(Node):
    """No constraint at all. `usable` chooses between `any` (what a program reads) and `unknown` (what it passes)."""

    usable: bool

    def __post_init__(self) -> None:
        self._seal("top", str(self.usable), 7)


@dataclass(frozen=True, slots=True, eq=False)
class Never(Node):
    def __post_init__(self) -> None:
        self._seal("never", "", 5)


@dataclass(frozen=True, slots=True, eq=False)
class Primitive(Node):
    """`string`, `number`, `boolean` or `null`."""

    name: str

    def __post_init__(self) -> None:
        self._seal("primitive", self.name, len(self.name))


@dataclass(frozen=True, slots=True, eq=False)
class Literal(Node):
    """One scalar JSON value as a type."""

    value: Scalar

    def __post_init__(self) -> None:
        text = repr(self.value)
        self._seal("literal", text, len(text))


@dataclass(frozen=True, slots=True, eq=False)
class Array(Node):
    item: Node

    def __post_init__(self) -> None:
        self._seal("array", "", 2)

    def children(self) -> Iterator[Node]:
        yield self.item


@dataclass(frozen=True, slots=True, eq=False)
class Tuple(Node):
    """Positional `items`, the first `required` of them always there, then any number of `rest` (None: no more)."""

    items: tuple[Node, ...]
    required: int
    rest: Node | None

    def __post_init__(self) -> None:
        self._seal("tuple", f"{len(self.items)} {self.required}", 4 + 2 * len(self.items))

    def children(self) -> Iterator[Node]:
        yield from self.items
        if self.rest is not None:
            yield self.rest


@dataclass(frozen=True, slots=True)
class Doc:
    """What a comment says: prose as the server wrote it, facts that the type cannot hold (bounds, formats), and tags
    (`default 5`, `destructive`), which are written behind an `@`."""

    text: str = ""
    facts: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.text or self.facts or self.tags)


NO_DOC = Doc()


@dataclass(frozen=True, slots=True)
class Prop:
    name: str
    type: Node
    optional: bool
    doc: Doc = NO_DOC


@dataclass(frozen=True, slots=True)
class Index:
    """An index signature: keys that fit the template `prefix${string}suffix` hold `type`. Both empty: every key."""

    type: Node
    prefix: str = ""
    suffix: str = ""

    @property
    def is_for_all(self) -> bool:
        return not self.prefix and not self.suffix


@dataclass(frozen=True, slots=True, eq=False)
class Object(Node):
    """Named properties plus index signatures. `closed`: the schema itself forbids all other keys. `vague`: nothing
    is said but that it is an object, so that whatever else is said about it counts."""

    props: tuple[Prop, ...]
    indexes: tuple[Index, ...] = ()
    closed: bool = False
    vague: bool = False

    def __post_init__(self) -> None:
        facts = [f"{self.closed} {self.vague} {len(self.props)}"]
        for prop in self.props:
            facts.append(f"{prop.optional} {prop.name!r} {prop.doc.text!r} {prop.doc.facts} {prop.doc.tags}")
        for index in self.indexes:
            facts.append(f"{index.prefix!r} {index.suffix!r}")
        size = 4 + sum(len(prop.name) + len(prop.doc.text) + 4 for prop in self.props) + 19 * len(self.indexes)
        self._seal("object", "\n".join(facts), size)

    def children(self) -> Iterator[Node]:
        for prop in self.props:
            yield prop.type
        for index in self.indexes:
            yield index.type


@dataclass(frozen=True, slots=True, eq=False)
class Union(Node):
    members: tuple[Node, ...]

    def __post_init__(self) -> None:
        self._seal("union", "", 3 * len(self.members))

    def children(self) -> Iterator[Node]:
        return iter(self.members)


@dataclass(frozen=True, slots=True, eq=False)
class Intersection(Node):
    members: tuple[Node, ...]

    def __post_init__(self) -> None:
        self._seal("intersection", "", 3 * len(self.members))

    def children(self) -> Iterator[Node]:
        return iter(self.members)


@dataclass(frozen=True, slots=True, eq=False)
class Recursive(Node):
    """A reference to a definition that is still being written: `key` finds its body in `ToolTypes.recursive`."""

    key: str

    def __post_init__(self) -> None:
        self._seal("recursive", self.key, 12)


UNKNOWN = Top(usable=False)
ANY = Top(usable=True)
NEVER = Never()
STRING = Primitive("string")
NUMBER = Primitive("number")
BOOLEAN = Primitive("boolean")
NULL = Primitive("null")


def walk(roots: Iterable[Node]) -> Iterator[Node]:
    """Every distinct node at or below `roots`, each once, parents before children."""
    seen: set[bytes] = set()
    stack = list(roots)[::-1]
    while stack:
        node = stack.pop()
        if node.digest in seen:
            continue
        seen.add(node.digest)
        yield node
        stack.extend(reversed(list(node.children())))
