/** Values as a person reads them, through Deno's own inspector: it asks no getters and keeps to captured intrinsics. */

const denoInspect = Deno.inspect;
const OPTIONS: Deno.InspectOptions = Object.assign(Object.create(null), {
  colors: false,
  depth: 4,
  iterableLimit: 100,
  strAbbreviateSize: 10_000,
  breakLength: 100,
});

/** One value as text. Never throws, though a custom inspector of the program's may. */
export function inspect(value: unknown): string {
  try {
    return denoInspect(value, OPTIONS);
  } catch {
    return "[a value that cannot be shown]";
  }
}
