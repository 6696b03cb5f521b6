"""What a program prints, in order and within its budget."""

from __future__ import annotations

import pytest

from gateway.sandbox.pool import ProcessPool
from tests.sandbox.driving import run

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_every_method_prints_in_order(pool: ProcessPool) -> None:
    ran = await run(
        pool,
        """
console.log("a", 1, {b: [1, new Map([["k", 2]])]}, null, undefined, 5n, Symbol("s"));
console.log();
console.info("%s is %d years and %i, %f, %o %j %c%% %x", "Ann", 41.7, "7.9", 1.5, {a: 1}, [2], "css", "rest", {r: 1});
console.log("100%", "done %s");
console.debug("debug"); console.warn("warn"); console.error(new TypeError("bad").message);
console.assert(true, "unseen"); console.assert(false, "seen", 1); console.assert(false);
console.group("group"); console.log("in\\nside"); console.groupCollapsed(); console.log("deeper"); console.groupEnd();
console.groupEnd(); console.groupEnd(); console.log("out");
console.count(); console.count("x"); console.count(); console.countReset(); console.count();
console.time("t"); await tools.t.echo(); console.timeLog("t", "so far"); console.timeEnd("t"); console.timeEnd("t");
console.dir({d: 1}); console.dirxml(1, 2); console.table([{a: 1}]);
console.clear(); console.timeStamp(); console.profile(); console.profileEnd();
const {log} = console; log("detached");""",
    )
    assert [(log.level, log.text) for log in ran.logs] == [
        (
            "log",
            'a 1 { b: [ 1, Map(1) { "k" => 2 } ] } null undefined 5n Symbol(s)',
        ),
        ("log", ""),
        ("info", "Ann is 41 years and 7, 1.5, { a: 1 } [ 2 ] % %x rest { r: 1 }"),
        ("log", "100% done %s"),
        ("debug", "debug"),
        ("warn", "warn"),
        ("error", "bad"),
        ("error", "Assertion failed: seen 1"),
        ("error", "Assertion failed"),
        ("log", "group"),
        ("log", "  in\n  side"),
        ("log", "    deeper"),
        ("log", "out"),
        ("info", "default: 1"),
        ("info", "x: 1"),
        ("info", "default: 2"),
        ("info", "default: 1"),
        ("info", "t: 1000ms so far"),
        ("info", "t: 1000ms"),
        ("warn", 'There is no timer "t".'),
        ("log", "{ d: 1 }"),
        ("log", "1 2"),
        ("log", "[ { a: 1 } ]"),
        ("log", "detached"),
    ]


async def test_a_trace_shows_where(pool: ProcessPool) -> None:
    ran = await run(pool, "const f = () => console.trace('here', 1);\nf();")
    assert ran.said[0].splitlines()[0] == "Trace: here 1"
    assert "at f (program.ts:1:" in ran.said[0]


async def test_printing_an_error_shows_the_author_s_stack(pool: ProcessPool) -> None:
    ran = await run(pool, "console.error(new Error('x', {cause: new Error('y')}));")
    assert "Error: x\n    at program.ts:1:15" in ran.said[0]
    assert "y" in ran.said[0]
    assert "data:" not in ran.said[0]


async def test_values_that_resist_are_shown_or_passed_over(pool: ProcessPool) -> None:
    ran = await run(
        pool,
        """
const cycle: any = {}; cycle.self = cycle;
const {proxy, revoke} = Proxy.revocable({}, {}); revoke();
const bad = {[Symbol.for("Deno.customInspect")]() { throw 1; }};
const all = [cycle, proxy, bad, {get g() { throw 1; }}, new Proxy({}, {get() { throw 1; }}), "\\ud800", tools];
for (const value of all) console.log(value);
console.log("%s %d", {toString() { throw 1; }}, {valueOf() { throw 1; }});
return "reached";""",
    )
    assert ran.value == "reached"
    assert len(ran.logs) == 8
    assert ran.said[2] == "[a value that cannot be shown]"
    assert ran.said[5] == "\ufffd"


async def test_a_flood_is_cut_at_the_budget_and_counted(pool: ProcessPool) -> None:
    ran = await run(pool, "for (let i = 0; i < 100_000; i++) console.log('line ' + i); return 'done';")
    assert ran.value == "done"
    assert sum(len(text) for text in ran.said[:-1]) <= 16 * 1024
    assert ran.said[:2] == ["line 0", "line 1"]
    assert "run_log_kb" in ran.said[-1]
    dropped = int(ran.said[-1].split()[0].lstrip("["))
    assert dropped + sum(len(text) for text in ran.said[:-1]) == sum(len(f"line {i}") for i in range(100_000))


async def test_one_huge_line_is_cut(pool: ProcessPool) -> None:
    for text in ("x", "€", "😀"):
        ran = await run(pool, f"console.log('{text}'.repeat(1e7)); console.log('after'); return 1;")
        assert len(ran.said) == 2
        assert 16 * 1024 - 4 <= len(ran.said[0].encode()) <= 16 * 1024
        assert set(ran.said[0]) == {text}


async def test_without_a_budget_nothing_is_printed(pool: ProcessPool) -> None:
    ran = await run(pool, "console.log('x'); console.log('yz'); return 1;", limits={"run_log_kb": 0})
    assert ran.said == ["[3 further characters of console output were dropped (limit run_log_kb)]"]
