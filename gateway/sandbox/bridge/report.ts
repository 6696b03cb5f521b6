/** What a program tells the waiting client: progress, and content blocks. */

import { toJson } from "./commands.ts";
import { limitError } from "./errors.ts";
import { jsonQuote, NativeTypeError, numberIsFinite, realNow, slice, toText, toWellFormed } from "./primordials.ts";
import { MIB, send, utf8Length } from "./wire.ts";
import { addGlobal } from "./world.ts";

const PROGRESS_EVERY_MS = 50;
const MAX_PROGRESS_TEXT = 1_000;

let blockBudget = 0;
let latest = "";
let sentAt = -Infinity;

export function limitBlocks(mib: number): void {
  blockBudget = mib * MIB;
}

function progress(done: unknown, total?: unknown, message?: unknown): void {
  if (!isNumber(done) || (total !== undefined && !isNumber(total))) {
    throw new NativeTypeError("progress takes numbers: progress(done, total?, message?).");
  }
  const text = message === undefined ? "" : toWellFormed(slice(toText(message), 0, MAX_PROGRESS_TEXT));
  latest = `{"t":"progress","done":${done},"total":${total ?? "null"},"message":${jsonQuote(text)}}`;
  if (realNow() - sentAt >= PROGRESS_EVERY_MS) flushProgress();
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && numberIsFinite(value);
}

/** Sends the last progress, if it was held back: a loop may report far more often than a client can show. */
export function flushProgress(): void {
  if (latest === "") return;
  send(latest);
  latest = "";
  sentAt = realNow();
}

function emitBlock(block: unknown): void {
  const text = toJson(block, "The content block");
  if (text[0] !== "{") throw new NativeTypeError('emit takes one content block, such as {type: "text", text: "…"}.');
  blockBudget -= utf8Length(text);
  if (blockBudget < 0) throw limitError("result_mb", "The content blocks of the run are too large together");
  send(`{"t":"emit","block":${text}}`);
}

/** Puts `progress` and `emit` into the program's world. */
export function installReports(): void {
  addGlobal("progress", progress);
  addGlobal("emit", emitBlock);
}
