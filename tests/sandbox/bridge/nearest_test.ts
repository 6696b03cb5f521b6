import { strictEqual } from "node:assert/strict";
import { didYouMean, distance } from "../../../gateway/sandbox/bridge/nearest.ts";

Deno.test("the Levenshtein distance", () => {
  const cases: [string, string, number][] = [
    ["", "", 0],
    ["abc", "abc", 0],
    ["", "abc", 3],
    ["kitten", "sitting", 3],
    ["gitLog", "gitLogs", 1],
    ["flaw", "lawn", 2],
  ];
  for (const [a, b, far] of cases) {
    strictEqual(distance(a, b), far);
    strictEqual(distance(b, a), far);
  }
  strictEqual(distance("x".repeat(65), "x"), Infinity);
});

Deno.test("the nearest name, when one is near", () => {
  const names = ["gitLog", "gitStatus", "getTime"];
  strictEqual(didYouMean("gitlog", names), ' Did you mean "gitLog"?');
  strictEqual(didYouMean("gitSt", names), "");
  strictEqual(didYouMean("gitStatu", names), ' Did you mean "gitStatus"?');
  strictEqual(didYouMean("refund", names), "");
  strictEqual(didYouMean("x", []), "");
});
