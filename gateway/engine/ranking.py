"""Which tools fit a request: BM25F with a thesaurus, then a closer look at the best.

1. The request becomes concepts: each word and each known phrase, with the words that tools may use for it.
2. Each concept gives a tool the best of its words' scores: weight x inverse document frequency x effect of the word in
   that tool (BM25F: Robertson, Zaragoza, Taylor, CIKM 2004). Scores are dampened and added, so that a tool which meets
   several concepts somewhat goes before one that meets a rare word by chance.
3. A tool is helped by its server: each concept also gives a server a score, by how much of its tools is about it, as a
   request rarely repeats what goes without saying there (`router` of a tool that lists the addresses of one).
4. The best are compared closely: how much of the tool's own name and first sentences the request covers, whether both
   do the same kind of thing, whether the request names the server.

Every number is taken over the tools that the caller may see: what is hidden has no influence, not even on order.
"""

from __future__ import annotations

import heapq
import math
from array import array
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, islice

from gateway.engine import intent, request, spelling
from gateway.engine.documents import Document, Key
from gateway.engine.request import Concept, Request
from gateway.engine.words import FAINT, STOP

_DERIVED = 0.6
"""A word that begins alike, against 1.0 for the word itself."""
_GUESSED = 0.7
"""A word that is only spelt alike, against 1.0 for the word itself."""
_DAMPENING = 0.75
_CONTEXT = 0.5
"""Weight of a server's score, against 1.0 of the tool's own."""
_ABOUT = 0.1
"""Mean effect of a word in the tools of a server at which the server is half about it."""
_CLOSER = 150
"""How many are compared closely."""
_NAMED_SERVER = 0.7
_COVERED_NAME = 0.4
_COVERED_LEAD = 0.3
_VERB_IN_NAME = 0.5
_SAME_INTENT = 0.1
_OTHER_INTENT = 0.25
_TWIN = 0.4
"""How far a tool falls behind when its server has one above it that says the same."""
_CALLERS = 32
"""Sets of allowed tools remembered; a caller's stays the same until its grants or the catalog change."""
_GUESSES = 2
"""Words of like spelling that are tried."""

_Scores = dict[int, float]
"""Position of a tool → its score."""


@dataclass(frozen=True, slots=True)
class _Posting:
    """Where a stem stands: positions of tools, rising, and its dampened effect (0–1) in each."""

    tools: array[int]
    effects: array[float]


@dataclass(frozen=True, slots=True)
class _Entry:
    """What is kept of a document for the closer look. `owner` is the server, `server` the stems of its name."""

    owner: str
    name: tuple[str, ...]
    lead: frozenset[str]
    server: frozenset[str]
    intent: intent.Intent | None


