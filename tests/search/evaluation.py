"""How well search finds: requests in plain words, each with the tools that would serve, and a plain BM25 to beat."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.engine.documents import Key
from gateway.engine.ranking import Index
from tests.search.catalogs import Dump

HERE = Path(__file__).parent
DEPTH = 50
"""Results looked at for the mean reciprocal rank."""

Ranker = Callable[[str], Sequence[Key]]


@dataclass(frozen=True, slots=True)
class Request:
    """`split`: dev, held-out or unseen, as README.md tells. `style`: worded as a user or as a model would."""

    split: str
    style: str
    text: str
    wanted: frozenset[Key]


@dataclass(frozen=True, slots=True)
class Figures:
    """`recall`: share of requests with a right tool among the first five. `mrr`: mean reciprocal rank of the first."""

    requests: int
    recall: float
    mrr: float


def requests(file: str = "requests.json") -> list[Request]:
    return [
        Request(
            raw.get("split", "dev"),
            raw.get("style", "user"),
            raw["request"],
            frozenset((server, tool) for server, _, tool in (wanted.partition("/") for wanted in raw["wanted"])),
        )
        for raw in json.loads((HERE / file).read_text(encoding="utf-8"))
    ]


def figures(rank: Ranker, asked: Sequence[Request]) -> Figures:
    ranks = [place(rank, request) for request in asked]
    found = [1 / rank for rank in ranks if rank]
    return Figures(len(asked), sum(r >= 1 / 5 for r in found) / len(asked), sum(found) / len(asked))


def place(rank: Ranker, request: Request) -> int | None:
    """Rank of the first right tool, from 1; None when it is not among the first `DEPTH`."""
    ranked = rank(request.text)[:DEPTH]
    return next((position for position, key in enumerate(ranked, 1) if key in request.wanted), None)


def ours(index: Index) -> Ranker:
    return lambda query: [key for key, _ in index.rank(query, allowed=None, server=None, limit=DEPTH)]


def plain_bm25(dumps: Iterable[Dump], k1: float = 1.2, b: float = 0.75) -> Ranker:
    """BM25 over tool name and description: words as they stand, split at what is no letter or digit."""
    keys = [(dump["server"], raw["name"], raw.get("description") or "") for dump in dumps for raw in dump["tools"]]
    texts = [Counter(_words(f"{name} {description}")) for _, name, description in keys]
    mean = sum(counts.total() for counts in texts) / len(texts)
    postings: dict[str, list[tuple[int, float]]] = {}
    for position, counts in enumerate(texts):
        length = k1 * (1 - b + b * counts.total() / mean)
        for word, count in counts.items():
            postings.setdefault(word, []).append((position, count * (k1 + 1) / (count + length)))

    def rank(query: str) -> list[Key]:
        scores: dict[int, float] = {}
        for word in set(_words(query)) & postings.keys():
            found = postings[word]
            rarity = math.log(1 + (len(keys) - len(found) + 0.5) / (len(found) + 0.5))
            for position, effect in found:
                scores[position] = scores.get(position, 0.0) + rarity * effect
        return [keys[position][:2] for position in sorted(scores, key=lambda position: (-scores[position], position))]

    return rank


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())
