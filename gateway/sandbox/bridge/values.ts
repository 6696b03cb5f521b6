/**
 * Program values → JSON text, for results, arguments and state. Whatever the program put in: nothing here throws
 * anything but `Unserializable`, runs away, or is led astray by a changed `JSON` or prototype.
 *
 * | value                                   | JSON                                                               |
 * | --------------------------------------- | ------------------------------------------------------------------ |
 * | undefined                               | null; a property that is undefined is left out                     |
 * | NaN, Infinity, -Infinity                | null; -0 is 0                                                      |
 * | string                                  | itself; a lone surrogate becomes U+FFFD                            |
 * | Date                                    | ISO 8601 text; null when invalid                                   |
 * | Map                                     | an object if every key is a string, else an array of [key, value]  |
 * | Set                                     | an array                                                           |
 * | ArrayBuffer, DataView, Uint8Array(Clamped) | base64 text, as MCP has bytes                                   |
 * | other typed arrays                      | an array of numbers                                                |
 * | Error                                   | {name, message}                                                    |
 * | RegExp                                  | its text                                                           |
 * | Number, String, Boolean objects         | the primitive                                                      |
 * | an object with toJSON                   | what toJSON() gives; one on Object.prototype is not asked          |
 * | any other object                        | its own enumerable string keys                                     |
 * | bigint, function, symbol, Promise, WeakMap, WeakSet, iterator, cycle | an error with the path             |
 */

import { bufferBytes, dataViewBytes, viewBytes } from "./bytes.ts";
import {
  arrayBufferByteLength,
  arrayIsArray,
  booleanValueOf,
  dataViewByteLength,
  dateGetTime,
  dateToISOString,
  isError,
  isPrototypeOf,
  IteratorPrototype,
  jsonQuote,
  mapForEach,
  mapSize,
  min,
  numberIsFinite,
  numberIsNaN,
  numberValueOf,
  objectGetPrototypeOf,
  objectHasOwn,
  objectKeys,
  ObjectPrototype,
  objectToString,
  reflectApply,
  regExpExec,
  setForEach,
  setSize,
  slice,
  stringValueOf,
  toBase64,
  toLowerCase,
  toText,
  toWellFormed,
  typedArrayLength,
  typedArrayTag,
} from "./primordials.ts";
import { exceeds } from "./wire.ts";

const MAX_DEPTH = 200;
const PLAIN_KEY = /^[A-Za-z_$][\w$]*$/;

/** A value has no JSON form. `path` is where, from `$`; `tooLarge` when it is only over the limit. */
export class Unserializable {
  #own = true;
  constructor(readonly reason: string, readonly path: string, readonly tooLarge = false) {}

  /** Unlike `instanceof` this asks nothing of a thrown Proxy. */
  static is(thrown: unknown): thrown is Unserializable {
    return typeof thrown === "object" && thrown !== null && #own in thrown;
  }
}

// The path and the ancestors of the value in hand. All indices exist from the start, so that writing one asks no
// setter on Array.prototype.
const keys: (string | number)[] = [];
const ancestors: unknown[] = [];
for (let i = 0; i <= MAX_DEPTH; i++) {
  keys[i] = "";
  ancestors[i] = null;
}
/** Where the value at hand starts: a getter or toJSON may call a tool, whose arguments are written meanwhile. */
let base = 0;
let depth = 0;
let maxBytes = 0;
let written = 0;

/** The JSON text of a value, at most `limit` bytes in UTF-8. Throws `Unserializable`. */
export function serialize(value: unknown, limit: number): string {
  const outer = { base, depth, maxBytes, written };
  depth = base = min(depth + 1, MAX_DEPTH);
  maxBytes = limit;
  written = 0;
  try {
    const text = write(value) ?? "null";
    return exceeds(text, limit) ? tooLarge() : text;
  } catch (thrown) {
    if (Unserializable.is(thrown)) throw thrown;
    throw new Unserializable(`it could not be read (${brief(thrown)})`, path());
  } finally {
    base = outer.base;
    depth = outer.depth;
    maxBytes = outer.maxBytes;
    written = outer.written;
  }
}

