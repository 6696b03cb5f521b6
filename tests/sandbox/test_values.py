"""What becomes of a program's values on their way to the host: as results, arguments, state and content blocks."""

from __future__ import annotations

import json

import pytest
import pytest_asyncio

from gateway.sandbox.pool import ProcessPool
from tests.sandbox.driving import LIMITS, Ran, run

pytestmark = pytest.mark.asyncio(loop_scope="package")

FORMS: dict[str, object] = {
    # expression → JSON
    "undefined": None,
    "null": None,
    "true": True,
    "0": 0,
    "-0": 0,
    "1.5e300": 1.5e300,
    "NaN": None,
    "Infinity": None,
    "-Infinity": None,
    "Number.MAX_SAFE_INTEGER": 9007199254740991,
    "''": "",
    "'ä€😀\\u0000\\u2028'": "ä€😀\u0000\u2028",
    "'a\\ud800b'": "a\ufffdb",
    "({'\\udfff': 1})": {"\ufffd": 1},
    "[]": [],
    "({})": {},
    "[1, undefined, () => 1].slice(0, 2)": [1, None],
    "[, 1]": [None, 1],
    "({a: undefined, b: null})": {"b": None},
    "({[Symbol('s')]: 1, a: 2})": {"a": 2},
    "({'__proto__x': 1, ['__proto__']: 2, constructor: 3})": {"__proto__x": 1, "__proto__": 2, "constructor": 3},
    "Object.create({inherited: 1}, {own: {value: 2, enumerable: true}, hidden: {value: 3}})": {"own": 2},
    "Object.create(null, {a: {value: 1, enumerable: true}})": {"a": 1},
    "new (class Point { x = 1; #y = 2; get z() { return 3; } })()": {"x": 1},
    "({get a() { return 7; }})": {"a": 7},
    "new Date(0)": "1970-01-01T00:00:00.000Z",
    "new Date(NaN)": None,
    "new Map([['a', 1], ['b', new Map()]])": {"a": 1, "b": {}},
    "new Map([['a', 1], [2, {x: 3}]])": [["a", 1], [2, {"x": 3}]],
    "new Map([[{k: 1}, undefined]])": [[{"k": 1}, None]],
    "new Map([['gone', undefined]])": {},
    "new (class extends Map {})([['a', 1]])": {"a": 1},
    "new Set([1, 'a', undefined, new Set([2])])": [1, "a", None, [2]],
    "new Uint8Array([1, 2, 255])": "AQL/",
    "new Uint8Array([9, 1, 2, 9]).subarray(1, 3)": "AQI=",
    "new Uint8ClampedArray([300])": "/w==",
    "new Uint8Array([1, 2]).buffer": "AQI=",
    "new DataView(new Uint8Array([9, 1, 2]).buffer, 1)": "AQI=",
    "new TextEncoder().encode('hi')": "aGk=",
    "new Int16Array([-1, 2])": [-1, 2],
    "new Float64Array([0.5, NaN])": [0.5, None],
    "new Error('broken')": {"name": "Error", "message": "broken"},
    "Object.assign(new TypeError('t'), {extra: 1})": {"name": "TypeError", "message": "t"},
    "/a+/gi": "/a+/gi",
    "[new Number(1), new String('s'), new Boolean(false)]": [1, "s", False],
    "new URL('https://example.com/?q=1')": "https://example.com/?q=1",
    "({toJSON: () => ({made: 1})})": {"made": 1},
    "({toJSON: (key: string) => key})": "",
    "({a: {toJSON: (key: string) => key}})": {"a": "a"},
    "[{toJSON: (key: string) => key}]": ["0"],
    "({toJSON: () => undefined})": None,
    "({a: {toJSON: () => undefined}})": {},
    "({toJSON() { return {toJSON: () => 1, x: [this === undefined]}; }}).toJSON().x": [False],
    "new (class { toJSON() { return new Date(0); } })()": "1970-01-01T00:00:00.000Z",
    "({toJSON: 5})": {"toJSON": 5},
    "Object.assign(Object.create({[Symbol.toStringTag]: 'Map'}), {a: 1})": {"a": 1},
    "new Proxy({a: 1}, {})": {"a": 1},
    "new Proxy([1, 2], {})": [1, 2],
    "Object.freeze([Object.freeze({a: 1})])": [{"a": 1}],
    "(() => { const shared = {n: 1}; return [shared, shared]; })()": [{"n": 1}, {"n": 1}],
    "(function () { return arguments; })(1, 2)": {"0": 1, "1": 2},
    "Temporal.Instant.fromEpochMilliseconds(0)": "1970-01-01T00:00:00Z",
}

