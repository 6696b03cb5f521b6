"""Programs that change the language under the bridge: they harm themselves, and what reaches the host stays right."""

from __future__ import annotations

import pytest

from gateway.sandbox.pool import ProcessPool
from tests.sandbox.driving import run

pytestmark = pytest.mark.asyncio(loop_scope="package")

# After each of these, calls carry the right arguments and results come back right.
POLLUTION = {
    "Object.prototype values": """
for (const k of ["cid", "kind", "name", "args", "line", "then_", "value", "error", "details", "path", "site", "get",
  "set", "writable", "configurable", "enumerable_", "code", "stack", "server", "limit", "options", "timeout"]) {
  Object.defineProperty(Object.prototype, k, {__proto__: null, value: "polluted", configurable: true, writable: true});
}""",
    "Object.prototype setters": """
for (const k of ["cid", "kind", "args", "value", "resolve", "reject", "0", "1", "length_", "line", "column"]) {
  Object.defineProperty(Object.prototype, k, {__proto__: null, set() { throw new Error("set " + k); },
    get() { return undefined; }, configurable: true});
}""",
    "Array.prototype setters": """
for (let i = 0; i < 100; i++) {
  Object.defineProperty(Array.prototype, i, {set() { throw new Error("set " + i); }, get() { return "polluted"; },
    configurable: true});
}""",
    "toJSON everywhere": """
Object.prototype.toJSON = () => "polluted"; Array.prototype.toJSON = () => "polluted";
String.prototype.toJSON = () => "polluted"; Number.prototype.toJSON = () => "polluted";""",
    "JSON": "JSON.stringify = () => '\"polluted\"'; JSON.parse = () => 'polluted';",
    "the array iterator": """
Array.prototype[Symbol.iterator] = function* () { yield "polluted"; };
Object.getPrototypeOf([].values()).next = () => ({done: true});
Map.prototype[Symbol.iterator] = () => { throw 1; }; Map.prototype.entries = () => { throw 1; };""",
    "array methods": """
for (const k of Object.getOwnPropertyNames(Array.prototype)) {
  if (typeof Array.prototype[k] === "function" && k !== "constructor") Array.prototype[k] = () => { throw 1; };
}""",
    "string methods": """
for (const k of Reflect.ownKeys(String.prototype)) {
  if (typeof String.prototype[k] === "function" && k !== "constructor") String.prototype[k] = () => { throw 1; };
}""",
    "RegExp": """
RegExp.prototype.exec = () => { throw 1; }; RegExp.prototype.test = () => { throw 1; };
RegExp.prototype[Symbol.replace] = () => { throw 1; };""",
    "maps and sets": """
for (const C of [Map, Set, WeakMap]) {
  for (const k of ["get", "set", "has", "delete", "add", "forEach"]) {
    if (C.prototype[k]) C.prototype[k] = () => { throw 1; };
  }
}
Object.defineProperty(Map.prototype, "size", {get() { throw 1; }});""",
    "functions": """
Function.prototype.call = () => "polluted"; Function.prototype.apply = () => "polluted";
Function.prototype.bind = () => () => "polluted"; Function.prototype[Symbol.hasInstance_] = 1;""",
    "Reflect and Object": """
for (const O of [Reflect, Object]) for (const k of Object.getOwnPropertyNames(O)) {
  try { O[k] = () => { throw 1; }; } catch {}
}""",
    "typed arrays": """
const T = Object.getPrototypeOf(Uint8Array.prototype);
for (const k of ["length", "byteLength", "buffer", "byteOffset"]) {
  Object.defineProperty(T, k, {get() { throw 1; }});
}
T.set = T.subarray = T.slice = () => { throw 1; };
Uint8Array.prototype.toBase64 = () => "polluted"; globalThis.Uint8Array = null; globalThis.ArrayBuffer = null;""",
    "text coders": """
TextEncoder.prototype.encode = TextEncoder.prototype.encodeInto = () => { throw 1; };
TextDecoder.prototype.decode = () => "polluted"; globalThis.TextEncoder = null;""",
    "errors": """
Error.captureStackTrace = () => { throw 1; }; Error.stackTraceLimit = 0; Error.isError = () => { throw 1; };
Object.freeze(Error); Error.prototype.toString = () => { throw 1; };
Object.defineProperty(Error.prototype, "stack", {get() { throw 1; }, set() { throw 1; }});""",
    "numbers and maths": """
for (const k of Object.getOwnPropertyNames(Math)) try { Math[k] = () => { throw 1; }; } catch {}
Number.isFinite = Number.isInteger = Number.isNaN = () => { throw 1; };
Number.prototype.toString = () => "polluted";""",
    "every global replaced": """
for (const k of Object.getOwnPropertyNames(globalThis)) {
  if (!["tools", "globalThis", "undefined", "NaN", "Infinity", "Error"].includes(k)) {
    try { globalThis[k] = new Proxy(function () {}, {get() { throw 1; }, apply() { throw 1; }}); } catch {}
  }
}""",
}

