"""Union and conjunction of types, simplified where the result reads better and means the same.

`conjoin` may widen (its result accepts at least what both sides accept) and never narrows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import product
from math import prod

from codegen.ir import (
    BOOLEAN,
    NEVER,
    NULL,
    NUMBER,
    STRING,
    Array,
    Index,
    Intersection,
    Literal,
    Never,
    Node,
    Object,
    Primitive,
    Prop,
    Recursive,
    Top,
    Tuple,
    Union,
)

MAX_DISTRIBUTED = 64
"""Pairs of members that a conjunction of unions tries out; beyond, it stays an intersection."""


def union(nodes: Iterable[Node]) -> Node:
    """The type of all values of any of `nodes`: flat, without repetitions, `null` last."""
    members: dict[bytes, Node] = {}
    for node in nodes:
        for member in members_of(node):
            if isinstance(member, Top):
                return member
            if not isinstance(member, Never):
                members.setdefault(member.digest, member)
    if _TRUE in members and _FALSE in members:
        members = {BOOLEAN.digest if digest == _TRUE else digest: node for digest, node in members.items()}
        members[BOOLEAN.digest] = BOOLEAN
        del members[_FALSE]
    if members.pop(NULL.digest, None) is not None:
        members[NULL.digest] = NULL
    if len(members) < 2:
        return next(iter(members.values()), NEVER)
    return Union(tuple(members.values()))


_TRUE, _FALSE = Literal(True).digest, Literal(False).digest


def conjoin(left: Node, right: Node) -> Node:
    """The type of the values that are in both."""
    if left.digest == right.digest or isinstance(right, Top) or isinstance(left, Never):
        return left
    if isinstance(left, Top) or isinstance(right, Never):
        return right
    return _conjoin(left, right)


@lru_cache(maxsize=4096)  # shared parts meet each other many times in a schema of references to references
def _conjoin(left: Node, right: Node) -> Node:
    if isinstance(left, Union) or isinstance(right, Union):
        return _conjoin_unions(left, right)
    if isinstance(left, Object) and isinstance(right, Object):
        return _merge(left, right)
    families = {family_of(left), family_of(right)}
    if len(families) > 1 and "" not in families:
        return NEVER
    if isinstance(left, Primitive | Literal) and isinstance(right, Primitive | Literal):
        return _conjoin_scalars(left, right)
    if isinstance(left, Array) and isinstance(right, Array):
        return Array(conjoin(left.item, right.item))
    if isinstance(left, Array) and isinstance(left.item, Top):
        return right
    return _intersection([left, right])


def _conjoin_scalars(left: Node, right: Node) -> Node:
    if isinstance(left, Primitive):
        return right
    return left if isinstance(right, Primitive) else NEVER


def _merge(left: Object, right: Object) -> Node:
    """Both objects' properties in one. A property is optional where both say so."""
    if left.vague:
        return right
    if right.vague:
        return left
    lefts, rights = ({prop.name: prop for prop in side.props} for side in (left, right))
    props: dict[str, Prop] = {}
    for name in {**lefts, **rights}:
        mine, theirs = lefts.get(name) or _extra_prop(left, name), rights.get(name) or _extra_prop(right, name)
        merged = _merge_prop(mine, theirs) if mine and theirs else mine or theirs
        if merged is not None:
            if isinstance(merged.type, Never) and not merged.optional:
                return NEVER
            props[name] = merged
    closed = left.closed or right.closed
    return Object(tuple(props.values()), () if closed else _merge_indexes(left, right), closed)


def _extra_prop(node: Object, name: str) -> Prop | None:
    """What the index signatures of `node` say of a property that the other side names."""
    types = [index.type for index in node.indexes if name.startswith(index.prefix) and name.endswith(index.suffix)]
    return Prop(name, types[0], True) if len(types) == 1 else None


def _merge_prop(left: Prop, right: Prop) -> Prop:
    doc = left.doc or right.doc
    return Prop(left.name, conjoin(left.type, right.type), left.optional and right.optional, doc)


def _merge_indexes(left: Object, right: Object) -> tuple[Index, ...]:
    indexes = {(index.prefix, index.suffix): index for index in left.indexes}
    for index in right.indexes:
        key = (index.prefix, index.suffix)
        mine = indexes.get(key)
        indexes[key] = index if mine is None else Index(conjoin(mine.type, index.type), *key)
    return tuple(indexes.values())


