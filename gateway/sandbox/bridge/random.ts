/**
 * Randomness from the run's seed: the ChaCha20 key stream (D. J. Bernstein, "ChaCha, a variant of Salsa20", 2008,
 * with the constants for a 128-bit key), so that a program's tokens cannot be guessed from its other random numbers.
 */

import { addGlobal } from "./world.ts";
import {
  NativeError,
  NativeTypeError,
  NativeUint8Array,
  objectDefineProperty,
  slice,
  typedArrayByteLength,
  typedArrayTag,
} from "./primordials.ts";
import { viewBytes } from "./bytes.ts";

/** "expand 16-byte k" */
const TAU = [0x61707865, 0x3120646e, 0x79622d36, 0x6b206574];
const MAX_BYTES = 65_536;

const cipher = new Uint32Array(16);
const keystream = new Uint32Array(16);
let used = 16;

/** Seeds the stream with 32 hex digits. */
export function seedRandom(seed: string): void {
  for (let i = 0; i < 4; i++) {
    cipher[i] = TAU[i];
    cipher[4 + i] = cipher[8 + i] = Number.parseInt(slice(seed, i * 8, i * 8 + 8), 16);
    cipher[12 + i] = 0;
  }
  used = 16;
}

function quarterRound(a: number, b: number, c: number, d: number): void {
  keystream[a] += keystream[b];
  keystream[d] = rotate(keystream[d] ^ keystream[a], 16);
  keystream[c] += keystream[d];
  keystream[b] = rotate(keystream[b] ^ keystream[c], 12);
  keystream[a] += keystream[b];
  keystream[d] = rotate(keystream[d] ^ keystream[a], 8);
  keystream[c] += keystream[d];
  keystream[b] = rotate(keystream[b] ^ keystream[c], 7);
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

function refill(): void {
  for (let i = 0; i < 16; i++) keystream[i] = cipher[i];
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 4; i++) quarterRound(i, 4 + i, 8 + i, 12 + i);
    for (let i = 0; i < 4; i++) quarterRound(i, 4 + ((i + 1) & 3), 8 + ((i + 2) & 3), 12 + ((i + 3) & 3));
  }
  for (let i = 0; i < 16; i++) keystream[i] += cipher[i];
  cipher[12] += 1;
  if (cipher[12] === 0) cipher[13] += 1;
  used = 0;
}

/** The next 32 bits. */
export function nextWord(): number {
  if (used === 16) refill();
  return keystream[used++];
}

/** A number in [0, 1) with 53 random bits, as `Math.random` gives it. */
export function nextFloat(): number {
  return ((nextWord() >>> 5) * 0x4000000 + (nextWord() >>> 6)) / 0x20000000000000;
}

function fill(bytes: Uint8Array, length: number): void {
  for (let i = 0; i < length; i += 4) {
    const word = nextWord();
    for (let j = 0; j < 4 && i + j < length; j++) bytes[i + j] = word >>> (8 * j);
  }
}

function getRandomValues<T extends ArrayBufferView>(view: T): T {
  const tag = typedArrayTag(view);
  if (tag === undefined || tag === "Float16Array" || tag === "Float32Array" || tag === "Float64Array") {
    throw new NativeTypeError("crypto.getRandomValues takes an array of integers, such as a Uint8Array.");
  }
  const size = typedArrayByteLength(view);
  if (size > MAX_BYTES) {
    throw new NativeError(`crypto.getRandomValues gives at most ${MAX_BYTES} bytes at once, not ${size}.`);
  }
  fill(viewBytes(view), size);
  return view;
}

const HEX = "0123456789abcdef";
const uuid = new NativeUint8Array(16);

function randomUUID(): string {
  fill(uuid, 16);
  uuid[6] = (uuid[6] & 0x0f) | 0x40;
  uuid[8] = (uuid[8] & 0x3f) | 0x80;
  let text = "";
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) text += "-";
    text += HEX[uuid[i] >>> 4] + HEX[uuid[i] & 15];
  }
  return text;
}

/** Puts `Math.random` and `crypto` into the program's world. */
export function installRandom(): void {
  objectDefineProperty(Math, "random", { value: () => nextFloat(), writable: true, configurable: true });
  addGlobal("crypto", { getRandomValues, randomUUID });
}
