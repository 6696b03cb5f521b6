"""The world of a program: what is not there, what is the same in every process, and that neither can be undone."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
import pytest_asyncio

from gateway.sandbox.pool import ProcessPool
from tests.sandbox.driving import NOW, STEP_MS, Ran, many, run

pytestmark = pytest.mark.asyncio(loop_scope="package")

NAMES = """
Object Function Array Number Boolean String Symbol BigInt Date Promise RegExp Error AggregateError EvalError RangeError
ReferenceError SyntaxError TypeError URIError SuppressedError DisposableStack AsyncDisposableStack Map Set WeakMap
WeakSet Iterator Proxy Reflect JSON Math Intl Temporal globalThis Infinity NaN undefined eval parseFloat parseInt
isFinite isNaN decodeURI decodeURIComponent encodeURI encodeURIComponent escape unescape ArrayBuffer DataView Int8Array
Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array Uint32Array BigInt64Array BigUint64Array Float16Array
Float32Array Float64Array URL URLSearchParams TextEncoder TextDecoder DOMException structuredClone atob btoa crypto
performance console queueMicrotask setTimeout setInterval clearTimeout clearInterval tools sleep approve ask waitFor
state results continueWith continued progress emit $impor ToolError PolicyError TimeoutError InDoubtError"""
GLOBALS = set(NAMES.split())

GONE = """
fetch WebSocket EventSource Worker BroadcastChannel MessageChannel MessagePort setImmediate clearImmediate caches
CacheStorage Cache localStorage sessionStorage Storage Deno process Buffer global SharedArrayBuffer Atomics WeakRef
FinalizationRegistry WebAssembly navigator Navigator location Location self window Window alert confirm prompt Blob File
FileReader CompressionStream DecompressionStream Request Response Headers FormData ReadableStream WritableStream
TransformStream SubtleCrypto Crypto CryptoKey EventTarget Event AbortController AbortSignal Performance PerformanceMark
PerformanceObserver GPU name close closed onload onerror onunhandledrejection addEventListener dispatchEvent reportError
require module exports __enter"""


@dataclass(frozen=True, slots=True)
class Throws:
    name: str


ATTEMPTS: dict[str, tuple[str, object]] = {
    "globalThis constructor": ("globalThis.constructor === Object", True),
    "globalThis prototype": ("Object.getPrototypeOf(globalThis) === Object.prototype", True),
    "Function constructor": ("Function('return this')()", Throws("EvalError")),
    "constructor of a function": ("(() => {}).constructor('return this')()", Throws("EvalError")),
    "constructor of an async function": ("(async () => {}).constructor('return this')()", Throws("EvalError")),
    "constructor of a generator": ("(function* () {}).constructor('yield this')().next()", Throws("EvalError")),
    "constructor of an async generator": ("(async function* () {}).constructor('yield 1')()", Throws("EvalError")),
    "eval": ("eval('1 + 1')", Throws("EvalError")),
    "indirect eval": ("(0, eval)('this')", Throws("EvalError")),
    "a timer from a text": ("setTimeout('globalThis.x = 1', 0)", Throws("TypeError")),
    "constructor of a tool": ("tools.t.echo.constructor('return 1')()", Throws("EvalError")),
    "this of a function": ("(function () { return this; })() === undefined", True),
    "the caller of a function": ("(function f() { return f.caller; })()", Throws("TypeError")),
    "subtle": ("crypto.subtle === undefined", True),
    "crypto constructor": ("crypto.constructor === Object", True),
    "Date's constructor": ("new Date(0).constructor === Date", True),
    "Date's constructor, called": ("new (new Date(0).constructor)().getTime()", NOW),
    "Date through Reflect": ("Reflect.construct(Object.getPrototypeOf(new Date()).constructor, []).getTime()", NOW),
    "Date subclass": ("new (class extends Date {})().getTime()", NOW),
    "Date without new": ("Date()", "Thu Jan 01 2026 00:00:00 GMT+0000 (Coordinated Universal Time)"),
    "object URLs": ("URL.createObjectURL === undefined && URL.revokeObjectURL === undefined", True),
    "symbols of the global object": ("Object.getOwnPropertySymbols(globalThis).length", 0),
    "registered symbols": ("globalThis[Symbol.for('Deno.internal')] === undefined", True),
    "internals of Deno": ("Object.getOwnPropertySymbols(globalThis).some((s) => /deno/i.test(String(s)))", False),
    "prepareStackTrace": (
        "(() => { Error.prepareStackTrace = (_, s) => s; return typeof new Error().stack; })()",
        "string",
    ),
    "another Error": ("(globalThis.Error = class {})", Throws("TypeError")),
    "redefining prepareStackTrace": (
        "Object.defineProperty(Error, 'prepareStackTrace', {value: 1})",
        Throws("TypeError"),
    ),
    "waiting on shared memory": ("new ArrayBuffer(8) instanceof Object && typeof Atomics", "undefined"),
    "shared memory from a clone": ("structuredClone(new ArrayBuffer(8)).constructor.name", "ArrayBuffer"),
    "the tools object changed": ("(tools.t = 1)", Throws("TypeError")),
    "a tool replaced": ("(tools.t.echo = 1)", Throws("TypeError")),
}

IMPORTS = {
    "$impor of a file": "$impor('file:///etc/passwd')",
    "$impor of node:fs": "$impor('node:fs')",
    "$impor of a URL": "$impor('https://example.com/x.ts')",
    "import of node:fs": "import('node:fs')",
    "import of fs": "import('fs')",
    "import of node:vm": "import('node:vm')",
    "import of node:sqlite": "import('node:sqlite')",
    "import of _http_agent": "import('_http_agent')",
    "import of a file": "import('file:///etc/passwd')",
    "import of a file as text": "import('file:///etc/passwd', {with: {type: 'text'}})",
    "import of a path as text": "import('/etc/passwd', {with: {type: 'text'}})",
    "import of a file as JSON": "import('file:///etc/passwd', {with: {type: 'json'}})",
    "import of a relative path": "import('./bridge.js')",
    "import of ext:": "import('ext:core/mod.js')",
    "import of npm:": "import('npm:left-pad')",
    "import of jsr:": "import('jsr:@std/assert')",
    "import of https:": "import('https://example.com/x.ts')",
    "import of the bare name": "import('tools')",
    "static import behind a data: URL": (
        "import('data:text/javascript,' + encodeURIComponent('import fs from \"node:fs\"; export default fs'))"
    ),
    "file import behind a data: URL": (
        "import('data:text/javascript,' + encodeURIComponent("
        '\'import s from "file:///etc/passwd" with {type: "text"}; export default s\'))'
    ),
}


def _program(expressions: dict[str, str]) -> str:
    cases = ",\n".join(f"[{json.dumps(name)}, () => ({text})]" for name, text in expressions.items())
    return f"""
