"""`gateway runs tail|export|replay|fork|retry`: journals as people see them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.service import archive
from tests.cli.shell import Shell
from tests.live import Live, agent, live, stdio

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "correct-horse-battery"
CONFIG = {
    "mcpServers": {"fast": {**stdio("fast.py"), "env": {"KEY": "${TEST_SECRET}"}}},
    "agents": {"tester": agent("fast")},
}
CODE = """
const dice = Math.random();
const { sum } = await tools.fast.add({ a: 1, b: 2 });
console.log("sum", sum);
try {
  await tools.fast.fail({ message: "no" });
} catch {}
const text = await tools.fast.echo({ text: "z".repeat(100_000) });
return { dice, sum, length: text.length };
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_SECRET", SECRET)
        async with live(tmp_path_factory.mktemp("gateway"), CONFIG) as started:
            yield started


async def exported(shell: Shell, run: dict[str, Any]) -> list[dict[str, Any]]:
    code, _, err = await shell("runs", "export", run["run_id"], "run.jsonl")
    assert code == 0 and "gateway runs replay run.jsonl" in err
    return [json.loads(line) for line in Path("run.jsonl").read_text().splitlines()]


async def test_an_exported_run_replays_alike_without_a_gateway(shell: Shell, gateway: Live) -> None:
    run = await gateway.execute(CODE)
    await exported(shell, run)
    shell.environment.clear()
    code, out, err = await shell("runs", "replay", "run.jsonl")
    assert code == 0, out + err
    assert "#1    line 3    fast:add" in out and "→ failed" in out
    assert "completed, after 3 steps" in out and "sum 3" in err
    found = await shell.json("runs", "replay", "run.jsonl")
    assert found["ok"] and found["end"] == {"status": "completed", "result": run["result"]}
    assert [(step["name"], step["outcome"]) for step in found["steps"]] == [
        ("fast:add", "done"),
        ("fast:fail", "failed"),
        ("fast:echo", "done"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("a: 1, b: 2", "a: 1, b: 3", "Step 1 was fast:add"),
        ("fast.echo({", "fast.fail({ message: '' } as any); await tools.fast.echo({", "Step 3 was fast:echo"),
        ('await tools.fast.fail({ message: "no" });', "", "Step 2 was fast:fail"),
        ("return { dice, sum", "return { dice, som: sum", "returned another value"),
        ("console.log(", "throw new Error(", "Step 2 was fast:fail"),
    ],
)
async def test_a_replay_says_where_it_differs(shell: Shell, gateway: Live, old: str, new: str, told: str) -> None:
    lines = await exported(shell, await gateway.execute(CODE))
    assert old in lines[0]["code"]
    lines[0]["code"] = lines[0]["code"].replace(old, new)
    Path("run.jsonl").write_text("\n".join(map(json.dumps, lines)))
    code, out, _ = await shell("runs", "replay", "run.jsonl")
    assert code == 1 and told in out, out


async def test_a_run_that_waits_and_one_that_failed_replay_to_where_they_are(shell: Shell, gateway: Live) -> None:
    waiting = await gateway.execute('await tools.fast.add({ a: 1, b: 2 }); await waitFor("go"); return 1')
    await exported(shell, waiting)
    code, out, _ = await shell("runs", "replay", "run.jsonl")
    assert code == 0 and "2 steps are as in the journal, which ends here (waiting)" in out
    await gateway.services.runs.cancel(await gateway.principal(), waiting["run_id"])
    await exported(shell, await gateway.execute('throw new Error("boom")'))
    code, out, _ = await shell("runs", "replay", "run.jsonl")
    assert code == 0 and "failed, after 0 steps" in out


async def test_timers_races_forks_and_calls_that_nobody_awaited_replay_alike(shell: Shell, gateway: Live) -> None:
    code = """
    const order: unknown[] = [Math.random(), Date.now()];
    const never = setTimeout(() => order.push("never"), 60_000);
    await Promise.race([sleep(30).then(() => order.push("slept")), tools.fast.echo({ text: "a" })]);
    await Promise.allSettled([1, 2, 3].map(async (id) => {
      if (id === 2) await new Promise((done) => setTimeout(done, 5));
      order.push(await tools.fast.getItem({ id }));
    }));
    clearTimeout(never);
    await state.set("n", order.length);
    tools.fast.echo({ text: "not awaited" });
    return order;
    """
    run = await gateway.execute(code)
    assert run["status"] == "completed", run
    made = await gateway.services.runs.again.fork(await gateway.principal(), run["run_id"], 5)
    forked = (await gateway.services.runs.result(await gateway.principal(), made, wait_seconds=20)).as_dict()
    assert forked["status"] == "completed", forked
    for one in (run, forked):
        await exported(shell, one)
        found = await shell.json("runs", "replay", "run.jsonl")
        assert (found["ok"], found["end"]["result"]) == (True, one["result"]), found["differs"]


async def test_no_known_secret_leaves_in_an_export_or_a_tail(shell: Shell, gateway: Live) -> None:
    code = f"await state.set('key', '{SECRET}'); return await tools.fast.echo({{ text: 'a {SECRET} b' }})"
    run = await gateway.execute(code)
    lines = await exported(shell, run)
    assert SECRET not in Path("run.jsonl").read_text()
    assert lines[5]["args_preview"] == {"text": "string(25)"} and "args" not in lines[5]
    assert [line.get("k", "run") for line in lines if line.get("redacted")] == ["run", "call"]
    _, out, _ = await shell("runs", "tail", run["run_id"], "--json")
    assert SECRET not in out and "args_hash" not in out and "args_hmac" in out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is no exported journal"),
        ("{}", "is no exported journal"),
        ("[1]", "not a JSON object"),
        ("{", "run.jsonl:1: this is not JSON"),
        ('{"format": "mcp-code-gateway journal", "version": 9}', "is of version 9"),
        ('{"format": "mcp-code-gateway journal", "version": 1, "run_id": "r"}', "status, entries, code"),
    ],
)
async def test_a_file_that_is_no_export_says_so(shell: Shell, text: str, told: str) -> None:
    Path("run.jsonl").write_text(text)
    code, _, err = await shell("runs", "replay", "run.jsonl")
    assert code == 2 and told in err, err


