// json-schema-to-typescript over a JSON list of schemas on stdin. Prints the text of its type `Root` for each (null
// where it throws), and the milliseconds of CPU per schema as it comes (formatted) and without formatting: after one
// warm-up over all of them, formatted over a tenth of them.
import process from "node:process";
import { compile } from "npm:json-schema-to-typescript@16.0.0";

type Schema = Record<string, unknown>;
const schemas: Schema[] = await new Response(Deno.stdin.readable).json();

async function typesOf(some: Schema[], format: boolean): Promise<(string | null)[]> {
  const texts = [];
  for (const schema of some) {
    const named = { ...structuredClone(schema), title: "Root", $id: undefined };
    try {
      texts.push(await compile(named, "Root", { bannerComment: "", format }));
    } catch {
      texts.push(null);
    }
  }
  return texts;
}

async function measured(some: Schema[], format: boolean): Promise<number> {
  const before = process.cpuUsage();
  await typesOf(some, format);
  const spent = process.cpuUsage(before);
  return (spent.user + spent.system) / 1000 / some.length;
}

const texts = await typesOf(schemas, false);
const unformatted = await measured(schemas, false);
const formatted = await measured(schemas.filter((_, position) => position % 10 === 0), true);
console.log(JSON.stringify({ texts, unformatted, formatted }));
