"""The turn model: one completion at a time, the program drained in between, commands in the order of emission."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.engine.frames import Command, Done, Turn
from gateway.sandbox.pool import ProcessPool
from tests.sandbox.driving import NOW, TOOL_ERROR, Fault, Talk, body, run

pytestmark = pytest.mark.asyncio(loop_scope="package")


@asynccontextmanager
async def talking(pool: ProcessPool) -> AsyncIterator[Talk]:
    process = await pool.acquire()
    try:
        yield Talk(process)
    finally:
        await process.kill()


def cids(turn: Turn) -> list[list[int]]:
    return [[command.cid for command in commands] for commands in turn.emitted]


async def test_commands_are_numbered_in_the_order_of_emission(pool: ProcessPool) -> None:
    async with talking(pool) as talk:
        turn = await talk.start(
            body("""
const a = tools.t.echo({n: "a"});
Promise.resolve().then(() => tools.t.echo({n: "microtask"}));
const b = tools.t.slow({n: "b"});
await Promise.all([a, b]);""")
        )
        assert [(c.cid, c.name, c.args) for c in turn.emitted[0]] == [
            (1, "test:echo", {"n": "a"}),
            (2, "test:slow", {"n": "b"}),
            (3, "test:echo", {"n": "microtask"}),
        ]
        assert turn.end is None


async def test_each_completion_is_drained_before_the_next(pool: ProcessPool) -> None:
    """Long chains of microtasks end before the next completion is seen, also when both come in one frame."""
    async with talking(pool) as talk:
        await talk.start(
            body("""
const hops = async (n: number) => { for (let i = 0; i < n; i++) await null; };
const branch = async (n: number, name: string) => {
  await tools.t.echo({name});
  await hops(n);
  await tools.t.slow({name});
  return name;
};
return await Promise.all([branch(1_000, "long"), branch(0, "short")]);""")
        )
        turn = await talk.deliver(Done(1, NOW + 1), Done(2, NOW + 2))
        assert [[c.args["name"] for c in commands] for commands in turn.emitted] == [["long"], ["short"]]


async def test_the_reply_has_one_list_for_each_completion(pool: ProcessPool) -> None:
    async with talking(pool) as talk:
        turn = await talk.start(body("for (let i = 0; i < 3; i++) await tools.t.echo({i}); return 'end'"))
        assert cids(turn) == [[1]]
        turn = await talk.deliver(Done(1, NOW), Done(2, NOW), Done(3, NOW))
        assert cids(turn) == [[2], [3], []]
        assert turn.end is not None
        assert turn.end.value == "end"


async def test_completions_after_the_end_are_not_delivered(pool: ProcessPool) -> None:
    async with talking(pool) as talk:
        await talk.start(body("tools.t.slow(); return await tools.t.echo();"))
        turn = await talk.deliver(Done(2, NOW, "first"), Done(1, NOW, "second"))
        assert (cids(turn), turn.end.value if turn.end else None) == ([[]], "first")


async def test_a_completion_of_a_command_never_emitted_stops_the_turn(pool: ProcessPool) -> None:
    async with talking(pool) as talk:
        await talk.start(body("await tools.t.echo(); await tools.t.slow();"))
        turn = await talk.deliver(Done(1, NOW), Done(7, NOW), Done(2, NOW))
        assert (cids(turn), turn.end) == ([[2]], None)
        turn = await talk.deliver(Done(7, NOW))
        assert (cids(turn), turn.end) == ([], None)
        turn = await talk.deliver(Done(2, NOW))
        assert turn.end is not None


async def test_a_second_completion_of_the_same_command_does_nothing(pool: ProcessPool) -> None:
    async with talking(pool) as talk:
        await talk.start(body("const a = await tools.t.echo(); return [a, await tools.t.slow()];"))
        turn = await talk.deliver(Done(1, NOW, "one"), Done(1, NOW, "two"), Done(2, NOW, "three"))
        assert cids(turn) == [[2], [], []]
        assert turn.end is not None
        assert turn.end.value == ["one", "three"]


@pytest.mark.parametrize(
    ("combinator", "expected"),
    [
        ("all", ["one", "two"]),
        ("race", "two"),
        ("any", "two"),
        ("allSettled", [{"status": "fulfilled", "value": "one"}, {"status": "fulfilled", "value": "two"}]),
    ],
)
async def test_combinators_follow_the_order_of_delivery(pool: ProcessPool, combinator: str, expected: object) -> None:
    async with talking(pool) as talk:
        await talk.start(body(f"return await Promise.{combinator}([tools.t.echo(), tools.t.slow()])"))
        turn = await talk.deliver(Done(2, NOW, "two"), Done(1, NOW, "one"))
        assert turn.end is not None
        assert turn.end.value == expected


async def test_any_goes_past_failures_and_all_fails_with_the_first(pool: ProcessPool) -> None:
    ran = await run(pool, "return await Promise.any([tools.t.fail(), tools.t.echo({ok: 1})])")
    assert ran.value == {"ok": 1}
    ran = await run(pool, "await Promise.all([tools.t.echo(), tools.t.fail()])")
    assert ran.error["name"] == "ToolError"
    ran = await run(pool, "await Promise.any([tools.t.fail(), tools.t.fail()])")
    assert ran.error["name"] == "AggregateError"
    assert ran.error["message"].count("it broke") == 2


async def test_async_iterators_and_generators(pool: ProcessPool) -> None:
    ran = await run(
        pool,
        """
