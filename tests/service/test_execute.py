"""What a client gets back for a program: its value, or an error that says what is wrong and where."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.errors import NotFound, UsageError
from tests.live import Live

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_a_program_calls_tools_and_returns_a_value(gateway: Live) -> None:
    run = await gateway.execute(
        """
        import { fast } from "tools";
        const { sum } = await fast.add({ a: 1, b: 2 });
        const all = await Promise.all([1, 2, 3].map((id) => fast.getItem({ id })));
        let failed = "";
        try {
          await fast.fail({ message: "no luck" });
        } catch (error) {
          failed = error instanceof ToolError ? `${error.server}:${error.tool}: ${error.message}` : "other";
        }
        console.log("sum", sum);
        return { sum, names: all.map((item) => item.name), failed };
        """
    )
    assert run["status"] == "completed", run
    assert run["result"] == {"sum": 3, "names": ["item 1", "item 2", "item 3"], "failed": "fast:fail: no luck"}
    assert run["logs"] == ["sum 3"]
    assert run["stats"]["tool_calls"] == 5 and run["stats"]["replays"] == 0


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("return 1 + 1", 2),
        ("async () => 3", 3),
        ("export default async function () { return [4]; }", [4]),
        ("const x = 1;", None),
        ("return undefined", None),
        ('return new Map([["a", new Set([1])]])', {"a": [1]}),
        ("return new Date(0)", "1970-01-01T00:00:00.000Z"),
        ("return [NaN, Infinity, undefined]", [None, None, None]),
    ],
)
async def test_forms_of_programs_and_values(gateway: Live, code: str, value: Any) -> None:
    run = await gateway.execute(code)
    assert (run["status"], run.get("result")) == ("completed", value), run


@pytest.mark.parametrize(
    ("code", "line", "told"),
    [
        ("return 1 +", 1, ""),
        ("\nreturn await tools.fast.ad({ a: 1, b: 2 });", 2, "add"),
        ("const r = await tools.fast.add({ a: 1, bb: 2 });\nreturn r", 1, "'bb'"),
        ('return await tools.fast.add({ a: "x", b: 2 });', 1, "string"),
        ("const r = await tools.fast.add({ a: 1, b: 2 });\nreturn r.summ", 2, "sum"),
        ("return await tools.fats.add({ a: 1, b: 2 });", 1, "fast"),
        ('import fs from "node:fs";\nreturn 1', 1, "tools"),
        ("return fetch('http://example.com')", 1, "fetch"),
    ],
)
async def test_what_does_not_check_is_rejected_and_nothing_runs(gateway: Live, code: str, line: int, told: str) -> None:
    run = await gateway.execute(code)
    assert run["status"] == "rejected", run
    first = run["diagnostics"][0]
    assert first["line"] == line and told in first["message"], run
    assert run["stats"]["tool_calls"] == 0


@pytest.mark.parametrize(
    ("code", "error", "told"),
    [
        ("const f: any = () => 1; return { items: [1, { f }] };", "program_error", "$.items[1].f"),
        ("const a: any = {}; a.a = a; return a;", "program_error", "$"),
        ("return 10n as any;", "program_error", "bigint"),
        ('\n\nthrow new Error("boom")', "program_error", "boom"),
        ("throw null", "program_error", "null"),
        ("await new Promise(() => {})", "program_error", "nothing can resolve"),
        ('Promise.reject(new Error("nobody"));\nreturn 1', "program_error", "nobody"),
        ('await tools.fast.fail({ message: "uncaught" })', "tool_error", "uncaught"),
    ],
)
async def test_failures_say_what_and_where(gateway: Live, code: str, error: str, told: str) -> None:
    run = await gateway.execute(code)
    assert run["status"] == "failed" and run["error"]["code"] == error and told in run["error"]["message"], run


async def test_an_error_names_the_authors_own_line(gateway: Live) -> None:
    run = await gateway.execute('const a = 1;\nconst b = 2;\n  throw new Error("here");')
    assert (run["error"]["line"], run["error"]["column"]) == (3, 9), run


async def test_calls_that_were_not_awaited_are_finished_and_named(gateway: Live) -> None:
    run = await gateway.execute('tools.fast.echo({ text: "a" });\ntools.fast.echo({ text: "b" });\nreturn 1')
    assert run["status"] == "completed" and run["stats"]["tool_calls"] == 2, run
    assert [w["line"] for w in run["warnings"]] == [1, 2]
    shown = await gateway.services.runs.show(await gateway.principal(), run["run_id"])
    assert shown.steps is not None
    assert [step["state"] for step in shown.steps] == ["done", "done"]


async def test_large_results_are_kept_by_handle(gateway: Live) -> None:
    run = await gateway.execute('return { rows: Array.from({ length: 20000 }, (_, i) => "row " + i) }')
    handle = run["omitted"]["result"]["handle"]
    assert len(str(run["result"])) < 5_000
    again = await gateway.execute(f'const r: any = await results.get("{handle}"); return r.rows.length')
    assert again.get("result") == 20000, again
    stranger = await gateway.execute(f'return await results.get("{handle}")', agent="other")
    assert stranger["status"] == "failed" and "There is no result" in stranger["error"]["message"]


async def test_logs_are_capped_and_say_so(gateway: Live) -> None:
    run = await gateway.execute('for (let i = 0; i < 5000; i++) console.log("x".repeat(200)); return 1')
    assert run["status"] == "completed" and run["omitted"]["logs"], run
    assert sum(map(len, run["logs"])) <= 256 * 1024


async def test_state_lasts_over_runs_of_one_session_only(gateway: Live) -> None:
    await gateway.execute('await state.set("n", { at: 1 }); return null', session="one")
    assert (await gateway.execute('return await state.get("n")', session="one"))["result"] == {"at": 1}
    assert (await gateway.execute("return await state.keys()", session="two"))["result"] == []
    assert (await gateway.execute('return await state.get("n")', session="one", agent="other"))["result"] is None


async def test_runs_of_others_do_not_exist(gateway: Live) -> None:
    run = await gateway.execute("return 1")
    with pytest.raises(NotFound):
        await gateway.services.runs.result(await gateway.principal("other"), run["run_id"])
    with pytest.raises(NotFound):
        await gateway.services.runs.cancel(await gateway.principal("other"), run["run_id"])


async def test_a_running_program_can_be_cancelled(gateway: Live) -> None:
    run = await gateway.execute("while (true) {}", wait_seconds=0)
    assert run["status"] == "running"
    cancelled = (await gateway.services.runs.cancel(await gateway.principal(), run["run_id"])).as_dict()
    assert cancelled["status"] == "cancelled"
    assert not gateway.services.runner.drives


async def test_a_sleeping_program_wakes_and_goes_on(gateway: Live) -> None:
    run = await gateway.execute(
        "const before = Date.now(); await sleep(5500); return Date.now() - before >= 5500", wait_seconds=20
    )
    assert (run["status"], run["result"]) == ("completed", True), run
    assert run["stats"]["replays"] == 1


async def test_progress_reaches_who_waits(gateway: Live) -> None:
    seen: list[tuple[float, float | None, str]] = []

    async def report(done: float, total: float | None, message: str) -> None:
        seen.append((done, total, message))

    code = 'progress(1, 3, "one"); await tools.fast.echo({ text: "" }); progress(2, 3); return 1'
    await gateway.execute(code, on_progress=report)
    assert (1.0, 3.0, "one") in seen


@pytest.mark.parametrize("session", ["", "a b", "x" * 65, "../up"])
async def test_bad_session_names_are_said(gateway: Live, session: str) -> None:
    with pytest.raises(UsageError, match="no session name"):
        await gateway.execute("return 1", session=session)