const out = {{}};
for (const [name, attempt] of [{cases}]) {{
  try {{ out[name] = {{gave: await attempt()}}; }} catch (e) {{ out[name] = {{threw: e.name, message: e.message}}; }}
}}
return out;"""


def _import_program(expressions: dict[str, str]) -> str:
    """The host rewrites `import(`; left alone, an import needs Deno's event loop, which turns while calls are made."""
    cases = ",\n".join(f"[{json.dumps(name)}, () => ({text})]" for name, text in expressions.items())
    return f"""
const cases = [{cases}];
const out = {{}};
for (const [name, attempt] of cases) {{
  attempt().then((m) => out[name] = {{gave: Object.keys(m)}}, (e) => out[name] = {{threw: e.name, message: e.message}});
}}
for (let i = 0; i < 2_000 && Object.keys(out).length < cases.length; i++) await tools.t.echo();
return out;"""


DETERMINED: dict[str, object] = {
    "Date.now()": NOW,
    "new Date().toISOString()": "2026-01-01T00:00:00.000Z",
    "new Date().getTimezoneOffset()": 0,
    "new Date(2026, 6, 1).toISOString()": "2026-07-01T00:00:00.000Z",
    "new Date(0).toString()": "Thu Jan 01 1970 00:00:00 GMT+0000 (Coordinated Universal Time)",
    "new Date(0).toLocaleString()": "1/1/1970, 12:00:00 AM",
    "performance.now()": 0,
    "performance.timeOrigin": NOW,
    "Temporal.Now.instant().epochMilliseconds": NOW,
    "Temporal.Now.timeZoneId()": "UTC",
    "Temporal.Now.zonedDateTimeISO().toString()": "2026-01-01T00:00:00+00:00[UTC]",
    "Temporal.Now.zonedDateTimeISO('Asia/Tokyo').hour": 9,
    "Temporal.Now.plainDateISO().toString()": "2026-01-01",
    "Temporal.Now.plainDateTimeISO().toString()": "2026-01-01T00:00:00",
    "Temporal.Now.plainTimeISO().toString()": "00:00:00",
    "new Intl.DateTimeFormat().format()": "1/1/2026",
    "new Intl.DateTimeFormat().format(undefined)": "1/1/2026",
    "new Intl.DateTimeFormat().format(0)": "1/1/1970",
    "new Intl.DateTimeFormat().formatToParts().map((p) => p.value).join('')": "1/1/2026",
    "(new Intl.DateTimeFormat().resolvedOptions().timeZone)": "UTC",
    "(new Intl.DateTimeFormat().resolvedOptions().locale)": "en-US",
    "(1234.5).toLocaleString()": "1,234.5",
    "['ä', 'z', 'a'].sort(Intl.Collator().compare).join('')": "aäz",
    "Math.random()": 0.16864587853154456,
    "crypto.randomUUID()": "a73ebc6d-27d4-4249-a3c1-92f19212b7ac",
    "[...crypto.getRandomValues(new Uint8Array(5))]": [4, 181, 142, 126, 195],
    "[Math.random(), crypto.randomUUID()].length": 2,
}


