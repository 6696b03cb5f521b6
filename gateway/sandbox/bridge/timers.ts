/** setTimeout and setInterval through the host, so that they fire in the journal's order, live and replayed. */

import { clear, emit } from "./commands.ts";
import { LONGEST } from "./durations.ts";
import { fail } from "./outcome.ts";
import {
  listen,
  mapDelete,
  mapGet,
  mapSet,
  max,
  min,
  NativeMap,
  NativePromise,
  NativeTypeError,
  numberIsFinite,
  reflectApply,
  toNumber,
  trunc,
} from "./primordials.ts";
import { NOWHERE } from "./stack.ts";
import { addGlobal } from "./world.ts";

/** Timer id → the cid of its command under way. */
const active = new NativeMap<number, number>();
let lastId = 0;

/** Runs a callback of the program's; what it throws ends the run, as nothing is there to catch it. */
function run(callback: () => unknown): void {
  try {
    callback();
  } catch (thrown) {
    fail(thrown);
  }
}

function schedule(id: number, ms: number, repeat: boolean, callback: () => unknown): void {
  const fire = () => {
    if (!repeat) mapDelete(active, id);
    run(callback);
    if (repeat && mapGet(active, id) === cid) run(() => schedule(id, ms, repeat, callback));
  };
  const cid = emit("timer", "timer", `{"ms":${ms}}`, { site: NOWHERE, resolve: fire, reject: fail });
  mapSet(active, id, cid);
}

function start(name: string, repeat: boolean, callback: unknown, delay: unknown, args: unknown[]): number {
  if (typeof callback !== "function") throw new NativeTypeError(`${name} takes a function to call.`);
  const ms = toNumber(delay);
  lastId += 1;
  const wait = numberIsFinite(ms) ? trunc(min(max(0, ms), LONGEST)) : 0;
  schedule(lastId, wait, repeat, () => reflectApply(callback, undefined, args));
  return lastId;
}

function stop(id: unknown): void {
  const cid = mapGet(active, id as number);
  if (cid === undefined) return;
  mapDelete(active, id as number);
  clear(cid);
}

/** Puts the timer functions and `queueMicrotask` into the program's world. */
export function installTimers(): void {
  addGlobal("setTimeout", function setTimeout(callback: unknown, delay: unknown = 0, ...args: unknown[]) {
    return start("setTimeout", false, callback, delay, args);
  });
  addGlobal("setInterval", function setInterval(callback: unknown, delay: unknown = 0, ...args: unknown[]) {
    return start("setInterval", true, callback, delay, args);
  });
  addGlobal("clearTimeout", function clearTimeout(id: unknown) {
    stop(id);
  });
  addGlobal("clearInterval", function clearInterval(id: unknown) {
    stop(id);
  });
  addGlobal("queueMicrotask", function queueMicrotask(callback: unknown) {
    if (typeof callback !== "function") throw new NativeTypeError("queueMicrotask takes a function to call.");
    const task = () => run(() => reflectApply(callback, undefined, []));
    listen(new NativePromise((resolve) => resolve(undefined)), task, task);
  });
}
