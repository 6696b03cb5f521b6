"""The glob grammar of the configuration file, matched in linear time whatever the pattern and the text.

    names       (servers, tools)   `*` any characters, `?` one character; the whole name, case-sensitive
    arguments   (texts, paths,     `*` and `?` stay within a segment between "/", `**` crosses them, and `**/` may also
                URLs)              stand for nothing: `a/**/b` fits `a/b`

There are no classes, braces or escapes: every other character stands for itself.

A pattern is a row of literals with loops between them; matching runs all its positions at once as the bits of one
integer (Baeza-Yates and Gonnet, "A new approach to text searching", CACM 35(10), 1992), so that no text and no
pattern makes it backtrack.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from gateway.config.readings import Unreadable, readings

_TOKEN = re.compile(r"\*+|.", re.DOTALL)
_REPEATED = re.compile(r"(?<![^/])(?:\*\*+/){2,}")


@dataclass(frozen=True, slots=True)
class Glob:
    """A compiled pattern. Bit i of a mask speaks of the place before the i-th literal, the last one of the end."""

    prefix: str
    """The literals before the first wildcard: what does not begin so cannot fit."""
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
    end: int

    def fits(self, text: str) -> bool:
        """Whether the pattern fits the whole of `text`."""
        if not text.startswith(self.prefix):
            return False
        places = self.start
        for character in text[len(self.prefix) :]:
            moved = (places & self.accepts.get(character, self.anything)) << 1
            moved |= (moved & self.skips) << 1
            places = moved | places & (self.loops if character == "/" else self.loops | self.segment_loops)
            if not places:
                return False
        return bool(places & self.end)


@lru_cache(maxsize=4_096)
def name_glob(pattern: str) -> Glob:
    """A pattern for names of servers and tools."""
    return _compile(_TOKEN.findall(pattern), separated=False)


@lru_cache(maxsize=4_096)
def argument_glob(pattern: str) -> Glob:
    """A pattern for texts, paths and URLs."""
    return _compile(_TOKEN.findall(_REPEATED.sub("**/", pattern)), separated=True)


def _compile(tokens: list[str], *, separated: bool) -> Glob:
    literals: list[str] = []
    wildcards: list[int] = []
    loops = segment_loops = skips = 0
    for index, token in enumerate(tokens):
        place = 1 << len(literals)
        if not token.startswith("*"):
            literals.append(token)
            if token == "?":
                wildcards.append(len(literals) - 1)
            continue
        wildcards.append(len(literals))
        if separated and token == "*":
            segment_loops |= place
            continue
        loops |= place
        at_segment_start = index == 0 or tokens[index - 1] == "/"
        if separated and at_segment_start and tokens[index + 1 : index + 2] == ["/"]:
            skips |= place
    cut = min(wildcards, default=len(literals))
    start = 1 << cut
    return Glob(
        prefix="".join(literals[:cut]),
        accepts=_accepts(literals, separated=separated),
        anything=_bits(literals, "?"),
        loops=loops,
        segment_loops=segment_loops,
        skips=skips,
        start=start | (start & skips) << 1,
        end=1 << len(literals),
    )


def _bits(literals: list[str], wanted: str) -> int:
    return sum(1 << index for index, literal in enumerate(literals) if literal == wanted)


def _accepts(literals: list[str], *, separated: bool) -> dict[str, int]:
    anything = _bits(literals, "?")
    accepts = {literal: _bits(literals, literal) | anything for literal in set(literals) - {"?"}}
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
