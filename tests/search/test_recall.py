"""Search finds what is asked for in plain words."""

from __future__ import annotations

import pytest

from tests.search.catalogs import corpus, index, needs_corpus
from tests.search.evaluation import figures, ours, place, plain_bm25, requests
from tests.search.thousand import dumps


def test_the_wanted_of_1000_tools_is_among_the_first_five() -> None:
    rank = ours(index(dumps()))
    asked = requests("thousand_requests.json")
    assert len(asked) == 20
    missed = [request.text for request in asked if (place(rank, request) or 99) > 5]
    assert not missed


@needs_corpus
@pytest.mark.corpus
def test_over_real_servers_it_beats_plain_bm25_by_far() -> None:
    search, plain = ours(index(corpus())), plain_bm25(corpus())
    asked = requests()
    floors = (("dev", 0.89, 0.78), ("held-out", 0.86, 0.73), ("unseen", 0.86, 0.69), ("fresh", 0.81, 0.65))
    for split, recall, mrr in floors:
        some = [request for request in asked if request.split == split]
        ours_, theirs = figures(search, some), figures(plain, some)
        assert ours_.recall > recall
        assert ours_.mrr > mrr
        assert ours_.recall > theirs.recall + 0.2


@needs_corpus
@pytest.mark.corpus
def test_every_wanted_tool_exists() -> None:
    known = {(dump["server"], tool["name"]) for dump in corpus() for tool in dump["tools"]}
    assert not {key for request in requests() for key in request.wanted} - known
    assert len({server for request in requests() for server, _ in request.wanted}) > 60