class Index:
    """The tools of one catalog, ready to be asked. It does not change; about 2 kB for each tool."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._keys: list[Key] = []
        self._entries: list[_Entry] = []
        self._postings: dict[str, _Posting] = {}
        self._seen_by: dict[frozenset[Key], list[bool]] = {}
        for position, one in enumerate(documents):
            self._keys.append(one.key)
            self._entries.append(_Entry(one.key[0], one.name, one.lead, one.server, one.intent))
            for word, effect in one.weights.items():
                posting = self._postings.get(word)
                if posting is None:
                    posting = self._postings[word] = _Posting(array("I"), array("f"))
                posting.tools.append(position)
                posting.effects.append(effect**_DAMPENING)
        self._vocabulary = sorted(self._postings)

    def rank(
        self, query: str, *, allowed: Container[Key] | None, server: str | None, limit: int
    ) -> list[tuple[Key, float]]:
        """The tools that fit `query`, best first, with scores that mean something only among themselves.

        `allowed`: only these, None for all. `server`: only its tools. Ties keep the order of the catalog.
        """
        asked = request.read(query)
        view = _View(self._entries, self._postings, self._vocabulary, self._seen(allowed, server))
        scores = view.scores(asked)
        best = heapq.nsmallest(max(_CLOSER, limit), scores, key=lambda position: (-scores[position], position))
        closer = _closer(asked, {position: (self._entries[position], scores[position]) for position in best})
        return [(self._keys[position], score) for score, position in closer[:limit]]

    def _seen(self, allowed: Container[Key] | None, server: str | None) -> list[bool] | None:
        """Whether the caller may see the tool at each position; None when all are seen."""
        if server is not None:
            return [key[0] == server and (allowed is None or key in allowed) for key in self._keys]
        if not isinstance(allowed, frozenset):
            return None if allowed is None else list(map(allowed.__contains__, self._keys))
        seen = self._seen_by.get(allowed)
        if seen is None:
            if len(self._seen_by) >= _CALLERS:
                self._seen_by.clear()
            seen = self._seen_by[allowed] = list(map(allowed.__contains__, self._keys))
        return seen


class _View:
    """The index as one caller sees it."""

    def __init__(
        self,
        entries: Sequence[_Entry],
        postings: Mapping[str, _Posting],
        vocabulary: Sequence[str],
        seen: list[bool] | None,
    ) -> None:
        self._entries, self._postings, self._vocabulary, self._seen = entries, postings, vocabulary, seen
        self._count = len(entries) if seen is None else sum(seen)
        shown = entries if seen is None else compress(entries, seen)
        self._sizes = Counter(entry.owner for entry in shown)
        self._matches: dict[str, list[tuple[int, float]]] = {}

    def scores(self, asked: Request) -> _Scores:
        """Every tool that meets some concept of the request."""
        scores: _Scores = {}
        context: Counter[str] = Counter()
        for concept in asked.concepts:
            words = self._words(concept)
            for position, score in self._tools(concept, words).items():
                scores[position] = scores.get(position, 0.0) + score
            context.update(self._servers(concept, words))
        for position in scores:
            scores[position] += _CONTEXT * context[self._entries[position].owner]
        return self._named_servers(asked, scores)

    def _tools(self, concept: Concept, words: Mapping[str, float]) -> _Scores:
        best: _Scores = {}
        for word, weight in words.items():
            matches = self._match(word)
            factor = _factor(concept.weight * weight, len(matches), self._count)
            for position, effect in matches:
                if (score := factor * effect) > best.get(position, 0.0):
                    best[position] = score
        return best

    def _servers(self, concept: Concept, words: Mapping[str, float]) -> dict[str, float]:
        best: dict[str, float] = {}
        for word, weight in words.items():
            sums: dict[str, float] = {}
            for position, effect in self._match(word):
                owner = self._entries[position].owner
                sums[owner] = sums.get(owner, 0.0) + effect
            factor = _factor(concept.weight * weight, len(sums), len(self._sizes))
            for owner, effect in sums.items():
                mean = effect / self._sizes[owner]
                best[owner] = max(best.get(owner, 0.0), factor * mean / (mean + _ABOUT))
        return best

    def _match(self, word: str) -> list[tuple[int, float]]:
        """The tools that contain `word`, with its effect there."""
        known = self._matches.get(word)
        if known is None:
            known = self._matches[word] = self._look_up(word)
        return known

    def _look_up(self, word: str) -> list[tuple[int, float]]:
        posting = self._postings.get(word)
        if posting is None:
            return []
        pairs = zip(posting.tools, posting.effects, strict=True)
        return list(pairs if self._seen is None else compress(pairs, map(self._seen.__getitem__, posting.tools)))

    def _words(self, concept: Concept) -> Mapping[str, float]:
        """The words of a concept with those of their family; when none of them occurs, words that are written alike."""
        if not concept.said:
            return concept.words
        if any(map(self._match, concept.words)):
            return dict.fromkeys(spelling.family(concept.said, self._vocabulary), _DERIVED) | dict(concept.words)
        parts = [pair for pair in spelling.halves(concept.said) if all(map(self._match, pair))]
        close = (word for word in spelling.alike(concept.said, self._vocabulary) if self._match(word))
        return dict.fromkeys(parts[0] if parts else islice(close, _GUESSES), _GUESSED)

    def _named_servers(self, asked: Request, scores: _Scores) -> _Scores:
        """Lifts the tools of a server that the request names, the more the less its name occurs elsewhere."""
        for word in set(asked.words) - FAINT - STOP:
            matches = self._match(word)
            named = [position for position, _ in matches if word in self._entries[position].server]
            lift = 1 + _NAMED_SERVER * (len(named) / len(matches)) ** 2 if matches else 1.0
            for position in named:
                scores[position] *= lift
        return scores


def _factor(weight: float, matches: int, count: int) -> float:
    """Weight x inverse document frequency, dampened, of a word that `matches` of `count` have."""
    rarity = math.log(1 + (count - matches + 0.5) / (matches + 0.5))
    return math.pow(weight * rarity, _DAMPENING)


def _closer(asked: Request, best: Mapping[int, tuple[_Entry, float]]) -> list[tuple[float, int]]:
    """(score, position) of the best, in their final order."""
    covered = asked.covered()
    wanted = intent.of_request(asked.words)
    found = [
        (-score * _fit(entry, covered) * _same_kind(entry.intent, wanted), position)
        for position, (entry, score) in best.items()
    ]
    said: set[tuple[str, tuple[str, ...], frozenset[str]]] = set()
    apart = []
    for score, position in sorted(found):
        entry = best[position][0]
        says = (entry.owner, entry.name, entry.lead)
        apart.append((score * (1 - _TWIN) if says in said else score, position))
        said.add(says)
    return [(-score, position) for score, position in sorted(apart)]


def _fit(entry: _Entry, covered: Mapping[str, float]) -> float:
    """1 and more: how much of the tool's name and first sentences is asked for."""
    weights = {word: _VERB_IN_NAME if intent.is_verb(word) else 1.0 for word in entry.name}
    name = sum(weight * covered.get(word, 0.0) for word, weight in weights.items()) / sum(weights.values())
    lead = sum(covered.get(word, 0.0) for word in entry.lead) / len(entry.lead) if entry.lead else 0.0
    return (1 + _COVERED_NAME * name) * (1 + _COVERED_LEAD * lead)


def _same_kind(does: intent.Intent | None, wanted: intent.Intent | None) -> float:
    if does is None or wanted is None:
        return 1.0
    if does == wanted:
        return 1 + _SAME_INTENT
    return 1 - _OTHER_INTENT if wanted == "read" or does == "delete" else 1.0
