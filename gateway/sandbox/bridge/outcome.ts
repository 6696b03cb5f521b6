/** How the program ended, and the rejections that nobody has handled yet. The first outcome counts. */

import { endCommands, toJson } from "./commands.ts";
import { describe, EndedError, type Failure } from "./errors.ts";
import { isError, isPrototypeOf, mapDelete, mapForEach, mapSet, NativeMap } from "./primordials.ts";
import { serialize } from "./values.ts";

/** What `end` is in the last frame, as JSON text; empty while the program runs. */
let end = "";
let failed = false;

const unhandled = new NativeMap<object, unknown>();

/** Room for a failure's texts, which are bounded one by one. */
const FAILURE_BYTES = 256 * 1024;

function failWith(failure: Failure): void {
  end = `{"error":${serialize(failure, FAILURE_BYTES)}}`;
  failed = true;
  endCommands();
}

/** The program threw, where nothing could catch it. */
export function fail(thrown: unknown): void {
  if (end === "") failWith(describe(thrown));
}

/** The program returned. What it returned is read at once: later changes to it do not count. */
export function succeed(value: unknown): void {
  if (end !== "") return;
  endCommands();
  try {
    end = `{"value":${toJson(value, "The returned value")}}`;
  } catch (problem) {
    failWith(describe(problem));
  }
}

/** Fails the run before, or beside, anything that the program did. */
export function failPlainly(failure: Failure): void {
  if (end === "") failWith(failure);
}

/**
 * The engine's word that a promise was rejected without a handler. True: it is taken care of. That a call came after
 * the program's return does not undo the return.
 */
export function onUnhandled(promise: object, reason: unknown): boolean {
  if (!isError(reason) || !isPrototypeOf(EndedError.prototype, reason)) mapSet(unhandled, promise, reason);
  return true;
}

/** The engine's word that such a promise got a handler after all. */
export function onHandled(promise: object): void {
  mapDelete(unhandled, promise);
}

/** A rejection that nobody handled makes a run that returned, or that is stuck, fail. */
function failForRejection(): void {
  let first: { reason: unknown } | undefined;
  mapForEach(unhandled, (reason) => first ??= { reason });
  if (first === undefined) return;
  const failure = describe(first.reason);
  failure.message = `A rejected promise was not handled: ${failure.message}`;
  failWith(failure);
}

/** The JSON text of `end` once the program has settled, or can never settle; empty while it may go on. */
export function outcome(canGoOn: boolean): string {
  if (end === "" && canGoOn) return "";
  if (!failed) failForRejection();
  failPlainly({
    name: "Error",
    message: "The program waits for something that nothing can resolve: no call, timer or event is under way.",
    code: "program_error",
    line: 0,
    column: 0,
  });
  return end;
}
