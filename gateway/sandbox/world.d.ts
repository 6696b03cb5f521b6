/**
 * The world of a program, beside ECMAScript itself: these globals and nothing else. There is no network, no files, no
 * environment, no processes and no other modules; the tools are the way out.
 */

// --- the gateway ---

/** Milliseconds, or a text such as "90s", "1h 30m", "3 days". */
type Duration = number | string;

/** Waits, also for days: while it sleeps the program costs nothing. A Date is slept until. */
declare function sleep(duration: Duration | Date): Promise<void>;

/** Asks a person for a yes or no, and waits for it. With a timeout, `TimeoutError` when nobody answers. */
declare function approve(
  question: string,
  options?: { details?: unknown; by?: string; timeout?: Duration },
): Promise<{ approved: boolean; by: string | null; comment: string | null }>;

/** Asks the person for a value, with a form made from a JSON Schema. */
declare function ask<T = any>(message: string, schema: object): Promise<T>;

/** Waits for an event that somebody sends to this run; its payload. With a timeout, `TimeoutError` when none comes. */
declare function waitFor<T = any>(event: string, options?: { timeout?: Duration }): Promise<T>;

/** JSON values that last across the runs of this session. What was never set is null. */
declare const state: {
  get<T = any>(key: string): Promise<T>;
  set(key: string, value: unknown): Promise<void>;
  delete(key: string): Promise<void>;
  keys(): Promise<string[]>;
};

/** Values that were too large to show: an earlier run's `omitted` has their handles. */
declare const results: {
  get<T = any>(handle: string): Promise<T>;
};

/**
 * Ends this leg of a long run and starts the next: the same program from its beginning, with a fresh journal and with
 * `next` as `continued`. It never returns. For loops that go on for months.
 */
declare function continueWith(next: unknown): Promise<never>;

/** What the leg before gave to `continueWith`; undefined in the first one. */
declare const continued: any;

/** Tells the waiting client how far the program is. */
declare function progress(done: number, total?: number, message?: string): void;

/** A piece of content for the client, as MCP has it. */
type ContentBlock =
  | { type: "text"; text: string }
  | { type: "image" | "audio"; data: string; mimeType: string }
  | { type: "resource_link"; uri: string; name: string; [key: string]: unknown }
  | { type: "resource"; resource: { uri: string; [key: string]: unknown } };

/** Gives the client a content block beside the result, such as an image. */
declare function emit(block: ContentBlock): void;

/** What a tool throws when it says that it failed. */
declare class ToolError extends Error {
  readonly code: string;
  readonly server: string;
  readonly tool: string;
  readonly content: any;
}

/** The policy does not allow the call; `rule` is the rule that decided. */
declare class PolicyError extends Error {
  readonly code: string;
  readonly server?: string;
  readonly tool?: string;
  readonly rule?: string;
}

/** The time given for an answer is over. */
declare class TimeoutError extends Error {
  readonly code: string;
}

/** It is unknown whether an unsafe call took effect; only for calls with `{ onDoubt: "throw" }`. */
declare class InDoubtError extends Error {
  readonly code: string;
}

// --- beside ECMAScript ---

/** What is printed comes back with the run, as `logs`. */
declare const console: {
  log(...values: unknown[]): void;
  info(...values: unknown[]): void;
  debug(...values: unknown[]): void;
  warn(...values: unknown[]): void;
  error(...values: unknown[]): void;
  trace(...values: unknown[]): void;
  assert(condition?: unknown, ...values: unknown[]): void;
  dir(value?: unknown, options?: unknown): void;
  dirxml(...values: unknown[]): void;
  table(value?: unknown, columns?: string[]): void;
  group(...values: unknown[]): void;
  groupCollapsed(...values: unknown[]): void;
  groupEnd(): void;
  count(label?: string): void;
  countReset(label?: string): void;
  time(label?: string): void;
  timeLog(label?: string, ...values: unknown[]): void;
  timeEnd(label?: string): void;
  clear(): void;
  timeStamp(label?: string): void;
  profile(label?: string): void;
  profileEnd(label?: string): void;
};

declare function setTimeout<A extends unknown[]>(callback: (...args: A) => unknown, ms?: number, ...args: A): number;
declare function setInterval<A extends unknown[]>(callback: (...args: A) => unknown, ms?: number, ...args: A): number;
declare function clearTimeout(id?: number): void;
declare function clearInterval(id?: number): void;
declare function queueMicrotask(callback: () => void): void;
declare function structuredClone<T>(value: T, options?: { transfer?: ArrayBuffer[] }): T;
/** Base64 to a string of bytes. */
declare function atob(data: string): string;
/** A string of bytes to base64. */
declare function btoa(data: string): string;

/** Random values from the run's seed, the same when it is replayed. */
declare const crypto: {
  randomUUID(): `${string}-${string}-${string}-${string}-${string}`;
  getRandomValues<T extends ArrayBufferView>(array: T): T;
};

/** The run's clock, in milliseconds. */
declare const performance: { now(): number; readonly timeOrigin: number };

declare class URL {
  constructor(url: string | URL, base?: string | URL);
  static canParse(url: string | URL, base?: string | URL): boolean;
  static parse(url: string | URL, base?: string | URL): URL | null;
  hash: string;
  host: string;
  hostname: string;
  href: string;
  readonly origin: string;
  password: string;
  pathname: string;
  port: string;
  protocol: string;
  search: string;
  readonly searchParams: URLSearchParams;
  username: string;
  toString(): string;
  toJSON(): string;
}

declare class URLSearchParams {
  constructor(init?: Iterable<[string, string]> | Record<string, string> | string | URLSearchParams);
  readonly size: number;
  append(name: string, value: string): void;
  delete(name: string, value?: string): void;
  get(name: string): string | null;
  getAll(name: string): string[];
  has(name: string, value?: string): boolean;
  set(name: string, value: string): void;
  sort(): void;
  forEach(callback: (value: string, key: string, parent: this) => void): void;
  keys(): IteratorObject<string>;
  values(): IteratorObject<string>;
  entries(): IteratorObject<[string, string]>;
  [Symbol.iterator](): IteratorObject<[string, string]>;
  toString(): string;
}

declare class TextEncoder {
  readonly encoding: "utf-8";
  encode(input?: string): Uint8Array;
  encodeInto(source: string, destination: Uint8Array): { read: number; written: number };
}

declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  readonly encoding: string;
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  decode(input?: ArrayBuffer | ArrayBufferView, options?: { stream?: boolean }): string;
}

declare class DOMException extends Error {
  constructor(message?: string, name?: string);
  readonly code: number;
}

// --- what V8 has and TypeScript's libraries do not ---

interface ErrorConstructor {
  captureStackTrace(target: object, constructor?: unknown): void;
  stackTraceLimit: number;
}

interface Math {
  sumPrecise(numbers: Iterable<number>): number;
}

interface IteratorConstructor {
  concat<T>(...iterables: Iterable<T>[]): IteratorObject<T, undefined, unknown>;
}

/** Both outcomes have both fields, so that plain JavaScript may look at either without asking which it is. */
interface PromiseFulfilledResult<T> {
  reason?: undefined;
}
interface PromiseRejectedResult {
  value?: undefined;
}

/** What `import("tools")` becomes in a program. */
declare function $impor(specifier: "tools"): Promise<typeof import("tools")>;
declare function $impor(specifier: unknown): Promise<never>;
