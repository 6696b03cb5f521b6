/**
 * The frame channel: a 4-byte big-endian length, then UTF-8 JSON, on standard input and output.
 * Reads and writes block: while the bridge waits for the host, nothing of the program can run.
 */

import {
  charCodeAt,
  core,
  decodeText,
  encodeInto,
  jsonParse,
  NativeArrayBuffer,
  NativeError,
  NativeUint8Array,
} from "./primordials.ts";

export interface Start {
  t: "start";
  run: string;
  code: string;
  tools: Record<string, Record<string, [server: string, tool: string]>>;
  limits: Record<string, number>;
}

export interface Go {
  t: "go";
  seed: string;
  now: number;
  replayed: number;
  /** What the leg before gave to `continueWith`; absent in the first. */
  continued?: unknown;
}

/** The completion of one command. The host sends either `value` or `error`. */
export interface Done {
  cid: number;
  now: number;
  value?: unknown;
  error?: Record<string, unknown>;
}

export interface Deliver {
  t: "deliver";
  items: Done[];
}

type HostFrame = Start | Go | Deliver;

// Of Deno's core, since `Deno.stdin.readSync` asks the view for its length, which a program can redefine.
const { readSync, writeSync } = core;
const STDIN = 0;
const STDOUT = 1;
export const MIB = 1024 * 1024;

const HEADER = 4;
const SCRATCH = 64 * 1024;
const scratch = new NativeArrayBuffer(SCRATCH);

/** Writes one frame, whole. */
export function send(json: string): void {
  const roomy = HEADER + json.length * 3;
  const buffer = roomy <= SCRATCH ? scratch : new NativeArrayBuffer(roomy);
  const size = encodeInto(json, new NativeUint8Array(buffer, HEADER));
  const header = new NativeUint8Array(buffer, 0, HEADER);
  header[0] = size >>> 24;
  header[1] = size >>> 16;
  header[2] = size >>> 8;
  header[3] = size;
  let at = 0;
  while (at < HEADER + size) at += writeSync(STDOUT, new NativeUint8Array(buffer, at, HEADER + size - at));
}

/** Blocks until the next frame is here. The end of the input means that the host is gone: so is the process. */
export function receive(): HostFrame {
  const header = read(HEADER);
  const size = header[0] * 0x1000000 + ((header[1] << 16) | (header[2] << 8) | header[3]);
  return jsonParse(decodeText(read(size))) as HostFrame;
}

function read(size: number): Uint8Array {
  const buffer = new NativeArrayBuffer(size);
  let at = 0;
  while (at < size) {
    const count = readSync(STDIN, new NativeUint8Array(buffer, at, size - at));
    if (count === 0) throw new NativeError("The host is gone.");
    at += count;
  }
  return new NativeUint8Array(buffer);
}

/** The size of a text in UTF-8, counted without encoding it. */
export function utf8Length(text: string): number {
  let size = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = charCodeAt(text, i);
    if (unit >= 0x800) size += unit >= 0xd800 && unit <= 0xdfff ? 1 : 2;
    else if (unit >= 0x80) size += 1;
  }
  return size;
}

/** How many characters of a text fit into `bytes` bytes of UTF-8, never half of a surrogate pair. */
export function fitting(text: string, bytes: number): number {
  if (text.length * 3 <= bytes) return text.length;
  let left = bytes;
  for (let i = 0; i < text.length; i++) {
    const unit = charCodeAt(text, i);
    const pair = unit >= 0xd800 && unit <= 0xdbff;
    left -= unit < 0x80 ? 1 : unit < 0x800 ? 2 : pair ? 4 : 3;
    if (left < 0) return i;
    if (pair) i += 1;
  }
  return text.length;
}

/** Whether a text takes more than `limit` bytes, decided from its length alone where that is enough. */
export function exceeds(text: string, limit: number): boolean {
  if (text.length > limit) return true;
  return text.length * 3 > limit && utf8Length(text) > limit;
}

/** The next frame, which has to be of the type that is due. */
export function expect<T extends HostFrame["t"]>(type: T): HostFrame & { t: T } {
  const frame = receive();
  if (frame.t !== type) throw new NativeError("The host sent another frame than the one that is due.");
  return frame as HostFrame & { t: T };
}
