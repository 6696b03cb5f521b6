import { strictEqual, throws } from "node:assert/strict";
import { parseDuration } from "../../../gateway/sandbox/bridge/durations.ts";

const GOOD: [unknown, number][] = [
  [0, 0],
  [1500, 1500],
  [1.9, 1],
  [-5, 0],
  ["90s", 90_000],
  ["1500", NaN],
  ["1500ms", 1_500],
  [" 2 Minutes ", 120_000],
  ["1h 30m", 5_400_000],
  ["1h30m", 5_400_000],
  ["1 hour, 30 min", 5_400_000],
  ["3 days", 259_200_000],
  ["1 week", 604_800_000],
  ["1.5h", 5_400_000],
  ["2 hrs 5 secs", 7_205_000],
];

const BAD: unknown[] = ["", "soon", "5 parsecs", "h", "1h 30", "1 h x", "-5s", NaN, Infinity, 1e300, null, undefined];

Deno.test("durations as people write them", () => {
  for (const [text, ms] of GOOD) {
    if (Number.isNaN(ms)) throws(() => parseDuration(text, "timeout"), /timeout/);
    else strictEqual(parseDuration(text, "timeout"), ms, String(text));
  }
});

Deno.test("what is no duration is refused with how to write one", () => {
  for (const text of BAD) throws(() => parseDuration(text, "The time"), /The time.*(milliseconds|ms).*"3 days"/);
});

Deno.test("a long text does not take long", () => {
  const started = performance.now();
  throws(() => parseDuration("1h ".repeat(20_000) + "x", "t"));
  throws(() => parseDuration("1".repeat(100_000), "t"));
  if (performance.now() - started > 2_000) throw new Error("too slow");
});
