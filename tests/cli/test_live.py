"""Commands against a running gateway, as scripts use them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.types import ElicitResult

from tests.cli.shell import Shell
from tests.live import Live

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADD = "return await tools.fast.add({ a: 1, b: 2 });"


@pytest.fixture(autouse=True)
def programs(home: Path) -> None:
    Path("add.ts").write_text(ADD)
    Path("wrong.ts").write_text("\nreturn await tools.fast.add({ a: 1, c: 2 });")
    Path("fails.ts").write_text("console.log('soon'); throw new Error('on purpose');")


async def test_tokens(shell: Shell) -> None:
    issued = await shell.json("token", "issue", "tester", "--ttl", "1h", "--grant", "fast:add")
    assert set(issued) == {"id", "token", "agent", "session", "expires_at"}
    (listed,) = [token for token in await shell.json("token", "list") if token["id"] == issued["id"]]
    assert listed == {key: value for key, value in issued.items() if key != "token"} | {"state": "live"}
    assert (await shell.json("token", "show", issued["id"]))["grants"][0]["tools"] == ["add"]
    assert await shell.json("token", "revoke", issued["id"]) == {"revoked": [issued["id"]], "runs_stopped": 0}
    code, out, _ = await shell("token", "list")
    assert code == 0 and "revoked" in out


async def test_the_token_alone_is_on_stdout(shell: Shell) -> None:
    code, out, err = await shell("token", "issue", "tester")
    assert code == 0
    assert out.count("\n") == 1 and out.count(".") == 2
    assert "good until" in err


async def test_a_wrong_token_command_says_why(shell: Shell) -> None:
    code, _, err = await shell("token", "issue", "nobody")
    assert code == 1 and "tester" in err
    code, out, err = await shell("token", "issue", "tester", "--ttl", "soon", "--json")
    assert code == 2 and "duration" in err
    assert json.loads(out)["error"]["code"] == "usage"


async def test_servers(shell: Shell) -> None:
    (checked,) = await shell.json("servers", "check")
    assert (checked["name"], checked["state"], checked["tools"], checked["error"]) == ("fast", "ready", 5, None)
    assert checked["drift"]["held"] == []
    code, out, _ = await shell("servers", "approve", "fast")
    assert (code, out) == (0, "Nothing has drifted.\n")
    code, _, err = await shell("servers", "approve", "fast", "add")
    assert code == 1 and "fast:add has not drifted" in err
    code, out, _ = await shell("servers", "list")
    assert code == 0 and out.splitlines()[1].split()[:2] == ["fast", "ready"]


async def test_a_program_that_completes(shell: Shell) -> None:
    run = await shell.json("run", "add.ts")
    assert (run["status"], run["result"]) == ("completed", {"sum": 3})
    code, out, err = await shell("run", "add.ts")
    assert (code, json.loads(out)) == (0, {"sum": 3})
    assert "completed, 1 calls" in err


async def test_a_program_that_is_rejected_or_fails(shell: Shell) -> None:
    code, out, err = await shell("run", "wrong.ts")
    assert (code, out) == (1, "")
    assert err.startswith("wrong.ts:2:") and "error:" in err
    code, out, err = await shell("run", "fails.ts")
    assert (code, out) == (1, "")
    assert "soon" in err and "fails.ts:1" in err and "on purpose" in err


async def test_checking_a_program(shell: Shell) -> None:
    assert await shell.json("check", "add.ts") == {"ok": True, "diagnostics": [], "warnings": []}
    code, out, _ = await shell("check", "wrong.ts", "--json")
    found = json.loads(out)
    assert (code, found["ok"], found["diagnostics"][0]["line"]) == (1, False, 2)


async def test_runs(shell: Shell) -> None:
    run = await shell.json("run", "add.ts", "--session", "mine")
    (listed,) = await shell.json("runs", "list", "--session", "mine")
    assert (listed["run_id"], listed["status"]) == (run["run_id"], "completed")
    shown = await shell.json("runs", "show", run["run_id"])
    assert [(step["server"], step["tool"], step["state"]) for step in shown["steps"]] == [("fast", "add", "done")]
    code, out, _ = await shell("runs", "list", "--limit", "1")
    assert code == 0 and run["run_id"] in out
    code, _, err = await shell("runs", "show", "run_nobody")
    assert code == 1 and "no run" in err


async def test_deciding_what_a_run_waits_for(shell: Shell, gateway: Live) -> None:
    bearer = await gateway.principal()
    code = "return [await ask('how many?', {type: 'number'}), (await approve('really?')).approved, await waitFor('go')]"
    run_id = (await gateway.services.runs.execute(bearer, code, wait_seconds=10)).run_id
    assert (await shell("runs", "answer", run_id, "7"))[0] == 0
    await gateway.services.runs.result(bearer, run_id, wait_seconds=10)
    assert (await shell("runs", "approve", run_id, "--comment", "fine"))[0] == 0
    await gateway.services.runs.result(bearer, run_id, wait_seconds=10)
    assert (await shell("runs", "signal", run_id, "go", "now"))[0] == 0
    code_, out, _ = await shell("runs", "wait", run_id)
    assert (code_, json.loads(out)) == (0, [7, True, "now"])


async def test_cancelling(shell: Shell, gateway: Live) -> None:
    run = await gateway.services.runs.execute(await gateway.principal(), "await waitFor('never')", wait_seconds=0)
    assert (await shell.json("runs", "cancel", run.run_id))["status"] == "cancelled"


async def test_policy(shell: Shell) -> None:
    decision = await shell.json("policy", "explain", "tester", "fast:add", '{"args": {"a": 1, "b": 2}}')
    assert (decision["effect"], decision["rule"]) == ("allow", "agents.tester.grants[0]")
    issued = await shell.json("token", "issue", "tester", "--grant", "fast:echo")
    narrowed = ("policy", "explain", "tester", "fast:add", "--token", issued["id"])
    assert (await shell.json(*narrowed))["considered"] == [
        {"rule": "agents.tester.grants[0]", "why_not": "fits too, but default decided"},
        {"rule": "narrowing[1].grants[0]", "why_not": "is about other tools"},
    ]
    code, _, err = await shell("policy", "explain", "tester", "fast:add", '{"a": 1, "a": 2}')
    assert code == 2 and "twice" in err
    code, out, _ = await shell("policy", "explain", "tester", "fast:add", '{"a": 1}')
    assert code == 0 and out.startswith("allow")


async def test_declarations_of_the_running_servers(shell: Shell) -> None:
    assert (await shell("codegen", "--server", "fast", "--out", "types"))[0] == 0
    assert "export const fast" in Path("types/tools.d.ts").read_text()


async def test_doctor(shell: Shell) -> None:
    _, out, _ = await shell("doctor", "--json")
    report = json.loads(out)
    assert set(report) == {"ok", "checks"}
    assert {"gateway", "store", "servers"} <= {check["name"] for check in report["checks"]}


async def test_connecting(shell: Shell, gateway: Live) -> None:
    Path("gateway.yaml").write_text(f"agents: {{tester: {{owner: me}}}}\ngateway: {{listen: '{gateway.url[7:]}'}}")
    code, out, _ = await shell("connect", "claude-code")
    assert code == 0 and out.startswith(f"claude mcp add --transport http gateway {gateway.url}/mcp --header ")
    code, _, _ = await shell("connect", "cursor", "--write")
    written = json.loads(Path(".cursor/mcp.json").read_text())["mcpServers"]["gateway"]
    assert (code, written["url"]) == (0, f"{gateway.url}/mcp")


async def test_stdio_relays_to_the_gateway_that_runs(shell: Shell) -> None:
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "gateway", "stdio", "--agent", "tester"], env=shell.environment
    )
    seen: list[float] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        seen.append(progress)

    async with Client(command) as client:
        assert "fast" in str(client.instructions)
        assert [tool.name for tool in (await client.list_tools()).tools] == ["search", "execute", "result", "cancel"]
        code = f"progress(1, 2); {ADD}"
        result = await client.call_tool("execute", {"code": code}, progress_callback=note)
    assert result.structured_content["result"] == {"sum": 3}
    assert seen == [1]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_stdio_relays_what_a_run_asks(shell: Shell, mode: str) -> None:
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "gateway", "stdio", "--agent", "tester"], env=shell.environment
    )

    async def person(context: Any, params: Any) -> ElicitResult:
        return ElicitResult(action="accept", content={"approved": params.message == "Really?"})

    async with Client(command, mode=mode, elicitation_callback=person) as client:
        result = await client.call_tool("execute", {"code": 'return (await approve("Really?")).approved'})
    assert (result.structured_content or {})["result"] is True
