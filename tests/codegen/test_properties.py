"""Over every schema of the corpus: the types accept valid instances and refuse broken ones."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from codegen import Module, ServerSpec, ToolDecl, generate
from tests.codegen import corpus
from tests.codegen.instances import Instances
from tests.codegen.random_schemas import RandomSchemas
from tests.codegen.typecheck import json_literal, module_files, tsc_check

MAX_CHARACTERS = 8_000
"""Schemas larger than this are checked for compiling only (test_corpus): their instances take the checker minutes."""

KNOWN = {
    # One of five closed alternatives has few properties: TypeScript looks for excess ones in all alternatives together.
    ("todoist", "fetch-object", "drop"),
}


@dataclass(frozen=True, slots=True)
class Case:
    server: str
    tool: str
    schema: str
    kind: str
    """valid, or how the instance is broken: drop | type | extra | literal"""
    line: str


def cases_of(server: str, tool: Mapping[str, Any], decl: ToolDecl, *, valid: int, broken: int) -> Iterator[Case]:
    """Calls with valid and broken arguments, and results written down as what the call returns."""
    for key in ("inputSchema", "outputSchema"):
        schema = tool.get(key)
        if schema is None or len(str(schema)) > MAX_CHARACTERS or (key == "outputSchema" and decl.wrapped):
            continue
        instances = Instances(schema, zlib.crc32(f"{server} {decl.tool}".encode()))
        found = [value for value in instances.valid(valid) if isinstance(value, dict)]
        mutants = instances.mutants(found[-1], broken) if found else []
        for kind, value in [*(("valid", v) for v in found), *((m.kind, m.value) for m in mutants)]:
            if key == "inputSchema":
                line = f"{decl.namespace}.{decl.function}({json_literal(value)});"
            else:
                returned = f"Awaited<ReturnType<typeof {decl.namespace}.{decl.function}>>"
                line = f"({json_literal(value)}) satisfies {returned};"
            if isinstance(value, dict):
                yield Case(server, decl.tool, key, kind, line)


def wrong_verdicts(folder: Path, module: Module, cases: list[Case]) -> list[tuple[Case, str]]:
    """The cases that the type checker sees otherwise, each with what it says."""
    namespaces = ", ".join(server["namespace"] for server in module.manifest["servers"].values())
    program = [f'import {{ {namespaces} }} from "./tools.d.ts";', *(case.line for case in cases)]
    problems = tsc_check(folder, {**module_files(module), "program.ts": "\n".join(program)}, "program.ts")
    assert [problem for problem in problems if problem.file != "program.ts"] == []
    refused = {problem.line - 2: problem.message for problem in problems}
    return [(case, refused.get(i, "")) for i, case in enumerate(cases) if (case.kind == "valid") == (i in refused)]


@pytest.mark.corpus
def test_the_types_of_the_corpus_accept_what_is_valid_and_refuse_what_is_not(tmp_path: Path) -> None:
    module = corpus.module()
    cases = [
        case
        for server, tool in corpus.tools()
        for case in cases_of(server, tool, module.tools[server, tool["name"]], valid=2, broken=4)
    ]
    wrong = wrong_verdicts(tmp_path, module, cases)
    totals = Counter((case.schema, case.kind) for case in cases)
    assert totals.total() > 15_000 and min(totals.values()) > 100, totals
    assert [found for found in wrong if (found[0].server, found[0].tool, found[0].kind) not in KNOWN] == []


def test_every_tool_of_the_corpus_is_among_the_cases() -> None:
    """What has no valid instance that we can make up, and why."""
    known = {
        ("hevy", "create-workout"): "alternatives by number that our walker does not bring together",
        ("tmdb", "find_by_imdb_id"): "a pattern that none of our guesses fits",
        ("variflight", "flightHappinessIndex"): "the same",
        ("variflight", "searchFlightsByNumber"): "the same",
        ("netlify", "netlify-coding-rules"): "a required property with an empty enum: nothing is valid",
    }
    missing = set()
    for server, tool in corpus.tools():
        schema = tool["inputSchema"]
        if len(str(schema)) <= MAX_CHARACTERS and not Instances(schema, 1).valid(1):
            missing.add((server, tool["name"]))
    assert missing <= known.keys()


def test_the_types_of_random_schemas_accept_what_is_valid(tmp_path: Path) -> None:
    for seed in (2, 4):
        source = RandomSchemas(seed, malformed=False)
        tools = [source.tool(f"tool_{position}") for position in range(100)]
        for tool in tools:
            tool.pop("outputSchema", None)
        module = generate([ServerSpec("fuzz", tools)])
        cases = [case for tool in tools for case in _without_overflow(tool, module.tools["fuzz", tool["name"]])]
        wrong = wrong_verdicts(tmp_path, module, cases)
        # Objects that do not mention `additionalProperties` are read as having just their own.
        assert [found for found in wrong if "may only specify known properties" not in found[1]] == []
        assert len(cases) > 100


def _without_overflow(tool: Mapping[str, Any], decl: ToolDecl) -> list[Case]:
    try:
        return list(cases_of("fuzz", tool, decl, valid=3, broken=0))
    except RecursionError:  # the judge follows references in circles
        return []
