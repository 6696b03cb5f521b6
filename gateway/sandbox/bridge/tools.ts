/** `tools`: one object per server, one function per tool, and `$impor`, which the host writes for `import(…)`. */

import { callPlace, request, toJson } from "./commands.ts";
import {
  NativeError,
  NativePromise,
  NativeProxy,
  NativeTypeError,
  objectFreeze,
  objectHasOwn,
  objectKeys,
  ObjectPrototype,
  slice,
  toText,
} from "./primordials.ts";
import { didYouMean } from "./nearest.ts";
import type { Start } from "./wire.ts";
import { addGlobal } from "./world.ts";

const WORLD = "tools, console, sleep, approve, ask, waitFor, state, progress, emit, results, continueWith, continued";

type Call = (args?: unknown, options?: unknown) => Promise<unknown>;

/** JSON text of what the second argument of a tool may say; empty when it says nothing. */
function callOptions(options: unknown): string {
  if (options === undefined) return "";
  const onDoubt = options === null ? undefined : (options as { onDoubt?: unknown }).onDoubt;
  if (onDoubt !== "throw" && onDoubt !== "wait") {
    throw new NativeTypeError(
      'A call takes one object of arguments, and at most {onDoubt: "throw" | "wait"} after it.',
    );
  }
  return `{"onDoubt":"${onDoubt}"}`;
}

function callArgs(name: string, args: unknown): string {
  const json = args === undefined ? "{}" : toJson(args, `The argument of ${name}`);
  if (json[0] === "{") return json;
  throw new NativeTypeError(
    `${name} takes one object, such as ${name}({ … }), and no ${json[0] === "[" ? "array" : slice(json, 0, 40)}.`,
  );
}

function toolFunction(label: string, target: string): Call {
  const tool: Call = (args, options) => {
    try {
      return request("tool", target, callArgs(label, args), callPlace(tool), callOptions(options));
    } catch (problem) {
      return new NativePromise((_, reject) => reject(problem));
    }
  };
  Object.defineProperty(tool, "name", { value: slice(label, label.indexOf(".") + 1) });
  return tool;
}

/** An object that says which names are near when one is asked for that it does not have. */
function helpful<T extends object>(members: T, message: (name: string) => string): T {
  const get = (target: T, key: PropertyKey) => {
    if (typeof key === "symbol" || objectHasOwn(target, key)) return (target as Record<PropertyKey, unknown>)[key];
    // What the language itself looks for in any object: `then` when awaited, `toJSON` when written.
    if (key === "then" || key === "toJSON" || objectHasOwn(ObjectPrototype, key)) return undefined;
    throw new NativeTypeError(message(toText(key)));
  };
  return new NativeProxy(objectFreeze(members), Object.assign(Object.create(null), { get }));
}

function members<T>(): Record<string, T> {
  return Object.create(null);
}

/** Puts `tools` and `$impor` into the program's world. */
export function installTools(offered: Start["tools"]): void {
  const namespaces = members<unknown>();
  for (const namespace of objectKeys(offered)) {
    const functions = members<Call>();
    for (const [name, target] of Object.entries(offered[namespace])) {
      functions[name] = toolFunction(`${namespace}.${name}`, `${target[0]}:${target[1]}`);
    }
    const names = objectKeys(functions);
    namespaces[namespace] = helpful(functions, (name) => {
      return `There is no tool ${namespace}.${name} for this program.${didYouMean(name, names)}`;
    });
  }
  const names = objectKeys(namespaces);
  const tools = helpful(namespaces, (name) => `There is no server "${name}" in tools.${didYouMean(name, names)}`);
  const module = objectFreeze(Object.assign(members<unknown>(), namespaces, { default: tools }));
  addGlobal("tools", tools);
  addGlobal("$impor", (specifier: unknown) =>
    new NativePromise((resolve, reject) => {
      if (specifier === "tools") resolve(module);
      else reject(importError(`import("${slice(toText(specifier), 0, 80)}")`));
    }));
}

/** Says what there is instead of the module that a program asked for. */
export function importError(what: string): Error {
  return new NativeError(`${what}: a program can import nothing but "tools". Instead there are the globals ${WORLD}.`);
}
