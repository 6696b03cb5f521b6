"""`gateway serve` as a process: what it says, what it refuses, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.live import agent, stdio

CONFIG = {
    "mcpServers": {"fast": stdio("fast.py")},
    "agents": {"tester": agent("fast")},
    "gateway": {"listen": "127.0.0.1:0", "data_dir": "data", "pool_size": 1},
}
PROGRAM = [sys.executable, "-m", "gateway", "serve", "-c", "gateway.yaml"]


@pytest.fixture
def served(home: Path) -> Iterator[subprocess.Popen[str]]:
    """A gateway that was started with `--connect`, in a process group of its own."""
    Path("gateway.yaml").write_text(json.dumps(CONFIG))
    with subprocess.Popen(
        [*PROGRAM, "--connect"], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def banner(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line == "}\n":
            break
    return "".join(lines)


def refused(*arguments: str) -> str:
    """What a start that cannot succeed says."""
    done = subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_gateway_from_start_to_end(served: subprocess.Popen[str], run: Run) -> None:
    told = banner(served)
    address = Path("data/address").read_text()
    assert f"MCP endpoint   {address}/mcp" in told
    assert "1 of 1 ready: fast" in told
    assert f"claude mcp add --transport http gateway {address}/mcp --header" in told
    snippet = json.loads(told[told.index("{\n") :])
    assert snippet["mcpServers"]["gateway"]["url"] == f"{address}/mcp"

    Path("one.ts").write_text("return (await tools.fast.add({ a: 1, b: 2 })).sum")
    done = run("run", "one.ts", "--json")
    assert (done.exit_code, json.loads(done.stdout)["result"]) == (0, 3)

    assert "Another gateway is running on the data folder" in refused()
    assert "Cannot listen on" in refused("--listen", address.removeprefix("http://"), "--data-dir", "other")

    os.killpg(served.pid, signal.SIGINT)
    assert served.wait(5) == 0
    with pytest.raises(ProcessLookupError):
        os.killpg(served.pid, 0)
    assert run("runs", "list").exit_code == 1


def test_a_broken_file_is_told_with_line_and_key(home: Path) -> None:
    Path("gateway.yaml").write_text("agents:\n  tester:\n    owner: me\n    grnats: []\n")
    told = refused()
    assert "gateway.yaml:4" in told and "grants" in told
