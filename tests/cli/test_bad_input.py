"""What people get wrong on a command line: each is told what, where and what to do, and nothing looks like a bug."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.cli.conftest import Run
from tests.cli.shell import Shell
from tests.live import Live, agent, live, stdio

LIVE = pytest.mark.asyncio(loop_scope="module")
NOT_UTF8 = "\udcff"
"""How Python hands over an argument whose bytes are no UTF-8."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    config = {"mcpServers": {"@acme/fast": stdio("fast.py")}, "agents": {"tester": agent("*")}}
    async with live(tmp_path_factory.mktemp("gateway"), config) as started:
        yield started


@pytest.fixture
def shell(gateway: Live, home: Path) -> Shell:
    Path("binary.ts").write_bytes(b"return '\xff'")
    return Shell(gateway)


@pytest.mark.parametrize(
    ("url", "bearer", "says"),
    [
        ("127.0.0.1:8787", "x", "is not the address of a gateway"),
        ("ftp://127.0.0.1", "x", "is not the address of a gateway"),
        ("http://", "x", "is not the address of a gateway"),
        ("http://127.0.0.1:port", "x", "is not the address of a gateway"),
        ("http://[::1", "x", "is not the address of a gateway"),
        ("http://no such host", "x", "is not the address of a gateway"),
        ("http://127.0.0.1/ü", "x", "is not the address of a gateway"),
        ("http://127.0.0.1:9", "two\nlines", "Set GATEWAY_ADMIN_TOKEN"),
        ("http://127.0.0.1:9", "€", "Set GATEWAY_ADMIN_TOKEN"),
    ],
)
def test_an_address_or_a_key_that_cannot_be_one(run: Run, url: str, bearer: str, says: str) -> None:
    told = run("token", "list", "--url", url, "--json", GATEWAY_ADMIN_TOKEN=bearer)
    assert told.exit_code in (1, 2)
    assert says in told.stderr
    assert says in json.loads(told.stdout)["error"]["message"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has /dev/full, macOS has not.")
def test_output_that_finds_no_room() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "gateway", "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr.splitlines()) == (
        1,
        ["Error: There is no space left where this writes to. Make room, or write elsewhere."],
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["token", "issue", "a", "--grant", "git"], "git:git_log"),
        (["token", "issue", "a", "--grant", "git:"], "git:git_log"),
        (["token", "issue", "a", "--grant", ":x"], "git:git_log"),
        (["token", "issue", "a", "--grant", "git:a,,b"], "git:git_log"),
        (["runs", "resolve", "run_1", "--retry", "--fail"], "Give one of"),
        (["policy", "explain", "a", "s:t", "[1]"], "a JSON object"),
        (["policy", "explain", "a", "s:t", '{"n": NaN}'], "not JSON"),
        (["policy", "explain", "a", "s:t", "[" * 5_000], "not JSON"),
        (["token", "show", ""], "is empty"),
        (["runs", "tail", ""], "is empty"),
        (["token", "show", NOT_UTF8], "not UTF-8"),
        (["token", "issue", NOT_UTF8], "not UTF-8"),
        (["runs", "list", "--agent", NOT_UTF8], "not UTF-8"),
    ],
)
def test_wrong_usage_never_reaches_the_gateway(run: Run, arguments: list[str], says: str) -> None:
    told = run(*arguments, GATEWAY_URL="http://127.0.0.1:9", GATEWAY_ADMIN_TOKEN="x")
    assert (told.exit_code, told.stdout) == (2, "")
    assert says in told.stderr


def test_a_place_that_cannot_be_written(run: Run) -> None:
    Path("dump.json").write_text('{"server": "x", "tools": []}')
    told = run("codegen", "--from", "dump.json", "--out", "/proc/types")
    assert told.exit_code == 2
    assert told.stderr.startswith("Error: /proc/types: ")
    Path("mcp.json").write_text('{"mcpServers": {"x": {"url": "https://x"}}}')
    told = run("import", "mcp.json", "-c", "missing/gateway.yaml")
    assert told.exit_code == 2
    assert "missing/gateway.yaml: No such file or directory" in told.stderr