async def test_a_file_that_was_cut_or_changed_says_so(shell: Shell, gateway: Live) -> None:
    lines = [json.dumps(line) for line in await exported(shell, await gateway.execute(CODE))]
    for broken, told in (
        (lines[:-1], "entries"),
        ([lines[0], *lines[2:]], "entry 1 where 0 was due"),
        ([lines[0], '{"seq": 0}'], "has no 'k'"),
        ([lines[0], *lines[1:-1], '{"seq": 9, "k": "done", "at": 0, "cid": 99}'], ""),
    ):
        Path("run.jsonl").write_text("\n".join(broken))
        code, _, err = await shell("runs", "replay", "run.jsonl")
        assert code == 2 and told in err, err


async def test_a_tail_follows_a_run_to_its_end(shell: Shell, gateway: Live) -> None:
    run = await gateway.execute('await waitFor("go"); return await tools.fast.echo({ text: "x" })')
    following = asyncio.create_task(shell("runs", "tail", run["run_id"]))
    await gateway.services.runs.signal(await gateway.principal(), run["run_id"], "go", None)
    code, out, _ = await following
    kinds = [line.split()[2] for line in out.splitlines()]
    assert code == 0 and kinds[:2] == ["started", "runtime"] and kinds[-1] == "ended"
    assert "call #2 fast:echo" in out


async def test_a_run_of_several_legs_is_followed_and_each_leg_replays(shell: Shell, gateway: Live) -> None:
    code = 'const all = [...(continued ?? []), "x".repeat(70_000)]; if (!all[1]) await continueWith(all); return 1'
    run = await gateway.execute(code)
    _, out, _ = await shell("runs", "tail", run["first"], "--json")
    kinds = [(line["run_id"], line["k"]) for line in map(json.loads, out.splitlines())]
    assert (run["first"], "ended") in kinds and kinds[-1] == (run["run_id"], "ended")
    for leg, told in ((run["first"], "ends here (completed)"), (run["run_id"], "completed, after 0 steps")):
        await exported(shell, {"run_id": leg})
        code_, out, _ = await shell("runs", "replay", "run.jsonl")
        assert code_ == 0 and told in out, out


async def test_the_tail_of_all_runs_tells_what_comes(gateway: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    token = await gateway.token()
    await gateway.execute("return 1")
    principal = await gateway.services.tokens.resolve(token)
    headers = {"Authorization": f"Bearer {token}"}
    async with gateway.http.get(f"{gateway.url}/api/v1/runs/tail", headers=headers) as answer:
        assert answer.content_type == "application/x-ndjson"
        run = await gateway.services.runs.execute(principal, "return 2")
        seen = []
        async for raw in answer.content:
            seen += [json.loads(raw)] if raw.strip() else []
            if seen and seen[-1]["k"] == "ended":
                break
        assert {line["run_id"] for line in seen} == {run.run_id}
        monkeypatch.setattr(archive, "MOST_FOLLOWERS", 1)
        async with gateway.http.get(f"{gateway.url}/api/v1/runs/tail", headers=headers) as refused:
            assert json.loads(await refused.text())["error"]["code"] == "busy"
        await gateway.services.revoker.revoke(token_id=principal.token_id)
        assert json.loads(await answer.content.readline())["error"]["code"] == "unauthenticated"


async def test_a_shown_run_tells_what_happened_and_what_was_replayed(shell: Shell, gateway: Live) -> None:
    code = f'const a = await tools.fast.add({{ a: 1, b: 2 }}); await waitFor("go"); throw new Error("{SECRET}")'
    run = await gateway.execute(code)
    await gateway.services.runs.signal(await gateway.principal(), run["run_id"], "go", None)
    await gateway.services.runs.result(await gateway.principal(), run["run_id"], wait_seconds=20)
    shown = await shell.json("runs", "show", run["run_id"])
    assert [line["event"] for line in shown["timeline"]] == [
        *("started", "step", "step", "waiting", "signalled", "resumed", "ended")
    ]
    assert [line.get("replayed") for line in shown["timeline"]] == [None, 1, 1, None, None, 2, None]
    assert shown["timeline"][-1]["detail"] == "•••"
    _, out, _ = await shell("runs", "show", run["run_id"])
    told = [line.split() for line in out.splitlines()]
    assert any(words[1:3] == ["#1", "fast:add"] and "done" in words for words in told if len(words) > 2), out


async def test_forking_and_retrying(shell: Shell, gateway: Live) -> None:
    run = await gateway.execute(CODE)
    Path("other.ts").write_text(CODE.replace("a: 1", "a: 1").replace("sum,", "sum: sum * 2,"))
    forked = await shell.json("runs", "fork", run["run_id"], "--at", "2", "--code", "other.ts")
    assert forked["forked_from"] == {"run_id": run["run_id"], "at": 2}
    code, out, _ = await shell("runs", "wait", forked["run_id"])
    assert code == 0 and json.loads(out)["sum"] == 6
    code, _, err = await shell("runs", "retry", run["run_id"])
    assert code == 1 and "is completed" in err
    Path("wrong.ts").write_text("return nothing")
    code, _, err = await shell("runs", "fork", run["run_id"], "--at", "2", "--code", "wrong.ts")
    assert code == 1 and "error: " in err
