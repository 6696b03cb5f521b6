"""Which types of a server get a name: those that recur and are worth it, and those that refer to themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from codegen import names
from codegen.algebra import core_of
from codegen.ir import Node, Recursive, walk
from codegen.tooltypes import ToolTypes

WORTH_A_NAME = 80
"""Size from which a type that occurs twice is written once, under a name."""


@dataclass(frozen=True, slots=True)
class NamedTypes:
    """`names`: digest → identifier. `bodies`: digest → what the name stands for."""

    names: Mapping[bytes, str]
    bodies: Mapping[bytes, Node]

    def used_by(self, roots: Sequence[Node]) -> bool:
        """Whether any of the named types occurs in `roots`."""
        return bool(self.names) and any(node.digest in self.names for node in walk(roots))

    def within(self, roots: Sequence[Node]) -> NamedTypes:
        """The named types that `roots` need by themselves: what recurs in the server but not in them goes without."""
        recursive = {node.key: body for node, body in _recursive(roots, self.bodies)}
        bodies = _recurring(roots, self.names, recursive)
        return NamedTypes({digest: self.names[digest] for digest in bodies}, bodies)


UNNAMED = NamedTypes({}, {})


def share(tools: Sequence[tuple[ToolTypes, Node]]) -> NamedTypes:
    """The named types of one server, given each tool with the type of its result."""
    hints: dict[bytes, tuple[int, str]] = {}
    recursive: dict[str, Node] = {}
    for types, _ in tools:
        recursive.update(types.recursive)
        for digest, hint in types.hints.items():
            hints[digest] = min(hint, hints.get(digest, hint))
    bodies = _recurring([root for types, result in tools for root in (types.args, result)], hints, recursive)
    wishes = {digest: names.pascal(hints[digest][1] if digest in hints else "") or "Type" for digest in bodies}
    return NamedTypes(_distinct(wishes), bodies)


def _recurring(
    roots: Iterable[Node], nameable: Mapping[bytes, object], recursive: Mapping[str, Node]
) -> dict[bytes, Node]:
    """Of the types in `nameable`: the bodies of those that occur at least twice and are large, or are recursive."""
    counts: Counter[bytes] = Counter()
    bodies: dict[bytes, Node] = {}
    stack = list(roots)
    while stack:
        node = stack.pop()
        counts[node.digest] += 1
        again = counts[node.digest] > 1
        if isinstance(node, Recursive):
            if not again:
                bodies[node.digest] = recursive[node.key]
                stack.append(recursive[node.key])
        elif again and node.size >= WORTH_A_NAME and node.digest in nameable and core_of(node)[0] is node:
            bodies[node.digest] = node
        else:
            stack.extend(node.children())
    return bodies


def _recursive(roots: Iterable[Node], bodies: Mapping[bytes, Node]) -> Iterable[tuple[Recursive, Node]]:
    seen: set[bytes] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node.digest in seen:
            continue
        seen.add(node.digest)
        stack.extend(node.children())
        if isinstance(node, Recursive):
            stack.append(bodies[node.digest])
            yield node, bodies[node.digest]


def _distinct(wishes: Mapping[bytes, str]) -> dict[bytes, str]:
    """Each type's own name: of those that wish for the same, the one with the least digest gets it as it is."""
    chosen: dict[bytes, str] = {}
    taken: set[str] = set()
    for digest, wish in sorted(wishes.items()):
        name, length = wish, 4
        while name in taken:
            name, length = f"{wish}_{digest.hex()[:length]}", length + 4
        taken.add(name)
        chosen[digest] = name
    return chosen
