"""What one run leaves for another, of the same agent or of another tenant's: nothing.

Probed on a plain Deno: `localStorage` and `caches` outlive the process, so run B read what run A had written. Executor
and UTCP run programs in the server's own process, FastMCP shares one client among all.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.engine.fairness import Owner
from gateway.places import NOBODY
from gateway.sandbox.process import Process
from tests.live import Live, agent, live, stdio

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONFIG = {
    "mcpServers": {"fast": stdio("fast.py")},
    "agents": {"tester": agent("fast"), "stranger": {**agent("fast"), "tenant": "elsewhere"}},
}

# Whatever a program can write to, tried by one run and looked for by the next.
LEFTOVERS = {
    "a global": ("g.left = 'left'", "g.left"),
    "Object.prototype": ("g.Object.prototype.left = 'left'", "g.left"),
    "Array.prototype": ("g.Array.prototype.left = 'left'", "([] as any).left"),
    "Promise.prototype": ("g.Promise.prototype.left = 'left'", "g.Promise.prototype.left"),
    "a function's properties": ("g.console.log.left = 'left'", "g.console.log.left"),
    "a tool": ("try { g.tools.fast.echo.left = 'left' } catch {}", "g.tools.fast.echo.left"),
    "a registered symbol": ("g[Symbol.for('left')] = 'left'", "g[Symbol.for('left')]"),
    "localStorage": ("try { g.localStorage.setItem('left', 'left') } catch {}", "g.localStorage?.getItem('left')"),
    "sessionStorage": ("try { g.sessionStorage.setItem('left', 'left') } catch {}", "g.sessionStorage?.left"),
    "caches": ("try { await g.caches.open('left') } catch {}", "await g.caches?.has('left')"),
    "a file": ("try { g.Deno.writeTextFileSync('left', 'left') } catch {}", "g.Deno?.readTextFileSync('left')"),
    "the environment": ("try { g.Deno.env.set('left', 'left') } catch {}", "g.Deno?.env.get('left')"),
    "a broadcast": ("try { new g.BroadcastChannel('l').postMessage(1) } catch {}", "g.BroadcastChannel?.name"),
    "a console timer": ("console.time('left')", "g.left"),
    "Error.stackTraceLimit": (
        "try { g.Error.stackTraceLimit = 77 } catch {}",
        "g.Error.stackTraceLimit === 77 || undefined",
    ),
    "RegExp's last match": ("/l(ef)t/.exec('left')", "g.RegExp.$1 || undefined"),
    "the seed of Math.random": ("g.left = Math.random()", "g.left"),
}


@dataclass
class Ran:
    gateway: Live
    left: dict[str, Any]
    pids: list[int]


def _program(sources: dict[str, str]) -> str:
    tries = "\n".join(f"try {{ out[{name!r}] = {text} }} catch (e) {{}}" for name, text in sources.items())
    return f"const g: any = globalThis; const out: any = {{}};\n{tries}\nreturn out;"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def ran(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ran]:
    async with live(tmp_path_factory.mktemp("between"), CONFIG) as gateway:
        pids: list[int] = []
        acquire = gateway.services.floor.pool.acquire

        async def noting(owner: Owner = NOBODY) -> Process:
            process = await acquire(owner)
            pids.append(process.pid)
            return process

        gateway.services.floor.pool.acquire = noting  # type: ignore[method-assign]  # to learn the pids
        leave = "const g: any = globalThis;\n" + "\n".join(f"{text};" for text, _ in LEFTOVERS.values())
        look = _program({name: text for name, (_, text) in LEFTOVERS.items()})
        left: dict[str, Any] = {}
        for who in ("tester", "stranger"):
            first = await gateway.execute(leave, agent="tester")
            assert first["status"] == "completed", first
            second = await gateway.execute(look, agent=who)
            assert second["status"] == "completed", second
            left |= {f"{who}: {name}": value for name, value in second["result"].items() if value is not None}
        yield Ran(gateway, left, pids)


@pytest.mark.parametrize("who", ["tester", "stranger"])
@pytest.mark.parametrize("name", LEFTOVERS)
async def test_nothing_is_left_behind_in(ran: Ran, name: str, who: str) -> None:
    assert f"{who}: {name}" not in ran.left


async def test_no_process_serves_two_runs_of_whatever_tenant(ran: Ran) -> None:
    for _ in range(3):
        await ran.gateway.execute("return 1", agent="tester")
        await ran.gateway.execute("return 1", agent="stranger")
    assert len(set(ran.pids)) == len(ran.pids) >= 10


async def test_the_folder_that_programs_stand_in_stays_empty(ran: Ran) -> None:
    folder = ran.gateway.services.config.gateway.data_dir / "sandbox"
    assert list((folder / "empty").iterdir()) == []
    assert {path.suffix for path in folder.iterdir() if path.is_file()} <= {".js", ".json"}


async def test_the_environment_of_a_process_holds_nothing_of_the_gateway_s(ran: Ran) -> None:
    process = await ran.gateway.services.floor.pool.acquire()
    environ = Path(f"/proc/{process.pid}/environ")
    if environ.exists():
        names = {pair.partition(b"=")[0].decode() for pair in environ.read_bytes().split(b"\0") if pair}
        own = {"TZ", "LC_ALL", "HOME", "NO_COLOR"}
        assert {name for name in names if not name.startswith("DENO_")} == own
    await process.kill()


async def test_random_values_of_one_run_tell_nothing_of_another_s(ran: Ran) -> None:
    code = "return [Math.random(), crypto.randomUUID()]"
    runs = [await ran.gateway.execute(code, agent=who) for who in ("tester", "tester", "stranger")]
    assert len({str(run["result"]) for run in runs}) == 3


async def test_state_of_the_same_session_name_is_another_s_own(ran: Ran) -> None:
    await ran.gateway.execute("await state.set('secret', 'mine')", agent="tester", session="shared")
    look = "return [await state.get('secret') ?? null, await state.keys()]"
    run = await ran.gateway.execute(look, agent="stranger", session="shared")
    assert run["result"] == [None, []]


async def test_a_result_of_another_s_is_as_absent_as_one_that_never_was(ran: Ran) -> None:
    mine = await ran.gateway.execute("return 'secret'.repeat(2e4)", agent="tester")
    handle = mine["omitted"]["result"]["handle"]
    look = "try { return await results.get(%r) } catch (e) { return e.message }"
    theirs = await ran.gateway.execute(look % handle, agent="stranger")
    never = await ran.gateway.execute(look % "run_never/0000", agent="stranger")
    assert theirs["result"].replace(handle, "H") == never["result"].replace("run_never/0000", "H")


async def test_an_event_for_another_s_run_is_for_none(ran: Ran) -> None:
    """Unknown runs and other people's are the same answer: an id tells nothing."""
    mine = await ran.gateway.execute("return 1", agent="tester")
    told = []
    token = await ran.gateway.token("stranger")
    for run_id in (mine["run_id"], "run_0000000000000000"):
        answer = await ran.gateway.call(token, "result", run_id=run_id)
        told.append(str(answer["result"]["structuredContent"]).replace(run_id, "ID"))
    assert told[0] == told[1]
    assert "not_found" in told[0]


