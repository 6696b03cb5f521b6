"""Whole programs as models write them: each must pass, in plain JavaScript, against `checker_module.d.ts`."""

from __future__ import annotations

WHOLE: tuple[str, ...] = (
    r"""const { git } = tools;
const { commits } = await git.gitLog({ repo_path: "/repo", max_count: 100 });
const stats = {};
for (const c of commits) {
  const key = c.author.email || c.author.name;
  if (!stats[key]) stats[key] = { count: 0, files: 0, subjects: [] };
  stats[key].count++;
  stats[key].files += c.files;
  stats[key].subjects.push(c.subject);
}
const ranking = Object.keys(stats)
  .map(k => ({ author: k, ...stats[k] }))
  .sort((a, b) => b.count - a.count)
  .slice(0, 5);
return { ranking, total: commits.length };""",
    r"""async function main() {
  let cursor = null;
  const all = [];
  do {
    const page = await tools.git.gitLog({ repo_path: ".", since: cursor });
    all.push(...page.commits);
    cursor = page.next_cursor;
  } while (cursor);
  return all.map(c => c.sha.slice(0, 7));
}
return await main();""",
    r"""const zones = ["UTC", "Europe/Berlin", "Asia/Tokyo"];
const times = await Promise.all(zones.map(z => tools.time.getCurrentTime({ timezone: z })));
const table = Object.fromEntries(times.map((t, i) => [zones[i], t.datetime]));
console.log(table);
return table;""",
    r"""const results = [];
for (const rev of ["a", "b", "c"]) {
  try {
    const text = await tools.git.gitShow({ repo_path: ".", revision: rev });
    results.push({ rev, ok: true, lines: text.split("\n").length });
  } catch (err) {
    results.push({ rev, ok: false, error: err.message || String(err) });
  }
}
const failed = results.filter(r => !r.ok);
return failed.length ? { failed: failed.map(f => f.error) } : results.reduce((s, r) => s + r.lines, 0);""",
    r"""const retry = async (fn, attempts = 3, delay = 100) => {
  let lastError;
  for (let i = 0; i < attempts; i++) {
    try {
      return await fn();
    } catch (e) {
      lastError = e;
      await sleep(delay * 2 ** i);
    }
  }
  throw lastError;
};
const status = await retry(() => tools.git.gitStatus({}));
return status.files.map(f => `${f.state}: ${f.path}`).join("\n");""",
    r"""const diff = await tools.git.gitDiff({ repo_path: ".", options: { context: 3 } });
const hunks = diff.split("\n").filter(l => l.startsWith("@@"));
const nums = hunks.map(h => {
  const m = h.match(/@@ -(\d+),(\d+) \+(\d+),(\d+) @@/);
  return m ? { oldStart: +m[1], newStart: +m[3] } : null;
}).filter(Boolean);
return nums.map(n => n.newStart - n.oldStart);""",
    r"""let config = await state.get("config");
if (!config) {
  config = { runs: 0, history: [] };
}
config.runs += 1;
config.history.push(new Date().toISOString());
await state.set("config", config);
return config.runs > 3 ? "many" : config;""",
    r"""const { approved, comment } = await approve("Delete branch?", { details: { branch: "x" }, timeout: "2 hours" });
if (!approved) return { skipped: true, comment };
const found = await tools.git.gitFind({ query: "release" });
if (found && found.kind === "commit") return found.sha;
if (found?.kind === "tag") return found.tag;
return null;""",
    r"""const queue = [1, 2, 3, 4, 5];
const inFlight = new Set();
const out = [];
while (queue.length || inFlight.size) {
  while (queue.length && inFlight.size < 2) {
    const n = queue.shift();
    const p = tools.git.gitShow({ repo_path: ".", revision: "v" + n }).then(r => { out.push(r); inFlight.delete(p); });
    inFlight.add(p);
  }
  await Promise.race(inFlight);
}
return out;""",
    r"""const groupBy = (arr, fn) => arr.reduce((acc, item) => {
  const key = fn(item);
  (acc[key] = acc[key] || []).push(item);
  return acc;
}, {});
const log = await tools.git.gitLog({ repo_path: "." });
const byAuthor = groupBy(log.commits, c => c.author.name);
return Object.entries(byAuthor).map(([name, list]) => ({ name, n: list.length, last: list[0].subject }));""",
    r"""const chunk = (a, n) => a.length ? [a.slice(0, n), ...chunk(a.slice(n), n)] : [];
const memo = {};
const fib = n => n in memo ? memo[n] : (memo[n] = n < 2 ? n : fib(n - 1) + fib(n - 2));
return { chunks: chunk([1,2,3,4,5], 2), fib: fib(30) };""",
    r"""export default async function () {
  const start = Date.now();
  const s = await tools.git.gitStatus();
  const summary = { clean: s.clean, changed: [], added: [] };
  s.files.forEach(f => summary[f.state].push(f.path));
  summary.took = Date.now() - start;
  return summary;
}""",
    r"""const text = await tools.git.gitShow({ repo_path: ".", revision: "HEAD" });
const words = text.toLowerCase().match(/\w+/g) || [];
const freq = new Map();
words.forEach(w => freq.set(w, (freq.get(w) || 0) + 1));
const top = [...freq.entries()].sort((a, b) => b[1] - a[1]).slice(0, 10);
return Object.fromEntries(top);""",
    r"""var self = this;
var total = 0;
for (var i = 0; i < 10; i++) { var x = i * 2; total += x; }
var msg = "total: " + total;
return msg;""",
    r"""const node = { value: 1, children: [{ value: 2, children: [] }, { value: 3, children: [{ value: 4 }] }] };
function sum(n) { return n.value + (n.children || []).reduce((s, c) => s + sum(c), 0); }
function walk(n, visit, depth) { visit(n, depth || 0); n.children?.forEach(c => walk(c, visit, (depth || 0) + 1)); }
const lines = [];
walk(node, (n, d) => lines.push(" ".repeat(d) + n.value));
return { sum: sum(node), lines };""",
    r"""const data = await tools.time.convertTime({ source_timezone: "UTC", time: "1:00", target_timezone: "UTC" });
const hour = parseInt(data.target.datetime.substr(11, 2), 10);
switch (true) {
  case hour < 12: return "morning";
  case hour < 18: return "afternoon";
  default: return "evening";
}""",
    r"""const cache = new Map();
async function show(rev) {
  if (cache.has(rev)) return cache.get(rev);
  const v = await tools.git.gitShow({ repo_path: ".", revision: rev });
  cache.set(rev, v);
  return v;
}
const [a, b] = await Promise.all(["x", "y"].map(show));
return a === b;""",
    r"""class Report {
  constructor(title) {
    this.title = title;
    this.rows = [];
  }
  add(name, value) {
    this.rows.push({ name, value });
    return this;
  }
  get size() { return this.rows.length; }
  toString() {
    return [this.title, ...this.rows.map(({ name, value }) => `- ${name}: ${value}`)].join("\n");
  }
}
const r = new Report("Times");
const t = await tools.time.getCurrentTime({ timezone: "UTC" });
r.add("utc", t.datetime).add("dst", t.is_dst ? "yes" : "no");
return `${r}`;""",
    r"""const input = { a: { b: { c: 1 } } };
const get = (o, path, def) => path.split(".").reduce((x, k) => (x || {})[k], o) ?? def;
const merged = { ...input, d: [1, 2].includes("1") ? 1 : undefined };
delete merged.d;
merged.e = get(input, "a.b.c");
return JSON.stringify(merged, null, 2);""",
    r"""const events = [];
const off = setInterval(() => events.push("tick"), 100);
setTimeout(() => clearInterval(off), 350);
const payload = await waitFor("go", { timeout: "10m" });
clearTimeout(off);
return { events, who: payload.user.name };""",
    r"""import { git, time } from "tools";
const now = await time.getCurrentTime({ timezone: "UTC" });
const cutoff = new Date(now.datetime).getTime() - 7 * 86400e3;
const { commits } = await git.gitLog({ repo_path: ".", since: new Date(cutoff).toISOString(), order: "newest" });
const big = commits.filter(({ files }) => files > 10);
let longest = "";
for (const { subject } of big) if (subject.length > longest.length) longest = subject;
return { n: big.length, longest, first: big[0]?.sha };""",
    r"""const items = [{ id: 1, tags: ["a"] }, { id: 2 }, { id: 3, tags: [], note: "x" }];
const tagged = items.filter(i => i.tags && i.tags.length > 0);
const notes = items.map(i => i.note || "none");
const idx = items.findIndex(i => i.id == "2");
items[idx].tags = ["b"];
return { tagged, notes, idx };""",
    r"""let out = "";
const append = (s) => out += s + "\n";
append("start");
for await (const line of (async function* () { yield "a"; yield "b"; })()) append(line);
let n = null;
if (out.length > 3) n = out.split("\n").length;
return n && n.toFixed(2);""",
    r"""const settled = await Promise.allSettled([
  tools.git.gitStatus(),
  tools.time.getCurrentTime({ timezone: "UTC" }),
]);
const [s, t] = settled;
const errors = settled.filter(r => r.status === "rejected").map(r => r.reason.message);
return { clean: s.value?.clean, time: t.value && t.value.datetime, errors };""",
    r"""const opts = { repo_path: ".", order: "newest" };
const log = await tools.git.gitLog(opts);
return log.commits.length;""",
    r"""const orders = ["newest", "oldest"];
const logs = await Promise.all(orders.map(order => tools.git.gitLog({ repo_path: ".", order })));
return logs.map(l => l.commits.length);""",
    r"""const result = {};
const keys = ["clean", "files"];
const st = await tools.git.gitStatus();
keys.forEach(k => { result[k] = st[k]; });
result.files = result.files.map(f => f.path);
return result;""",
    r"""const a = [3, 1, 2];
const sorted = a.slice().sort();
const max = Math.max.apply(null, a), min = Math.min(...a);
const avg = a.reduce((x, y) => x + y) / a.length;
const pct = (max / avg * 100).toFixed(1) + "%";
return { sorted, max, min, avg: +avg.toFixed(2), pct, odd: a.some(x => x & 1), str: a + "" };""",
    r"""function Point(x, y) { this.x = x; this.y = y; }
Point.prototype.add = function (o) { return new Point(this.x + o.x, this.y + o.y); };
const p = new Point(1, 2).add(new Point(3, 4));
return [p.x, p.y];""",
    r"""const fn = tools.git.gitShow;
const bound = (rev) => fn({ repo_path: ".", revision: rev });
const texts = [];
for (let r of ["a", "b"]) texts[texts.length] = await bound(r);
const obj = Object.assign({}, { a: 1 }, { b: 2 });
return [texts.join(""), obj.a + obj.b];""",
    r"""const err = await tools.git.gitShow({ repo_path: ".", revision: "nope" }).catch(e => e);
if (err instanceof ToolError) return { tool: err.tool, server: err.server, first: err.content[0].text };
if (err instanceof Error) return err.stack;
return err.length;""",
    r"""const list = await tools.git.gitRaw({ cmd: "ls" });
const names = list.map(x => x.name).filter(n => n.endsWith(".ts"));
return names.length > 0 ? names : "none";""",
    r"""const raw = await tools.git.gitRaw({ cmd: "x", n: 1, deep: { a: [1, "b", null] } });
const parsed = typeof raw === "string" ? JSON.parse(raw) : raw;
if (Array.isArray(parsed)) return parsed.length;
return parsed && parsed.items ? parsed.items[0] : Object.keys(parsed);""",
    r"""const deadline = new Date();
deadline.setDate(deadline.getDate() + 3);
const days = Math.ceil((deadline - new Date()) / 86400000);
const iso = deadline.toISOString().split("T")[0];
return `${days} days until ${iso} (${deadline.toLocaleDateString("en-US", { weekday: "long" })})`;""",
    r"""import { git, time } from "tools";

// Collect the last commits and open issues for each repository
const repos = ["api", "web", "worker"];
const since = new Date(Date.now() - 7 * 24 * 3600 * 1000).toISOString();
const results = [];

async function collect(repo) {
  const [log, issues] = await Promise.all([
    git.gitLog({ repo_path: repo, max_count: 20 }),
    time.convertTime({ source_timezone: repo, time: since, target_timezone: "UTC" }),
  ]);
  const byAuthor = {};
  for (const commit of log.commits) {
    byAuthor[commit.author.name] = (byAuthor[commit.author.name] || 0) + 1;
  }
  const urgent = issues.items
    .filter((issue) => issue.labels.some((label) => label.name === "urgent"))
    .map((issue) => ({ id: issue.number, title: issue.title, age: Date.now() - Date.parse(issue.created_at) }));
  return { repo, commits: log.commits.length, byAuthor, urgent };
}

for (const repo of repos) {
  try {
    const summary = await collect(repo);
    results.push(summary);
    console.log(`${repo}: ${summary.commits} commits, ${summary.urgent.length} urgent`);
  } catch (error) {
    if (error instanceof ToolError) {
      console.error("tool failed", error.server, error.tool, error.message);
      results.push({ repo, error: error.message });
    } else {
      throw error;
    }
  }
}

const total = results.reduce((sum, r) => sum + (r.commits ?? 0), 0);
const worst = results.filter((r) => r.urgent?.length).sort((a, b) => b.urgent.length - a.urgent.length)[0];

if (total === 0) {
  return { message: "nothing happened", since };
}

await state.set("last_total", total);
return {
  total,
  worst: worst ? worst.repo : null,
  repos: results.map(({ repo, commits, error }) => ({ repo, commits, error })),
};""",
)