NO_FORM: dict[str, tuple[str, str]] = {
    # expression → path, words of the reason
    "10n": ("$", "bigint"),
    "({items: [0, 1, 2, {fn() {}}]})": ("$.items[3].fn", "function"),
    "[class A {}]": ("$[0]", "function"),
    "({'odd key': Symbol('x')})": ('$["odd key"]', "symbol"),
    "(() => { const a = {b: {}}; a.b.a = a; return a; })()": ("$.b.a", "contains itself"),
    "(() => { const a = []; a.push([a]); return a; })()": ("$[0][0]", "contains itself"),
    "(() => { const m = new Map(); m.set('self', m); return m; })()": ("$.self", "contains itself"),
    "new Map([[1, () => 1]])": ("$[0][1]", "function"),
    "new Set([1, 2n])": ("$[1]", "bigint"),
    "new BigInt64Array(2)": ("$[0]", "bigint"),
    "Object(1n)": ("$", "bigint"),
    "Object(Symbol())": ("$", "symbol"),
    "({p: Promise.resolve(1)})": ("$.p", "await it first"),
    "({p: new WeakMap()})": ("$.p", "cannot be listed"),
    "new Map().values()": ("$", "iterator"),
    "(function* () { yield 1; })()": ("$", "iterator"),
    "({get bad() { throw new Error('no!'); }})": ("$.bad", "no!"),
    "({a: {toJSON() { throw new Error('never'); }}})": ("$.a", "never"),
    "({toJSON: () => 5n})": ("$", "bigint"),
    "new Proxy({}, {ownKeys() { throw new Error('trap'); }})": ("$", "trap"),
    "new Proxy({}, {get() { throw {}; }, ownKeys: () => ['a'], "
    "getOwnPropertyDescriptor: (_, k) => k === 'a' ? {value: 1, enumerable: true, configurable: true} : undefined})": (
        "$.a",
        "could not be read",
    ),
    "(() => { const {proxy, revoke} = Proxy.revocable({}, {}); revoke(); return proxy; })()": (
        "$",
        "could not be read",
    ),
    "({get bad() { throw null; }})": ("$.bad", "null"),
    "({get bad() { throw new Proxy({}, {get() { throw 1; }, getPrototypeOf() { throw 2; }}); }})": (
        "$.bad",
        "could not be read",
    ),
    "({get deep() { const f = (): number => f() + 1; return f(); }})": ("$.deep", "call stack"),
    "tools": ("$.t.echo", "function"),
}


@pytest_asyncio.fixture(loop_scope="package", scope="module")
async def forms(pool: ProcessPool) -> Ran:
    """Each value once as an argument; then all of them in a result."""
    cases = ",\n".join(f"[{json.dumps(text)}, () => ({text})]" for text in FORMS)
    code = f"""
const out: Record<string, unknown> = {{}};
for (const [name, make] of [{cases}] as [string, () => unknown][]) {{
  out[name] = [make()];
  await tools.t.echo({{name, value: make()}});
}}
return out;"""
    return await run(pool, code)


@pytest_asyncio.fixture(loop_scope="package", scope="module")
async def refusals(pool: ProcessPool) -> Ran:
    cases = ",\n".join(f"[{json.dumps(text)}, () => ({text})]" for text in NO_FORM)
    code = f"""
const out: Record<string, unknown> = {{}};
for (const [name, make] of [{cases}] as [string, () => unknown][]) {{
  try {{ await state.set("k", make()); out[name] = "set"; }} catch (e) {{ out[name] = [e.name, e.message, e.path]; }}
}}
return out;"""
    return await run(pool, code)


@pytest.mark.parametrize("text", FORMS)
async def test_a_value_has_its_documented_form(forms: Ran, text: str) -> None:
    sent = next(command.args for command in forms.commands if command.args["name"] == text)
    as_property = FORMS[text]
    if "=> undefined})" in text or text == "undefined":
        assert "value" not in sent
    elif "(key: string) => key})" in text and not text.startswith(("({a", "[")):
        assert sent["value"] == "value"
    else:
        assert sent["value"] == as_property
        assert forms.value[text] == [as_property]


@pytest.mark.parametrize("text", NO_FORM)
async def test_what_has_no_form_is_named_with_its_path(refusals: Ran, text: str) -> None:
    path, reason = NO_FORM[text]
    name, message, said_path = refusals.value[text]
    assert (name, said_path) == ("TypeError", path)
    assert path in message
    assert reason in message


@pytest.mark.parametrize(
    ("text", "path"), [("() => 1", "$"), ("{a: [1n]}", "$.a[0]"), ("new Proxy({}, {ownKeys() { throw 1; }})", "$")]
)
async def test_a_result_without_a_form_fails_the_run(pool: ProcessPool, text: str, path: str) -> None:
    ran = await run(pool, f"return {text}")
    assert (ran.error["code"], ran.error["path"]) == ("program_error", path)
    assert path in ran.error["message"]


