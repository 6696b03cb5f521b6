/** The error classes of the program's world, and how anything thrown is described to the host. */

import {
  arrayIsArray,
  define,
  indexOf,
  isError,
  isPrototypeOf,
  NativeError,
  objectFreeze,
  objectHasOwn,
  objectKeys,
  slice,
  toText,
  toWellFormed,
} from "./primordials.ts";
import { placeAt, scrub, type Site, whereThrown } from "./stack.ts";
import { inspect } from "./inspect.ts";

const MAX_MESSAGE = 8_000;
const MAX_STACK = 4_000;

/** Errors that come from the host or the bridge. `code` is the gateway's stable code. */
class HostError extends Error {
  declare code: string;
}

/** A tool said that it failed. */
export class ToolError extends HostError {
  declare server: string;
  declare tool: string;
  declare content: unknown;
}

/** The policy does not allow the call. */
export class PolicyError extends HostError {
  declare server?: string;
  declare tool?: string;
  declare rule?: string;
}

/** The time that the program gave for an answer is over. */
export class TimeoutError extends HostError {}

/** It is unknown whether an unsafe call took effect (only with `onDoubt: "throw"`). */
export class InDoubtError extends HostError {}

/** A cap of the run; `limit` is its name in the configuration. */
class LimitError extends HostError {
  declare limit: string;
}

/** A value has no JSON form; `path` is where in it. */
export class ValueError extends TypeError {
  constructor(message: string, readonly path: string) {
    super(message);
  }
}

/** A call came too late: the program had returned. */
export class EndedError extends Error {}

const CLASSES: Readonly<Record<string, new (message: string) => HostError>> = Object.assign(Object.create(null), {
  ToolError,
  PolicyError,
  TimeoutError,
  InDoubtError,
  LimitError,
});
for (const name of Object.keys(CLASSES)) define(CLASSES[name].prototype, "name", name);
// A frozen constructor keeps its parent; the prototypes stay open, for subclasses that assign a name.
for (const own of [HostError, ValueError, EndedError, ...Object.values(CLASSES)]) objectFreeze(own);

/** Rebuilds an error that the host sent in answer to the call at `site`. */
export function fromHost(sent: Record<string, unknown>, site: Site): Error {
  const name = objectHasOwn(sent, "name") ? toText(sent.name) : "Error";
  const message = objectHasOwn(sent, "message") ? toText(sent.message) : "The call failed.";
  const error = new (CLASSES[name] ?? NativeError)(message);
  const fields = objectKeys(sent);
  for (let i = 0; i < fields.length; i++) {
    const key = fields[i];
    if (key === "message" || key === "stack" || (key === "name" && CLASSES[name] !== undefined)) continue;
    define(error, key, sent[key], key !== "name");
  }
  placeAt(error, site);
  return error;
}

/** The error for a cap that the program ran into. */
export function limitError(limit: string, message: string): Error {
  const error = new LimitError(`${message} (limit ${limit})`);
  define(error, "code", "limit_exceeded", true);
  define(error, "limit", limit, true);
  return error;
}

/** How a run ended badly, as the host reads it. `line` and `column` are the author's, 0 where unknown. */
export interface Failure {
  name: string;
  message: string;
  code: string;
  line: number;
  column: number;
  path?: string | undefined;
  stack?: string | undefined;
  server?: string | undefined;
  tool?: string | undefined;
  limit?: string | undefined;
}

/** V8's own words for a cap that it ran into, and the cap's name. A program can catch these; uncaught they end it. */
const ENGINE_LIMITS: readonly (readonly [text: string, limit: string])[] = [
  ["Maximum call stack size exceeded", "stack"],
  ["Array buffer allocation failed", "run_memory_mb"],
  ["ut of memory", "run_memory_mb"],
  ["Invalid string length", "run_memory_mb"],
];

/** Describes anything that was thrown. May run the program's code (getters, traps); never throws. */
export function describe(thrown: unknown): Failure {
  const { site, stack } = whereThrown(thrown, MAX_STACK);
  const failure = {
    __proto__: null, // or the fields assigned below could be setters on Object.prototype
    name: textField(thrown, "name") ?? "Error",
    message: bounded(messageOf(thrown)),
    code: "program_error",
    line: site.line,
    column: site.column,
    stack: stack === "" ? undefined : bounded(stack),
  } as unknown as Failure;
  if (isPrototypeOf(HostError.prototype, thrown)) copyHostFields(thrown, failure);
  if (isPrototypeOf(ValueError.prototype, thrown)) failure.path = textField(thrown, "path");
  if (failure.name === "RangeError" || failure.name === "DataCloneError") nameEngineLimit(failure);
  return failure;
}

function copyHostFields(thrown: unknown, failure: Failure): void {
  failure.code = textField(thrown, "code") ?? failure.code;
  failure.server = textField(thrown, "server");
  failure.tool = textField(thrown, "tool");
  failure.limit = textField(thrown, "limit");
}

function nameEngineLimit(failure: Failure): void {
  for (let i = 0; i < ENGINE_LIMITS.length; i++) {
    if (indexOf(failure.message, ENGINE_LIMITS[i][0]) === -1) continue;
    failure.code = "limit_exceeded";
    failure.limit = ENGINE_LIMITS[i][1];
    failure.message += ` (limit ${failure.limit})`;
  }
}

/** A text that an error has under a name: an own property, or one of its class. */
function textField(thrown: unknown, key: string): string | undefined {
  try {
    const value = isError(thrown) ? (thrown as unknown as Record<string, unknown>)[key] : undefined;
    return typeof value === "string" && value !== "" ? bounded(value) : undefined;
  } catch {
    return undefined;
  }
}

function messageOf(thrown: unknown): string {
  if (typeof thrown === "string") return thrown;
  if (!isError(thrown)) return `The program threw ${inspect(thrown)}, which is not an Error.`;
  const message = textField(thrown, "message") ?? `${textField(thrown, "name") ?? "An error"} without a message.`;
  return message + reasons(thrown);
}

/** The messages behind an AggregateError, which has none of use itself: `Promise.any` throws it. */
function reasons(thrown: Error): string {
  let text = "";
  try {
    const errors = (thrown as AggregateError).errors;
    if (!arrayIsArray(errors)) return "";
    for (let i = 0; i < errors.length && i < 5; i++) {
      text += `\n  ${textField(errors[i], "message") ?? inspect(errors[i])}`;
    }
  } catch {
    // Whatever the program put there has no message to add.
  }
  return text;
}

function bounded(message: string): string {
  const text = scrub(message);
  return toWellFormed(text.length > MAX_MESSAGE ? `${slice(text, 0, MAX_MESSAGE)} …` : text);
}
