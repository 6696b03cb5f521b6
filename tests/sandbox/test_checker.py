"""The life of the type checker: it is killed, hangs, grows, is given programs to choke on, and goes on checking."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest
import pytest_asyncio
import uvloop

from gateway.engine.program import parse
from gateway.errors import CheckerUnavailable
from gateway.sandbox import lsp, typescript
from gateway.sandbox.checker import Checker
from tests.sandbox.checkers import DECLARATIONS, ENGINES, MODULE, check, checker

GOOD = "return (await tools.git.gitStatus()).clean;"
BAD = "return (await tools.git.gitStatus()).claen;"
SLOW = "let x: string | null = null; " + "if (Math.random()) x = 'a'; else x = null; x; " * 400 + BAD
ENDLESS = "async " * 60_000
LONG = """
type L<N extends number, A extends 0[] = []> = A["length"] extends N ? A : L<N, [...A, 0]>;
type M2<J extends 0[]> = J extends [infer _, ...infer R extends 0[]] ? [0, ...M2<R>] : [];
type M<I extends 0[], J extends 0[]> = I extends [infer _, ...infer R extends 0[]] ? [...M2<J>, ...M<R, J>] : [];
""" + "".join(f"const x{n}: M<L<{n}>, L<{n}>> = 1;\n" for n in range(380, 400))
Engine = Literal["typescript", "deno"]


@pytest_asyncio.fixture(params=ENGINES)
async def running(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Checker]:
    async with checker(tmp_path, request.param) as one:
        yield one


@pytest_asyncio.fixture
async def native(tmp_path: Path) -> AsyncIterator[Checker]:
    async with checker(tmp_path, "typescript", check_seconds=1.5) as one:
        yield one


def pid(running: Checker) -> int:
    found = running.stats.pid
    assert found is not None
    return found


async def gone(process: int) -> None:
    """Wait until there is no such process."""
    async with asyncio.timeout(10):
        while Path(f"/proc/{process}").exists() if sys.platform == "linux" else _answers(process):
            await asyncio.sleep(0.01)


def _answers(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


async def is_right(running: Checker) -> bool:
    good, bad = await check(running, GOOD), await check(running, BAD)
    return good.diagnostics == () and len(bad.diagnostics) == 1


async def test_it_goes_on_after_kill_9(running: Checker) -> None:
    first = pid(running)
    os.kill(first, signal.SIGKILL)
    assert await is_right(running)
    assert pid(running) != first
    assert running.stats.restarts == 1
    assert running.problem() is None


async def test_a_check_under_way_survives_kill_9(running: Checker) -> None:
    # Stopped, it cannot answer before it is killed.
    os.kill(pid(running), signal.SIGSTOP)
    under_way = asyncio.create_task(check(running, SLOW))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not under_way.done()
    os.kill(pid(running), signal.SIGKILL)
    assert [one.code for one in (await under_way).diagnostics] == [2551]


def test_no_check_is_lost_on_the_loop_that_the_gateway_has_either(tmp_path: Path) -> None:
    """uvloop raises for what is written to a process that has just died, where asyncio says nothing."""

    async def kill_and_check() -> None:
        async with checker(tmp_path, "typescript") as running:
            for _ in range(5):
                checks = [asyncio.ensure_future(is_right(running)) for _ in range(4)]
                await check(running, GOOD)
                os.kill(pid(running), signal.SIGKILL)
                assert all(await asyncio.gather(*checks))

    uvloop.run(kill_and_check())


async def test_a_hanging_server_is_replaced(native: Checker) -> None:
    first = pid(native)
    os.kill(first, signal.SIGSTOP)
    assert await is_right(native)
    await gone(first)


async def test_many_checks_at_once(running: Checker) -> None:
    found = await asyncio.gather(*(check(running, BAD if n % 3 else GOOD) for n in range(60)))
    assert [len(one.diagnostics) for one in found] == [1 if n % 3 else 0 for n in range(60)]


async def test_a_program_without_end_is_rejected_alone(native: Checker) -> None:
    endless, *others = await asyncio.gather(check(native, ENDLESS), *(check(native, BAD) for _ in range(5)))
    assert ["too complex" in one.message for one in endless.diagnostics] == [True]
    assert [len(one.diagnostics) for one in others] == [1] * 5
    assert await is_right(native)


async def test_types_that_explode_are_rejected(native: Checker) -> None:
    nested = "type D<T extends unknown[]> = [...T, ...T];" + "".join(
        f"type A{n} = D<{f'A{n - 1}' if n else '[1, 2, 3, 4]'}>;" for n in range(40)
    )
    found = await check(native, f"{nested} const x: A39 = 1; return x;")
    assert found.diagnostics
    assert await is_right(native)


async def test_more_findings_than_can_be_told(running: Checker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lsp, "MAX_MESSAGE", 100_000)
    found = await check(running, "zzz;" * 1_000)
    assert len(found.diagnostics) == 1
    assert "too much to say" in found.diagnostics[0].message
    assert await is_right(running)


async def test_it_is_replaced_when_it_grows(tmp_path: Path) -> None:
    async with checker(tmp_path, "typescript", memory_bytes=1) as running:
        first = pid(running)
        while running.stats.pid == first:
            assert await is_right(running)
        await gone(first)
        assert await is_right(running)


async def test_modules_differ_and_the_oldest_goes(tmp_path: Path) -> None:
    async with checker(tmp_path, "typescript", kept_modules=2) as running:
        for name in ("one", "two"):
            await running.load(name, f"export const {name}: {{ call(args: {{}}): Promise<string>; }};\n")
        assert (await check(running, "return tools.one.call({});", "one")).diagnostics == ()
        assert "There is: two" in (await check(running, "return tools.one.call({});", "two")).diagnostics[0].message
        with pytest.raises(CheckerUnavailable):
            await check(running, GOOD)
        await running.load(MODULE, DECLARATIONS)
        assert await is_right(running)
        assert running.stats.modules == 2


async def test_modules_stay_as_long_as_there_is_room(tmp_path: Path) -> None:
    async with checker(tmp_path, "typescript", kept_modules=4) as running:
        names = ("one", "two", "three")
        for name in names:
            await running.load(name, f"export const {name}: {{ call(args: {{}}): Promise<string>; }};\n")
        for name in names:
            assert (await check(running, f"return tools.{name}.call({{}});", name)).diagnostics == ()
        assert await is_right(running)


async def test_a_text_that_is_too_long_is_rejected(native: Checker) -> None:
    assert (await check(native, f"return '{'x' * 1_000_000}';")).diagnostics


async def test_a_module_may_come_and_go_while_it_runs(running: Checker) -> None:
    for turn in range(3):
        await running.load(f"m{turn}", f"export const s{turn}: {{ call(args: {{ n: number }}): Promise<string>; }};\n")
        assert (await check(running, f"return tools.s{turn}.call({{ n: 1 }});", f"m{turn}")).diagnostics == ()
        assert (await check(running, f"return tools.s{turn}.call({{ m: 1 }});", f"m{turn}")).diagnostics


async def test_what_the_parser_found_needs_no_checker(tmp_path: Path) -> None:
    program = parse('import fs from "fs";\nreturn fs;')
    found = await Checker(data_dir=tmp_path).check(program, "none")
    assert found.diagnostics == program.problems != ()


async def test_a_checker_that_was_not_started_says_so(tmp_path: Path) -> None:
    idle = Checker(data_dir=tmp_path)
    with pytest.raises(CheckerUnavailable):
        await idle.load(MODULE, DECLARATIONS)
    assert idle.problem() is not None
    assert [line["ok"] for line in idle.doctor()] == [False, True]


async def test_a_compiler_that_does_not_start_leaves_the_work_to_deno(tmp_path: Path) -> None:
    broken = tmp_path / "typescript" / f"{typescript.VERSION}-{typescript.platform_key()}" / "lib" / "tsc"
    broken.parent.mkdir(parents=True)
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    running = Checker(data_dir=tmp_path, engine="auto")
    await running.start()
    await running.load(MODULE, DECLARATIONS)
    assert await is_right(running)
    assert running.stats.engine == "deno"
    assert "TypeScript" in running.doctor()[0]["detail"]
    await running.close()


async def test_typescript_takes_over_when_it_comes_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if typescript.find(tmp_path) is None:
        pytest.skip("TypeScript 7 cannot be brought to this machine")
    monkeypatch.setattr(typescript, "SHARED", tmp_path / "shared")
    monkeypatch.setattr("gateway.sandbox.checker.BRING_SECONDS", 0)
    running = Checker(data_dir=tmp_path, engine="auto")
    await running.start()
    assert running.stats.engine == "deno"
    await running.load(MODULE, DECLARATIONS)
    async with asyncio.timeout(30):
        while running.stats.restarts == 0:
            assert await is_right(running)
    assert running.stats.engine == "typescript"
    assert await is_right(running)
    await running.close()


async def test_nothing_is_left_behind(tmp_path: Path) -> None:
    left = tmp_path / "checker" / "999999999-left"
    left.mkdir(parents=True)
    async with checker(tmp_path, "deno") as running:
        process = pid(running)
        assert not left.exists()
    await gone(process)
    assert list((tmp_path / "checker").iterdir()) == []


OWNER = """
import asyncio, sys
from pathlib import Path
from gateway.engine.program import parse
from gateway.sandbox.checker import Checker

async def main():
    running = Checker(data_dir=Path(sys.argv[1]), engine=sys.argv[2], check_seconds=60)
    await running.start()
    await running.load("m", "export const git: {};")
    under_way = asyncio.create_task(running.check(parse(sys.stdin.read()), "m"))
    for _ in range(10):
        await asyncio.sleep(0)
    print(running.stats.pid, flush=True)
    await under_way

asyncio.run(main())
"""


@pytest.mark.parametrize("engine", ENGINES)
async def test_it_dies_with_the_gateway_even_while_it_works(tmp_path: Path, engine: Engine) -> None:
    if engine == "typescript" and await typescript.ensure(typescript.SHARED) is None:
        pytest.skip("TypeScript 7 cannot be brought to this machine")
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OWNER, str(tmp_path), engine, stdin=PIPE, stdout=PIPE, cwd=Path(__file__).parents[2]
    )
    assert owner.stdin is not None and owner.stdout is not None
    owner.stdin.write(LONG.encode())
    owner.stdin.write_eof()
    server = int(await owner.stdout.readline())
    owner.kill()
    await owner.wait()
    await gone(server)