async function* pages() {
  for (let page = 1; page <= 3; page++) {
    try { yield (await tools.t.echo({page})).page; } finally { console.log("left", page); }
  }
}
const seen = [];
for await (const page of pages()) { seen.push(page); if (page === 2) break; }
return [seen, await Array.fromAsync(pages())];""",
    )
    assert ran.value == [[1, 2], [1, 2, 3]]
    assert ran.said == ["left 1", "left 2", "left 1", "left 2", "left 3"]


async def test_timers_fire_through_the_host(pool: ProcessPool) -> None:
    ran = await run(
        pool,
        """
const seen: unknown[] = [];
const never = setTimeout(() => seen.push("never"), 5);
clearTimeout(never);
clearTimeout(never);
clearTimeout(12345);
await new Promise<void>((resolve) => {
  let n = 0;
  const tick = (word: string) => { seen.push(word, Date.now()); if (++n === 2) { clearInterval(id); resolve(); } };
  const id = setInterval(tick, 10, "tick");
});
await new Promise((resolve) => setTimeout(resolve, -5));
setTimeout(() => seen.push("too late"), 1e9);
return seen;""",
    )
    assert [(c.kind, c.args) for c in ran.commands] == [
        ("timer", {"ms": 5}),
        ("timer", {"ms": 10}),
        ("timer", {"ms": 10}),
        ("timer", {"ms": 0}),
        ("timer", {"ms": 1_000_000_000}),
    ]
    assert ran.value == ["tick", NOW + 1_000, "tick", NOW + 2_000]


async def test_a_cleared_timer_is_reported_and_a_late_completion_of_it_ignored(pool: ProcessPool) -> None:
    async with talking(pool) as talk:
        turn = await talk.start(
            body("""
const id = setTimeout(() => console.log("fired"), 50);
await tools.t.echo();
clearTimeout(id);
await tools.t.slow();""")
        )
        assert turn.cleared == ()
        turn = await talk.deliver(Done(2, NOW))
        assert turn.cleared == (1,)
        turn = await talk.deliver(Done(1, NOW), Done(3, NOW))
        assert len(turn.emitted) == 2
        assert turn.end is not None
        assert talk.logs == []


async def test_gateway_functions_become_commands(pool: ProcessPool) -> None:
    ran = await run(
        pool,
        """
