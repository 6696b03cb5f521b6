"""Words that are written otherwise than the known ones: misspelt, written together, or derived from the same word."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

_SHORTEST = 4
_ALIKE = 0.5
"""Share of common letter pairs (Dice) from which on two spellings may be the same word."""
_LONGER = 3
"""Letters by which one may be longer."""
_FAMILY, _BEGINNING, _ENDING = 6, 0.8, 4
"""Of derived words: letters that one has at least, the share with which the other begins, letters it may be longer."""


def alike(word: str, vocabulary: Sequence[str]) -> list[str]:
    """Words of the sorted `vocabulary` spelt like `word`, most alike first. Misspelt words begin right: only words with
    the same first letter are looked at."""
    if len(word) < _SHORTEST:
        return []
    pairs = _pairs(word)
    found = []
    for other in vocabulary[bisect_left(vocabulary, word[0]) : bisect_left(vocabulary, chr(ord(word[0]) + 1))]:
        if abs(len(other) - len(word)) <= _LONGER and len(other) >= _SHORTEST:
            theirs = _pairs(other)
            share = 2 * len(pairs & theirs) / (len(pairs) + len(theirs))
            if share >= _ALIKE:
                found.append((-share, other))
    return [other for _, other in sorted(found)]


def family(word: str, vocabulary: Sequence[str]) -> list[str]:
    """Words of the sorted `vocabulary` that begin as `word` does: what stemming keeps apart, as `authent` (from
    authentication) and `authenticat` (from authenticator)."""
    if len(word) < _FAMILY:
        return []
    beginning = word[: int(len(word) * _BEGINNING + 0.5)]
    found = vocabulary[bisect_left(vocabulary, beginning) : bisect_left(vocabulary, beginning + "\uffff")]
    return [other for other in found if other != word and len(other) <= len(word) + _ENDING]


def halves(word: str) -> list[tuple[str, str]]:
    """Every way to take `word` apart in two words of three letters or more."""
    return [(word[:cut], word[cut:]) for cut in range(3, len(word) - 2)]


def _pairs(word: str) -> set[str]:
    padded = f"{word}."
    return {padded[i : i + 2] for i in range(len(word))}
