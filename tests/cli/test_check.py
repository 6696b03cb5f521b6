"""`gateway check --types`: without a gateway."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

SCHEMA = {"type": "object", "properties": {"a": {"type": "number"}}, "required": ["a"], "additionalProperties": False}


@pytest.fixture
def types(run: Run) -> Path:
    Path("dump.json").write_text(json.dumps({"server": "fast", "tools": [{"name": "add", "inputSchema": SCHEMA}]}))
    assert run("codegen", "--from", "dump.json", "--out", "types").exit_code == 0
    return Path("types")


def test_a_program_that_fits(run: Run, types: Path) -> None:
    Path("program.ts").write_text('import { fast } from "tools";\nreturn await fast.add({ a: 1 });\n')
    told = run("check", "program.ts", "--types", str(types), "--json")
    assert (told.exit_code, json.loads(told.stdout)) == (0, {"ok": True, "diagnostics": [], "warnings": []})


def test_a_program_that_does_not_is_told_where(run: Run, types: Path) -> None:
    Path("program.ts").write_text("const one = 1;\nreturn await tools.fast.add({ b: one });\n")
    told = run("check", "program.ts", "--types", str(types))
    assert told.exit_code == 1
    assert told.stderr.startswith("program.ts:2:31: error: ")


def test_a_folder_without_declarations(run: Run) -> None:
    Path("program.ts").write_text("return 1")
    Path("empty").mkdir()
    told = run("check", "program.ts", "--types", "empty")
    assert told.exit_code == 2
    assert "gateway codegen --out DIR" in told.stderr
