/**
 * Stacks as a program may see them: its own frames, in the author's lines, and nothing of the bridge, of Deno, or of
 * this machine's paths. They are the same on every replica.
 */

import {
  captureStackTrace,
  define,
  indexOf,
  isError,
  NativeError,
  NativeWeakMap,
  objectDefineProperty,
  reflectApply,
  reflectSet,
  regExpExec,
  slice,
  startsWith,
  weakMapGet,
  weakMapSet,
} from "./primordials.ts";

/** A place in the author's text; 0 where it is not known. */
export interface Site {
  readonly line: number;
  readonly column: number;
}

export const NOWHERE: Site = { line: 0, column: 0 };

/** Frames kept when a command's own place is looked up: the caller may sit behind a built-in such as `Array.map`. */
const SITE_FRAMES = 4;
/** The host puts one line of its own before the author's first. */
export const PRELUDE_LINES = 1;
const PROGRAM_URL = "data:application/typescript;base64,";
const PROGRAM_NAME = "program.ts";
const URL_TEXT = /^data:application\/typescript;base64,[\w+/=]*/;
const PLACE = /program\.ts:(\d+):(\d+)/;

interface Frame {
  getFileName(): unknown;
  getLineNumber(): unknown;
  getColumnNumber(): unknown;
  getFunctionName(): unknown;
  isAsync(): unknown;
}

/** What `callSite` asks for: V8 hands structured frames to `prepareStackTrace` only. */
const probe: { stack?: unknown } = {};
let found: Site = NOWHERE;

const errorToText = NativeError.prototype.toString;

function header(error: unknown): string {
  try {
    return reflectApply(errorToText, error, []);
  } catch {
    return "Error";
  }
}

/** The author's place of a frame. Deno's frames are made in the program's world too: nothing in them is certain. */
function siteOf(frame: Frame): Site | undefined {
  const file = frame.getFileName();
  const line = frame.getLineNumber();
  const column = frame.getColumnNumber();
  if (typeof file !== "string" || typeof line !== "number" || typeof column !== "number") return undefined;
  if (line <= PRELUDE_LINES || !startsWith(file, PROGRAM_URL)) return undefined;
  return { line: line - PRELUDE_LINES, column };
}

function firstSite(frames: readonly Frame[]): Site {
  for (let i = 0; i < frames.length; i++) {
    const site = siteOf(frames[i]);
    if (site !== undefined) return site;
  }
  return NOWHERE;
}

function prepare(error: unknown, frames: readonly Frame[]): string {
  if (error === probe) {
    found = firstSite(frames);
    return "";
  }
  let text = header(error);
  for (let i = 0; i < frames.length; i++) {
    const site = siteOf(frames[i]);
    if (site !== undefined) text += `\n    at ${frames[i].isAsync() ? "async " : ""}${place(frames[i], site)}`;
  }
  return text;
}

function place(frame: Frame, site: Site): string {
  const where = `${PROGRAM_NAME}:${site.line}:${site.column}`;
  const name = frame.getFunctionName();
  return typeof name !== "string" || name === "" || name === "default" ? where : `${name} (${where})`;
}

/** Fixes how stacks are made. The properties are locked: an assignment is ignored, and cannot bring paths back. */
export function installStacks(): void {
  objectDefineProperty(NativeError, "prepareStackTrace", { get: () => prepare, set: () => {}, configurable: false });
  objectDefineProperty(NativeError, "stackTraceLimit", { value: 10, writable: true, configurable: false });
  objectDefineProperty(globalThis, "Error", { value: NativeError, writable: false, configurable: false });
}

/** Where in the author's text `callee` was called. Takes about 10 µs, most of it Deno's source map. */
export function callSite(callee: (...args: never[]) => unknown): Site {
  const limit = NativeError.stackTraceLimit;
  found = NOWHERE;
  reflectSet(NativeError, "stackTraceLimit", SITE_FRAMES);
  try {
    captureStackTrace(probe, callee);
    void probe.stack;
  } catch {
    // Deno fills an array with the frames, which a setter on Array.prototype can disturb.
  }
  reflectSet(NativeError, "stackTraceLimit", limit);
  return found;
}

const places = new NativeWeakMap<object, Site>();

/**
 * Remembers the call that an error from the host answers. The program does not see it: a replay knows no places, and
 * has to give the error the same stack.
 */
export function placeAt(error: Error, site: Site): void {
  define(error, "stack", header(error));
  weakMapSet(places, error, site);
}

/** The place of anything thrown, with its stack, which names it. May run the program's code; never throws. */
export function whereThrown(thrown: unknown, limit: number): { site: Site; stack: string } {
  const stack = stackOf(thrown, limit);
  const site = isError(thrown) ? weakMapGet(places, thrown) : undefined;
  if (site === undefined) return { site: siteInStack(stack), stack };
  return { site, stack: site.line === 0 ? stack : `${stack}\n    at ${PROGRAM_NAME}:${site.line}:${site.column}` };
}

/** A text in which Deno named the program's module by its URL, which holds the whole of it. */
export function scrub(text: string): string {
  let rest = text;
  let clean = "";
  for (let at = indexOf(rest, PROGRAM_URL); at !== -1; at = indexOf(rest, PROGRAM_URL)) {
    clean += slice(rest, 0, at) + PROGRAM_NAME;
    rest = slice(rest, at + regExpExec(URL_TEXT, slice(rest, at))![0].length);
  }
  return clean + rest;
}

/** The first place named in a text, such as a stack. */
export function siteInStack(stack: string): Site {
  const match = regExpExec(PLACE, stack);
  return match === null ? NOWHERE : { line: +match[1], column: +match[2] };
}

/** The stack of anything thrown, empty where there is none. May run the program's code; never throws. */
export function stackOf(thrown: unknown, limit: number): string {
  try {
    const stack = isError(thrown) ? thrown.stack : undefined;
    return typeof stack === "string" ? slice(stack, 0, limit) : "";
  } catch {
    return "";
  }
}