CHECKER = {
    "a reference to a file": '/// <reference path="/etc/passwd" />\nreturn 1;',
    "a reference to types": '/// <reference types="/etc/passwd" />\nreturn 1;',
    "a static import of a file": 'import s from "/etc/passwd" with {type: "text"};\nreturn s;',
    "an import type of a file": 'const x: typeof import("/etc/passwd") = 1; return x;',
    "a dynamic import of a file": 'return await import("/etc/passwd");',
    "a module path above": 'const x: typeof import("../../../../etc/passwd") = 1; return x;',
    "a JSX pragma": "/** @jsxImportSource /etc */\nreturn 1;",
}


@pytest.mark.parametrize("name", CHECKER)
async def test_the_type_checker_tells_nothing_of_a_file(ran: Ran, name: str) -> None:
    """It reads files for its living, and what it says goes to the author."""
    run = await ran.gateway.execute(CHECKER[name])
    told = str(run)
    assert "root" not in told
    assert "daemon" not in told
    assert str(ran.gateway.services.config.gateway.data_dir) not in told


BREAKOUTS = {
    "the end of the wrapper": "}); globalThis.out = 1; (async function () {",
    "the end of an arrow": "}; globalThis.out = 1; {",
    "the end of a comment": "*/ globalThis.out = 1; /*",
    "a line separator": "// \u2028 globalThis.out = 1",
    "the bridge's own entry": "(globalThis as any).__enter?.(); return typeof (globalThis as any).__enter",
    "a second default export": "export default 1; export default 2;",
    "ts-nocheck": "// @ts-nocheck\nreturn typeof (globalThis as any).Deno",
    "a hashbang": "#!/bin/sh\nreturn typeof (globalThis as any).Deno",
    "use strict undone": "return (function (this: unknown) { return typeof this })()",
}


@pytest.mark.parametrize("name", BREAKOUTS)
async def test_a_program_text_that_breaks_out_of_its_frame_gets_nothing(ran: Ran, name: str) -> None:
    run = await ran.gateway.execute(BREAKOUTS[name])
    assert run["status"] in ("completed", "rejected", "failed")
    assert run.get("result") in (None, "undefined")
