// json-schema-to-typescript over a JSON list of schemas on stdin. Prints for each the text of its type `Root` (null
// where it throws) and the milliseconds it took, after one warm-up over all of them.
import { compile } from "npm:json-schema-to-typescript@16.0.0";

const schemas: Record<string, unknown>[] = await new Response(Deno.stdin.readable).json();
const options = { bannerComment: "", format: false, declareExternallyReferenced: true };

async function all(): Promise<{ text: string | null; ms: number }[]> {
  const done = [];
  for (const schema of schemas) {
    const named = { ...structuredClone(schema), title: "Root", $id: undefined };
    const start = performance.now();
    let text: string | null;
    try {
      text = await compile(named, "Root", options);
    } catch {
      text = null;
    }
    done.push({ text, ms: performance.now() - start });
  }
  return done;
}

await all();
console.log(JSON.stringify(await all()));
