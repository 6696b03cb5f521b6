"""The arguments of a call as rules see them, and the constraints that a grant puts on them.

A constraint of a rule that opens must hold for every element of a list, in every reading (`config.readings`); of a rule
that closes, for any. A value that cannot be judged raises `Unclear`, which ends in a refusal on either side.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence

from gateway.config.globs import argument_glob, argument_glob_fault
from gateway.config.readings import LONGEST, Unreadable, readings
from gateway.model import JSON

_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "truth value"),
    ((int, float), "number"),
    (str, "text"),
    (type(None), "null"),
)


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
            elements = self.elements()
            if not all(isinstance(element, str) for element in elements):
                raise Unclear("is not a text")
            if sum(map(len, elements)) > LONGEST:
                raise Unclear(f"is longer than {LONGEST:,} characters")
            try:
                self._forms = tuple(form for element in elements for form in readings(element))
            except Unreadable as error:
                raise Unclear(str(error)) from error
        return self._forms


class Call:
    """The arguments of one call."""

    __slots__ = ("_args", "_values")

    def __init__(self, args: JSON) -> None:
        self._args = args
        self._values: dict[str, Value] = {}

    def value(self, argument: str) -> Value:
        """The argument of that name; one that begins with "/" is a JSON pointer (RFC 6901) through objects."""
        found = self._values.get(argument)
        if found is None:
            found = self._values[argument] = Value(self._find(argument))
        return found

    def _find(self, argument: str) -> JSON:
        names = [argument]
        if argument.startswith("/"):
            names = [step.replace("~1", "/").replace("~0", "~") for step in argument.split("/")[1:]]
        here = self._args
        for name in names:
            if not isinstance(here, Mapping) or name not in here:
                raise Unclear("is missing")
            here = here[name]
        return here


Check = Callable[[Value, bool], bool]
"""(value, whether the rule closes) → whether the value satisfies one constraint. Raises Unclear."""


def compile_checks(arguments: Mapping[str, Mapping[str, JSON]]) -> Iterator[tuple[str, str, Check]]:
    """(argument, what to say when it does not satisfy the constraint, the check), one for each constraint of a grant.
    Raises AttributeError, TypeError or ValueError for what is not a constraint."""
    for argument, constraints in arguments.items():
        if not constraints:
            raise ValueError(f"nothing is said about the argument {argument!r}")
        for kind, wanted in constraints.items():
            if kind not in _CONSTRAINTS:
                raise ValueError(f"the constraint {kind!r} is unknown")
            words = json.dumps(wanted, ensure_ascii=False, default=str)
            yield argument, f"argument {argument!r} does not satisfy {kind} {words}", _CONSTRAINTS[kind](wanted)


def _glob(wanted: JSON) -> Check:
    patterns = (wanted,) if isinstance(wanted, str) else tuple(wanted)
    for pattern in patterns:
        if fault := argument_glob_fault(pattern):
            raise ValueError(f"the glob {pattern!r} can never fit: {fault}")
    globs = tuple(argument_glob(pattern) for pattern in patterns)
    # A path that climbs out of where it starts is opened only by a pattern that says so.
    climbing = tuple(argument_glob(pattern) for pattern in patterns if pattern == "**" or pattern.startswith(".."))

    def check(value: Value, closes: bool) -> bool:
        if closes:
            return any(glob.fits(form) for form in value.forms() for glob in globs)
        for form in value.forms():
            fitting = climbing if form == ".." or form.startswith("../") else globs
            if not any(glob.fits(form) for glob in fitting):
                return False
        return True

    return check


def _one_of(wanted: JSON) -> Check:
    options = [(_kind(option), option) for option in wanted]
    kinds = {kind for kind, _ in options}

    def check(value: Value, closes: bool) -> bool:
        elements = [(_kind(element), element) for element in value.elements()]
        if not all(kind in kinds for kind, _ in elements):
            raise Unclear(f"is not a {' or '.join(sorted(kinds))}")
        fits = (element in options for element in elements)
        return any(fits) if closes else all(fits)

    return check


def _range(wanted: JSON) -> Check:
    least, most = wanted.get("min"), wanted.get("max")
    if any(bound is not None and _kind(bound) != "number" for bound in (least, most)):
        raise ValueError("a range's bounds are numbers")

    def check(value: Value, closes: bool) -> bool:
        elements = value.elements()
        if not all(_kind(element) == "number" and element == element for element in elements):
            raise Unclear("is not a number")
        fits = ((least is None or number >= least) and (most is None or number <= most) for number in elements)
        return any(fits) if closes else all(fits)

    return check


def _max_bytes(wanted: JSON) -> Check:
    most = int(wanted)

    def check(value: Value, closes: bool) -> bool:
        return _size(value.json) <= most

    return check


def _size(value: JSON) -> int:
    """Bytes of a text in UTF-8, or of any other value as JSON."""
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except (RecursionError, TypeError, ValueError) as error:
        raise Unclear("has no size as JSON") from error
    return len(text.encode("utf-8", "surrogatepass"))


_CONSTRAINTS: Mapping[str, Callable[[JSON], Check]] = {
    "glob": _glob,
    "one_of": _one_of,
    "range": _range,
    "max_bytes": _max_bytes,
}


def _kind(value: JSON) -> str:
    return next((name for types, name in _KINDS if isinstance(value, types)), "object")
