/**
 * The entry of a program process. It closes the world, says that it is ready, and serves one run.
 *
 * There is no security in this code: the host authorises every frame and believes nothing in it. What happens here
 * makes runs repeatable and keeps an honest program honest.
 */

import { installClock } from "./clock.ts";
import { installConsole } from "./console.ts";
import { installGlobals } from "./globals.ts";
import { onHandled, onUnhandled } from "./outcome.ts";
import { afterMicrotasks, core } from "./primordials.ts";
import { installRandom } from "./random.ts";
import { installReports } from "./report.ts";
import { installStacks } from "./stack.ts";
import { installTimers } from "./timers.ts";
import { serve } from "./turns.ts";
import { closeWorld } from "./world.ts";

/** Grows with every change that makes a program behave differently: a run in mid-sleep sees it. */
const BRIDGE_VERSION = 2;

const { deno, v8 } = Deno.version;

/** A program is the first module with types that this process would see: loading one here takes 4 ms off its start. */
const WARM = "data:application/typescript,export default async function (x: number) { return x; }";

function openWorld(): void {
  // The web's `unhandledrejection` event would go through `globalThis.dispatchEvent`, which a program can replace.
  core.setUnhandledPromiseRejectionHandler(onUnhandled);
  core.setHandledPromiseRejectionHandler(onHandled);
  closeWorld();
  installStacks();
  installClock();
  installRandom();
  installTimers();
  installConsole();
  installReports();
  installGlobals();
  serve(`bridge ${BRIDGE_VERSION}, deno ${deno}, v8 ${v8}`);
}

// In a task of its own: Deno tells the global object of the load, for which it still has to be whole.
import(WARM).then(() => afterMicrotasks(openWorld));
