/** Names near a misspelt one. */

import { charCodeAt, min, toLowerCase } from "./primordials.ts";

const ROWS = 64;
const rows = [new Uint16Array(ROWS + 1), new Uint16Array(ROWS + 1)];

/** The Levenshtein distance of two short texts; texts over 64 characters are infinitely far apart. */
export function distance(a: string, b: string): number {
  if (a.length > ROWS || b.length > ROWS) return Infinity;
  let before = rows[0];
  let row = rows[1];
  for (let j = 0; j <= b.length; j++) before[j] = j;
  for (let i = 1; i <= a.length; i++) {
    row[0] = i;
    for (let j = 1; j <= b.length; j++) {
      const other = charCodeAt(a, i - 1) === charCodeAt(b, j - 1) ? 0 : 1;
      row[j] = min(row[j - 1] + 1, before[j] + 1, before[j - 1] + other);
    }
    const spare = before;
    before = row;
    row = spare;
  }
  return before[b.length];
}

/** ` Did you mean "x"?` with the nearest of some names, or nothing when none is near. */
export function didYouMean(name: string, names: readonly string[]): string {
  let best = "";
  let least = min(3, name.length / 2 + 1);
  for (let i = 0; i < names.length; i++) {
    const far = distance(toLowerCase(name), toLowerCase(names[i]));
    if (far < least) {
      least = far;
      best = names[i];
    }
  }
  return best === "" ? "" : ` Did you mean "${best}"?`;
}