await sleep(1500); await sleep("90s"); await sleep("1h 30m");
await sleep("3 days"); await sleep(new Date("2030-01-01"));
await approve("Go?", {details: {sum: 3}, by: "role:finance", timeout: "2h"});
await approve("Go on?");
await ask("Your name?", {type: "string"});
await waitFor("paid", {timeout: "1 week"});
await state.get("k"); await state.set("k", {v: 1}); await state.set("gone", undefined); await state.delete("k");
await state.keys();
await results.get("res_1");
await tools.t.echo({a: 1}, {onDoubt: "throw"});
await continueWith({page: 2});""",
    )
    assert [(c.kind, c.name, c.args, c.options) for c in ran.commands] == [
        ("sleep", "sleep", {"ms": 1_500}, None),
        ("sleep", "sleep", {"ms": 90_000}, None),
        ("sleep", "sleep", {"ms": 5_400_000}, None),
        ("sleep", "sleep", {"ms": 259_200_000}, None),
        ("sleep", "sleep", {"until": 1_893_456_000_000}, None),
        (
            "approve",
            "approve",
            {"question": "Go?", "details": {"sum": 3}, "by": "role:finance", "timeout_ms": 7_200_000},
            None,
        ),
        ("approve", "approve", {"question": "Go on?"}, None),
        ("ask", "ask", {"message": "Your name?", "schema": {"type": "string"}}, None),
        ("event", "event", {"event": "paid", "timeout_ms": 604_800_000}, None),
        ("state", "state", {"op": "get", "key": "k"}, None),
        ("state", "state", {"op": "set", "key": "k", "value": {"v": 1}}, None),
        ("state", "state", {"op": "set", "key": "gone", "value": None}, None),
        ("state", "state", {"op": "delete", "key": "k"}, None),
        ("state", "state", {"op": "keys"}, None),
        ("results", "results", {"handle": "res_1"}, None),
        ("tool", "test:echo", {"a": 1}, {"onDoubt": "throw"}),
        ("continue", "continue", {"state": {"page": 2}}, None),
    ]
    assert ran.commands[-1].line == 12


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("sleep('soon')", "no duration"),
        ("sleep('5 parsecs')", "no duration"),
        ("sleep(NaN)", "up to 100 years"),
        ("sleep('101000 days')", "up to 100 years"),
        ("sleep(new Date('x'))", "invalid"),
        ("sleep()", "undefined"),
        ("approve()", "question"),
        ("approve('x', {timeout: 'never'})", "timeout"),
        ("ask('x')", "JSON Schema"),
        ("waitFor(5)", "event"),
        ("state.get('')", "key"),
        ("state.set('k', {v: () => 1})", "$.v"),
        ("results.get(null)", "handle"),
        ("tools.t.echo({}, {onDout: 'throw'})", "onDoubt"),
        ("tools.t.echo({}, 5)", "onDoubt"),
    ],
)
async def test_wrong_arguments_reject_with_what_to_do(pool: ProcessPool, call: str, words: str) -> None:
    ran = await run(pool, f"try {{ {call}.catch(() => 0); }} catch {{ return 'threw'; }}\n\nawait {call};")
    assert words in ran.error["message"]
    assert ran.error["line"] == 3
    assert ran.commands == []


async def test_progress_is_paced_and_its_last_state_is_kept(pool: ProcessPool) -> None:
    ran = await run(pool, "for (let i = 0; i < 100_000; i++) progress(i, 99_999, 'at ' + i);")
    assert (ran.progress[0].done, ran.progress[0].total) == (0.0, 99_999.0)
    assert (ran.progress[-1].done, ran.progress[-1].message) == (99_999.0, "at 99999")
    assert len(ran.progress) < 100


async def test_calls_under_way_at_the_end_are_reported_with_it(pool: ProcessPool) -> None:
    async with talking(pool) as talk:
        turn = await talk.start(body("\ntools.t.echo({n: 1});\nreturn 5;"))
        assert [(c.args, c.line) for c in turn.emitted[0]] == [({"n": 1}, 2)]
        assert turn.end is not None
        assert turn.end.value == 5


async def test_calls_started_after_the_return_are_refused(pool: ProcessPool) -> None:
    ran = await run(
        pool,
        """
