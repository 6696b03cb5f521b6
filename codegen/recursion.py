"""Definitions that refer to themselves without anything in between (`A = A | string`) have no TypeScript form as they
stand: here such references are replaced by what they contribute."""

from __future__ import annotations

from collections.abc import Mapping

from codegen.algebra import unguarded, union
from codegen.ir import NEVER, Intersection, Node, Recursive, Top, Union


def closed_under(bodies: Mapping[str, Node], top: Top) -> dict[str, Node]:
    """`bodies` such that no definition is, or is a member of, itself."""
    return {
        key: _expanded(body, bodies, top, frozenset((key,))) if _loops(key, bodies) else body
        for key, body in bodies.items()
    }


def _loops(key: str, bodies: Mapping[str, Node]) -> bool:
    seen: set[str] = set()
    pending = [key]
    while pending:
        for reference in unguarded(bodies[pending.pop()]):
            if reference.key == key:
                return True
            if reference.key not in seen:
                seen.add(reference.key)
                pending.append(reference.key)
    return False


def _expanded(node: Node, bodies: Mapping[str, Node], top: Top, above: frozenset[str]) -> Node:
    """`node` with the definitions it is a union of written out; one that is already above contributes nothing new."""
    match node:
        case Recursive(key=key):
            return NEVER if key in above else _expanded(bodies[key], bodies, top, above | {key})
        case Union(members=members):
            return union(_expanded(member, bodies, top, above) for member in members)
        case Intersection(members=members) if any(True for _ in unguarded(node)):
            kept = [member for member in members if not isinstance(member, Recursive)]
            return _expanded(kept[0], bodies, top, above) if kept else top
    return node