def _conjoin_unions(left: Node, right: Node) -> Node:
    lefts, rights = members_of(left), members_of(right)
    if len(lefts) * len(rights) > MAX_DISTRIBUTED:
        return _factored(left, right)
    multiplied = union(conjoin(a, b) for a, b in product(lefts, rights))
    if all(map(_stands_beside_others, (*lefts, *rights))):
        factored = _factored(left, right)
        return factored if factored.size < multiplied.size else multiplied
    return multiplied


def _stands_beside_others(node: Node) -> bool:
    """Whether `node & other` means what it says: an index signature of `node` would also bind other's properties."""
    return not isinstance(node, Object) or not (
        (node.closed and not node.props) or any(not isinstance(index.type, Top) for index in node.indexes)
    )


def _factored(left: Node, right: Node) -> Node:
    """`{base} & ({a} | {b})`: writes the base once. Members of families that the other side lacks drop out."""
    lefts, rights = members_of(left), members_of(right)
    families = {family_of(node) for node in lefts} & {family_of(node) for node in rights}
    if "" in {family_of(node) for node in (*lefts, *rights)} or not families:
        return _intersection([left, right])
    others = [conjoin(a, b) for a, b in product(lefts, rights) if family_of(a) == family_of(b) != "object"]
    if "object" not in families:
        return union(others)
    sides = [union(loose(node) for node in side if family_of(node) == "object") for side in (lefts, rights)]
    return union([_intersection(sides), *others])


def loose(node: Node) -> Node:
    """`node` such that it can be intersected with other objects: without what would bind their properties."""
    if _stands_beside_others(node) or not isinstance(node, Object):
        return node
    return Object(node.props)


def _intersection(nodes: Sequence[Node]) -> Node:
    members: dict[bytes, Node] = {}
    for node in nodes:
        for member in node.members if isinstance(node, Intersection) else (node,):
            if not (isinstance(member, Object) and (member.vague or not (member.props or member.indexes))):
                members.setdefault(member.digest, loose(member))
    if len(members) < 2:
        return next(iter(members.values()), nodes[0])
    return Intersection(tuple(members.values()))


def members_of(node: Node) -> tuple[Node, ...]:
    return node.members if isinstance(node, Union) else (node,)


def family_of(node: Node) -> str:
    """Which JSON type all values of `node` have; empty when that is not known."""
    match node:
        case Primitive(name=name):
            return name
        case Literal(value=value):
            return _primitive_of(value).name
        case Array() | Tuple():
            return "array"
        case Object():
            return "object"
        case Union(members=members):
            families = {family_of(member) for member in members}
            return families.pop() if len(families) == 1 else ""
        case Intersection(members=members):
            return next((family for member in members if (family := family_of(member))), "")
    return ""


def _primitive_of(value: object) -> Primitive:
    match value:
        case None:
            return NULL
        case bool():
            return BOOLEAN
        case int() | float():
            return NUMBER
    return STRING


def core_of(node: Node) -> tuple[Node, bool]:
    """What `node` is an optional or a list of (itself, if it is neither), and whether it is a list."""
    plural = False
    while True:
        if isinstance(node, Array):
            node, plural = node.item, True
        elif isinstance(node, Union) and len(node.members) == 2 and node.members[1] is NULL:
            node = node.members[0]
        else:
            return node, plural


def complexity(node: Node) -> int:
    """How many members TypeScript multiplies `node` out to."""
    if isinstance(node, Union):
        return sum(map(complexity, node.members))
    if isinstance(node, Intersection):
        return prod(map(complexity, node.members))
    return 1


def names_in(node: Node) -> Iterator[str]:
    """The property names that `node` mentions at its own level."""
    if isinstance(node, Object):
        yield from (prop.name for prop in node.props)
    elif isinstance(node, Union | Intersection):
        for member in node.members:
            yield from names_in(member)


def unguarded(node: Node) -> Iterator[Recursive]:
    """The references that stand for `node` itself or a member of it, not for a part of its values."""
    if isinstance(node, Recursive):
        yield node
    elif isinstance(node, Union | Intersection):
        for member in node.members:
            yield from unguarded(member)
