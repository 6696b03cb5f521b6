/** Bytes of buffers and views, read through captured getters: a subclass or an own property cannot lie about them. */

import {
  arrayBufferByteLength,
  dataViewBuffer,
  dataViewByteLength,
  dataViewByteOffset,
  encode,
  NativeUint8Array,
  toBase64,
  typedArrayBuffer,
  typedArrayByteLength,
  typedArrayByteOffset,
} from "./primordials.ts";

/** The bytes under a typed array. Throws for anything else. */
export function viewBytes(view: unknown): Uint8Array {
  return new NativeUint8Array(typedArrayBuffer(view), typedArrayByteOffset(view), typedArrayByteLength(view));
}

/** The bytes under a DataView. Throws for anything else. */
export function dataViewBytes(view: unknown): Uint8Array {
  return new NativeUint8Array(dataViewBuffer(view), dataViewByteOffset(view), dataViewByteLength(view));
}

/** The bytes of an ArrayBuffer. Throws for anything else. */
export function bufferBytes(buffer: unknown): Uint8Array {
  return new NativeUint8Array(buffer as ArrayBuffer, 0, arrayBufferByteLength(buffer));
}

/** The UTF-8 bytes of a text as base64. */
export function base64OfText(text: string): string {
  return toBase64(encode(text));
}