(async () => {
  for (let i = 0; i < 20; i++) await null;
  await tools.t.echo().catch((e) => console.log(e.message));
})();
return 1;""",
    )
    assert ran.commands == []
    assert "already returned" in ran.said[0]


async def test_a_refused_late_call_does_not_undo_the_return(pool: ProcessPool) -> None:
    late = "(async () => {{ for (let i = 0; i < 20; i++) await null; {} }})();\nreturn 1;"
    for call in ("await tools.t.echo();", "setTimeout(() => {}, 1);", "await state.set('k', 1);"):
        ran = await run(pool, late.format(call))
        assert (ran.value, ran.commands) == (1, [])
    ran = await run(pool, late.format("throw new Error('really wrong');"))
    assert "really wrong" in ran.error["message"]


async def test_a_program_that_nothing_can_wake_fails_at_once(pool: ProcessPool) -> None:
    for code in ("await new Promise(() => {})", "await tools.t.echo(); await new Promise(() => {})"):
        ran = await run(pool, code)
        assert "nothing can resolve" in ran.error["message"]


async def test_an_unhandled_rejection_fails_the_run(pool: ProcessPool) -> None:
    ran = await run(pool, "\nPromise.reject(new TypeError('lost'));\nawait tools.t.echo();\nreturn 1;")
    assert ran.error["name"] == "TypeError"
    assert ran.error["message"] == "A rejected promise was not handled: lost"
    assert ran.error["line"] == 2
    ran = await run(pool, "tools.t.fail(); await tools.t.echo(); return 1;")
    assert (ran.error["name"], ran.error["tool"]) == ("ToolError", "fail")
    ran = await run(pool, "Promise.reject(new Error('lost')); await new Promise(() => {});")
    assert "lost" in ran.error["message"]


async def test_a_rejection_that_is_handled_later_is_none(pool: ProcessPool) -> None:
    ran = await run(
        pool,
        "const p = Promise.reject(new Error('late')); await tools.t.echo(); return await p.catch((e) => e.message);",
    )
    assert ran.value == "late"


async def test_the_program_s_own_error_counts_more_than_a_rejection(pool: ProcessPool) -> None:
    ran = await run(pool, "Promise.reject(new Error('lost')); throw new Error('mine');")
    assert ran.error["message"] == "mine"


@pytest.mark.parametrize(
    "code",
    [
        "setTimeout(() => { throw new Error('in a callback'); }, 1); await sleep(5);",
        "queueMicrotask(() => { throw new Error('in a callback'); }); await sleep(5);",
        "let n = 0; setInterval(() => { if (++n === 2) throw new Error('in a callback'); }, 1);\nawait never;",
    ],
)
async def test_what_a_callback_throws_ends_the_run(pool: ProcessPool, code: str) -> None:
    ran = await run(pool, f"const never = new Promise(() => {{}});\n{code}")
    assert ran.error["message"] == "in a callback"


async def test_top_level_await_in_a_module_works(pool: ProcessPool) -> None:
    ran = await run(
        pool,
        "\nconst first = await tools.t.echo({n: 1});\n"
        "const second = await Promise.all([tools.t.echo({n: 2}), tools.t.echo({n: 3})]);\n"
        "export default async () => [first, second, await tools.t.echo({n: 4})];",
        wrap=False,
    )
    assert ran.value == [{"n": 1}, [{"n": 2}, {"n": 3}], {"n": 4}]
    assert [command.line for command in ran.commands] == [1, 2, 2, 3]


async def test_a_module_whose_top_level_throws_after_a_call(pool: ProcessPool) -> None:
    code = "\nawait tools.t.echo();\n\nthrow new Error('top');\nexport default 1;"
    ran = await run(pool, code, wrap=False)
    assert (ran.error["message"], ran.error["line"]) == ("top", 3)


@pytest.mark.parametrize(
    "text", ["42", "async () => 42", "() => 42", "Promise.resolve(42)", "{then(r: any) { r(42); }}"]
)
async def test_whatever_is_exported_gives_a_result(pool: ProcessPool, text: str) -> None:
    ran = await run(pool, f"\nexport default {text};", wrap=False)
    assert ran.value == 42


async def test_a_host_error_is_an_instance_of_its_class(pool: ProcessPool) -> None:
    errors: dict[str, dict[str, object]] = {
        "a": TOOL_ERROR | {"content": [{"type": "text", "text": "why"}]},
        "b": {"name": "PolicyError", "message": "no", "code": "policy_denied", "rule": "deny[0]"},
        "c": {"name": "TimeoutError", "message": "late", "code": "timeout"},
        "d": {"name": "InDoubtError", "message": "unknown", "code": "in_doubt"},
        "e": {"name": "UpstreamError", "message": "down", "code": "upstream_unavailable"},
        "f": {"name": "__proto__", "message": "odd", "stack": "forged", "constructor": 1},
    }

    def fails(command: Command) -> Fault:
        return Fault(errors[command.args["n"]])

    ran = await run(
        pool,
        """
const out: Record<string, unknown> = {};
for (const n of "abcdef") {
  const e = await tools.t.echo({n}).catch((e) => e);
  const kind = [ToolError, PolicyError, TimeoutError, InDoubtError].find((c) => e instanceof c);
  out[n] = [kind?.name, e instanceof Error, e.name, e.message, e.code, e.server, e.tool, e.content, e.rule, e.stack];
}
return out;""",
        answers=fails,
    )
    why = [{"type": "text", "text": "why"}]
    none = [None] * 4

    def kind(name: str) -> list[object]:
        return [name, True, name]

    assert ran.value == {
        "a": [*kind("ToolError"), "it broke", "tool_error", "test", "fail", why, None, "ToolError: it broke"],
        "b": [*kind("PolicyError"), "no", "policy_denied", None, None, None, "deny[0]", "PolicyError: no"],
        "c": [*kind("TimeoutError"), "late", "timeout", *none, "TimeoutError: late"],
        "d": [*kind("InDoubtError"), "unknown", "in_doubt", *none, "InDoubtError: unknown"],
        "e": [None, True, "UpstreamError", "down", "upstream_unavailable", *none, "UpstreamError: down"],
        "f": [None, True, "__proto__", "odd", None, *none, "__proto__: odd"],
    }


async def test_what_is_replayed_has_no_lines_and_is_the_same_otherwise(pool: ProcessPool) -> None:
    code = """
