"""How a program's failure is told: in the author's lines, whatever was thrown."""

from __future__ import annotations

import pytest

from gateway.sandbox.pool import ProcessPool
from tests.sandbox.driving import body, run

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest.mark.parametrize(
    ("code", "name", "message", "line", "column"),
    [
        ("const a = 1;\n\n  throw new TypeError('odd');", "TypeError", "odd", 3, 9),
        ("type A = {\n  a: number;\n};\nconst a: A = null!;\nreturn a.a.b;", "TypeError", "Cannot read", 5, 10),
        ("enum E { A, B }\nconst f = <T>(x: T): T => x;\nf(undefinedName);", "ReferenceError", "undefinedName", 3, 3),
        ("await Promise.all([1].map(async () => {\n  throw new RangeError('r');\n}));", "RangeError", "r", 2, 9),
        ("const f = () => {\n  JSON.parse('{');\n};\nf();", "SyntaxError", "JSON", 2, 8),
        ("await tools.t.echo();\nawait tools.t.fail();", "ToolError", "it broke", 2, 15),
        ("const x = tools.nope;", "TypeError", 'no server "nope"', 1, 17),
        ("\ttools.t.ecko();", "TypeError", 'Did you mean "echo"?', 1, 10),
    ],
)
async def test_an_error_has_the_author_s_place(
    pool: ProcessPool, code: str, name: str, message: str, line: int, column: int
) -> None:
    ran = await run(pool, code)
    error = ran.error
    assert (error["name"], error["line"], error["column"]) == (name, line, column)
    assert message in error["message"]
    assert f"program.ts:{line}:{column}" in error["stack"]
    assert "data:" not in str(error)


@pytest.mark.parametrize(
    ("code", "line", "column"),
    [
        ("const x = ;", 1, 11),
        ("const x = 1;\nconst x = 2;", 2, 7),
        ("\n\n  return `never closed;", 3, 10),
        ("const a = 1;\nbreak;", 2, 1),
        ("let r = 1;\n  r = /(/;", 2, 7),
        ("class A { #x = 1; }\nreturn new A().#y;", 2, 12),
    ],
)
async def test_a_syntax_error_has_the_author_s_place(pool: ProcessPool, code: str, line: int, column: int) -> None:
    ran = await run(pool, code)
    error = ran.error
    assert (error["name"], error["code"], error["line"], error["column"]) == (
        "SyntaxError",
        "program_error",
        line,
        column,
    )
    assert error["message"]
    assert "program.ts" not in error["message"]
    assert "data:" not in str(error)
    assert "\n" not in error["message"]


@pytest.mark.parametrize(
    ("thrown", "name", "message"),
    [
        ("null", "Error", "The program threw null"),
        ("undefined", "Error", "The program threw undefined"),
        ("'just text'", "Error", "just text"),
        ("42", "Error", "The program threw 42"),
        ("10n", "Error", "The program threw 10n"),
        ("Symbol('s')", "Error", "The program threw Symbol(s)"),
        ("{code: 7}", "Error", "The program threw { code: 7 }"),
        ("() => 1", "Error", "The program threw [Function"),
        ("new Proxy({}, {get() { throw 1; }, getPrototypeOf() { throw 2; }})", "Error", "The program threw"),
        ("new Proxy(new Error('inner'), {get() { throw 1; }})", "Error", "The program threw"),
        ("Object.defineProperty(new Error('x'), 'message', {get() { throw 1; }})", "Error", "without a message"),
        ("Object.defineProperty(new Error('x'), 'stack', {get() { throw 1; }})", "Error", "x"),
        ("Object.assign(new Error('x'), {name: {toString() { throw 1; }}})", "Error", "x"),
        ("Object.assign(new Error(''), {name: ''})", "Error", "without a message"),
        ("Object.create(Error.prototype)", "Error", "The program threw"),
        ("new Error('a\\ud800b')", "Error", "a\ufffdb"),
        ("new Error('x'.repeat(1e6))", "Error", "xxxx"),
        ("new (class MyError extends Error { override name = 'MyError'; })('mine')", "MyError", "mine"),
        ("new DOMException('dom', 'DataError')", "DataError", "dom"),
        ("new AggregateError([new Error('one'), 'two'], 'both')", "AggregateError", 'both\n  one\n  "two"'),
        ("new AggregateError({[Symbol.iterator]: [][Symbol.iterator], length: 0})", "AggregateError", "without a"),
        ("structuredClone(new TypeError('cloned'))", "TypeError", "cloned"),
    ],
)
async def test_anything_may_be_thrown(pool: ProcessPool, thrown: str, name: str, message: str) -> None:
    # A thrown Proxy hung UTCP's call; FastMCP told of an internal error, Cloudflare at times of success (peers.md).
    ran = await run(pool, f"throw ({thrown});")
    assert ran.error["name"] == name
    assert message in ran.error["message"]
    assert len(ran.error["message"]) < 9_000
    assert ran.error["code"] == "program_error"


@pytest.mark.parametrize("thrown", ["null", "new Proxy({}, {get() { throw 1; }})", "new Error('r')", "undefined"])
async def test_anything_may_be_a_reason(pool: ProcessPool, thrown: str) -> None:
    ran = await run(pool, f"Promise.reject({thrown}); await tools.t.echo();")
    assert ran.error["message"].startswith("A rejected promise was not handled: ")


async def test_an_overflow_of_the_stack_names_itself(pool: ProcessPool) -> None:
    ran = await run(pool, "const f = (): number => f() + 1;\nreturn f();")
    assert (ran.error["code"], ran.error["limit"], ran.error["line"]) == ("limit_exceeded", "stack", 1)
    # A program that catches it goes on; calls near the edge leave nothing half done.
    ran = await run(
        pool,
        """
let edge = 0;
const down = () => { try { down(); } catch { if (edge++ < 50) tools.t.echo({edge}).catch(() => {}); } };
down();
return await tools.t.echo({after: true});""",
    )
    assert ran.value == {"after": True}
    assert [command.cid for command in ran.commands] == list(range(1, len(ran.commands) + 1))


async def test_a_stack_is_short_and_the_author_s(pool: ProcessPool) -> None:
    ran = await run(
        pool,
        """
async function outer() { await inner(); }
async function inner() { await null; fail(); }
function fail() { throw new Error("deep"); }
await [1].map(async () => await outer())[0];""",
    )
    lines = ran.error["stack"].splitlines()
    assert lines[0] == "Error: deep"
    assert [line.split("(")[0].strip() for line in lines[1:4]] == ["at fail", "at inner", "at async outer"]
    assert all("program.ts" in line for line in lines[1:])


async def test_the_prelude_is_not_the_author_s(pool: ProcessPool) -> None:
    ran = await run(
        pool, body("return 1;").replace("export", "throw new Error('in the prelude'); export", 1), wrap=False
    )
    assert (ran.error["message"], ran.error["line"]) == ("in the prelude", 0)


async def test_a_module_without_a_default_export_gives_nothing(pool: ProcessPool) -> None:
    ran = await run(pool, "\nconst x = 1;", wrap=False)
    assert ran.value is None
