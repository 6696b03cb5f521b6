import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { serialize, Unserializable } from "../../../gateway/sandbox/bridge/values.ts";

const MAX = 1_000_000;

function refusal(value: unknown, limit = MAX): Unserializable {
  try {
    serialize(value, limit);
  } catch (thrown) {
    if (Unserializable.is(thrown)) return thrown;
    throw thrown;
  }
  throw new Error("it was serialised");
}

Deno.test("plain data is written as JSON.stringify does", () => {
  const values: unknown[] = [
    null,
    [],
    {},
    [1, -1.5, 1e21, 1e-7, true, "", 'a"\\\n\u0000\u2028😀'],
    { a: { b: [{ c: null }] }, "": 1, " ": [undefined] },
    [[[[]]]],
  ];
  for (const value of values) strictEqual(serialize(value, MAX), JSON.stringify(value));
});

Deno.test("random data too", () => {
  const make = (depth: number): unknown => {
    const kind = Math.floor(Math.random() * (depth > 4 ? 4 : 6));
    if (kind === 0) return Math.random() * 1e9;
    if (kind === 1) return String.fromCodePoint(32 + Math.floor(Math.random() * 0x2000)).repeat(3);
    if (kind === 2) return Math.random() < 0.5;
    if (kind === 3) return null;
    if (kind === 4) return Array.from({ length: 3 }, () => make(depth + 1));
    return Object.fromEntries(Array.from({ length: 3 }, (_, i) => [`k${i}`, make(depth + 1)]));
  };
  for (let i = 0; i < 200; i++) {
    const value = make(0);
    strictEqual(serialize(value, MAX), JSON.stringify(value));
  }
});

Deno.test("a value over the limit is never built whole", () => {
  strictEqual(refusal("x".repeat(100), 50).tooLarge, true);
  strictEqual(refusal(new Array(2 ** 32 - 1), 1_000).tooLarge, true);
  strictEqual(refusal(Array.from({ length: 1_000 }, () => []), 1_000).tooLarge, true);
  strictEqual(serialize("x".repeat(48), 50).length, 50);
  strictEqual(serialize("€".repeat(10), 32).length, 12);
  strictEqual(refusal("€".repeat(10), 31).tooLarge, true);
});

Deno.test("a failure leaves nothing behind for the next value", () => {
  const cycle: unknown[] = [];
  cycle.push([cycle]);
  deepStrictEqual([refusal({ a: cycle }).path, refusal({ a: { b: 1n } }).path], ["$.a[0][0]", "$.a.b"]);
  strictEqual(serialize({ a: [cycle.length] }, MAX), '{"a":[1]}');
});

Deno.test("values written while another is written keep apart", () => {
  let inner = "";
  const value = {
    a: [{
      get b() {
        inner = serialize({ x: [1, { y: 2 }] }, MAX);
        return refusal({ deep: [() => 1] }).path;
      },
      c: 3,
    }],
  };
  strictEqual(serialize(value, MAX), '{"a":[{"b":"$.deep[0]","c":3}]}');
  strictEqual(inner, '{"x":[1,{"y":2}]}');
  strictEqual(
    refusal({
      a: [1, {
        get b() {
          serialize([1], MAX);
          return 5n;
        },
      }],
    }).path,
    "$.a[1].b",
  );
});
