"""Schemas that no server of the corpus sends, each with values that its type accepts and refuses: verdicts.jsonl.

`unjudged` says why `jsonschema`, which reads draft 2020-12 to the letter, cannot judge a case.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema

from codegen import Module, ServerSpec, generate
from tests.codegen.test_properties import Case, wrong_verdicts
from tests.codegen.typecheck import json_literal

FILE = Path(__file__).with_name("verdicts.jsonl")
CASES: list[dict[str, Any]] = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]


def schema_of(case: Mapping[str, Any]) -> dict[str, Any]:
    """An object whose `x` has the schema of the case."""
    schema = {"type": "object", "properties": {"x": case["schema"]}, "required": ["x"], "additionalProperties": False}
    return {**schema, "$defs": case["$defs"]} if "$defs" in case else schema


def values_of(case: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for kind in ("valid", "broken"):
        yield from ((kind, {"x": value}) for value in case[kind])


def test_as_arguments_and_as_results(tmp_path: Path) -> None:
    tools = [
        tool
        for number, case in enumerate(CASES)
        for tool in (
            {"name": f"in_{number}", "inputSchema": schema_of(case)},
            {"name": f"out_{number}", "inputSchema": {"type": "object"}, "outputSchema": schema_of(case)},
        )
    ]
    module = generate([ServerSpec("s", tools)])
    assert wrong_verdicts(tmp_path, module, list(lines_of(module))) == []


def lines_of(module: Module) -> Iterator[Case]:
    for number, case in enumerate(CASES):
        call, result = (module.tools["s", f"{way}_{number}"].function for way in ("in", "out"))
        for kind, value in values_of(case):
            written = json_literal(value)
            yield Case("s", case["case"], "inputSchema", kind, f"s.{call}({written});")
            line = f"({written}) satisfies Awaited<ReturnType<typeof s.{result}>>;"
            yield Case("s", case["case"], "outputSchema", kind, line)


def test_the_cases_are_right() -> None:
    for case in CASES:
        if "unjudged" not in case:
            judge = jsonschema.Draft202012Validator(schema_of(case))
            for kind, value in values_of(case):
                assert judge.is_valid(value) == (kind == "valid"), (case["case"], value)
