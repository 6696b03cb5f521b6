// Runs the programs on stdin, a JSON list of run texts, and prints how each ended: {value} or {error, line, column}.

// deno-lint-ignore-file no-explicit-any
const world = globalThis as any;
world.tools = { five: 5, git: { name: "git" }, time: { name: "time" }, import: "a property" };
world.$impor = (name: unknown) => Promise.resolve(name === "tools" ? { ...world.tools, default: world.tools } : null);

const PLACE = /data:application\/typescript;base64,[^\s():]*:(\d+):(\d+)/;
const outcomes: unknown[] = [];
for (const text of JSON.parse(await new Response(Deno.stdin.readable).text())) {
  const encoded = btoa(String.fromCharCode(...new TextEncoder().encode(text)));
  try {
    const module = await import(`data:application/typescript;base64,${encoded}`);
    outcomes.push({ value: (await module.default()) ?? null });
  } catch (thrown) {
    const place = PLACE.exec(thrown instanceof Error ? `${thrown.stack}` : "");
    outcomes.push({ error: String(thrown).split("\n")[0], line: +(place?.[1] ?? 0) - 1, column: +(place?.[2] ?? 0) });
  }
}
console.log(JSON.stringify(outcomes));
