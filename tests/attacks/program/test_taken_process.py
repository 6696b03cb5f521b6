"""A process that the attacker has taken over whole: no bridge, no permission checks of Deno, only the pipe to the host.

What comes over it is forged. Each attack runs in a whole gateway, beside an honest program; it gets what an honest
program of the same agent would get, or ends alone with the reason.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.sandbox import flags
from tests.live import Live, agent, live, stdio

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMITS = {
    **{"run_memory_mb": 128, "run_cpu_seconds": 2, "run_active_seconds": 5, "run_tool_calls": 20, "run_steps": 50},
    **{"run_concurrent_calls": 20, "result_mb": 1, "run_log_kb": 4, "run_frames_per_second": 300},
}
CONFIG = {
    "mcpServers": {"fast": stdio("fast.py"), "other": stdio("fast.py")},
    "agents": {"tester": agent("fast"), "neighbour": agent("other")},
    "gateway": {"limits": LIMITS, "max_active_runs": 6, "pool_size": 2},
}


def one(kind: str, name: str, args: str = "{}", more: str = "{}") -> str:
    """One forged command; the program ends with what the host answered."""
    return f"send({{t: 'turn', emitted: [[call(1, '{kind}', '{name}', {args}, {more})]]}}); end(receive().items)"


def deep(levels: int, before: str, after: str) -> str:
    return f"text('{before}' + '['.repeat({levels}) + ']'.repeat({levels}) + '{after}')"


ENDED = '"t":"turn","emitted":[[]],"end"'
NESTED = '{"t":"turn","emitted":[[{"cid":1,"kind":"tool","name":"fast:echo","args":{"a":'

# Frames that break the protocol: the run ends, named `bad_frame`.
BROKEN = {
    "says ready again": "send({t: 'ready', runtime: 'x'})",
    "plays the host": "send({t: 'start', run: 'run_1', code: ''})",
    "plays the host's answers": "send({t: 'deliver', items: [{cid: 1, value: 'forged'}]})",
    "numbers its first call 2": "send({t: 'turn', emitted: [[call(2, 'tool', 'fast:echo')]]})",
    "numbers two calls alike": (
        "send({t: 'turn', emitted: [[call(1, 'tool', 'fast:echo'), call(1, 'tool', 'fast:echo')]]})"
    ),
    "numbers a call 0": "send({t: 'turn', emitted: [[call(0, 'tool', 'fast:echo')]]})",
    "numbers a call in a text": "send({t: 'turn', emitted: [[call('1', 'tool', 'fast:echo')]]})",
    "asks for an unknown kind": "send({t: 'turn', emitted: [[call(1, 'admin', 'token.issue')]]})",
    "names a tool by an object": "send({t: 'turn', emitted: [[call(1, 'tool', {toString: 1})]]})",
    "names a tool with 3 MB": "send({t: 'turn', emitted: [[call(1, 'tool', 'x'.repeat(3e6))]]})",
    "clears what is no number": "send({t: 'turn', emitted: [[]], cleared: ['x', null]})",
    "sends a hundred thousand lists": "send({t: 'turn', emitted: Array.from({length: 1e5}, () => [])}); end(1)",
    "logs under a level of 1 MB": "send({t: 'log', level: 'L'.repeat(1e6), text: ''}); end(1)",
    "logs an object": "send({t: 'log', level: 'log', text: {}}); end(1)",
    "emits a text": "send({t: 'emit', block: 'x'}); end(1)",
    "reports infinite progress": 'text(\'{"t":"progress","done":1e999,"total":null,"message":""}\'); end(1)',
    "sends what is no JSON": "text('{')",
    "sends what is no UTF-8": "frame(new Uint8Array([0xff, 0xfe, 0x00]))",
    "sends an empty frame": "frame(new Uint8Array(0))",
    "sends zeros without end": "const z = new Uint8Array(65536); for (;;) raw(z)",
    "sends a list": "send([1])",
    "sends null": "send(null)",
    "nests a hundred thousand brackets": "text('['.repeat(1e5))",
    "nests an argument 900 deep": deep(900, NESTED, "}}]]}"),
    # orjson reads 1,024 levels and writes 254: between the two lay a run that could neither end nor be given up.
    "nests an argument 300 deep": deep(300, NESTED, "}}]]}"),
    "nests its result 300 deep": deep(300, "{" + ENDED + ':{"value":', "}}"),
    "nests its error 300 deep": deep(300, "{" + ENDED + ':{"error":{"message":', "}}}"),
    "nests a block 300 deep": deep(300, '{"t":"emit","block":{"a":', "}}") + "; end(1)",
}

# Over a cap that the bridge keeps as well: the host keeps it too, and names it.
OVER = {
    "returns more than it may": ("end('x'.repeat(2e6))", "result_mb"),
    "announces a frame of 4 GB": ("raw(new Uint8Array([255, 255, 255, 255]))", "result_mb"),
    "emits more than it may": (
        "for (;;) send({t: 'emit', block: {type: 'text', text: 'x'.repeat(5e5)}})",
        "result_mb",
    ),
    "starts more calls at once than it may": (
        "send({t: 'turn', emitted: [Array.from({length: 100}, (_, i) => call(i + 1, 'timer', 'timer', {ms: 1e6}))]})",
        "run_concurrent_calls",
    ),
    "makes more calls than it may": (
        "for (let i = 1;; i++) {"
        " send({t: 'turn', emitted: [[call(i, 'tool', 'fast:echo', {text: 'x'})]]}); receive() }",
        "run_tool_calls",
    ),
    "reads its state without end": (
        "for (let i = 1;; i++) { send({t: 'turn', emitted: [[call(i, 'state', 'state', {op: 'keys'})]]}); receive() }",
        "run_steps",
    ),
    "sets timers without end": (
        "for (let i = 1;; i++) { send({t: 'turn', emitted: [[call(i, 'timer', 'timer', {ms: 0})]]}); receive() }",
        "run_steps",
    ),
    "logs empty lines without end": ("for (;;) send({t: 'log', level: 'log', text: ''})", "run_frames_per_second"),
    "logs without end": ("for (;;) send({t: 'log', level: 'log', text: 'x'.repeat(99)})", "run_frames_per_second"),
    "reports progress without end": (
        "for (;;) send({t: 'progress', done: 1, total: null, message: 'x'})",
        "run_frames_per_second",
    ),
    "begins a frame and never ends it": ("raw(new Uint8Array([0, 0, 1, 0, 1, 2]))", "run_active_seconds"),
    "closes its pipes and stays": (
        "Deno.stdout.close(); Deno.stdin.close(); await new Promise((r) => setTimeout(r, 1e6))",
        "run_active_seconds",
    ),
    "says nothing at all": ("for (;;) receive()", "run_active_seconds"),
}

# Within the protocol: the answer, which is the run's result, holds this error of the call and nothing else.
REFUSED = {
    "calls a tool that it has no grant for": (
        one("tool", "other:echo", "{text: 'x'}", "{authorized: true, agent: 'neighbour', admin: true}"),
        "policy_denied",
    ),
    "calls a server that is not there": (one("tool", "nowhere:echo"), "unknown_tool"),
    "calls a name with a NUL": (one("tool", "fast\\u0000:echo\\ud800"), "unknown_tool"),
    "calls a name that climbs": (one("tool", "../other:echo"), "unknown_tool"),
    "calls a server without a tool": (one("tool", "other"), "unknown_tool"),
    "passes a text for an argument object": (one("tool", "fast:echo", "'x'"), "usage"),
    "passes null for an argument object": (one("tool", "fast:echo", "null"), "usage"),
    "keeps state under an object": (one("state", "state", "{op: 'set', key: {}, value: 1}"), "usage"),
    "keeps state under a key of 5 kB": (one("state", "state", "{op: 'set', key: 'k'.repeat(5000), value: 1}"), "usage"),
    "keeps a state of 500 kB": (one("state", "state", "{op: 'set', key: 'k', value: 'v'.repeat(5e5)}"), "usage"),
    "asks for a state command of its own": (one("state", "state", "{op: 'flushall'}"), "usage"),
    "reads a result of another's run": (one("results", "results", "{handle: 'RUN/DIGEST'}"), "not_found"),
    "reads a result by a path": (one("results", "results", "{handle: '../../admin.key'}"), "not_found"),
    "reads a result by nothing": (one("results", "results", "null"), "not_found"),
}

# It dies, or leaves: the run ends, and says so.
GONE = {
    "leaves with exit code 0": "Deno.exit(0)",
    "leaves in the middle of a frame": "raw(new Uint8Array([0, 0, 1, 0, 1, 2])); Deno.exit(0)",
}

ATTACKS = (
    BROKEN
    | GONE
    | {name: code for name, (code, _) in OVER.items()}
    | {name: code for name, (code, _) in REFUSED.items()}
)


@dataclass
class Attacked:
    """What each attack got, and what honest programs got meanwhile."""

    gateway: Live
    got: dict[str, dict[str, Any]]
    honest: list[dict[str, Any]]


def _taken(script: str) -> Any:
    def argv(deno: Path, bridge: Path, import_map: Path, heap_mb: int) -> Sequence[str]:
        if bridge.read_text() != script:
            bridge.write_text(script)
        return [str(deno), "run", "-A", "--quiet", "--no-config", "--no-code-cache", str(bridge)]

    return argv


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def attacked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Attacked]:
    folder = tmp_path_factory.mktemp("taken")
    script = Path(__file__).with_name("taken.js").read_text()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(flags, "argv", _taken(script))
        async with live(folder, CONFIG) as gateway:
            secret = await _secret(gateway)
            got: dict[str, dict[str, Any]] = {}
            honest: list[dict[str, Any]] = []

            async def attack(name: str) -> None:
                code = ATTACKS[name].replace("RUN/DIGEST", secret)
                got[name] = await gateway.execute(_carrying(code), wait_seconds=60)

            async def beside() -> None:
                while len(got) < len(ATTACKS):
                    program = _carrying(one("tool", "other:echo", "{text: 'mine'}"))
                    honest.append(await gateway.execute(program, agent="neighbour", wait_seconds=60))

            async with asyncio.TaskGroup() as group:
                group.create_task(beside())
                for name in ATTACKS:
                    group.create_task(attack(name))
            yield Attacked(gateway, got, honest)


async def _secret(gateway: Live) -> str:
    """The handle of a large result of the neighbour's."""
    run = await gateway.execute(_carrying("end('secret'.repeat(2e4))"), agent="neighbour", wait_seconds=60)
    handle: str = run["omitted"]["result"]["handle"]
    return handle


