/**
 * Intrinsics, captured before any program runs. A program may replace `Promise.prototype.then`, `JSON` or
 * `Array.prototype[Symbol.iterator]`; the bridge keeps working on what was there at start-up.
 *
 * Rules for code that runs after the program has entered:
 * - call methods through this file, never `value.method()` on a built-in;
 * - no `for … of`, array destructuring or call spread (they ask the array for its iterator);
 * - no assignment to a new array index and no read of a property that may be absent from a literal with a
 *   prototype (setters and values may have been put on `Array.prototype` and `Object.prototype`);
 * - no `await` (it asks the promise for its `constructor`).
 */

// deno-lint-ignore no-explicit-any
type Method<T, A extends any[], R> = (this: T, ...args: A) => R;

const { bind, call } = Function.prototype;

/** `uncurry(fn)(self, …args)` is `fn.call(self, …args)`, whatever happens to `Function.prototype` later. */
// deno-lint-ignore no-explicit-any
function uncurry<T, A extends any[], R>(fn: Method<T, A, R>): (self: T, ...args: A) => R {
  return bind.call(call, fn) as (self: T, ...args: A) => R;
}

function getter<R>(owner: object, key: PropertyKey): (self: unknown) => R {
  return uncurry(Object.getOwnPropertyDescriptor(owner, key)!.get as Method<unknown, [], R>);
}

export const {
  apply: reflectApply,
  construct: reflectConstruct,
  deleteProperty: reflectDeleteProperty,
  ownKeys: reflectOwnKeys,
  set: reflectSet,
} = Reflect;
export const {
  defineProperty: objectDefineProperty,
  freeze: objectFreeze,
  getPrototypeOf: objectGetPrototypeOf,
  keys: objectKeys,
} = Object;
export const ObjectPrototype = Object.prototype;

/** Defines a property, open to change by anyone. The descriptor has no prototype that could add a getter to it. */
export function define(target: object, key: PropertyKey, value: unknown, enumerable = false): void {
  objectDefineProperty(
    target,
    key,
    { __proto__: null, value, writable: true, configurable: true, enumerable } as object,
  );
}
export const objectHasOwn = Object.hasOwn as (self: object, key: PropertyKey) => boolean;
export const isPrototypeOf = uncurry(Object.prototype.isPrototypeOf) as (proto: object, value: unknown) => boolean;
export const objectToString = uncurry(Object.prototype.toString);

export const arrayIsArray: (value: unknown) => value is unknown[] = Array.isArray;
export const jsonParse = JSON.parse as (text: string) => unknown;
export const jsonQuote = JSON.stringify as (text: string) => string;
export const { max, min, trunc } = Math;
export const numberIsFinite: (value: unknown) => boolean = Number.isFinite;
export const numberIsNaN: (value: unknown) => boolean = Number.isNaN;
export const toNumber: (value: unknown) => number = Number;
/** `String(value)`: also for symbols. Runs the program's code when the value is an object. */
export const toText: (value: unknown) => string = String;

const StringPrototype = String.prototype;
export const charCodeAt = uncurry(StringPrototype.charCodeAt);
export const endsWith = uncurry(StringPrototype.endsWith);
export const indexOf = uncurry(StringPrototype.indexOf);
export const repeat = uncurry(StringPrototype.repeat);
export const slice = uncurry(StringPrototype.slice);
export const startsWith = uncurry(StringPrototype.startsWith);
export const toLowerCase = uncurry(StringPrototype.toLowerCase);
export const toWellFormed = uncurry(StringPrototype.toWellFormed);
export const trim = uncurry(StringPrototype.trim);
/** `exec` reads only the expression's own `lastIndex`; `test`, `match` and `replace` look `exec` up again. */
export const regExpExec = uncurry(RegExp.prototype.exec);

export const NativeMap = Map;
export const mapGet = uncurry(Map.prototype.get) as <K, V>(map: Map<K, V>, key: K) => V | undefined;
export const mapSet = uncurry(Map.prototype.set) as <K, V>(map: Map<K, V>, key: K, value: V) => Map<K, V>;
export const mapDelete = uncurry(Map.prototype.delete) as <K, V>(map: Map<K, V>, key: K) => boolean;
export const mapForEach = uncurry(Map.prototype.forEach) as <K, V>(map: Map<K, V>, fn: (v: V, k: K) => void) => void;
export const mapSize = getter<number>(Map.prototype, "size");
export const setForEach = uncurry(Set.prototype.forEach) as <V>(set: Set<V>, fn: (v: V) => void) => void;
export const setSize = getter<number>(Set.prototype, "size");
export const NativeWeakMap = WeakMap;
export const weakMapGet = uncurry(WeakMap.prototype.get) as <K extends object, V>(m: WeakMap<K, V>, k: K) => V;
export const weakMapSet = uncurry(WeakMap.prototype.set) as <K extends object, V>(m: WeakMap<K, V>, k: K, v: V) => void;

