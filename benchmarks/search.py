"""How well and how fast search finds, next to plain BM25 over name and description, in one run.

    python -m benchmarks.search [--json FILE]

Needs the corpus of real servers in ../shared/corpus. Recall@5 is the share of requests with a right tool among the
first five; MRR the mean of 1/rank of the first right one. Times are milliseconds of CPU, which neighbours disturb
less than the clock on the wall.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.search.catalogs import Dump, corpus, index, keys
from tests.search.evaluation import Figures, Ranker, Request, figures, ours, plain_bm25, requests
from tests.search.thousand import dumps

OUT = Path(__file__).parent / "out" / "search.json"
SPLITS = ("dev", "held-out", "unseen", "fresh")
STYLES = ("user", "model")
LARGE = 5_000
USUAL = 8
"""Servers of somebody who works with one gateway."""


def groups(asked: Sequence[Request]) -> dict[str, list[Request]]:
    """The requests by split, and within a split by style where there are both."""
    found: dict[str, list[Request]] = {}
    for split in SPLITS:
        found[split] = [request for request in asked if request.split == split]
        styles = {style: [r for r in found[split] if r.style == style] for style in STYLES}
        if all(styles.values()):
            found |= {f"{split}, worded by a {style}": some for style, some in styles.items()}
    return found


def finding() -> dict[str, dict[str, Figures]]:
    real, generated = corpus(), dumps()
    rankers = {"plain BM25": plain_bm25(real), "search": ours(index(real))}
    table = {
        name: {which: figures(ranker, some) for which, ranker in rankers.items()}
        for name, some in groups(requests()).items()
    }
    few = {"plain BM25": plain_bm25(generated), "search": ours(index(generated))}
    asked = requests("thousand_requests.json")
    table["1,000 generated tools"] = {which: figures(ranker, asked) for which, ranker in few.items()}
    table[f"unseen, {USUAL} servers of the token"] = {
        "search": granted(real, [r for r in requests() if r.split == "unseen"])
    }
    return table


def granted(real: Sequence[Dump], asked: Sequence[Request]) -> Figures:
    """As a token sees it that may call a few servers, one that serves the request among them."""
    choice, whole = random.Random(1), index(real)
    names = [dump["server"] for dump in real]
    every = keys(real)
    places = []
    for request in asked:
        seen = {sorted(request.wanted)[0][0], *choice.sample(names, USUAL - 1)}
        allowed = frozenset(key for key in every if key[0] in seen)
        ranked = [key for key, _ in whole.rank(request.text, allowed=allowed, server=None, limit=50)]
        places.append(next((1 / n for n, key in enumerate(ranked, 1) if key in request.wanted), 0.0))
    return Figures(len(places), sum(p >= 1 / 5 for p in places) / len(places), statistics.mean(places))


def large() -> list[Dump]:
    """5,000 tools: the corpus, and generated ones."""
    found: list[Dump] = []
    room = LARGE
    for dump in (*corpus(), *dumps()):
        found.append({**dump, "tools": dump["tools"][:room]})
        room -= len(found[-1]["tools"])
    return found


def speed() -> dict[str, Any]:
    many = large()
    cold, _ = timed(lambda: index(many))
    warm, made = timed(lambda: index(many))
    tracemalloc.start()
    kept = index(many)
    memory = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    allowed = frozenset(key for key in keys(many) if hash(key[1]) % 4)
    asked = [request.text for request in requests()]
    return {
        "tools": len(keys(many)),
        "build_ms": {"first": cold, "again": warm},
        "index_mb": memory / 1e6,
        "query_ms": times(lambda text: kept.rank(text, allowed=None, server=None, limit=10), asked),
        "query_ms_some_tools_hidden": times(
            lambda text: made.rank(text, allowed=allowed, server=None, limit=10), asked
        ),
        "plain_bm25_query_ms": times(plain_bm25(many), asked),
    }


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = work()
    return (time.process_time() - start) * 1e3, result


def times(rank: Ranker | Callable[[str], object], asked: Sequence[str]) -> dict[str, float]:
    taken = sorted(timed(lambda text=text: rank(text))[0] for text in asked)  # type: ignore[misc]
    return {"p50": taken[len(taken) // 2], "p95": taken[len(taken) * 95 // 100], "max": taken[-1]}


def show(table: dict[str, dict[str, Figures]], fast: dict[str, Any]) -> None:
    print(f"{'':44}{'requests':>9}   {'plain BM25':>18}   {'search':>18}")
    print(f"{'':44}{'':>9}   {'recall@5':>10}{'MRR':>8}   {'recall@5':>10}{'MRR':>8}")
    for name, by in table.items():
        cells = [
            f"{f.recall:>10.1%}{f.mrr:>8.3f}" if (f := by.get(which)) else f"{'':18}"
            for which in ("plain BM25", "search")
        ]
        print(f"{name:44}{by['search'].requests:>9}   {'   '.join(cells)}")
    print(json.dumps(fast, indent=2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, default=OUT, metavar="FILE")
    file = parser.parse_args().json
    fast = speed()  # before the rest, so that the first build is the first of this process
    table = finding()
    show(table, fast)
    file.parent.mkdir(parents=True, exist_ok=True)
    plain = {name: {which: asdict(one) for which, one in by.items()} for name, by in table.items()}
    file.write_text(json.dumps({"finding": plain, "speed": fast}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