const seen = [];
for (let i = 0; i < 3; i++) {
  await tools.t.echo({i});
  await tools.t.fail().catch((e) => seen.push(e.stack, Object.keys(e)));
}
await tools.t.fail();"""
    live, again = await run(pool, code), await run(pool, code, replayed=4)
    assert [command.line for command in live.commands] == [4, 5, 4, 5, 4, 5, 7]
    assert [command.line for command in again.commands] == [0, 0, 0, 0, 4, 5, 7]
    assert [(c.cid, c.args) for c in live.commands] == [(c.cid, c.args) for c in again.commands]
    assert live.end == again.end
    assert (live.error["line"], live.error["stack"]) == (7, "ToolError: it broke\n    at program.ts:7:15")


def _random_program(rng: random.Random, depth: int = 0) -> str:
    """A nest of combinators, chains, hops and failures; every leaf is a call."""
    if depth == 4 or rng.random() < 0.3:
        tool = rng.choice(["echo", "echo", "slow", "fail"])
        return f"step(() => tools.t.{tool}({{n: {rng.randrange(100)}}}), {rng.randrange(6)})"
    parts = ", ".join(_random_program(rng, depth + 1) for _ in range(rng.randrange(1, 4)))
    match rng.randrange(6):
        case 0 | 1:
            return f"Promise.{rng.choice(['all', 'allSettled'])}([{parts}])"
        case 2:
            return f"Promise.{rng.choice(['race', 'any'])}([{parts}])"
        case 3:
            return f"chain([{parts.replace('step(', '() => step(').replace('Promise.', '() => Promise.')}])"
        case 4:
            return f"later(() => {_random_program(rng, depth + 1)}, {rng.randrange(20)})"
    return f"({_random_program(rng, depth + 1)}).catch((e) => e.message)"


HELPERS = """
const step = async (call, hops) => { const v = await call(); for (let i = 0; i < hops; i++) await null; return v; };
const chain = async (items) => {
  const out = [];
  for (const item of items) out.push(await (typeof item === "function" ? item() : item));
  return out;
};
const later = async (next, ms) => { await new Promise((r) => setTimeout(r, ms)); return await next(); };
"""


@pytest.mark.parametrize("seed", range(12))
async def test_a_replay_gives_the_same_commands_in_bulk_and_one_by_one(pool: ProcessPool, seed: int) -> None:
    """Invariant 1 of durability: the commands depend on the order of completions and on nothing else."""
    rng = random.Random(seed)
    code = HELPERS + f"return await ({_random_program(rng)}).catch((e) => String(e));"
    deliveries: list[Done] = []
    emitted: list[list[tuple[int, str, object]]] = []
    async with talking(pool) as talk:
        turn = await talk.start(body(code))
        emitted += _shape(turn)
        waiting = [command for commands in turn.emitted for command in commands]
        while turn.end is None:
            command = waiting.pop(rng.randrange(len(waiting)))
            deliveries.append(talk.done(command, _outcome(command)))
            turn = await talk.deliver(deliveries[-1])
            emitted += _shape(turn)
            waiting += [command for commands in turn.emitted for command in commands]
        end = turn.end
    for portion in (len(deliveries) or 1, 3):
        async with talking(pool) as talk:
            turn = await talk.start(body(code))
            again = _shape(turn)
            for at in range(0, len(deliveries), portion):
                turn = await talk.deliver(*deliveries[at : at + portion])
                again += _shape(turn)
            assert (again, turn.end) == (emitted, end)


def _shape(turn: Turn) -> list[list[tuple[int, str, object]]]:
    return [[(c.cid, c.name, c.args) for c in commands] for commands in turn.emitted]


def _outcome(command: Command) -> object:
    return Fault(TOOL_ERROR) if command.name == "test:fail" else command.args
