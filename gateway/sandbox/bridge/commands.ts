/**
 * What a program asks of the host. Every command gets its `cid` here, in the order of emission, which depends only on
 * the code, the seed and the order of deliveries: a replay numbers alike.
 */

import { EndedError, fromHost, limitError, ValueError } from "./errors.ts";
import {
  jsonQuote,
  mapDelete,
  mapGet,
  mapSet,
  mapSize,
  NativeMap,
  NativePromise,
  objectHasOwn,
} from "./primordials.ts";
import { callSite, NOWHERE, type Site } from "./stack.ts";
import { serialize, Unserializable } from "./values.ts";
import { type Done, MIB } from "./wire.ts";

/** Room in a turn beside the arguments: names, numbers, brackets. */
const OVERHEAD = 1_024;

/** Who waits for a command: where the author called it, and what its outcome goes to. */
export interface Waiting {
  readonly site: Site;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

const pending = new NativeMap<number, Waiting>();
let lastCid = 0;
let toolCalls = 0;
let emitted = "";
let cleared = "";
let ended = false;
let replayed = 0;

let maxPending = Infinity;
let maxToolCalls = Infinity;
/** For one argument object (its bytes), and for all that are emitted in one turn (their characters). */
let maxValueMib = Infinity;

/** Commands up to the cid `journaled` are a replay: nobody asks for their places, which cost more than all the rest. */
export function beginCommands(journaled: number): void {
  replayed = journaled;
}

export function limitCommands(concurrent: number, total: number, valueMib: number): void {
  maxPending = concurrent;
  maxToolCalls = total;
  maxValueMib = valueMib;
}

/** Where `callee` was called, for a command that is emitted next; nowhere for one that the journal has already. */
export function callPlace(callee: (...args: never[]) => unknown): Site {
  return lastCid < replayed ? NOWHERE : callSite(callee);
}

/** The JSON text of a value for the host. Throws an error that names what it is and the path of what has no form. */
export function toJson(value: unknown, what: string): string {
  try {
    return serialize(value, maxValueMib * MIB);
  } catch (problem) {
    if (!Unserializable.is(problem)) throw problem;
    if (problem.tooLarge) throw limitError("result_mb", `${what} is larger than ${maxValueMib} MB as JSON`);
    throw new ValueError(`${what} has no JSON form at ${problem.path}: ${problem.reason}.`, problem.path);
  }
}

/**
 * Sends a command on its way and tells `waiting` how it ends. `args` and `options` are JSON texts.
 * Throws when the run may not ask for more. The state changes last, where nothing can fail any more.
 */
export function emit(kind: string, name: string, args: string, waiting: Waiting, options = ""): number {
  if (ended) throw new EndedError("The program has already returned: a call that starts afterwards is refused.");
  if (mapSize(pending) >= maxPending) {
    throw limitError("run_concurrent_calls", `More than ${maxPending} calls and timers are under way at once`);
  }
  if (kind === "tool" && toolCalls >= maxToolCalls) {
    throw limitError("run_tool_calls", `The run has made its ${maxToolCalls} tool calls`);
  }
  const cid = lastCid + 1;
  const head = `{"cid":${cid},"kind":"${kind}","name":${jsonQuote(name)},"line":${waiting.site.line}`;
  const text = `${head},"args":${args}${options === "" ? "" : `,"options":${options}`}}`;
  if (emitted.length + text.length > maxValueMib * MIB + OVERHEAD) {
    throw limitError("result_mb", `The calls started at once have more than ${maxValueMib} MB of arguments`);
  }
  mapSet(pending, cid, waiting);
  emitted += emitted === "" ? text : `,${text}`;
  lastCid = cid;
  if (kind === "tool") toolCalls += 1;
  return cid;
}

/** A command that is answered with a value; its promise is what the program gets. */
export function request(kind: string, name: string, args: string, site: Site, options = ""): Promise<unknown> {
  return new NativePromise((resolve, reject) => {
    emit(kind, name, args, { site, resolve, reject }, options);
  });
}

/** The program no longer wants a timer. */
export function clear(cid: number): void {
  if (mapDelete(pending, cid)) cleared += cleared === "" ? `${cid}` : `,${cid}`;
}

/** Whether a cid has ever been given out. One that was cleared meanwhile counts: its delivery does nothing. */
export function isKnown(cid: number): boolean {
  return cid >= 1 && cid <= lastCid;
}

/** Hands the outcome of one command to the program. */
export function complete(done: Done): void {
  const waiting = mapGet(pending, done.cid);
  if (waiting === undefined) return;
  mapDelete(pending, done.cid);
  if (objectHasOwn(done, "error")) waiting.reject(fromHost(done.error!, waiting.site));
  else waiting.resolve(done.value);
}

/** Whether the program can still be woken by anything. */
export function isWaiting(): boolean {
  return mapSize(pending) > 0;
}

/** The commands emitted since the last call, as the text of a JSON list. */
export function takeEmitted(): string {
  const list = `[${emitted}]`;
  emitted = "";
  return list;
}

/** The cids of timers cleared since the last call, as the text of a JSON list. */
export function takeCleared(): string {
  const list = `[${cleared}]`;
  cleared = "";
  return list;
}

/** From here on every command is refused. */
export function endCommands(): void {
  ended = true;
}
