"""Text → stems, alike for what servers wrote and for what is asked, so that the two can meet."""

from __future__ import annotations

import re
from functools import lru_cache

import snowballstemmer

_WORD = re.compile(r"[^\W_]+")
_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+\d*|[A-Z]+\d*|\d+[a-z]*|[^\W\d_a-zA-Z]+")
_PLURAL_ACRONYM = re.compile(r"[A-Z]+s\Z")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
"""Scripts written without spaces: every two neighbouring characters count as a word."""
_LONGEST_WORD = 40

_BRITISH = (
    (re.compile(r"is(e|ed|es|ing|ation|ations|er|ers|able)\Z"), r"iz\1"),
    (re.compile(r"our(?=\Z|s\Z|ed\Z|ing\Z|ite|al\Z|able)"), "or"),
    (re.compile(r"([tb])re(s?)\Z"), r"\1er\2"),
)
"""Spellings brought together before stemming. They also change words that are no variants (`promise`), which is
harmless, since both sides change alike."""


@lru_cache(maxsize=32_768)
def stem(word: str) -> str:
    """The Snowball (Porter 2) stem of one word in lower case, with British spelling folded into American."""
    if not (word.isascii() and word.isalpha()):
        return word
    if len(word) > 4:
        for pattern, american in _BRITISH:
            word = pattern.sub(american, word)
    stemmed: str = snowballstemmer.stemmer("english").stemWord(word)
    return stemmed


@lru_cache(maxsize=32_768)
def _stems(word: str, identifier: bool) -> tuple[str, ...]:
    lower = word.lower()[:_LONGEST_WORD]
    if not word.isascii() and _UNSPACED.search(lower):
        return tuple(lower[start : start + 2] for start in range(max(len(lower) - 1, 1)))
    if word == lower or len(word) > _LONGEST_WORD:
        return (stem(lower),)
    parts = _PART.findall(word)
    if len(parts) < 2 or _PLURAL_ACRONYM.match(word):
        return (stem(lower),)
    # In prose `JavaScript` and `GitHub` are one word; in a name, as `projectId` anywhere, the parts are words.
    split = tuple(stem(part.lower()) for part in parts) if identifier or word[0].islower() else ()
    return (*split, stem(lower)) if not identifier or len(parts) == 2 else split


def stems(text: str, *, identifier: bool = False) -> list[str]:
    """The stems of `text` in order. `identifier`: camelCase is taken apart, as snake_case and kebab-case always are."""
    return [part for word in _WORD.findall(text) for part in _stems(word, identifier)]


def _set(words: str) -> frozenset[str]:
    return frozenset(map(stem, words.split()))


STOP = _set(
    """a an the of to in on at for from with by and or is are was were be been it its this that these those i me my we
    our us you your he she they them their do does did can could would should will please want need tell give what
    which who whom how when where there have has had any some about into as so if not no all than then up out over
    s m d t ll re ve let's im"""
)
"""Carry nothing by themselves; phrases of the thesaurus may still contain them."""

FAINT = _set(
    """make put take go come let keep use try thing stuff back again already really just only one two own called based
    good possible now right find show get someone somebody anybody
    today yesterday tomorrow tonight week weekend month year day hour minute morning evening night noon monday tuesday
    wednesday thursday friday saturday sunday january february march april june july august september october november
    december last next early late lately soon ago moment"""
)
"""Say little about which tool is meant: light verbs, and times, which are arguments rather than capabilities."""