# These change how promises work, so the program awaits nothing of its own; the host still sees its calls.
PROMISES = {
    "then": "Promise.prototype.then = function () { throw new Error('then'); };",
    "constructor": (
        "Object.defineProperty(Promise.prototype, 'constructor', {get() { throw new Error('constructor'); }});"
    ),
    "species": "Object.defineProperty(Promise, Symbol.species, {get() { throw new Error('species'); }});",
    "another Promise": "globalThis.Promise = class extends Promise { constructor() { throw new Error('no'); } };",
    "Object.prototype.then": "Object.prototype.then = function (r) { delete Object.prototype.then; r('hijacked'); };",
}


@pytest.mark.parametrize("name", POLLUTION)
async def test_pollution_reaches_no_call(pool: ProcessPool, name: str) -> None:
    ran = await run(
        pool,
        f"""
const echo = tools.t.echo, second = {{b: "ä", n: [2, null, 1.5, true], o: {{x: ""}}}};
{POLLUTION[name]}
const one = await echo({{a: 1}});
const two = await echo(second);
return {{one, two}};""",
    )
    two = {"b": "ä", "n": [2, None, 1.5, True], "o": {"x": ""}}
    assert [(c.name, c.args) for c in ran.commands] == [("test:echo", {"a": 1}), ("test:echo", two)]
    assert ran.value == {"one": {"a": 1}, "two": two}


@pytest.mark.parametrize("name", POLLUTION)
async def test_pollution_hides_no_failure(pool: ProcessPool, name: str) -> None:
    ran = await run(pool, f"const E = TypeError, C = {{}};\n{POLLUTION[name]}\nthrow new E('seen');")
    assert (ran.error["name"], ran.error["code"]) == ("TypeError", "program_error")
    assert "seen" in ran.error["message"]
    assert "data:" not in str(ran.error)


@pytest.mark.parametrize("name", PROMISES)
async def test_broken_promises_break_only_the_program(pool: ProcessPool, name: str) -> None:
    ran = await run(pool, f"const echo = tools.t.echo;\n{PROMISES[name]}\necho({{a: 1}});\necho({{a: 2}});\nreturn 5;")
    assert [c.args for c in ran.commands] == [{"a": 1}, {"a": 2}]
    assert ran.end.error is not None or ran.end.value in (5, "hijacked")


@pytest.mark.parametrize("name", [*POLLUTION, *PROMISES])
async def test_the_next_program_sees_nothing_of_it(pool: ProcessPool, name: str) -> None:
    """One after the other on the pool: a process is never used twice."""
    await run(pool, (POLLUTION | PROMISES)[name] + "\nreturn 1;")
    ran = await run(pool, "return [JSON.stringify({a: [1]}), ({}).cid ?? null, [...new Map([[1, 2]])], Math.max(1, 2)]")
    assert ran.value == ['{"a":[1]}', None, [[1, 2]], 2]


async def test_a_forged_frame_needs_the_channel_and_there_is_none(pool: ProcessPool) -> None:
    ran = await run(
        pool,
        """
const forged = '{"t":"turn","emitted":[[{"cid":1,"kind":"tool","name":"admin:delete_all","args":{}}]]}';
console.log(forged); emit({type: "text", text: forged}); progress(1, 1, forged);
const error = await tools.t.echo({"t": "turn", "end": {value: "forged"}, "cid": 99, "authorized": true});
return [forged, error];""",
    )
    assert [c.name for c in ran.commands] == ["test:echo"]
    assert ran.commands[0].cid == 1
    assert ran.value[1]["end"] == {"value": "forged"}


async def test_names_of_tools_cannot_be_smuggled(pool: ProcessPool) -> None:
    ran = await run(
        pool,
        """
const tried = [];
for (const name of ["__proto__", "constructor", "hasOwnProperty", "toString", "valueOf"]) {
  for (const holder of [tools, tools.t]) {
    try { tried.push(typeof holder[name]); } catch (e) { tried.push(e.name); }
  }
}
return tried;""",
    )
    assert set(ran.value) == {"undefined"}
    assert ran.commands == []


async def test_tools_of_any_name_work(pool: ProcessPool) -> None:
    tools = {"odd": {"__proto__": ("s:rv", 'na"me'), "call": ("s", "constructor"), "name": ("s", "length")}}
    ran = await run(
        pool,
        "await odd_(); async function odd_() { const {call, name} = tools.odd; await call({}); await name({}); }",
        tools=tools,
    )
    assert [c.name for c in ran.commands] == ["s:constructor", "s:length"]
