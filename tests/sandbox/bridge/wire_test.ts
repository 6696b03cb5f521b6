import { strictEqual } from "node:assert/strict";
import { exceeds, fitting, utf8Length } from "../../../gateway/sandbox/bridge/wire.ts";

const TEXTS = ["", "abc", "ä", "€", "😀", "a😀b€cäd", "😀".repeat(100), "\u0000\u2028"];
const encoder = new TextEncoder();

Deno.test("the size in UTF-8 is the encoder's", () => {
  for (const text of TEXTS) strictEqual(utf8Length(text), encoder.encode(text).length, text);
});

Deno.test("what fits is the longest prefix that does, never half a pair", () => {
  for (const text of TEXTS) {
    for (let bytes = 0; bytes <= 450; bytes++) {
      const count = fitting(text, bytes);
      strictEqual(encoder.encode(text.slice(0, count)).length <= bytes, true);
      strictEqual(text.slice(0, count).isWellFormed(), true);
      const next = count + (text.codePointAt(count)! > 0xffff ? 2 : 1);
      if (count < text.length) strictEqual(encoder.encode(text.slice(0, next)).length > bytes, true);
    }
  }
});

Deno.test("a limit is exceeded by bytes, not by characters", () => {
  strictEqual(exceeds("€€", 6), false);
  strictEqual(exceeds("€€", 5), true);
  strictEqual(exceeds("abc", 3), false);
  strictEqual(exceeds("abcd", 3), true);
});