@pytest_asyncio.fixture(loop_scope="package", scope="module")
async def attempts(pool: ProcessPool) -> Ran:
    return await run(pool, _program({name: text for name, (text, _) in ATTEMPTS.items()}))


@pytest_asyncio.fixture(loop_scope="package", scope="module")
async def imports(pool: ProcessPool) -> Ran:
    return await run(pool, _import_program(IMPORTS))


@pytest_asyncio.fixture(loop_scope="package", scope="module")
async def twins(pool: ProcessPool) -> list[Ran]:
    code = _program({text: text for text in DETERMINED})
    return await many(pool, code, code)


async def test_the_globals_are_these_and_no_other(pool: ProcessPool) -> None:
    ran = await run(pool, "return Reflect.ownKeys(globalThis).map(String)")
    assert set(ran.value) == GLOBALS


async def test_nothing_of_the_outside_is_there_under_any_name(pool: ProcessPool) -> None:
    names = json.dumps(GONE.split())
    ran = await run(pool, f"return {names}.filter((n) => n in globalThis || typeof globalThis[n] !== 'undefined')")
    assert ran.value == []


@pytest.mark.parametrize("name", ATTEMPTS)
async def test_a_trick_leads_nowhere(attempts: Ran, name: str) -> None:
    expected, outcome = ATTEMPTS[name][1], attempts.value[name]
    if isinstance(expected, Throws):
        assert outcome.get("threw") == expected.name, outcome
    else:
        assert outcome == {"gave": expected}


@pytest.mark.parametrize("name", IMPORTS)
async def test_an_import_is_refused(imports: Ran, name: str) -> None:
    assert "threw" in imports.value[name], imports.value[name]


