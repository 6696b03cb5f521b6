"""What is asked, as concepts: each a word or a known phrase, with the words that tools may use for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.engine.thesaurus import LONGEST, MEANINGS
from gateway.engine.words import FAINT, STOP, stems

_MEANT = 0.6
"""A word from the thesaurus, against 1.0 for the word itself."""
_PHRASE = 1.5
_FAINT = 0.5
_NUMBER = 0.1
"""Weights of concepts, against 1.0 for a word that carries something."""
_CHARS, _WORDS = 1_000, 60
"""How much of a request is read."""
_PARTICLES = frozenset(stems("off out up down back away aside on in over into live online"))
_OBJECT = 4
"""Words that may stand between a verb and its particle."""
_SHAPES = (
    (re.compile(r"https?://\S+|\bwww\.\S+|\b[\w-]+\.(?:com|org|net|io|dev|app)\b"), stems("url website")),
    (re.compile(r"\S@\S+\.\w"), stems("email user")),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b"), stems("ip address")),
    (re.compile(r"(?<![\w/.@])[\w-]+\.[a-z][a-z0-9]{0,4}\b(?!\.)"), stems("file")),
    (re.compile(r"(?<!\S)#[a-z]"), stems("channel")),
    (re.compile(r"\b[A-Z]{2,10}-\d+\b"), stems("issue")),
)
"""What the look of an argument says about it."""


@dataclass(frozen=True, slots=True)
class Concept:
    """`words`: stem → how well it stands for this concept, up to 1. `said`: the one word it was said with, "" for a
    phrase."""

    said: str
    weight: float
    words: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Request:
    """`words` are all stems in order, those without weight among them."""

    words: tuple[str, ...]
    concepts: tuple[Concept, ...]

    def covered(self) -> dict[str, float]:
        """Every stem that stands for something asked, with how well."""
        covered: dict[str, float] = {}
        for concept in self.concepts:
            for word, weight in concept.words.items():
                covered[word] = max(covered.get(word, 0.0), weight * min(concept.weight, 1.0))
        return covered


def read(text: str) -> Request:
    """The request in `text`. Without any word that carries something there are no concepts."""
    text = text[:_CHARS]
    words = stems(text)[:_WORDS]
    phrases = [phrase for start in range(len(words)) if (phrase := _phrase(words, start) or _verb(words, start))]
    concepts = [Concept("", _PHRASE, _meant(phrase)) for phrase in dict.fromkeys(phrases)]
    concepts += [
        Concept(word, _weight(word), {**_meant((word,)), word: 1.0})
        for word in dict.fromkeys(words)
        if word not in STOP
    ]
    concepts += [Concept("", 1.0, dict.fromkeys(meant, _MEANT)) for shape, meant in _SHAPES if shape.search(text)]
    return Request(tuple(words), tuple(concepts))


def _phrase(words: list[str], start: int) -> tuple[str, ...] | None:
    """The longest known phrase that begins at `start`."""
    lengths = range(min(LONGEST, len(words) - start), 1, -1)
    return next((known for n in lengths if (known := tuple(words[start : start + n])) in MEANINGS), None)


def _verb(words: list[str], start: int) -> tuple[str, ...] | None:
    """A known phrasal verb with its object inside: `take Tom off`."""
    apart = words[start + 2 : start + 2 + _OBJECT]
    return next((known for word in apart if word in _PARTICLES and (known := (words[start], word)) in MEANINGS), None)


def _meant(term: tuple[str, ...]) -> dict[str, float]:
    return {word: _MEANT * weight for word, weight in MEANINGS.get(term, {}).items()}


def _weight(word: str) -> float:
    if word.isdigit():
        return _NUMBER
    return _FAINT if word in FAINT else 1.0
