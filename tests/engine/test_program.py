"""A program's three forms, what becomes of them, and that they run in the real Deno with the author's lines."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from deno import find_deno_bin
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.engine.lexer import MAX_DEPTH
from gateway.engine.program import Program, parse, position

RETURNS: list[tuple[str, Any]] = [
    # the body of an async function
    ("const a = 1;\nreturn a + 1;", 2),
    ("const a = await Promise.resolve(2);\nif (a) {\n  return a;\n}", 2),
    ("tools.five;", None),
    ("", None),
    ("// nothing", None),
    ("return 22 // done", 22),
    ("for await (const x of [1, 2]) { if (x > 1) return x; }", 2),
    ("class R { [Symbol.dispose]() {} }\nusing r = new R();\nreturn 26;", 26),
    ("const id = <T,>(x: T): T => x;\nreturn id<number>(27);", 27),
    ("const r = /[/}]`/.test('}`') ? 1 : 2;\nreturn r / 2 / 1;", 0.5),
    ("return `a${`b${'}'}`}` + '}';", "ab}}"),
    ("return { import: 1, export: 2, a: tools.import };", {"import": 1, "export": 2, "a": "a property"}),
    ("const f = async () => 1;\nawait f();", None),
    # one expression
    ("async () => {\n  return 3;\n}", 3),
    ("// hi\nasync () => {\n  return 4;\n};;  // bye", 4),
    ("async () => tools.five", 5),
    ("async () => tools.five\n  + 1;", 6),
    ("() => 7", 7),
    ("async (a = 1, b?: Map<string, number>, ...rest) => a + rest.length", 1),
    ("async (): Promise<{ a: number }> => {\n  return { a: 29 };\n}", {"a": 29}),
    ("async <T,>() => 8", 8),
    ("async function main() {\n  return 6;\n}", 6),
    ("async function main(): Promise<{ a: number }> {\n  return { a: 30 };\n};", {"a": 30}),
    ("(async function () { return 7; })", 7),
    ("((async () => 8))", 8),
    ("(async () => {\n  return 8;\n})();", 8),
    ("((() => 9)())", 9),
    ("await (async () => 9)()", 9),
    ("(async () => { throw 1; })().catch(() => 10);", 10),
    ('import { git } from "tools";\nasync () => git.name', "git"),
    # a module
    ("const x = 11;\nexport default async function main() { return x; }", 11),
    (
        "export default async function main(n = 0): Promise<number> { return n < 12 ? main(n + 1) : n; }\nconst y = 1;",
        12,
    ),
    ("export default function () { return 13; }", 13),
    ("export default async () => {\n  return 14;\n};", 14),
    ("export\n  default () => 14;", 14),
    ("export default main;\nasync function main() { return 15; }", 15),
    ("export default await Promise.resolve(16);", 16),
    ("const main = () => 17;\nexport { main as default };", 17),
    (
        "export const a = 1;\nexport function f() { return a; }\nexport {};\nexport type T = 1;\nexport default f;",
        1,
    ),
    # imports of "tools"
    ('import { git, time as t, type Foo } from "tools";\nreturn [git.name, t.name];', ["git", "time"]),
    ("import all, * as names from 'tools'\nreturn all === tools && names === tools;", True),
    ('import tools from "tools";\nreturn tools.five;', 5),
    ('import * as tools from "tools";\nreturn tools.five;', 5),
    ('import { tools, default as d } from "tools";\nreturn tools === d;', True),
    ('import type { Foo } from "tools";\nimport "tools";\nreturn 1;', 1),
    ('return git.name;\nimport { git } from "tools" with { type: "x" };', "git"),
    ('const { git, default: all } = await import("tools");\nreturn [git.name, all.five];', ["git", 5]),
    ("type A = import('tools').Foo;\nlet x: typeof import('tools');\nreturn 31;", 31),
    # types and declarations
    ("interface A { a: number }\ntype B = A | null;\nenum C { X = 5, Y }\nlet b: B = { a: C.Y };\nreturn b.a;", 6),
    ("declare const git: any;\ndeclare function f(\n  a: string,\n): void\nreturn typeof git;", "undefined"),
    ("declare global { var q: number }\ndeclare module 'x' { }\ndeclare type T = 1;\nlet t: T = 1;\nreturn t;", 1),
    ("declare let a: { x: number }\n  | null\ndeclare class D extends Array<{ x: 1 }> { y: 2 }\nreturn 1;", 1),
    # habits
    ("```ts\nreturn 20;\n```\n", 20),
    ("\n```typescript\nreturn 20;", 20),
    ("~~~\nreturn 20;\n~~~", 20),
    ("\ufeffconst a = 1\r\nreturn a + 20\r\n", 21),
    ("const a = 1\rreturn a", 1),
    ("return '\ud800x'.length;", 2),
]
THROWS: list[tuple[str, int, int]] = [
    ("throw new Error('x');", 1, 7),
    ("const s = '😀'; throw new Error(s);", 1, 23),
    ('import {\n  git,\n  time,\n} from "tools";\n\n  throw new Error(git.name + time.name);', 6, 9),
    ("async () => {\n  throw new Error('x');\n}", 2, 9),
    ("export default async function () {\n  throw new Error('x');\n}", 2, 9),
    ("```js\r\n\r\n  null.x;\r\n```", 3, 8),
    ("declare const a: number;\nconst { git } = await import('tools'); git.nothing.at.all;", 2, 52),
    ("interface A {\n  a: number;\n}\nlet a!: A; a.a;", 4, 14),
]
PROBLEMS: list[tuple[str, int, int, str]] = [
    ("import fs from 'fs';", 1, 16, 'Only "tools" can be imported'),
    ("const x = 1;\nimport * as x from './tools';", 2, 20, 'Only "tools"'),
    ("import fs = require('fs');", 1, 1, 'Only "tools"'),
    ("import x, { y } from\n  'npm:z' with { type: 'json' };", 2, 3, 'Only "tools"'),
    ("import 'x';", 1, 8, 'Only "tools"'),
    ("const x = await import('node:path');", 1, 24, 'Only "tools"'),
    ("const x = await import(`node:path`);", 1, 24, 'Only "tools"'),
    ("let x: import('fs').Stats;", 1, 15, 'Only "tools"'),
    ("/* 😀 */ const fs = require('fs');", 1, 21, 'Only "tools"'),
    ("if (1) {\n  import x from 'tools';\n}", 2, 3, "stands at the top"),
    ("export * from 'x';", 1, 1, "exports its default function and nothing else"),
    ("export { a } from 'x';", 1, 1, "nothing else"),
    ("export = 5;", 1, 1, "nothing else"),
    ("export default class A {}", 1, 16, "is a function or a value"),
    ("export default function* g() {}", 1, 16, "is a function or a value"),
    ("export default 1;\nexport default 2;", 2, 1, "two default exports"),
    ("async (tools) => 1", 1, 8, "use the global `tools`"),
    ("tools => 1", 1, 1, "use the global `tools`"),
    ("export default async function main({ git }) {}", 1, 36, "use the global `tools`"),
    ("function main(a?: Map<string, number>, b: string) { return 1; }", 1, 40, "use the global `tools`"),
    ("namespace N { export const a = 1; }\nreturn N.a;", 1, 1, "use an object"),
    ("return [1, 2;", 1, 8, "This '[' is never closed."),
    ("return 1;\n}", 2, 1, "This '}' closes nothing."),
    ("return (1];", 1, 10, "This ']' closes nothing."),
    ("return 1; } {", 1, 11, "This '}' closes nothing."),
    ("a;\n" * 60_000, 50_001, 1, "Keep data out of its text"),
    (f"return {'[' * 300}{']' * 300};", 1, 8 + MAX_DEPTH, "brackets are open here"),
]
WARNS: list[tuple[str, int | None]] = [
    ("tools.git.gitLog({});", 1),
    ("const a = 1;\n\nconsole.log(\n  a,\n);", 3),
    ("", 1),
    ("const f = () => { return 1; };\nf();", 2),
    ("async () => {\n  console.log(1);\n}", 1),
    ("export default async function () {}", 1),
    ("if (1) { return 2; }", None),
    ("async () => 1", None),
    ("export default main;\nfunction main() {}", None),
    ("(async () => { console.log(1); })()", None),
    ("for (const a of [1]) { switch (a) { case 1: try { return 1; } finally { } } }", None),
]


@pytest.fixture(scope="module")
def ended() -> dict[str, Any]:
    """How each program ended in a real Deno, without permissions."""
    sources = [*(source for source, _ in RETURNS), *(source for source, _, _ in THROWS)]
    harness = Path(__file__).parent / "run_programs.ts"
    command = [find_deno_bin(), "run", "--no-prompt", "--no-config", "--no-lock", "--quiet", "--no-check", str(harness)]
    texts = json.dumps([parse(source).run_text for source in sources])
    done = subprocess.run(command, input=texts, capture_output=True, text=True, check=True, env={"NO_COLOR": "1"})
    return dict(zip(sources, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize(("source", "value"), RETURNS)
def test_a_program_returns_its_value(ended: dict[str, Any], source: str, value: Any) -> None:
    assert parse(source).problems == ()
    assert ended[source] == {"value": value}


@pytest.mark.parametrize(("source", "line", "column"), THROWS)
def test_errors_have_the_authors_place(ended: dict[str, Any], source: str, line: int, column: int) -> None:
    assert (ended[source].get("line"), ended[source].get("column")) == (line, column), ended[source]


@pytest.mark.parametrize(("source", "line", "column", "words"), PROBLEMS)
def test_what_cannot_be_is_said_at_its_place(source: str, line: int, column: int, words: str) -> None:
    first = parse(source).problems[0]
    assert (first.line, first.column) == (line, column)
    assert words in first.message


@pytest.mark.parametrize(("source", "line"), WARNS)
def test_a_program_without_a_result_is_told_so(source: str, line: int | None) -> None:
    program = parse(source)
    assert [one.line for one in program.warnings] == ([] if line is None else [line])


def test_an_import_is_checked_where_the_author_wrote_it() -> None:
    program = parse('const a = 1;\nimport {\n  git, // the first\n  tiem,\n} from "tools";\nreturn a;')
    first_line = program.check_text.split("\n")[0]
    assert program.locate(0, first_line.index("tiem")) == (4, 3)
    assert program.locate(0, first_line.index("export default")) is None
    assert program.locate(2, 4) == (2, 5)
    assert program.locate(99, 0) is None
    assert program.end == (6, 10)


def test_many_problems_are_bounded() -> None:
    assert len(parse("import 'x';\n" * 1_000).problems) == 20


PIECES = st.sampled_from(
    [
        *("import", "export", "default", "declare", "async", "function", "return", "await", "const", "class", "type"),
        *("namespace", "interface", "from", "as", "require", "module", "if", "for", "=>", "=", "*", ";", ",", ".", ":"),
        *("(", ")", "[", "]", "{", "}", "${", "`", "'", '"', "/", "//", "/*", "*/", "<", ">", "?", "!", "\\", "#", "@"),
        *(
            '"tools"',
            "'x'",
            "tools",
            "a",
            "b1",
            "$",
            "1",
            " ",
            "\n",
            "\r\n",
            "\r",
            "\t",
            "😀",
            "\u2028",
            "\ufeff",
            "\0",
        ),
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(), st.lists(PIECES, max_size=60).map("".join), st.lists(PIECES, max_size=60).map(" ".join)))
@example("export default")
@example("export {")
@example("import")
@example("declare")
@example("```")
@example("import(")
def test_lines_and_columns_never_move(source: str) -> None:
    program = parse(source)
    for text in (program.check_text, program.run_text):
        first, *author, last, end = re.split(r"\r\n|[\n\r]", text)
        assert "export default" in first and last and end == ""
        assert [_units(line) for line in author] == [_units(line) for line in re.split(r"\r\n|[\n\r]", program.text)]
        text.encode("utf-8")
    places = [(one.line, one.column) for one in (*program.problems, *program.warnings)]
    assert all((1, 1) <= place <= program.end for place in places)


def _units(line: str) -> int:
    return len(line.encode("utf-16-le"))


def test_positions_count_utf16_units() -> None:
    assert position("a\n😀b", 3) == (2, 3)


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "f<a,",
            "[",
            "[]",
            "'",
            "/[",
            "/a",
            "a<",
            "\0\1@#",
            "`",
            "a;",
            "/*",
            "//\n",
            "1.",
            "\\",
            "`${",
            "`$",
            " ",
            "\t\n",
        ),
        *("export default ", "export default async () => 1;", "declare const a;", "declare class ", "declare const "),
        *("import a ", "import 'tools';", "import(", "import('x');", "export {a};", "export {a as default};", "a=>"),
        *("function ", "async ", "namespace a{}", "{a}", "if(a)b;else ", "export {", "export type {", "```\n", "(a)=>"),
    ],
)
def test_hostile_text_takes_time_in_proportion(piece: str) -> None:
    started = time.process_time()
    program = parse(piece * (40_000 // len(piece)))
    assert isinstance(program, Program)
    assert time.process_time() - started < 3