function brief(thrown: unknown): string {
  try {
    return slice(toText(isError(thrown) ? thrown.message : thrown), 0, 200);
  } catch {
    return "it threw";
  }
}

function path(): string {
  let text = "$";
  for (let i = base + 1; i <= depth; i++) {
    const key = keys[i];
    if (typeof key === "number") text += `[${key}]`;
    else text += regExpExec(PLAIN_KEY, key) === null ? `[${jsonQuote(slice(key, 0, 80))}]` : `.${slice(key, 0, 80)}`;
  }
  return text.length > 500 ? `${slice(text, 0, 240)} … ${slice(text, -240)}` : text;
}

function refuse(reason: string): never {
  throw new Unserializable(reason, path());
}

function tooLarge(): never {
  throw new Unserializable("it is too large", "$", true);
}

/** Counts characters, a lower bound of the bytes, so that a value over the limit is never built whole. */
function count(text: string): string {
  written += text.length + 1;
  if (written > maxBytes + 1) tooLarge();
  return text;
}

/** The JSON text; undefined for undefined, which a property is left out for. */
function write(value: unknown, asked = false): string | undefined {
  switch (typeof value) {
    case "string":
      return count(jsonQuote(toWellFormed(value)));
    case "number":
      return count(numberIsFinite(value) ? `${value === 0 ? 0 : value}` : "null");
    case "boolean":
      return count(value ? "true" : "false");
    case "undefined":
      return undefined;
    case "bigint":
      return refuse("it is a bigint; convert it with Number() or String()");
    case "function":
    case "symbol":
      return refuse(`it is a ${typeof value}`);
    default:
      return value === null ? count("null") : writeObject(value as object, asked);
  }
}

/** Writes a child of the value in hand. */
function writeAt(key: string | number, value: unknown): string | undefined {
  enter(key);
  const text = write(value);
  depth -= 1;
  return text;
}

/** Reads and writes a property or an element, so that what a getter throws is told with its path. */
function writeMember(key: string | number, holder: object): string | undefined {
  enter(key);
  const text = write((holder as Record<string | number, unknown>)[key]);
  depth -= 1;
  return text;
}

function enter(key: string | number): void {
  if (depth === MAX_DEPTH) refuse(`it is nested deeper than ${MAX_DEPTH} levels`);
  depth += 1;
  keys[depth] = key;
}

function writeObject(value: object, asked: boolean): string | undefined {
  for (let i = base; i < depth; i++) {
    if (ancestors[i] === value) return refuse("it contains itself");
  }
  ancestors[depth] = value;
  count("{");
  if (arrayIsArray(value)) return writeList(value, value.length);
  const proto = objectGetPrototypeOf(value);
  if (proto === null || proto === ObjectPrototype) {
    return !asked && objectHasOwn(value, "toJSON") ? writeCustom(value) : writeRecord(value);
  }
  const text = writeBuiltIn(value);
  if (text !== undefined) return text;
  return asked ? writeRecord(value) : writeCustom(value);
}

function writeList(value: object, length: number): string {
  let text = "";
  for (let i = 0; i < length; i++) text += (i === 0 ? "" : ",") + (writeMember(i, value) ?? count("null"));
  return `[${text}]`;
}

function writeRecord(value: object): string {
  const names = objectKeys(value);
  let text = "";
  for (let i = 0; i < names.length; i++) {
    text += property(text, names[i], writeMember(names[i], value));
  }
  return `{${text}}`;
}

function property(before: string, name: string, text: string | undefined): string {
  if (text === undefined) return "";
  return `${before === "" ? "" : ","}${count(jsonQuote(toWellFormed(name)))}:${text}`;
}

