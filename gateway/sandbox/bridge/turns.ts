/**
 * The turns of a run: deliver exactly one completion with its clock, let the program drain until nothing of it can
 * run, collect the commands it emitted. Only then the next. All of it happens in macrotasks and without a promise,
 * so that the program's own promises are the only ones whose order matters.
 */

import { setClock, startClock } from "./clock.ts";
import { beginCommands, complete, isKnown, isWaiting, limitCommands, takeCleared, takeEmitted } from "./commands.ts";
import { limitLog, reportDropped } from "./console.ts";
import { fail, outcome } from "./outcome.ts";
import { afterMicrotasks, objectHasOwn } from "./primordials.ts";
import { isEvaluating, load } from "./program.ts";
import { seedRandom } from "./random.ts";
import { flushProgress, limitBlocks } from "./report.ts";
import { installTools } from "./tools.ts";
import { type Done, expect, send, type Start } from "./wire.ts";
import { addGlobal } from "./world.ts";

/**
 * Turns of the event loop until Deno has told that a module with top-level `await` has ended. It takes 2, whatever
 * the load: each is a fixed phase of the loop.
 */
const MODULE_HOPS = 4;

let items: Done[] = [];
let next = 0;
let hops = 0;
let lists = "";

/** Takes the run from the host and serves it until the process is killed. */
export function serve(runtime: string): void {
  send(`{"t":"ready","runtime":"${runtime}"}`);
  const start = expect("start");
  const valueMib = limit(start, "result_mb");
  limitCommands(limit(start, "run_concurrent_calls"), limit(start, "run_tool_calls"), valueMib);
  limitLog(limit(start, "run_log_kb") * 1024);
  limitBlocks(valueMib);
  installTools(start.tools);
  load(start.code, () => {
    // The module is compiled by now, which the host did not have to wait for: nothing of it runs before this.
    const go = expect("go");
    beginCommands(go.replayed);
    seedRandom(go.seed);
    startClock(go.now);
    addGlobal("continued", go.continued);
    afterMicrotasks(drained);
  });
}

/** A cap of the run under its name in the configuration; one that the host does not send is the host's to keep. */
function limit(start: Start, name: string): number {
  return objectHasOwn(start.limits, name) ? start.limits[name] : Infinity;
}

/** The program is quiescent: what it emitted belongs to the completion before. */
function drained(): void {
  hops += 1;
  if (isEvaluating() && hops < MODULE_HOPS) return afterMicrotasks(drained);
  hops = 0;
  lists += lists === "" ? takeEmitted() : `,${takeEmitted()}`;
  const end = outcome(isWaiting());
  if (end !== "") return finish(end);
  if (next < items.length) deliver();
  else reply();
}

/** Delivers the next item. One whose command was never emitted ends the turn: the host sees a list too few. */
function deliver(): void {
  const item = items[next];
  if (!isKnown(item.cid)) return reply();
  next += 1;
  setClock(item.now);
  try {
    complete(item);
  } catch (thrown) {
    fail(thrown);
  }
  afterMicrotasks(drained);
}

function turn(end: string): string {
  const text = `{"t":"turn","emitted":[${lists}],"cleared":${takeCleared()}${end}}`;
  lists = "";
  return text;
}

function reply(): void {
  flushProgress();
  send(turn(""));
  items = expect("deliver").items;
  next = 0;
  if (items.length === 0) reply();
  else deliver();
}

/** Nothing of the program runs after this: the bridge never goes back to the event loop. */
function finish(end: string): never {
  reportDropped();
  flushProgress();
  send(turn(`,"end":${end}`));
  for (;;) expect("deliver");
}
