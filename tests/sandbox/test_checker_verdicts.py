"""What the type checker says about programs, the same with either engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from textwrap import dedent

import pytest
import pytest_asyncio

from gateway.engine.codes import HARMLESS_SYNTAX, REJECTS
from gateway.sandbox.checker import Checker
from tests.sandbox.checkers import ENGINES, check, checker
from tests.sandbox.codes import HARMLESS, REJECTED
from tests.sandbox.programs import BAD, GOOD
from tests.sandbox.programs_whole import WHOLE

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=ENGINES)
async def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Checker]:
    async with checker(tmp_path_factory.mktemp("checker"), request.param) as one:
        yield one


@pytest.mark.parametrize("name", GOOD)
async def test_what_works_passes(running: Checker, name: str) -> None:
    assert (await check(running, dedent(GOOD[name]).strip())).diagnostics == ()


@pytest.mark.parametrize("source", WHOLE, ids=range(len(WHOLE)))
async def test_whole_programs_in_plain_javascript_pass(running: Checker, source: str) -> None:
    assert (await check(running, source)).diagnostics == ()


@pytest.mark.parametrize("name", BAD)
async def test_what_fails_is_rejected_at_its_place(running: Checker, name: str) -> None:
    source, line, column, words = BAD[name]
    found = (await check(running, source)).diagnostics
    assert [one for one in found if (one.line, one.column) == (line, column) and words in one.message], found


async def test_every_code_has_its_program() -> None:
    assert set(REJECTED) == set(REJECTS)
    assert set(HARMLESS) == set(HARMLESS_SYNTAX)


@pytest.mark.parametrize("code", REJECTED)
async def test_a_code_that_rejects(running: Checker, code: int) -> None:
    if code == 2563 and running.stats.engine == "deno":
        pytest.skip("Deno's server breaks on such a function: it is rejected as too complex")
    found = (await check(running, REJECTED[code])).diagnostics
    assert code in {one.code for one in found}, found


@pytest.mark.parametrize("code", HARMLESS)
async def test_syntax_that_runs_all_the_same_only_warns(running: Checker, code: int) -> None:
    found = await check(running, HARMLESS[code])
    assert found.diagnostics == ()
    assert code in {one.code for one in found.warnings}


@pytest.mark.parametrize(
    ("source", "line", "column", "words"),
    [
        (
            "const log = await tools.git.gitLog({ repo_path: '.' });\nreturn log.commits[0].author.email.length;",
            2,
            8,
            "undefined",
        ),
        ("const f = await tools.git.gitFind({ query: 'x' });\nreturn f.kind;", 2, 8, "'f' is possibly 'null'"),
        ("const add = (a, b) => a + b;\nreturn add(1, 2);", 1, 14, "No type is known for 'a', 'b'"),
        ("const raw = await tools.git.gitRaw({});\nreturn raw.x;", 2, 8, "No type is known for 'raw'"),
        ("const unused = 1;\nreturn 2;", 1, 7, "Never used: 'unused'"),
        ("return 1;\nconsole.log(2);", 2, 1, "Unreachable"),
        ("return '5' === 5;", 1, 8, "no overlap"),
    ],
)
async def test_what_may_be_wrong_warns(running: Checker, source: str, line: int, column: int, words: str) -> None:
    found = await check(running, source)
    assert found.diagnostics == ()
    assert [one for one in found.warnings if (one.line, one.column) == (line, column) and words in one.message], found


async def test_a_caught_error_is_anything(running: Checker) -> None:
    assert await check(running, "try { throw 1; } catch (e) { return e.message.x; }") == await check(
        running, "return 1;"
    )


async def test_places_are_the_authors_own(running: Checker) -> None:
    code = ["import {", "  git,", "  slack,", '} from "tools";', "", "/* 😀 */ return git.gitLgo({});"]
    fenced = "\r\n".join(["\ufeff```ts", *code, "```", ""])
    found = (await check(running, fenced)).diagnostics
    assert [(one.line, one.column) for one in found] == [(4, 3), (7, 21)]


async def test_a_text_that_ends_too_early_is_told_at_its_end(running: Checker) -> None:
    found = (await check(running, "const a =")).diagnostics
    assert [(one.line, one.column) for one in found] == [(1, 10)]


async def test_beside_syntax_errors_nothing_is_said(running: Checker) -> None:
    found = await check(running, "const a = ;\nreturn zzz + tools.git.gitLgo();")
    assert [one.line for one in found.diagnostics] == [1]
    assert found.warnings == ()


async def test_many_findings_are_counted(running: Checker) -> None:
    names = "\n".join(f"zzz{n};" for n in range(60))
    found = (await check(running, f"{names}\nreturn 1;")).diagnostics
    assert len(found) == 26
    assert found[-1].message.endswith("… and 34 more.")


async def test_messages_stay_short(running: Checker) -> None:
    found = (await check(running, "console.lgo(tools.git.commit({}), tools.gti);")).diagnostics
    assert all(len(one.message) < 300 for one in found), found


async def test_a_program_cannot_escape_its_function(running: Checker) -> None:
    assert (await check(running, "return 1; } {")).diagnostics
    assert (await check(running, "}); (async function () {")).diagnostics


async def test_an_import_that_our_own_reader_misses_finds_no_file(running: Checker, tmp_path: Path) -> None:
    (tmp_path / "secret.ts").write_text("export const secretName = 1;")
    source = f'const f = function () {{}} /import("{tmp_path}/secret.ts")/1;\nconst g: never = f;\nreturn g;'
    assert "secretName" not in str(await check(running, source))
