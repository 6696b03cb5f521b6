"""Identifiers: canonical where they can be, apart where they must be, and the same whatever else is there."""

from __future__ import annotations

import random
import re

import pytest

from codegen import names
from tests.codegen import corpus

IDENTIFIER = re.compile(r"[^\W\d]\w*")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("git_log", "gitLog"),
        ("git-log", "gitLog"),
        ("gitLog", "gitLog"),
        ("GitLog", "gitLog"),
        ("API-post-page", "apiPostPage"),
        ("LIST_ISSUES", "listIssues"),
        ("HTTPServer.start", "httpServerStart"),
        ("getURL", "getURL"),
        ("TwilioApiV2010--ListCall", "twilioApiV2010ListCall"),
        ("3d_model", "_3dModel"),
        ("__proto__", "proto"),
        ("delete", "delete_"),
        ("await", "await_"),
        ("then", "then_"),
        ("constructor", "constructor_"),
        ("toString", "toString_"),
        ("to_string", "toString_"),
        ("ｇｉｔ＿ｌｏｇ", "gitLog"),
    ],
)
def test_a_tool_is_called(raw: str, expected: str) -> None:
    assert names.functions([raw]) == {raw: expected}


@pytest.mark.parametrize("raw", ["tools", "console", "state", "Promise", "JSON", "globalThis", "Observed"])
def test_no_namespace_hides_a_global(raw: str) -> None:
    assert names.namespaces([raw])[raw] != raw


def test_ordinary_server_names_stay_as_they_are() -> None:
    expected = {"git": "git", "time": "time", "fetch": "fetch", "memory": "memory", "github-official": "githubOfficial"}
    assert names.namespaces(expected) == expected


@pytest.mark.parametrize("raw", ["", "---", "💥", "\x00", "*/", "${x}", "`", "\u2028", "\u202e", "a" * 1_000_000, "９"])
def test_every_name_becomes_an_identifier_of_bounded_length(raw: str) -> None:
    for name in (names.functions([raw])[raw], names.namespaces([raw])[raw]):
        assert IDENTIFIER.fullmatch(name)
        assert len(name) <= names.MAX_LENGTH + 16


def test_in_a_collision_the_most_canonical_name_stays_plain() -> None:
    assigned = names.functions(["get-user", "get_user", "getUser", "GET_USER"])
    assert assigned["getUser"] == "getUser"
    assert len({name.casefold() for name in assigned.values()}) == 4
    assert all(name.startswith("getUser") for name in assigned.values())
    assert names.functions(["get-user", "get_user"])["get_user"] == "getUser"


def test_names_that_differ_in_case_only_are_kept_apart() -> None:
    assigned = names.functions(["getuser", "getUser"])
    assert len({name.casefold() for name in assigned.values()}) == 2


def test_look_alikes_of_another_script_look_different() -> None:
    latin, cyrillic = "paypal", "р\u0430yp\u0430l"
    assigned = names.functions([latin, cyrillic])
    assert assigned[latin] == "paypal"
    assert re.search(r"_[0-9a-f]{4}$", assigned[cyrillic])


def test_other_scripts_stay_readable() -> None:
    assert names.functions(["获取天气"])["获取天气"].startswith("获取天气_")


def test_order_does_not_matter() -> None:
    raws = [str(tool["name"]) for _, tool in corpus.tools()]
    shuffled = random.Random(1).sample(raws, len(raws))
    assert names.functions(raws) == names.functions(shuffled)


def test_additions_change_no_other_name() -> None:
    raws = sorted({str(tool["name"]) for _, tool in corpus.tools()})
    alone = names.functions(raws)
    more = names.functions([*raws, "brand_new_tool", "获取", "x" * 500])
    assert {raw: more[raw] for raw in raws} == alone


def test_all_names_of_the_corpus_are_identifiers_and_apart() -> None:
    module = corpus.module()
    namespaces = [server["namespace"] for server in module.manifest["servers"].values()]
    assert len({name.casefold() for name in namespaces}) == len(namespaces)
    for server in module.manifest["servers"].values():
        functions = [tool["function"] for tool in server["tools"].values()]
        assert len({name.casefold() for name in functions}) == len(functions)
        assert all(IDENTIFIER.fullmatch(name) for name in functions)


def test_a_type_is_named_in_pascal_case_and_never_like_a_builtin() -> None:
    assert names.pascal("pull_request") == "PullRequest"
    assert names.pascal("Record") == "Record_"
    assert names.pascal("Promise") == "Promise_"
    assert names.pascal("获取") == names.pascal("123") == names.pascal("") == ""