def test_an_error_is_cut_and_obeys_no_terminal_codes(run: Run) -> None:
    told = run("import", f"{'x' * 90}\x1b[2J/{'y' * 9_000}")
    assert told.exit_code == 2
    assert "\x1b" not in told.stderr
    assert len(told.stderr) < 4_100


def test_import_into_a_file_with_a_wrong_section(run: Run) -> None:
    Path("gateway.yaml").write_text("mcpServers: 5\n")
    Path("mcp.json").write_text('{"mcpServers": {"x": {"url": "https://x"}}}')
    told = run("import", "mcp.json")
    assert told.exit_code == 1
    assert "gateway.yaml: `mcpServers` is no mapping" in told.stderr


@pytest.mark.parametrize("settings", ["{broken", '{"mcpServers": []}'])
@LIVE
async def test_a_client_file_that_cannot_be_written_into_costs_no_token(shell: Shell, settings: str) -> None:
    Path("gateway.yaml").write_text("agents: {tester: {owner: me}}")
    Path(".cursor").mkdir()
    Path(".cursor/mcp.json").write_text(settings)
    before = await shell.json("token", "list")
    code, _, err = await shell("connect", "cursor", "--write")
    assert code == 2 and "mcp.json" in err
    assert await shell.json("token", "list") == before
    assert Path(".cursor/mcp.json").read_text() == settings


def test_connecting_as_an_agent_that_the_file_does_not_have(run: Run) -> None:
    Path("gateway.yaml").write_text("agents: {tester: {owner: me}}")
    told = run("connect", "claude-desktop", "--agent", "nobody")
    assert (told.exit_code, told.stdout) == (2, "")
    assert "The file has: tester" in told.stderr


@pytest.mark.parametrize(
    "words",
    [("run", "binary.ts"), ("check", "binary.ts"), ("runs", "fork", "run_1", "--at", "1", "--code", "binary.ts")],
)
@LIVE
async def test_a_program_that_is_no_text(shell: Shell, words: tuple[str, ...]) -> None:
    code, out, err = await shell(*words, "--json")
    assert code == 2 and "binary.ts is not UTF-8 text" in err
    assert json.loads(out)["error"]["code"] == "usage"


@LIVE
async def test_another_gateways_key(shell: Shell) -> None:
    shell.environment["GATEWAY_ADMIN_TOKEN"] = "gwa_" + "x" * 43
    code, _, err = await shell("token", "list")
    assert code == 1 and "has another admin key" in err


@LIVE
async def test_doctor_of_a_gateway_elsewhere_needs_no_file(shell: Shell) -> None:
    _, out, _ = await shell("doctor", "--json")
    assert "configuration" not in {check["name"] for check in json.loads(out)["checks"]}


@LIVE
async def test_names_with_a_slash(shell: Shell, gateway: Live) -> None:
    assert (await shell("servers", "approve", "@acme/fast"))[:2] == (0, "Nothing has drifted.\n")
    run = await gateway.services.runs.execute(
        await gateway.principal(), "return await waitFor('order/4')", wait_seconds=0
    )
    assert (await shell("runs", "signal", run.run_id, "order/4", '"paid"'))[0] == 0
    assert (await shell("runs", "wait", run.run_id))[:2] == (0, '"paid"\n')
    code, _, err = await shell("token", "show", "a/b")
    assert code == 1 and "nothing at this address" in err


@LIVE
async def test_a_token_that_is_not_there(shell: Shell) -> None:
    code, _, err = await shell("policy", "explain", "tester", "@acme/fast:add", "--token", "tok_nope")
    assert code == 1 and "no token tok_nope" in err


@LIVE
async def test_what_is_no_json_is_a_text(shell: Shell, gateway: Live) -> None:
    for word in ("NaN", "[" * 5_000):
        run = await gateway.services.runs.execute(
            await gateway.principal(), "return await waitFor('x')", wait_seconds=0
        )
        assert (await shell("runs", "signal", run.run_id, "x", word))[0] == 0
        _, out, _ = await shell("runs", "wait", run.run_id)
        assert json.loads(out) == word