async def test_nothing_returned_is_null(pool: ProcessPool) -> None:
    ran = await run(pool, "await 1;")
    assert ran.value is None


async def test_deep_nesting_up_to_the_cap_is_fine_and_beyond_is_an_error(pool: ProcessPool) -> None:
    nest = "let v: unknown = 1; for (let i = 0; i < {}; i++) v = [v]; return v;"
    ran = await run(pool, nest.replace("{}", "150"))
    value, depth = ran.value, 0
    while isinstance(value, list):
        value, depth = value[0], depth + 1
    assert depth == 150
    ran = await run(pool, nest.replace("{}", "100_000"))
    assert "deeper than 200" in ran.error["message"]
    assert len(ran.error["path"]) < 600


async def test_a_result_over_the_limit_names_it(pool: ProcessPool) -> None:
    for text in ("'x'.repeat(2_000_000)", "'€'.repeat(400_000)", "new Array(2 ** 31)", "'x'.repeat(2 ** 20)"):
        ran = await run(pool, f"return {text}")
        assert (ran.error["code"], ran.error["limit"]) == ("limit_exceeded", "result_mb"), text
        assert "1 MB" in ran.error["message"]
    ran = await run(pool, f"return 'x'.repeat({2**20 - 2})")
    assert len(ran.value) == 2**20 - 2


async def test_an_argument_over_the_limit_can_be_caught(pool: ProcessPool) -> None:
    ran = await run(
        pool,
        """
const huge = "x".repeat(2_000_000);
const said = await tools.t.echo({huge}).catch((e) => [e.name, e.code, e.limit]);
const fine = await tools.t.echo({small: 1});
return [said, fine];""",
    )
    assert ran.value == [["LimitError", "limit_exceeded", "result_mb"], {"small": 1}]


async def test_an_uncaught_one_fails_the_run_with_its_code(pool: ProcessPool) -> None:
    ran = await run(pool, "const a = 1;\nawait tools.t.echo({huge: 'x'.repeat(2_000_000)});")
    assert (ran.error["code"], ran.error["limit"], ran.error["line"]) == ("limit_exceeded", "result_mb", 2)


async def test_a_tool_takes_one_object(pool: ProcessPool) -> None:
    ran = await run(
        pool,
        """
const messages = [];
for (const bad of [1, "x", [1], null, true, () => 1]) {
  await tools.t.echo(bad).catch((e) => messages.push(e.message));
}
return [messages, await tools.t.echo(), await tools.t.echo({})];""",
    )
    messages, without, empty = ran.value
    assert without == empty == {}
    assert len(messages) == 6
    assert all("t.echo" in message for message in messages)


async def test_results_come_back_as_they_are(pool: ProcessPool) -> None:
    value = {"__proto__": 1, "constructor": [None, 1.5, "😀\u2028", True], "then": {"toJSON": "x"}}
    ran = await run(
        pool,
        "const v = await tools.t.echo(); return [v, Object.getPrototypeOf(v) === Object.prototype]",
        answers=lambda _: value,
    )
    assert ran.value == [value, True]


async def test_large_results_come_through(pool: ProcessPool) -> None:
    value = [{"id": i, "text": "ä" * 50} for i in range(20_000)]
    ran = await run(pool, "return (await tools.t.echo()).length", answers=lambda _: value)
    assert ran.value == 20_000


async def test_a_getter_that_calls_a_tool_while_it_is_read_disturbs_nothing(pool: ProcessPool) -> None:
    ran = await run(
        pool,
        """
let inner;
const value = {a: {get b() { inner = tools.t.echo({from: "getter", deep: [[[1]]]}); return 2; }, c: [3]}};
const outer = await tools.t.echo(value);
return [outer, await inner];""",
    )
    assert ran.value == [{"a": {"b": 2, "c": [3]}}, {"from": "getter", "deep": [[[1]]]}]


async def test_content_blocks_reach_the_client_and_are_capped(pool: ProcessPool) -> None:
    ran = await run(
        pool,
        """
emit({type: "text", text: "hello"});
emit({type: "image", data: new Uint8Array([1, 2]), mimeType: "image/png"});
const wrong = (() => { try { emit("text"); } catch (e) { return e.message; } })();
const block = {type: "text", text: "x".repeat(100_000)};
const over = (() => { try { for (;;) emit(block); } catch (e) { return e.limit; } })();
return [wrong, over];""",
    )
    assert ran.blocks[:2] == (
        {"type": "text", "text": "hello"},
        {"type": "image", "data": "AQI=", "mimeType": "image/png"},
    )
    assert "content block" in ran.value[0]
    assert ran.value[1] == "result_mb"
    assert sum(len(json.dumps(block)) for block in ran.blocks) < (LIMITS["result_mb"] + 0.2) * 2**20
