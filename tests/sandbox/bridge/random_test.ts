import { deepStrictEqual, notDeepStrictEqual } from "node:assert/strict";
import { nextFloat, nextWord, seedRandom } from "../../../gateway/sandbox/bridge/random.ts";

function words(seed: string, count: number): string[] {
  seedRandom(seed);
  return Array.from({ length: count }, () => nextWord().toString(16).padStart(8, "0"));
}

Deno.test("the stream is ChaCha20's for a 128-bit key of zeros and a zero nonce", () => {
  // The first block of the published test vector: 89670952608364fd00b2f90936f031c8…
  deepStrictEqual(words("0".repeat(32), 4), ["52096789", "fd648360", "09f9b200", "c831f036"]);
});

Deno.test("the same seed gives the same stream, another another", () => {
  const seed = "00112233445566778899aabbccddeeff";
  deepStrictEqual(words(seed, 100), words(seed, 100));
  notDeepStrictEqual(words(seed, 100), words(seed.replace("f", "e"), 100));
});

Deno.test("numbers lie in [0, 1)", () => {
  seedRandom("f".repeat(32));
  for (let i = 0; i < 10_000; i++) {
    const value = nextFloat();
    if (!(value >= 0 && value < 1)) throw new Error(String(value));
  }
});