/** An object that may have a say in its own form. A `toJSON` which the program put on every object is not asked. */
function writeCustom(value: object): string | undefined {
  const toJSON = (value as { toJSON?: unknown }).toJSON;
  const everywhere = !objectHasOwn(value, "toJSON") && toJSON === (ObjectPrototype as { toJSON?: unknown }).toJSON;
  if (typeof toJSON !== "function" || everywhere) return writeRecord(value);
  return write(reflectApply(toJSON, value, [depth === base ? "" : toText(keys[depth])]), true);
}

/** What has a form of its own in the table above; undefined for any other object. */
function writeBuiltIn(value: object): string | undefined {
  const arrayTag = typedArrayTag(value);
  if (arrayTag !== undefined) return writeTypedArray(value as Uint8Array, arrayTag);
  if (isError(value)) return writeError(value);
  switch (objectToString(value)) {
    case "[object Date]":
      return has(dateGetTime, value) ? writeDate(value as Date) : undefined;
    case "[object Map]":
      return has(mapSize, value) ? writeMap(value as Map<unknown, unknown>) : undefined;
    case "[object Set]":
      return has(setSize, value) ? writeSet(value as Set<unknown>) : undefined;
    case "[object ArrayBuffer]":
      return has(arrayBufferByteLength, value) ? base64(bufferBytes(value)) : undefined;
    case "[object DataView]":
      return has(dataViewByteLength, value) ? base64(dataViewBytes(value)) : undefined;
    case "[object RegExp]":
      return write(toText(value));
    case "[object Number]":
      return has(numberValueOf, value) ? write(numberValueOf(value)) : undefined;
    case "[object String]":
      return has(stringValueOf, value) ? write(stringValueOf(value)) : undefined;
    case "[object Boolean]":
      return has(booleanValueOf, value) ? write(booleanValueOf(value)) : undefined;
    case "[object BigInt]":
    case "[object Symbol]":
      return refuse(`it is a ${toLowerCase(slice(objectToString(value), 8, -1))}`);
    case "[object Promise]":
      return refuse("it is a Promise; await it first");
    case "[object WeakMap]":
    case "[object WeakSet]":
      return refuse("it is a collection whose content cannot be listed");
  }
  return isPrototypeOf(IteratorPrototype, value) ? refuse("it is an iterator; make an array of it first") : undefined;
}

/** Whether a captured getter accepts a value, which only a real instance can bring about. */
function has(getter: (value: never) => unknown, value: object): boolean {
  try {
    getter(value as never);
    return true;
  } catch {
    return false;
  }
}

function base64(bytes: Uint8Array): string {
  return count(`"${toBase64(bytes)}"`);
}

function writeTypedArray(value: Uint8Array, tag: string): string {
  if (tag === "Uint8Array" || tag === "Uint8ClampedArray") return base64(viewBytes(value));
  return writeList(value, typedArrayLength(value));
}

function writeDate(value: Date): string {
  return count(numberIsNaN(dateGetTime(value)) ? "null" : `"${dateToISOString(value)}"`);
}

function writeError(value: Error): string {
  const name = property("", "name", write(toText(value.name)));
  return `{${name}${property(name, "message", write(toText(value.message)))}}`;
}

function writeMap(value: Map<unknown, unknown>): string {
  let record = true;
  mapForEach(value, (_, key) => record &&= typeof key === "string");
  let text = "";
  let index = 0;
  mapForEach(value, (item, key) => {
    if (record) text += property(text, key as string, writeAt(key as string, item));
    else text += (text === "" ? "" : ",") + writeAt(index++, [key, item]);
  });
  return record ? `{${text}}` : `[${text}]`;
}

function writeSet(value: Set<unknown>): string {
  let text = "";
  let index = 0;
  setForEach(value, (item) => {
    text += (text === "" ? "" : ",") + (writeAt(index++, item) ?? count("null"));
  });
  return `[${text}]`;
}
