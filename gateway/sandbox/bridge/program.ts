/** Loads the program as a module of its own, never as the entry, and calls its default export. */

import { describe } from "./errors.ts";
import { fail, failPlainly, succeed } from "./outcome.ts";
import {
  indexOf,
  listen,
  max,
  min,
  NativePromise,
  objectDefineProperty,
  reflectApply,
  reflectDeleteProperty,
  slice,
  startsWith,
} from "./primordials.ts";
import { PRELUDE_LINES, siteInStack } from "./stack.ts";
import { importError } from "./tools.ts";
import { base64OfText } from "./bytes.ts";

/** Called by the first statement of the program's module, on the host's own line. */
const ENTER = "__enter";
const SYNTAX = "SyntaxError: ";

/** loading: nothing of the program has run · evaluating: the module's top level runs or awaits · called. */
let stage: "loading" | "evaluating" | "called" = "loading";

/** Whether the module is still evaluating: its end reaches the bridge a few turns of the event loop late. */
export function isEvaluating(): boolean {
  return stage === "evaluating";
}

/** Loads the program. `onEnter` is called once: before its first statement runs, or when it cannot be loaded. */
export function load(code: string, onEnter: () => void): void {
  const enter = () => {
    reflectDeleteProperty(globalThis, ENTER);
    stage = "evaluating";
    onEnter();
  };
  objectDefineProperty(globalThis, ENTER, { value: enter, configurable: true });
  const text = base64OfText(`${ENTER}();${code}`);
  listen(import(`data:application/typescript;base64,${text}`), (module) => callMain(module as Module), (thrown) => {
    const entered = stage === "evaluating";
    stage = "called";
    if (entered) return fail(thrown);
    failToLoad(thrown);
    onEnter();
  });
}

interface Module {
  default?: unknown;
}

function callMain(module: Module): void {
  stage = "called";
  const main = module.default;
  listen(
    new NativePromise((resolve) => resolve(typeof main === "function" ? reflectApply(main, undefined, []) : main)),
    succeed,
    fail,
  );
}

/** Deno's and V8's complaint about a text that is no module, in the author's lines and without the module's URL. */
function failToLoad(thrown: unknown): void {
  const failure = describe(thrown);
  const link = startsWith(failure.message, "The requested module");
  const syntax = !link && (startsWith(failure.message, SYNTAX) || failure.name === "SyntaxError");
  const site = siteInStack(failure.message);
  failure.line = max(0, site.line - PRELUDE_LINES);
  failure.column = site.column;
  failure.name = syntax ? "SyntaxError" : "TypeError";
  failure.message = syntax ? complaint(failure.message) : importError("An import").message;
  delete failure.stack;
  failPlainly(failure);
}

/** The first line of a message, without the place that `line` and `column` say better. */
function complaint(message: string): string {
  const from = startsWith(message, SYNTAX) ? SYNTAX.length : 0;
  const lineEnd = indexOf(message, "\n");
  const url = indexOf(message, " at program.ts");
  const end = min(lineEnd === -1 ? message.length : lineEnd, url === -1 ? message.length : url);
  return slice(message, from, end);
}