export const NativePromise = Promise;
const promiseThen = uncurry(Promise.prototype.then) as (
  promise: Promise<unknown>,
  onValue: (value: unknown) => void,
  onError: (reason: unknown) => void,
) => void;

/** Listens to a promise. Its own `constructor` keeps `then` from asking the program's `Promise` for a species. */
export function listen(
  promise: Promise<unknown>,
  onValue: (value: unknown) => void,
  onError: (reason: unknown) => void,
): void {
  define(promise, "constructor", undefined);
  promiseThen(promise, onValue, onError);
}

/** What V8 and ES2026 have beyond the library's declaration. */
interface FullErrorConstructor extends ErrorConstructor {
  stackTraceLimit: number;
  captureStackTrace(target: object, above?: (...args: never[]) => unknown): void;
  isError(value: unknown): value is Error;
}

export const NativeError = Error as FullErrorConstructor;
export const { captureStackTrace, isError } = NativeError;
export const NativeProxy = Proxy;
export const NativeRangeError = RangeError;
export const NativeTypeError = TypeError;
export const IteratorPrototype = Iterator.prototype;

export const NativeDate = Date;
export const dateGetTime = uncurry(Date.prototype.getTime);
export const dateToISOString = uncurry(Date.prototype.toISOString);

export const NativeArrayBuffer = ArrayBuffer;
export const NativeUint8Array = Uint8Array;
const TypedArrayPrototype = Object.getPrototypeOf(Uint8Array.prototype);
export const typedArrayTag = getter<string | undefined>(TypedArrayPrototype, Symbol.toStringTag);
export const typedArrayLength = getter<number>(TypedArrayPrototype, "length");
export const typedArrayBuffer = getter<ArrayBuffer>(TypedArrayPrototype, "buffer");
export const typedArrayByteLength = getter<number>(TypedArrayPrototype, "byteLength");
export const typedArrayByteOffset = getter<number>(TypedArrayPrototype, "byteOffset");
export const arrayBufferByteLength = getter<number>(ArrayBuffer.prototype, "byteLength");
export const dataViewByteLength = getter<number>(DataView.prototype, "byteLength");
export const dataViewBuffer = getter<ArrayBuffer>(DataView.prototype, "buffer");
export const dataViewByteOffset = getter<number>(DataView.prototype, "byteOffset");
export const toBase64 = uncurry((Uint8Array.prototype as unknown as { toBase64(): string }).toBase64);
export const numberValueOf = uncurry(Number.prototype.valueOf) as (self: unknown) => number;
export const stringValueOf = uncurry(String.prototype.valueOf) as (self: unknown) => string;
export const booleanValueOf = uncurry(Boolean.prototype.valueOf) as (self: unknown) => boolean;

const encoder = new TextEncoder();
const encodeOf = uncurry(TextEncoder.prototype.encode);
export const encode = (source: string): Uint8Array => encodeOf(encoder, source);
const encodeIntoOf = uncurry(TextEncoder.prototype.encodeInto);
export const encodeInto = (source: string, target: Uint8Array): number => encodeIntoOf(encoder, source, target).written;
const decoder = new TextDecoder();
const decodeOf = uncurry(TextDecoder.prototype.decode);
export const decodeText = (bytes: Uint8Array): string => decodeOf(decoder, bytes);

/**
 * The parts of Deno's core that have no public form as good. They are not documented: a Deno that has them otherwise
 * fails to start a process, which the gateway reports at its own start.
 */
interface Core {
  readonly kRefed: symbol;
  readSync(resource: number, into: Uint8Array): number;
  writeSync(resource: number, from: Uint8Array): number;
  immediateRefCount(increase: boolean): void;
  queueImmediate(immediate: object): void;
  setUnhandledPromiseRejectionHandler(handler: (promise: object, reason: unknown) => boolean): void;
  setHandledPromiseRejectionHandler(handler: (promise: object) => void): void;
}

const { internal } = Deno as unknown as { internal: keyof typeof Deno };
export const { core } = Deno[internal] as unknown as { core: Core };
const { immediateRefCount, kRefed, queueImmediate } = core;

/**
 * Runs `task` in a macrotask of its own, once every microtask has been drained: the barrier between two deliveries.
 * This is `setImmediate` (1.4 µs) without its global, the first use of which loads Node's timers: 8 ms of each start.
 */
export function afterMicrotasks(task: () => void): void {
  const links = { _idleNext: null, _idlePrev: null, _destroyed: false, asyncId: 0, triggerAsyncId: 0 };
  immediateRefCount(true);
  queueImmediate({ ...links, _onImmediate: task, _argv: undefined, [kRefed]: true });
}

/** The real clock, only to pace what a program cannot see. */
export const realNow: () => number = performance.now.bind(performance);
