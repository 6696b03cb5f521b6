/**
 * Closes the world: what a program can name afterwards is the list below and what the bridge adds, nothing else.
 * An allow-list, so that a global which a later Deno brings is not there either.
 */

import { objectDefineProperty, ObjectPrototype, reflectOwnKeys } from "./primordials.ts";

/**
 * Left out of ECMAScript: what reads the real clock, sees the garbage collector, shares memory, or completes in an
 * order that nobody decides (SharedArrayBuffer, Atomics, WeakRef, FinalizationRegistry, WebAssembly). Date, Math,
 * Intl and Temporal stay and are made deterministic. Of the web's globals only what computes without the outside.
 */
const KEPT: readonly string[] = [
  ...["Object", "Function", "Array", "Number", "Boolean", "String", "Symbol", "BigInt", "Date", "Promise", "RegExp"],
  ...["Error", "AggregateError", "EvalError", "RangeError", "ReferenceError", "SyntaxError", "TypeError", "URIError"],
  ...["SuppressedError", "DisposableStack", "AsyncDisposableStack", "Map", "Set", "WeakMap", "WeakSet", "Iterator"],
  ...["Proxy", "Reflect", "JSON", "Math", "Intl", "Temporal", "globalThis", "Infinity", "NaN", "undefined", "eval"],
  ...["parseFloat", "parseInt", "isFinite", "isNaN", "decodeURI", "decodeURIComponent", "encodeURI"],
  ...["encodeURIComponent", "escape", "unescape", "ArrayBuffer", "DataView", "Int8Array", "Uint8Array"],
  ...["Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array", "Uint32Array", "BigInt64Array"],
  ...["BigUint64Array", "Float16Array", "Float32Array", "Float64Array"],
  ...["URL", "URLSearchParams", "TextEncoder", "TextDecoder", "DOMException", "structuredClone", "atob", "btoa"],
];

/** Takes away every other global, the global object's own prototype chain, and static doors of what stays. */
export function closeWorld(): void {
  const kept = new Set<PropertyKey>(KEPT);
  for (const key of reflectOwnKeys(globalThis)) {
    if (!kept.has(key) && !Reflect.deleteProperty(globalThis, key)) {
      throw new Error(`The global ${String(key)} cannot be taken away: this Deno is not supported.`);
    }
  }
  Object.setPrototypeOf(globalThis, ObjectPrototype);
  Reflect.deleteProperty(URL, "createObjectURL");
  Reflect.deleteProperty(URL, "revokeObjectURL");
}

/** Adds a global that a program sees; like the built-in ones it can be overwritten and is not enumerated. */
export function addGlobal(name: string, value: unknown): void {
  objectDefineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}
