"""The arguments of a call as rules see them, and the constraints that grants put on them.

A constraint of a rule that opens must hold for every element of a list, in every reading (`config.readings`); of a rule
that closes, for any. A value that cannot be judged raises `Unclear`, which ends in a refusal on either side.

All rules' constraints of one kind on one argument are checked together, so that a hundred grants cost about as much as
one. Bit i of a mask speaks of the i-th rule.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from operator import or_

from gateway.config.globs import GlobSet, argument_glob_fault
from gateway.config.readings import LONGEST, Unreadable, readings
from gateway.model import JSON

_KINDS: Mapping[type, str] = {
    bool: "truth value",
    int: "number",
    float: "number",
    str: "text",
    type(None): "null",
}
"""What `one_of` may hold. A truth value is no number."""
_COMPOSITE = "object"


class Unclear(Exception):
    """The rule cannot be evaluated for this call. The message goes on from "argument 'x' "."""


class Value:
    """One argument as rules look at it. What is worked out for one rule serves the next."""

    __slots__ = ("_elements", "_forms", "json")

    def __init__(self, json: JSON) -> None:
        self.json = json
        self._elements: Sequence[JSON] | None = None
        self._forms: tuple[str, ...] | None = None

    def elements(self) -> Sequence[JSON]:
        """The value, or what a list holds. An empty list may mean "all" to a tool, and so is unclear."""
        if self._elements is None:
            self._elements = self.json if isinstance(self.json, list | tuple) else (self.json,)
        if not self._elements:
            raise Unclear("is an empty list")
        return self._elements

    def forms(self) -> tuple[str, ...]:
        """Every canonical form of every element."""
        if self._forms is None:
            self._forms = self._read()
        return self._forms

    def _read(self) -> tuple[str, ...]:
        try:
            if isinstance(self.json, str):
                return readings(self.json)
            elements = self.elements()
            if not all(isinstance(element, str) for element in elements):
                raise Unclear("is not a text")
            if sum(map(len, elements)) > LONGEST:
                raise Unclear(f"is longer than {LONGEST:,} characters")
            return tuple(form for element in elements for form in readings(element))
        except Unreadable as error:
            raise Unclear(str(error)) from error


class Call:
    """The arguments of one call."""

    __slots__ = ("_values", "given")

    def __init__(self, args: JSON) -> None:
        self.given: Mapping[str, JSON] = args if isinstance(args, Mapping) else {}
        self._values: dict[str, Value | None] = {}

    def value(self, argument: str) -> Value | None:
        """The argument of that name, None when it is missing; a name that begins with "/" is a JSON pointer (RFC 6901)
        through objects."""
        if argument not in self._values:
            self._values[argument] = self._find(argument)
        return self._values[argument]

    def _find(self, argument: str) -> Value | None:
        here: JSON = self.given
        for name in steps(argument):
            if not isinstance(here, Mapping) or name not in here:
                return None
            here = here[name]
        return Value(here)


@lru_cache(maxsize=4_096)
def steps(argument: str) -> tuple[str, ...]:
    """The way to an argument of that name."""
    if not argument.startswith("/"):
        return (argument,)
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in argument.split("/")[1:])


Check = Callable[[Value, bool], int]
"""(value, whether the rules close) → of the rules that it was compiled for, those whose constraint is satisfied. Raises
Unclear when the value can be judged for none of them."""

Wanted = Sequence[tuple[int, JSON]]
"""(rule, what its constraint says)"""


def compile_check(kind: str, wanted: Wanted) -> Check:
    """The check for some rules' constraints of one kind. Raises AttributeError, TypeError or ValueError for what is
    not a constraint."""
    if kind not in _CONSTRAINTS:
        raise ValueError(f"the constraint {kind!r} is unknown")
    return _CONSTRAINTS[kind](wanted)


def _glob(wanted: Wanted) -> Check:
    owners: dict[str, int] = {}
    for rule, said in wanted:
        for pattern in (said,) if isinstance(said, str) else said:
            if fault := argument_glob_fault(pattern):
                raise ValueError(f"the glob {pattern!r} can never fit: {fault}")
            owners[pattern] = owners.get(pattern, 0) | rule
    every = GlobSet(owners)
    # A path that climbs out of where it starts is opened only by a pattern that says so.
    climbing = GlobSet({glob: rules for glob, rules in owners.items() if glob == "**" or glob.startswith("..")})

    def check(value: Value, closes: bool) -> int:
        if closes:
            return _union(map(every.owners, value.forms()))
        fits = -1
        for form in value.forms():
            fits &= (climbing if form == ".." or form.startswith("../") else every).owners(form)
            if not fits:
                break
        return fits

    return check


def _one_of(wanted: Wanted) -> Check:
    every = _union(rule for rule, _ in wanted)
    kinds: dict[str, int] = {}
    options: dict[tuple[str, JSON], int] = {}
    for rule, said in wanted:
        for option in said:
            kind = _kind(option)
            if kind == _COMPOSITE:
                raise ValueError("'one_of' holds something else than texts, numbers, truth values and null")
            kinds[kind] = kinds.get(kind, 0) | rule
            options[kind, option] = options.get((kind, option), 0) | rule

    def check(value: Value, closes: bool) -> int:
        clear, all_fit, some_fit = every, every, 0
        for element in value.elements():
            kind = _kind(element)
            clear &= kinds.get(kind, 0)
            if not clear:
                raise Unclear(f"is not a {' or '.join(sorted(kinds))}")
            fits = options.get((kind, element), 0)
            all_fit, some_fit = all_fit & fits, some_fit | fits
        return some_fit | every & ~clear if closes else all_fit & clear

    return check


def _range(wanted: Wanted) -> Check:
    bounds = [(rule, said.get("min"), said.get("max")) for rule, said in wanted]
    if not all(bound is None or _is_number(bound) for _, *both in bounds for bound in both):
        raise ValueError("a range's bounds are numbers")
    from_least = _reached((rule, least) for rule, least, _ in bounds)
    to_most = _reached((rule, None if most is None else -most) for rule, _, most in bounds)

    def check(value: Value, closes: bool) -> int:
        elements = value.elements()
        if not all(map(_is_number, elements)):
            raise Unclear("is not a number")
        if closes:
            return _union(from_least(number) & to_most(-number) for number in elements)
        return from_least(min(elements)) & to_most(-max(elements))

    return check


def _max_bytes(wanted: Wanted) -> Check:
    to_most = _reached((rule, -int(most)) for rule, most in wanted)

    def check(value: Value, closes: bool) -> int:
        return to_most(-_size(value.json))

    return check


def _reached(bounds: Iterable[tuple[int, float | None]]) -> Callable[[float], int]:
    """A function from a number to the rules whose bound it reaches; a rule without one is always reached."""
    given = list(bounds)
    steps = sorted((bound, rule) for rule, bound in given if bound is not None)
    unbounded = _union(rule for rule, bound in given if bound is None)
    places, masks = [bound for bound, _ in steps], list(accumulate((rule for _, rule in steps), or_, initial=unbounded))
    return lambda number: masks[bisect_right(places, number)]


def _union(masks: Iterable[int]) -> int:
    union = 0
    for mask in masks:
        union |= mask
    return union


def _size(value: JSON) -> int:
    """Bytes of a text in UTF-8, or of any other value as JSON."""
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except (RecursionError, TypeError, ValueError) as error:
        raise Unclear("has no size as JSON") from error
    return len(text.encode("utf-8", "surrogatepass"))


_CONSTRAINTS: Mapping[str, Callable[[Wanted], Check]] = {
    "glob": _glob,
    "one_of": _one_of,
    "range": _range,
    "max_bytes": _max_bytes,
}


def _kind(value: JSON) -> str:
    return _KINDS.get(type(value), _COMPOSITE)


def _is_number(value: JSON) -> bool:
    """Not a truth value, and not NaN."""
    return type(value) in (int, float) and value == value
