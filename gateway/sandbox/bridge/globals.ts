/** The gateway's own functions in a program's world, each a command to the host. */

import { callPlace, request, toJson } from "./commands.ts";
import { parseDuration } from "./durations.ts";
import { InDoubtError, PolicyError, TimeoutError, ToolError } from "./errors.ts";
import { dateGetTime, NativePromise, NativeTypeError } from "./primordials.ts";
import { addGlobal } from "./world.ts";

/** The start of the year 5000, as the host's timers go. */
const LATEST = 95_617_584_000_000;

// deno-lint-ignore no-explicit-any
type AsyncFunction = (...args: any[]) => Promise<unknown>;
type Options = { details?: unknown; by?: unknown; timeout?: unknown } | undefined;

/** A mistake in the arguments rejects the promise, as in any async function, and does not throw. */
function guarded(callee: AsyncFunction, kind: string, args: () => string): Promise<unknown> {
  try {
    return request(kind, kind, args(), callPlace(callee));
  } catch (problem) {
    return new NativePromise((_, reject) => reject(problem));
  }
}

function text(value: unknown, what: string): string {
  if (typeof value !== "string" || value === "") {
    throw new NativeTypeError(`${what} has to be a text that is not empty.`);
  }
  return value;
}

function timeout(options: Options): number | undefined {
  return options?.timeout === undefined ? undefined : parseDuration(options.timeout, "timeout");
}

/** When a Date says, or undefined for anything that is none. */
function moment(value: unknown): number | undefined {
  try {
    return dateGetTime(value as Date);
  } catch {
    return undefined;
  }
}

function sleep(duration: unknown): Promise<unknown> {
  return guarded(sleep, "sleep", () => {
    const until = moment(duration);
    if (until === undefined) return `{"ms":${parseDuration(duration, "The time to sleep")}}`;
    // NaN, for an invalid date, compares false.
    if (!(until < LATEST)) throw new NativeTypeError("The date to sleep until is invalid, or after the year 5000.");
    return `{"until":${until}}`;
  });
}

function approve(question: unknown, options?: Options): Promise<unknown> {
  return guarded(approve, "approve", () => {
    const { details, by } = options ?? {};
    const asked = { question: text(question, "The question to approve"), details, by, timeout_ms: timeout(options) };
    return toJson(asked, "What approve is given");
  });
}

function ask(message: unknown, schema: unknown): Promise<unknown> {
  return guarded(ask, "ask", () => {
    if (typeof schema !== "object" || schema === null) {
      throw new NativeTypeError("ask takes a message and the JSON Schema of the answer: ask(message, schema).");
    }
    return toJson({ message: text(message, "The message to ask with"), schema }, "What ask is given");
  });
}

function waitFor(event: unknown, options?: Options): Promise<unknown> {
  return guarded(waitFor, "event", () => {
    return toJson({ event: text(event, "The event's name"), timeout_ms: timeout(options) }, "What waitFor is given");
  });
}

const state = {
  get: function get(key: unknown): Promise<unknown> {
    return guarded(get, "state", () => toJson({ op: "get", key: text(key, "The key") }, "The key"));
  },
  set: function set(key: unknown, value: unknown): Promise<unknown> {
    return guarded(set, "state", () => {
      const name = toJson(text(key, "The key"), "The key");
      return `{"op":"set","key":${name},"value":${toJson(value, "The value for the state")}}`;
    });
  },
  delete: function remove(key: unknown): Promise<unknown> {
    return guarded(remove, "state", () => toJson({ op: "delete", key: text(key, "The key") }, "The key"));
  },
  keys: function keys(): Promise<unknown> {
    return guarded(keys, "state", () => '{"op":"keys"}');
  },
};

const results = {
  get: function get(handle: unknown): Promise<unknown> {
    return guarded(get, "results", () => toJson({ handle: text(handle, "The handle") }, "The handle"));
  },
};

function continueWith(next: unknown): Promise<unknown> {
  return guarded(continueWith, "continue", () => `{"state":${toJson(next, "The state to continue with")}}`);
}

/** Puts the gateway's functions and error classes into the program's world. */
export function installGlobals(): void {
  const globals = { sleep, approve, ask, waitFor, state, results, continueWith };
  const classes = { ToolError, PolicyError, TimeoutError, InDoubtError };
  for (const [name, value] of Object.entries({ ...globals, ...classes })) addGlobal(name, value);
}
