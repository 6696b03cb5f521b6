"""`gateway codegen` without a gateway."""

from __future__ import annotations

import json
from pathlib import Path

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
