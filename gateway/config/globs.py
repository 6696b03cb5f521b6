"""The glob grammar of the configuration file, matched in linear time whatever the pattern and the text.

    names       (servers, tools)   `*` any characters, `?` one character; the whole name, case-sensitive
    arguments   (texts, paths,     `*` and `?` stay within a segment between "/", `**` crosses them, and `**/` may also
                URLs)              stand for nothing: `a/**/b` fits `a/b`

There are no classes, braces or escapes: every other character stands for itself.

A pattern is a row of literals with loops between them; matching runs all positions of all patterns at once as the
bits of one integer (Baeza-Yates and Gonnet, "A new approach to text searching", CACM 35(10), 1992), so that no text
and no pattern makes it backtrack.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile

from gateway.config.readings import Unreadable, readings

_TOKEN = re.compile(r"\*+|.", re.DOTALL)
_END = ""
_REPEATED = re.compile(r"(?<![^/])(?:\*\*+/){2,}")


@dataclass(frozen=True, slots=True)
class _Automaton:
    """What patterns have after their common prefix. Bit i of a mask speaks of the place before the i-th literal; the
    end of each pattern counts as a literal that nothing satisfies."""

    moves: bool
    """Whether there is any literal."""
    accepts: dict[str, int]
    """Character → the literals that it satisfies."""
    anything: int
    """The literals that any character outside `accepts` satisfies: the `?`."""
    loops: int
    """Places that a `**` (in names: a `*`) keeps alive over any character."""
    segment_loops: int
    """Places that a `*` keeps alive over any character but "/"."""
    skips: int
    """Places before the "/" of a `**/` that may stand for nothing."""
    start: int
    ends: tuple[int, ...]
    """The end of each pattern, as a mask of one bit."""
    end: int
    """All of them."""

    def run(self, text: str) -> int:
        """The ends of the patterns that fit the whole of `text`."""
        places = self.start
        if not self.moves:
            inside = self.loops if "/" in text else self.loops | self.segment_loops
            return places & self.end & (inside if text else -1)
        accepts, anything, skips = self.accepts, self.anything, self.skips
        loops = self.loops
        loops_within = loops | self.segment_loops
        for character in text:
            moved = (places & accepts.get(character, anything)) << 1
            if skips:
                moved |= (moved & skips) << 1
            places = moved | places & (loops if character == "/" else loops_within)
            if not places:
                return 0
        return places & self.end


@dataclass(frozen=True, slots=True)
class Glob:
    """One compiled pattern."""

    prefix: str
    """The literals before the first wildcard: what does not begin so cannot fit."""
    _rest: _Automaton

    def fits(self, text: str) -> bool:
        """Whether the pattern fits the whole of `text`."""
        return text.startswith(self.prefix) and bool(self._rest.run(text[len(self.prefix) :]))


class GlobSet:
    """Patterns for arguments, each of which belongs to some owners, matched together."""

    __slots__ = ("_groups", "_lengths")

    def __init__(self, owners: Mapping[str, int]) -> None:
        """Pattern → its owners, as bits."""
        groups: dict[str, list[tuple[list[str], int]]] = {}
        for pattern, mask in owners.items():
            tokens = _argument_tokens(pattern)
            groups.setdefault(_prefix(tokens), []).append((tokens, mask))
        self._groups: dict[str, tuple[_Automaton, dict[int, int]]] = {}
        for prefix, members in groups.items():
            automaton = _compile([tokens for tokens, _ in members], len(prefix), separated=True)
            masks = (mask for _, mask in members)
            self._groups[prefix] = automaton, dict(zip(automaton.ends, masks, strict=True))
        self._lengths = sorted(set(map(len, groups)))

    def owners(self, text: str) -> int:
        """The owners of all patterns that fit the whole of `text`."""
        found = 0
        for length in self._lengths:
            if length > len(text):
                break
            group = self._groups.get(text[:length])
            if group is not None:
                automaton, owners = group
                fitting = automaton.run(text[length:])
                while fitting:
                    end = fitting & -fitting
                    found |= owners[end]
                    fitting ^= end
        return found


@lru_cache(maxsize=4_096)
def name_glob(pattern: str) -> Glob:
    """A pattern for names of servers and tools."""
    return _glob(_TOKEN.findall(pattern), separated=False)


@lru_cache(maxsize=4_096)
def argument_glob(pattern: str) -> Glob:
    """A pattern for texts, paths and URLs."""
    return _glob(_argument_tokens(pattern), separated=True)


def _argument_tokens(pattern: str) -> list[str]:
    return _TOKEN.findall(_REPEATED.sub("**/", pattern))


def _glob(tokens: list[str], *, separated: bool) -> Glob:
    prefix = _prefix(tokens)
    return Glob(prefix, _compile([tokens], len(prefix), separated=separated))


def _prefix(tokens: list[str]) -> str:
    return "".join(takewhile(lambda token: token[0] not in "*?", tokens))


def _compile(patterns: Sequence[list[str]], cut: int, *, separated: bool) -> _Automaton:
    """The patterns' tokens from `cut` on."""
    literals: list[str] = []
    ends: list[int] = []
    start = loops = segment_loops = skips = 0
    for tokens in patterns:
        start |= 1 << len(literals)
        for index, token in enumerate(tokens[cut:], cut):
            place = 1 << len(literals)
            if token[0] != "*":
                literals.append(token)
            elif separated and token == "*":
                segment_loops |= place
            else:
                loops |= place
                skips |= place if separated and _may_vanish(tokens, index) else 0
        ends.append(1 << len(literals))
        literals.append(_END)
    return _Automaton(
        moves=len(literals) > len(patterns),
        accepts=_accepts(literals, separated=separated),
        anything=_bits(literals, "?"),
        loops=loops,
        segment_loops=segment_loops,
        skips=skips,
        start=start | (start & skips) << 1,
        ends=tuple(ends),
        end=sum(ends),
    )


def _may_vanish(tokens: list[str], index: int) -> bool:
    """Whether the wildcard there is the `**` of a `**/` at the start of a segment."""
    return (index == 0 or tokens[index - 1] == "/") and tokens[index + 1 : index + 2] == ["/"]


def _bits(literals: list[str], wanted: str) -> int:
    return sum(1 << index for index, literal in enumerate(literals) if literal == wanted)


def _accepts(literals: list[str], *, separated: bool) -> dict[str, int]:
    anything = _bits(literals, "?")
    accepts = {literal: _bits(literals, literal) | anything for literal in set(literals) - {"?", _END}}
    accepts["?"] = anything
    if separated:
        accepts["/"] = _bits(literals, "/")
    return accepts


def argument_glob_fault(pattern: str) -> str | None:
    """Why an argument pattern could never fit, or None. Arguments are matched in their canonical form only: a pattern
    in another form would open nothing or, worse, in a deny rule close nothing."""
    try:
        forms = readings(pattern)
    except Unreadable as error:
        return f"it {error}"
    any_url = pattern.endswith("://**")
    if forms != (pattern,) and not any_url:
        return f"texts are matched in their canonical form, write {forms[-1]!r}"
    return None