def _carrying(code: str) -> str:
    return f'return "ATTACK({base64.b64encode(code.encode()).decode()})";'


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_frame_ends_its_own_run(attacked: Attacked, name: str) -> None:
    run = attacked.got[name]
    assert (run["status"], run["error"]["code"]) == ("failed", "bad_frame")
    assert len(str(run)) < 2_000
    assert "result" not in run


@pytest.mark.parametrize("name", OVER)
async def test_a_cap_holds_on_the_host_s_side_and_says_its_name(attacked: Attacked, name: str) -> None:
    run = attacked.got[name]
    assert (run["status"], run["error"]["code"]) == ("failed", "limit_exceeded")
    assert run["error"]["limit"] == OVER[name][1]
    assert len(str(run)) < 5 * LIMITS["run_log_kb"] * 1024


@pytest.mark.parametrize("name", REFUSED)
async def test_the_host_decides_by_itself_whatever_a_frame_claims(attacked: Attacked, name: str) -> None:
    run = attacked.got[name]
    assert run["status"] == "completed", run
    (item,) = run["result"]
    assert "value" not in item
    assert item["error"]["code"] == REFUSED[name][1]
    assert "secret" not in str(run)


@pytest.mark.parametrize("name", GONE)
async def test_a_process_that_goes_away_is_told_as_that(attacked: Attacked, name: str) -> None:
    run = attacked.got[name]
    assert (run["status"], run["error"]["code"]) == ("failed", "process_died")


async def test_honest_programs_go_on_beside_all_of_it(attacked: Attacked) -> None:
    assert len(attacked.honest) > 0
    assert all(run["result"][0]["value"] == "mine" for run in attacked.honest)


async def test_a_forged_error_is_a_program_s_error_and_small(attacked: Attacked) -> None:
    forged = "send({t: 'turn', emitted: [[]], end: {error: %s}})"
    odd = "{message: {a: [1]}, line: 'x', code: 5, column: [], server: {}, tool: true}"
    run = await attacked.gateway.execute(_carrying(forged % odd), wait_seconds=60)
    assert run["error"] == {"code": "program_error", "message": "The program failed."}
    run = await attacked.gateway.execute(_carrying(forged % "{message: 'm'.repeat(9e5), line: -1}"), wait_seconds=60)
    assert len(run["error"]["message"]) < 20_000
    assert "line" not in run["error"]


async def test_nothing_is_left_of_the_processes(attacked: Attacked) -> None:
    pool = attacked.gateway.services.floor.pool
    async with asyncio.timeout(10):
        for process in list(pool._active):  # each was killed; the last may not be reaped yet
            await asyncio.shield(process._started.ended)
    assert pool.active == 0
