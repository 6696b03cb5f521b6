"""How tools are ranked: what counts, what does not, and that what is hidden has no influence at all."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from gateway.engine.documents import Key, document
from gateway.engine.ranking import Index
from gateway.model import Annotations, ServerTools, Tool
from tests.search.catalogs import Dump, corpus, index, keys, needs_corpus, server
from tests.search.evaluation import requests
from tests.search.thousand import dumps

FILES = server(
    "files",
    read_file="Read the whole content of a file.",
    deleteFile="Remove a file for good.",
    listDirectory="List what is in a directory.",
)
TICKETS = server(
    "tickets",
    create_ticket="Open a new ticket.",
    close_ticket="Mark a ticket as solved.",
    list_tickets="List tickets by state.",
    get_worklog="Hours of work on a ticket.",
)


def first(query: str, *servers: Dump, **options: Any) -> str:
    settings: dict[str, Any] = {"allowed": None, "server": None, "limit": 5} | options
    ranked = index(servers).rank(query, **settings)
    return ranked[0][0][1] if ranked else ""


@pytest.mark.parametrize(
    ("query", "tool"),
    [
        ("delete a file", "deleteFile"),
        ("get rid of this file", "deleteFile"),
        ("throw the file away", "deleteFile"),
        ("show the folder", "listDirectory"),
        ("which tickets are there", "list_tickets"),
        ("report a new bug", "create_ticket"),
        ("crete a tiket", "create_ticket"),
        ("work log of ticket 7", "get_worklog"),
        ("CLOSE-TICKET", "close_ticket"),
        ("get worklog", "get_worklog"),
    ],
)
def test_people_need_not_know_the_tools_words(query: str, tool: str) -> None:
    assert first(query, FILES, TICKETS) == tool


def test_what_goes_without_saying_at_a_server_counts_for_its_tools() -> None:
    router = server(
        "mikro",
        list_addresses="List addresses.",
        reboot="Restart the router.",
        list_routes="Routes of the router.",
        backup="Keep the settings of the router.",
    )
    mail = server("mail", list_addresses="List addresses.", send="Send a message.", read="Read a message.")
    ranked = index([mail, router]).rank("which addresses has the router", allowed=None, server=None, limit=9)
    places = [key for key, _ in ranked]
    assert places.index(("mikro", "list_addresses")) < places.index(("mail", "list_addresses"))


def test_words_of_one_family_meet() -> None:
    users = server("users", authenticator_reset="Reset the authenticator.", rename="Rename somebody.")
    assert first("authentication does not work", users) == "authenticator_reset"


def test_a_named_server_goes_before_others() -> None:
    jira, linear = server("jira", create_issue="Create an issue."), server("linear", create_issue="Create an issue.")
    ranked = index([jira, linear]).rank("create an issue in linear", allowed=None, server=None, limit=5)
    assert [key for key, _ in ranked] == [("linear", "create_issue"), ("jira", "create_issue")]


def test_only_the_given_server() -> None:
    ranked = index([FILES, TICKETS]).rank("list", allowed=None, server="tickets", limit=9)
    assert ranked
    assert {key[0] for key, _ in ranked} == {"tickets"}


def test_parameters_and_enumerations_count() -> None:
    schema = {"properties": {"operation": {"enum": ["refund_charge"]}, "iban": {"description": "account to pay to"}}}
    manage = {"server": "pay", "tools": [{"name": "manage", "inputSchema": schema}, {"name": "other"}]}
    assert first("refund", manage) == "manage"
    assert first("iban", manage) == "manage"


def test_scripts_without_spaces() -> None:
    maps = server("map", map_weather="获取实时天气信息", map_traffic="查询道路的实时拥堵")
    assert first("北京的天气", maps) == "map_weather"


def test_twins_of_one_server_do_not_stand_together() -> None:
    wiki = server(
        "wiki", get_page="Get a page.", wiki_get_page="Get a page.", get_page_links="Get the links of a page."
    )
    ranked = [key[1] for key, _ in index([wiki]).rank("get the page", allowed=None, server=None, limit=3)]
    assert ranked[0] == "get_page"
    assert ranked.index("get_page_links") < ranked.index("wiki_get_page")


@pytest.mark.parametrize(
    "query",
    ["", "   ", "the of and", "?!…", "\x00\ud800", "a" * 100_000, "tool " * 10_000, "zqxj", "🙂", "'; DROP TABLE"],
)
def test_strange_requests_are_harmless(query: str) -> None:
    ranked = index([FILES, TICKETS]).rank(query, allowed=None, server=None, limit=5)
    assert len(ranked) <= 5


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"next": schema}}
    return schema


@pytest.mark.parametrize(
    "raw",
    [
        {"name": "x", "description": "word " * 300_000},
        {"name": "y" * 100_000},
        {"name": "z", "inputSchema": nested(10_000)},
        {"name": "z", "inputSchema": {"properties": {f"p{n}": {"enum": ["v"] * 1_000} for n in range(2_000)}}},
        {"name": "z", "description": 7, "title": [], "annotations": "no", "inputSchema": [1], "outputSchema": "x"},
        {"name": "z", "inputSchema": {"properties": [], "enum": {}, "anyOf": {"a": 1}, "items": [[[]]]}},
    ],
)
def test_whatever_a_server_sends_is_read_in_bounded_time(raw: dict[str, Any]) -> None:
    one = Tool("s", raw["name"], raw, Annotations(), "")
    made = document(ServerTools("s", "s" * 100_000, "i" * 100_000, (one,)), one)
    assert len(made.weights) < 2_000
    assert Index([made]).rank(raw["name"], allowed=None, server=None, limit=1)


def assert_hidden_has_no_influence(servers: Sequence[Dump], allowed: frozenset[Key], queries: list[str]) -> None:
    alone = [{**one, "tools": [t for t in one["tools"] if (one["server"], t["name"]) in allowed]} for one in servers]
    full, bare = index(servers), index(alone)
    for query in queries:
        seen = full.rank(query, allowed=allowed, server=None, limit=20)
        assert seen == bare.rank(query, allowed=None, server=None, limit=20)


def test_what_is_hidden_has_no_influence() -> None:
    queries = ["delete a file", "open tickets", "crete a tiket", "where is my package", "who is absent today", "qzx"]
    everything = sorted(keys(dumps()))
    for seed in range(4):
        allowed = frozenset(random.Random(seed).sample(everything, 50 + 200 * seed))
        assert_hidden_has_no_influence(dumps(), allowed, queries)
    assert_hidden_has_no_influence([FILES, TICKETS], frozenset([("files", "read_file")]), queries)


@needs_corpus
@pytest.mark.corpus
def test_what_is_hidden_has_no_influence_on_real_servers() -> None:
    servers = list(corpus())[::4]
    chosen = random.Random(1)
    allowed = frozenset(key for key in sorted(keys(servers)) if chosen.random() < 0.5)
    assert_hidden_has_no_influence(servers, allowed, [request.text for request in requests()[::25]])