@pytest.mark.parametrize("name", ["$impor of node:fs", "import of node:fs", "import of _http_agent"])
async def test_a_refused_import_says_what_there_is(imports: Ran, name: str) -> None:
    assert '"tools"' in imports.value[name]["message"]


@pytest.mark.parametrize("source", ['"node:fs"', '"/etc/passwd" with {type: "text"}', '"npm:left-pad"', '"./x.ts"'])
async def test_a_static_import_keeps_the_program_from_loading(pool: ProcessPool, source: str) -> None:
    ran = await run(pool, f"\nimport x from {source};\nexport default async () => typeof x;", wrap=False)
    assert ran.error["code"] == "program_error"
    assert 'nothing but "tools"' in ran.error["message"]


async def test_the_tools_can_be_imported(pool: ProcessPool) -> None:
    ran = await run(pool, "const m = await $impor('tools'); return [m.default === tools, await m.t.echo({a: 1})]")
    assert ran.value == [True, {"a": 1}]


@pytest.mark.parametrize("text", DETERMINED)
async def test_a_value_is_the_same_in_every_process(twins: list[Ran], text: str) -> None:
    first, second = (ran.value[text] for ran in twins)
    assert first == second == {"gave": DETERMINED[text]}


async def test_another_seed_gives_other_random_values(pool: ProcessPool) -> None:
    code = "return [Math.random(), crypto.randomUUID()]"
    one, other = await run(pool, code), await run(pool, code, seed="f" * 32)
    assert one.value[0] != other.value[0]
    assert one.value[1] != other.value[1]


async def test_random_numbers_are_spread_evenly(pool: ProcessPool) -> None:
    ran = await run(
        pool,
        """
const counts = new Array(10).fill(0);
for (let i = 0; i < 100_000; i++) counts[Math.floor(Math.random() * 10)]++;
return counts;""",
    )
    assert all(9_500 < count < 10_500 for count in ran.value)


async def test_uuids_have_their_version_and_differ(pool: ProcessPool) -> None:
    ran = await run(pool, "return Array.from({length: 500}, () => crypto.randomUUID())")
    assert len(set(ran.value)) == 500
    assert all(uuid[14] == "4" and uuid[19] in "89ab" for uuid in ran.value)


async def test_the_clock_moves_with_completions_only(pool: ProcessPool) -> None:
    ran = await run(
        pool,
        """
const times = [Date.now()];
for (let i = 0; i < 5_000_000; i++) Math.sqrt(i);
times.push(Date.now(), performance.now());
await tools.t.echo();
times.push(Date.now(), performance.now(), Temporal.Now.instant().epochMilliseconds);
await Promise.resolve();
times.push(new Date().getTime());
return times;""",
    )
    later = NOW + STEP_MS
    assert ran.value == [NOW, NOW, 0, later, STEP_MS, later, later]


async def test_stacks_name_the_author_s_lines_and_no_place_on_this_machine(pool: ProcessPool) -> None:
    ran = await run(
        pool,
        """
function deep() { return new Error("here").stack; }
const inBridge = await sleep("nonsense").catch((e) => e.stack);
const native = (() => { try { null.x } catch (e) { return e.stack } })();
return [deep(), inBridge, native, await new Promise((r) => setTimeout(() => r(deep()), 1))].join("\\n");""",
    )
    assert "    at deep (program.ts:2:" in ran.value
    assert "program.ts:3:" in ran.value
    for place in ("data:", "file:", "ext:", "bridge", "/"):
        assert place not in ran.value.replace("program.ts", "")


async def test_the_state_of_one_process_is_not_in_the_next(pool: ProcessPool) -> None:
    await run(pool, "globalThis.left = 1; Object.prototype.left = 1; Array.prototype.left = 1;")
    ran = await run(pool, "return [globalThis.left ?? null, ({}).left ?? null, [].left ?? null]")
    assert ran.value == [None, None, None]
