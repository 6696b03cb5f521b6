/** Durations as people write them: 1500 (ms), "90s", "1h 30m", "3 days". */

import {
  endsWith,
  NativeRangeError,
  NativeTypeError,
  numberIsFinite,
  numberIsNaN,
  regExpExec,
  slice,
  toLowerCase,
  trim,
  trunc,
} from "./primordials.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;
const UNITS: Readonly<Record<string, number>> = Object.assign(Object.create(null), {
  ...{ ms: 1, millisecond: 1, s: SECOND, sec: SECOND, second: SECOND, m: MINUTE, min: MINUTE, minute: MINUTE },
  ...{ h: HOUR, hr: HOUR, hour: HOUR, d: DAY, day: DAY, w: WEEK, week: WEEK },
});
/** 100 years: farther than any timer of the host reaches. */
export const LONGEST = 3.1536e12;
const PART = /^(\d+(?:\.\d+)?)\s*([a-z]+)(?:\s+|,\s*|(?=\d)|$)/;
const HOW = 'a number of milliseconds, or a text such as "90s", "1h 30m" or "3 days"';

/** Milliseconds, whole, not negative, at most 100 years. `what` names the argument in the error. */
export function parseDuration(value: unknown, what: string): number {
  const ms = typeof value === "number" ? value : parseText(value, what);
  if (!numberIsFinite(ms) || ms > LONGEST) {
    throw new NativeRangeError(`${what} is ${ms} ms; give ${HOW}, up to 100 years.`);
  }
  return ms > 0 ? trunc(ms) : 0;
}

function parseText(value: unknown, what: string): number {
  if (typeof value !== "string") throw new NativeTypeError(`${what} is of type ${typeof value}; give ${HOW}.`);
  let rest = toLowerCase(trim(value));
  let total = rest === "" ? NaN : 0;
  while (rest !== "") {
    const part = regExpExec(PART, rest);
    total += part === null ? NaN : +part[1] * unitMs(part[2]);
    rest = part === null ? "" : slice(rest, part[0].length);
  }
  if (numberIsNaN(total)) throw new NativeRangeError(`${what} "${slice(value, 0, 40)}" is no duration; give ${HOW}.`);
  return total;
}

function unitMs(name: string): number {
  return UNITS[name] ?? UNITS[endsWith(name, "s") ? slice(name, 0, -1) : name] ?? NaN;
}
