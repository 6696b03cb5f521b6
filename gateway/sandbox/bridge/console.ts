/** The program's console: every method, as text in order, within the run's log budget. */

import { elapsed } from "./clock.ts";
import { inspect } from "./inspect.ts";
import {
  indexOf,
  jsonQuote,
  mapDelete,
  mapGet,
  mapSet,
  max,
  NativeError,
  NativeMap,
  repeat,
  slice,
  toNumber,
  toText,
  toWellFormed,
  trunc,
} from "./primordials.ts";
import { scrub, stackOf } from "./stack.ts";
import { fitting, send, utf8Length } from "./wire.ts";
import { addGlobal } from "./world.ts";

const MAX_TRACE = 2_000;
const MAX_GROUPS = 20;
const ERROR = "Error";
/** What a line costs beside its text: without it, empty ones would be free. */
const LINE_END = 1;

let logBudget = 0;
let dropped = 0;
let groups = 0;

export function limitLog(bytes: number): void {
  logBudget = bytes;
}

/** Sends a line at once, so that a run which is killed for looping still shows what it said. */
function print(level: string, args: readonly unknown[], lead = ""): void {
  const text = indented(toWellFormed(scrub(lead + format(args))));
  const room = dropped > 0 || logBudget < LINE_END ? 0 : fitting(text, logBudget - LINE_END);
  dropped += text.length - room;
  if (room === 0 && (text !== "" || logBudget < LINE_END)) return;
  const shown = slice(text, 0, room);
  logBudget -= utf8Length(shown) + LINE_END;
  send(`{"t":"log","level":"${level}","text":${jsonQuote(shown)}}`);
}

/** Says how much was left out, once, when the run ends. */
export function reportDropped(): void {
  if (dropped === 0) return;
  const text = `[${dropped} further characters of console output were dropped (limit run_log_kb)]`;
  send(`{"t":"log","level":"warn","text":${jsonQuote(text)}}`);
  dropped = 0;
}

function asText(value: unknown): string {
  return typeof value === "string" ? value : inspect(value);
}

/** A first text with its `%` directives filled in, then the values that are left, with blanks between. */
function format(args: readonly unknown[]): string {
  if (args.length === 0) return "";
  let text = "";
  let next = 1;
  if (typeof args[0] === "string" && args.length > 1) {
    const template = args[0];
    let from = 0;
    for (let at = indexOf(template, "%"); at !== -1; at = indexOf(template, "%", from)) {
      const piece = next < args.length ? directive(template[at + 1], args[next]) : undefined;
      text += slice(template, from, at) + (piece ?? "%");
      from = at + (piece === undefined ? 1 : 2);
      if (piece !== undefined && template[at + 1] !== "%") next += 1;
    }
    text += slice(template, from);
  } else {
    text = asText(args[0]);
  }
  for (; next < args.length; next++) text += ` ${asText(args[next])}`;
  return text;
}

/** One `%` directive of the WHATWG console; undefined where the letter is none. */
function directive(letter: string | undefined, value: unknown): string | undefined {
  switch (letter) {
    case "s":
      return typeof value === "object" || typeof value === "function" ? inspect(value) : toText(value);
    case "d":
    case "i":
      return isNumeric(value) ? `${trunc(toNumber(value))}` : "NaN";
    case "f":
      return isNumeric(value) ? `${toNumber(value)}` : "NaN";
    case "o":
    case "O":
    case "j":
      return inspect(value);
    case "c":
      return "";
    case "%":
      return "%";
  }
  return undefined;
}

/** Whether making a number of the value runs no code of the program's. */
function isNumeric(value: unknown): boolean {
  return typeof value === "number" || typeof value === "string" || typeof value === "bigint";
}

function indented(text: string): string {
  if (groups === 0) return text;
  const indent = repeat("  ", groups);
  let lines = indent;
  let from = 0;
  for (let at = indexOf(text, "\n"); at !== -1; at = indexOf(text, "\n", from)) {
    lines += slice(text, from, at + 1) + indent;
    from = at + 1;
  }
  return lines + slice(text, from);
}

const counts = new NativeMap<string, number>();
const timers = new NativeMap<string, number>();

function labelled(label: unknown): string {
  return label === undefined ? "default" : asText(label);
}

function tally(label?: unknown): void {
  const name = labelled(label);
  const value = (mapGet(counts, name) ?? 0) + 1;
  mapSet(counts, name, value);
  print("info", [`${name}: ${value}`]);
}

/** Times by the program's clock, which moves only when a call completes. */
function timeLog(label: unknown, rest: readonly unknown[]): void {
  const name = labelled(label);
  const from = mapGet(timers, name);
  if (from === undefined) print("warn", [`There is no timer "${name}".`]);
  else print("info", rest, `${name}: ${elapsed() - from}ms${rest.length === 0 ? "" : " "}`);
}

function openGroup(args: readonly unknown[]): void {
  if (args.length > 0) print("log", args);
  if (groups < MAX_GROUPS) groups += 1;
}

/** Puts `console` into the program's world. */
export function installConsole(): void {
  const nothing = () => {};
  addGlobal("console", {
    log: (...args: unknown[]) => print("log", args),
    info: (...args: unknown[]) => print("info", args),
    debug: (...args: unknown[]) => print("debug", args),
    warn: (...args: unknown[]) => print("warn", args),
    error: (...args: unknown[]) => print("error", args),
    trace: (...args: unknown[]) => print("debug", [format(args) + slice(trace(), ERROR.length)], "Trace: "),
    assert: (condition?: unknown, ...args: unknown[]) => {
      if (!condition) print("error", args, args.length === 0 ? "Assertion failed" : "Assertion failed: ");
    },
    dir: (value?: unknown) => print("log", [inspect(value)]),
    dirxml: (...args: unknown[]) => print("log", args),
    table: (value?: unknown) => print("log", [inspect(value)]),
    group: (...args: unknown[]) => openGroup(args),
    groupCollapsed: (...args: unknown[]) => openGroup(args),
    groupEnd: () => void (groups = max(0, groups - 1)),
    count: tally,
    countReset: (label?: unknown) => void mapDelete(counts, labelled(label)),
    time: (label?: unknown) => void mapSet(timers, labelled(label), elapsed()),
    timeLog: (label?: unknown, ...rest: unknown[]) => timeLog(label, rest),
    timeEnd: (label?: unknown) => {
      timeLog(label, []);
      mapDelete(timers, labelled(label));
    },
    clear: nothing,
    timeStamp: nothing,
    profile: nothing,
    profileEnd: nothing,
  });
}

function trace(): string {
  return stackOf(new NativeError(), MAX_TRACE);
}
