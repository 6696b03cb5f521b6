"""The tool lists of 155 real servers: all of them generate, compile, read short, and say what their schemas say."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator, Mapping
from operator import truediv
from pathlib import Path
from typing import Any

import pytest

from codegen import ServerSpec, generate
from codegen.ir import Array, Node, Object, Top
from codegen.schema import convert
from tests.codegen import corpus
from tests.codegen.tokens import counts
from tests.codegen.typecheck import deno_check, tsc_check

pytestmark = pytest.mark.corpus

ISSUES = {
    "the plain identifier is reserved, taken or not possible": {
        # tools called `delete`, which is a word of the language
        "bitwarden/delete",
        "redis-official/delete",
        "ref-redis/delete",
    },
    # what the alternatives of these results have in common ("an error exactly if didError") is written for all of them
    "result: the schema has an `if` whose contrary no type says": {
        f"xcodebuild/{tool['name']}" for server, tool in corpus.tools() if server == "xcodebuild"
    },
    "creationType has an `enum` that nothing fits": {"netlify/netlify-coding-rules"},
}
"""Every issue that the corpus raises, and of which tools: nothing else of their schemas is lost."""


def test_each_server_compiles_alone_and_all_together(tmp_path: Path) -> None:
    files = {f"{number}.d.ts": generate([spec]).text for number, spec in enumerate(corpus.specs())}
    files["all.d.ts"] = corpus.module().text
    assert deno_check(tmp_path, files) == []
    assert tsc_check(tmp_path, files) == []


def test_every_tool_is_there() -> None:
    module = corpus.module()
    assert len(module.tools) == len(list(corpus.tools())) > 4_000
    assert module.issues == ()
    assert {
        (server, tool) for server, entry in module.manifest["servers"].items() for tool in entry["tools"]
    } == module.tools.keys()


def test_the_issues_are_those_we_know() -> None:
    for (server, tool), decl in corpus.module().tools.items():
        for issue in decl.issues:
            known = [tools for words, tools in ISSUES.items() if words in issue]
            assert known and f"{server}/{tool}" in known[0], (server, tool, issue)


_SAYS_NOTHING = frozenset(
    (
        "description",
        "title",
        "default",
        "examples",
        "nullable",
        "readOnly",
        "x-annotation",
        "deprecated",
        "$schema",
        "$id",
    )
)


def says_something(schema: Any) -> bool:
    """Whether a schema says anything of the type."""
    if not isinstance(schema, Mapping):
        return False
    for keyword in ("anyOf", "oneOf"):
        if isinstance(schema.get(keyword), list) and not all(map(says_something, schema[keyword])):
            return False
    return not schema.keys() <= _SAYS_NOTHING


def pairs(schema: Any, node: Node, where: str) -> Iterator[tuple[str, Any, Node]]:
    """Each schema at or below this one that plain nesting leads to, with the type that it became."""
    yield where, schema, node
    if isinstance(node, Object) and isinstance(schema, Mapping) and isinstance(schema.get("properties"), Mapping):
        for prop in node.props:
            if prop.name in schema["properties"]:
                yield from pairs(schema["properties"][prop.name], prop.type, f"{where}.{prop.name}")
    if isinstance(node, Array) and isinstance(schema, Mapping) and isinstance(schema.get("items"), Mapping):
        yield from pairs(schema["items"], node.item, f"{where}[]")


def test_nothing_falls_to_unknown_where_the_schema_says_more() -> None:
    seen = 0
    for server, tool in corpus.tools():
        for key in ("inputSchema", "outputSchema"):
            if key not in tool:
                continue
            converted = convert(tool[key], output=key == "outputSchema")
            for where, schema, node in pairs(tool[key], converted.node, f"{server}/{tool['name']} {key}"):
                seen += 1
                assert not isinstance(node, Top) or not says_something(schema), (where, schema)
    assert seen > 30_000


# --- cost for the reader ---


def test_declarations_cost_a_fraction_of_the_definitions() -> None:
    """At the median, in tokens of the definition as JSON."""
    texts: list[str] = []
    for server, tool in corpus.tools():
        decl = corpus.module().tools[server, tool["name"]]
        texts += [json.dumps(tool, ensure_ascii=False), decl.signature, decl.full]
    found = counts(texts)
    raw, signatures, fulls = found[::3], found[1::3], found[2::3]
    assert statistics.median(map(truediv, signatures, raw)) <= 0.22
    assert statistics.median(map(truediv, fulls, raw)) <= 0.57


def test_names_fit_one_line() -> None:
    for decl in corpus.module().tools.values():
        assert "\n" not in decl.name_line
        assert len(decl.name_line) < 260
        assert decl.name_line.startswith(f"{decl.namespace}.{decl.function}")


def test_summaries_say_what_tools_do() -> None:
    lines = {key: decl.name_line for key, decl in corpus.module().tools.items()}
    assert "Retrieves a collection of calls" in lines["twilio", "TwilioApiV2010--ListCall"]  # not "This is the API"
    assert "Authenticates and analyzes" in lines["hubspot", "hubspot-get-user-details"]  # not "Purpose"
    assert "Lists compact workout summaries" in lines["hevy", "get-workouts"]  # not "Read-only"
    assert "Close the page" in lines["playwright", "browser_close"]


def test_generation_is_fast_and_remembers() -> None:
    """Generous bounds: benchmarks/codegen.py measures."""
    specs = [spec for spec in corpus.specs() if spec.name != "ms-365-softeria"]
    tools = [{**tool, "description": f"fresh {tool.get('description')}"} for spec in specs for tool in spec.tools][
        :1_000
    ]
    fresh = ServerSpec("fresh", [{**tool, "name": f"{i}_{tool['name']}"} for i, tool in enumerate(tools)])
    start = time.process_time()
    generate([fresh])
    first = time.process_time()
    generate([fresh])
    again = time.process_time()
    assert first - start < 3
    assert again - first < 0.5
