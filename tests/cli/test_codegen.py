"""`gateway codegen` without a gateway."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

TOOL = {"name": "get_item", "inputSchema": {"type": "object", "properties": {"id": {"type": "integer"}}}}


def test_dumps_become_declarations_and_a_manifest(run: Run) -> None:
    Path("one.json").write_text(json.dumps({"server": "my shop", "tools": [TOOL]}))
    Path("more.json").write_text(json.dumps([{"server": "a", "tools": []}, {"server": "b", "tools": [TOOL]}]))
    done = run("codegen", "--from", "one.json", "--from", "more.json", "--out", "out/here")
    assert (done.exit_code, done.stdout) == (0, "")
    manifest = json.loads(Path("out/here/manifest.json").read_text())
    assert manifest["servers"]["my shop"]["namespace"] == "myShop"
    assert manifest["servers"]["b"]["tools"]["get_item"]["function"] == "getItem"
    assert "export const myShop" in Path("out/here/tools.d.ts").read_text()


def test_further_dumps_may_follow_the_first(run: Run) -> None:
    for name in ("x", "y"):
        Path(f"{name}.json").write_text(json.dumps({"server": name, "tools": [TOOL]}))
    done = run("codegen", "--from", "x.json", "y.json", "--out", "out", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["tools"] == 2


def test_a_file_that_is_no_dump(run: Run) -> None:
    Path("bad.json").write_text('{"tools": []}')
    done = run("codegen", "--from", "bad.json", "--out", "out")
    assert done.exit_code == 2
    assert "bad.json is not a dump of tools" in done.stderr
    assert not Path("out").exists()


def test_result_types_are_learnt_from_recorded_results(run: Run) -> None:
    tools = [TOOL, {**TOOL, "name": "list_items"}, {**TOOL, "name": "never_called"}]
    Path("shop.json").write_text(json.dumps({"server": "shop", "tools": tools}))
    text = json.dumps([{"id": 1, "secret": "hunter2"}, {"id": 2}])
    answers = [
        {"server": "shop", "tool": "list_items", "result": {"content": [{"type": "text", "text": text}]}},
        {"server": "shop", "tool": "list_items", "result": {"content": [], "isError": True}},
        {"server": "shop", "tool": "get_item", "result": {"id": 1, "name": None}},
        {"server": "shop", "tool": "get_item", "result": {"id": 2, "name": "x"}},
        {"server": "shop", "tool": "gone", "result": 1},
    ]
    for written in (json.dumps(answers), "\n".join(map(json.dumps, answers))):
        Path("results").write_text(written)
        done = run("codegen", "--from", "shop.json", "--learn", "results", "--out", "out")
        assert done.exit_code == 0
        assert "shop:gone has recorded results and no definition" in done.stderr
        declared = Path("out/tools.d.ts").read_text()
        assert "Promise<Observed<{ id: number; name: string | null }>>;" in declared
        assert "Promise<Observed<{ id: number; secret?: string }[]>>;" in declared
        assert "@observed in 2 calls" in declared and "hunter2" not in declared
        assert declared.count("Promise<any>") == 1


@pytest.mark.parametrize(
    "content", ["", "{", "[1]", '{"server": "shop"}', '[{"server": "a", "tool": "b"}]', "[" * 9_000]
)
def test_a_file_that_holds_no_recorded_results(run: Run, content: str) -> None:
    Path("shop.json").write_text(json.dumps({"server": "shop", "tools": [TOOL]}))
    Path("results").write_text(content)
    done = run("codegen", "--from", "shop.json", "--learn", "results", "--out", "out")
    assert done.exit_code == (2 if content else 0)
    assert not content or "results" in done.stderr
    assert Path("out").exists() == (not content)
