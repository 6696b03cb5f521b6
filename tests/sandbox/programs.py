"""Programs as models write them, with the verdict that each must get from every engine."""

from __future__ import annotations

GOOD: dict[str, str] = {
    # --- plain JavaScript ---
    "untyped functions": """
        function add(a, b) { return a + b; }
        const twice = (x) => x * 2;
        return twice(add(1, 2));""",
    "an object that gets properties": """
        const result = {};
        result.total = 0;
        result.items = [];
        result.items.push("a");
        return result.items.length + result.total;""",
    "an object that gets more properties": """
        const result = { total: 0 };
        result.items = [1, 2];
        result.items.push(3);
        return result;""",
    "a list that was empty": """
        let a = [];
        a.push(1);
        a.push("x");
        return a;""",
    "a list that was empty, in an object": """
        const out = { commits: [], errors: [] };
        out.commits.push({ sha: "x" });
        return out.commits[0].sha;""",
    "a list that is given away": """
        const found = [];
        function collect(into) { into.push(1); }
        collect(found);
        return found[0];""",
    "null first": """
        let best = null;
        for (const commit of (await tools.git.gitLog({ repo_path: "." })).commits) {
          if (!best || commit.files > best.files) best = commit;
        }
        return best.subject;""",
    "null first, set in a callback": """
        let best = null;
        const { commits } = await tools.git.gitLog({ repo_path: "." });
        commits.forEach((commit) => { if (!best || commit.files > best.files) best = commit; });
        return best ? best.subject : null;""",
    "null, then an object": "let r = null; r = { a: 1 }; return r.a;",
    "undefined first": "let r; if (Math.random() > 2) r = 'x'; else r = { a: 1 }; return r;",
    "a variable that changes its type": """
        let x = 5;
        x = "five";
        return x.toUpperCase();""",
    "a property that changes its type": """
        const o = { when: new Date(0), n: 1 };
        o.when = o.when.toISOString();
        o.n = "one";
        return o.when.slice(0, 4) + o.n.length;""",
    "a changed variable as an argument": """
        let revision = 7;
        revision = String(revision);
        return tools.git.gitShow({ repo_path: ".", revision });""",
    "arguments built piece by piece": """
        const args = {};
        args.repo_path = ".";
        args.max_count = 3;
        return tools.git.gitLog(args);""",
    "arguments built by key": """
        const args = { max_count: 1 };
        for (const key of ["repo_path"]) args[key] = ".";
        return await tools.git.gitLog(args);""",
    "arguments built by Object.assign": """
        const args = {};
        Object.assign(args, { repo_path: "." });
        return await tools.git.gitLog(args);""",
    "counting by key": """
        const counts = {};
        for (const word of ["a", "b", "a"]) counts[word] = (counts[word] || 0) + 1;
        return Object.entries(counts).sort((a, b) => b[1] - a[1]).map(([word, n]) => `${word}: ${n}`);""",
    "counting in reduce": """
        const counts = ["a", "b"].reduce((acc, x) => { acc[x] = (acc[x] || 0) + 1; return acc; }, {});
        return counts.a;""",
    "a list made in reduce": """
        const flat = [[1], [2]].reduce((acc, x) => acc.concat(x), []);
        const more = ["a"].reduce((acc, x) => { acc.push(x); return acc; }, []);
        return [flat[0], more[0].length];""",
    "a map made in reduce": "return [...[1, 2].reduce((m, x) => m.set(x, x * 2), new Map())];",
    "a set without a type": """
        const seen = new Set();
        seen.add("x");
        return tools.git.gitShow({ repo_path: ".", revision: [...seen][0] });""",
    "annotating results": """
        const { commits } = await tools.git.gitLog({ repo_path: "." });
        commits.forEach((commit) => { commit.score = commit.files * 2; });
        return commits.sort((a, b) => b.score - a.score)[0];""",
    "catch": """
        try {
          await tools.git.gitShow({ repo_path: ".", revision: "x" });
        } catch (e) {
          return e.message + e.code + (e instanceof ToolError ? e.tool : "");
        }""",
    "a property of an error": """
        const error = new Error("x");
        error.status = 404;
        if (error instanceof Error && error.status) throw error;
        return 1;""",
    "JSON": """
        const data = JSON.parse('{"a": [1]}');
        return data.a[0].b?.c ?? JSON.stringify({ ...data, x: undefined });""",
    "optional chaining": """
        const log = await tools.git.gitLog({ repo_path: "." });
        return log?.commits?.[0]?.author?.email?.split("@")[1] ?? null;""",
    "find without a look": """
        const { commits } = await tools.git.gitLog({ repo_path: "." });
        return commits.find((c) => c.files > 3).subject;""",
    "a match without a look": "return 'a-1'.match(/a-(?<n>\\d)/).groups.n;",
    "dates are numbers": "return (new Date('2026-01-02') - new Date('2026-01-01')) / 86400000;",
    "sorting by date": """
        const rows = [{ at: "2026-01-01" }, { at: "2026-01-02" }];
        return rows.sort((a, b) => new Date(b.at) - new Date(a.at))[0];""",
    "sorting by a comparison": "return [3, 1].sort((a, b) => a > b);",
    "text and number": "const n = '5' * 2; return n + 'px' + 1 + [1] + {};",
    "comparing text and number": "const n = '5'; return n > 3 || n == 5;",
    "numbers where text is wanted": "return parseInt(5.7) + Number.parseFloat(3) + isNaN('x') + 'a'.padStart('5');",
    "too few arguments of one's own": """
        function log(message, extra) { console.log(message, extra); }
        log("a");
        log("a", 1, 2);
        return Array(3).fill().map((_, i) => i);""",
    "an argument that has a default of another type": """
        function page(n = 1, options = {}) { return options.size * n; }
        return page("2", { size: 5 });""",
    "options with defaults": """
        async function fetchLog({ path, max = 5 } = {}) {
          return tools.git.gitLog({ repo_path: path, max_count: max });
        }
        return await fetchLog({ path: ".", extra: true });""",
    "both outcomes of allSettled": """
        const results = await Promise.allSettled([1, 2].map((n) => tools.git.gitFind({ query: `${n}` })));
        return results.map((r) => r.value || r.reason);""",
    "fulfilled ones of allSettled": """
        const results = await Promise.allSettled([tools.git.gitStatus(), tools.git.gitStatus({})]);
        return results.filter((r) => r.status === "fulfilled").map((r) => r.value.files.length);""",
    "a promise by hand": """
        await new Promise((resolve) => setTimeout(resolve, 10));
        const v = await new Promise((resolve, reject) => { resolve({ a: 1 }); });
        await new Promise((resolve) => { resolve(); });
        return v.a;""",
    "a class without fields": """
        class Counter {
          constructor(n) { this.n = n; }
          up() { this.n += 1; this.last = "up"; return this; }
        }
        return new Counter(1).up().last;""",
    "an object with methods": """
        const api = { base: "x", url(path) { return this.base + path; }, later: null };
        api.later = () => api.url("y");
        return api.later() + api.url();""",
    "var, twice": "var a = 1; var a = 'x'; return a;",
    "unreachable": "return 1; console.log('never');",
    "a result that nobody described": """
        const diff = await tools.git.gitDiff({ repo_path: "." });
        return diff.files.map((f) => f.name).join();""",
    "a result of unknown type": """
        const raw = await tools.git.gitRaw({ a: 1 });
        for (const line of raw.lines) console.log(line.text);
        return tools.git.gitShow({ repo_path: raw.path, revision: raw.sha });""",
    "an alternative of a union": """
        const found = await tools.git.gitFind({ query: "x" });
        return found.tag || found.sha;""",
    "perhaps null into an argument": """
        const { next_cursor } = await tools.git.gitLog({ repo_path: "." });
        return tools.git.gitShow({ repo_path: ".", revision: next_cursor });""",
    "typeof of what is not there": "return typeof window === 'undefined' && typeof process === 'undefined';",
    "labels, commas, regular expressions": """
        outer: for (let i = 0, j = 1; i < 3; i++) { if (/[/}]/.test(`${i}`)) continue outer; j += i / 2; }
        return (1, 2);""",
    "for in": "const o = { a: 1, b: 2 }; let s = 0; for (const k in o) s += o[k]; return s;",
    "destructuring with defaults": """
        const [first = "none", ...rest] = [];
        const { a, b: { c } = { c: 2 } } = { a: 1 };
        return [first, rest.length, a, c];""",
    "a generator": """
        function* pages() { let n = 0; while (n < 3) yield n++; }
        return [...pages()].map((n) => n * 2);""",
    "recursion": "const fact = (n) => (n < 2 ? 1 : n * fact(n - 1)); return fact(5);",
    "logical assignment": "const cache = {}; cache.x ??= 5; cache.y ||= []; cache.y.push(cache.x); return cache;",
    "an array as a record": "const row = ['a', 1]; row.name = 'x'; return row[0].length + row[1];",
    "Object.groupBy and other new things": """
        const groups = Object.groupBy([1, 2, 3], (n) => (n % 2 ? "odd" : "even"));
        const all = await Array.fromAsync([Promise.resolve(1)]);
        return [groups.odd.length, all.at(-1), new Set([1]).union(new Set([2])).size, [3, 1].toSorted()];""",
    "this and that of the world": """
        console.log("a", { b: 1 }); console.table([1]);
        await sleep(10); await sleep("3 days"); await sleep(new Date());
        const yes = await approve("Really?", { by: "role:finance", timeout: "1h" });
        const name = await ask("Name?", { type: "string" });
        const event = await waitFor("paid", { timeout: 1000 });
        await state.set("k", { a: [1] }); const k = await state.get("k"); progress(1, 2, "half");
        emit({ type: "text", text: name }); await results.get("h");
        const id = crypto.randomUUID(); performance.now(); structuredClone(k); btoa(atob("aa"));
        const url = new URL("https://x.example/?a=1"); url.searchParams.get("a");
        return [yes.approved, yes.comment, event.amount, k.a[0], id, Temporal.Now.instant().toString()];""",
    # --- TypeScript ---
    "types of the module": """
        import { git } from "tools";
        const latest = (commits: git.Commit[]): git.Commit | undefined => commits[0];
        return latest((await git.gitLog({ repo_path: ".", order: "newest" })).commits)?.sha ?? null;""",
    "imports under other names": """
        import { git as g, time } from "tools";
        import everything from "tools";
        return [await g.gitStatus(), await time.getCurrentTime({ timezone: "UTC" }), everything.git === g];""",
    "a dynamic import": """
        const { git } = await import("tools");
        return (await git.gitStatus()).files.filter((f) => f.state === "added");""",
    "interfaces and enums": """
        interface Row { id: number; name?: string }
        enum Level { Low, High }
        type Rows = Record<string, Row>;
        const rows: Rows = { a: { id: Level.High } };
        return Object.values(rows).map((row) => row.name ?? row.id);""",
    "generics": """
        async function retry<T>(work: () => Promise<T>, times = 3): Promise<T> {
          for (let i = 1; ; i++) { try { return await work(); } catch (e) { if (i >= times) throw e; } }
        }
        return (await retry(() => tools.git.gitLog({ repo_path: "." }))).commits.length;""",
    "an arrow function": "async () => {\n  return (await tools.git.gitStatus()).clean;\n}",
    "a module": """
        import { git } from "tools";
        const limit: number = 5;
        export default async function main(): Promise<number> {
          return (await git.gitLog({ repo_path: ".", max_count: limit })).commits.length;
        }""",
    "a cast": "const r = (await tools.git.gitDiff({ repo_path: '.' })) as { files: string[] }; return r.files.length;",
    "what to do in doubt": "return tools.git.gitShow({ repo_path: '.', revision: 'x' }, { onDoubt: 'throw' });",
    "null where null is allowed": "return tools.git.gitLog({ repo_path: '.', since: null, max_count: undefined });",
    "using": """
        class Lock { [Symbol.dispose]() { console.log("free"); } }
        using lock = new Lock();
        return lock instanceof Lock;""",
    "an async function with a wrong return type": "async function f(): number { return 1; } return await f();",
}

BAD: dict[str, tuple[str, int, int, str]] = {
    # name: (program, line, column, part of the message)
    "a misspelt argument": (
        "return await tools.git.gitLog({ repo_pth: '.' });",
        1,
        33,
        "Did you mean to write 'repo_path'?",
    ),
    "a misspelt optional argument": (
        "return await tools.git.gitLog({\n  repo_path: '.',\n  maxCount: 5,\n});",
        3,
        3,
        "'maxCount' does not exist",
    ),
    "a misspelt nested argument": (
        "return tools.git.gitDiff({ repo_path: '.', options: { context: 1, word: true } });",
        1,
        67,
        "Did you mean to write 'words'?",
    ),
    "a missing argument": ("return tools.git.gitShow({ repo_path: '.' });", 1, 26, "'revision' is missing"),
    "a missing nested argument": (
        "return tools.git.gitDiff({ repo_path: '.', options: {} });",
        1,
        44,
        "'context' is missing",
    ),
    "no arguments": ("return tools.git.gitLog();", 1, 18, "An argument for 'args' was not provided"),
    "positional arguments": ("return tools.git.gitLog('.', 5);", 1, 25, "Argument of type 'string' is not assignable"),
    "too many arguments": ("return tools.git.gitLog({ repo_path: '.' }, undefined, 5);", 1, 56, "but got 3"),
    "a misspelt word for doubt": (
        "return tools.git.gitShow({ repo_path: '.', revision: 'x' }, { onDout: 'throw' });",
        1,
        63,
        "Did you mean to write 'onDoubt'?",
    ),
    "a text for the object": ("return tools.git.gitLog('.');", 1, 25, "'string' is not assignable"),
    "a wrong type": ("return tools.git.gitLog({ repo_path: 5 });", 1, 27, "(property 'repo_path')"),
    "a wrong type in a variable": (
        "const path = 5;\nreturn tools.git.gitLog({ repo_path: path });",
        2,
        27,
        "'number' is not assignable to type 'string'",
    ),
    "a wrong type in a shorthand": (
        "const repo_path = [1];\nreturn tools.git.gitLog({ repo_path });",
        2,
        27,
        "'number[]' is not assignable",
    ),
    "a wrong choice": (
        "return tools.git.gitLog({ repo_path: '.', order: 'newst' });",
        1,
        43,
        "Did you mean '\"newest\"'?",
    ),
    "a literal null": ("return tools.git.gitLog({ repo_path: null });", 1, 27, "'null' is not assignable"),
    "one text for a list": (
        "return tools.git.gitDiff({ repo_path: '.', paths: 'a' });",
        1,
        44,
        "not assignable to type 'string[]'",
    ),
    "arguments in a variable, one missing": (
        "const args = { repo_path: '.' };\nreturn tools.git.gitShow(args);",
        2,
        26,
        "'revision' is missing",
    ),
    "a misspelt tool": ("return tools.git.gitLgo({ repo_path: '.' });", 1, 18, "Did you mean 'gitLog'?"),
    "a tool's own name": ("return tools.git.git_log({ repo_path: '.' });", 1, 18, "gitLog"),
    "a tool that is not there": ("return tools.git.commit({ message: 'x' });", 1, 18, "There is: gitDiff"),
    "a tool written as an index": ("return tools.git['gitLgo']({ repo_path: '.' });", 1, 18, "Did you mean 'gitLog'?"),
    "a misspelt server": ("return tools.gti.gitStatus();", 1, 14, "There is: git, time"),
    "a server that is not there": ("return tools.slack.post({});", 1, 14, "There is: git, time"),
    "a server without import": ("return git.gitStatus();", 1, 8, "Write `tools.git`"),
    "an import that is not there": (
        'import { git, slack } from "tools";\nreturn git.gitStatus();',
        1,
        15,
        "There is: git, time",
    ),
    "an import of a type": ('import { GitLogResult } from "tools";\nreturn 1;', 1, 10, "it is `git.GitLogResult`"),
    "a tool of an imported server": (
        'import { time as t } from "tools";\nreturn t.now();',
        2,
        10,
        "There is: convertTime, getCurrentTime",
    ),
    "a misspelt result": (
        "const log = await tools.git.gitLog({ repo_path: '.' });\nreturn log.commit;",
        2,
        12,
        "Did you mean 'commits'?",
    ),
    "a misspelt result in a list": (
        "const { commits } = await tools.git.gitLog({ repo_path: '.' });\nreturn commits.map((c) => c.sah);",
        2,
        29,
        "There is: author, files, sha, subject",
    ),
    "a result that is not there": (
        "const log = await tools.git.gitLog({ repo_path: '.' });\nreturn log.entries;",
        2,
        12,
        "There is: commits, next_cursor",
    ),
    "a destructured result that is not there": (
        "const { entries } = await tools.git.gitLog({ repo_path: '.' });\nreturn entries;",
        1,
        9,
        "'entries' does not exist",
    ),
    "a result in no alternative": (
        "const found = await tools.git.gitFind({ query: 'x' });\nreturn found.branch;",
        2,
        14,
        "'branch' does not exist",
    ),
    "a text taken for an object": (
        "const shown = await tools.git.gitShow({ repo_path: '.', revision: 'x' });\nreturn shown.diff;",
        2,
        14,
        "'diff' does not exist on type 'string'",
    ),
    "no await": (
        "const log = tools.git.gitLog({ repo_path: '.' });\nreturn log.commits;",
        2,
        12,
        "forget to use 'await'",
    ),
    "a promise as a condition": (
        "if (tools.git.gitStatus()) return 1;\nreturn 0;",
        1,
        5,
        "always return true",
    ),
    "an unknown name": ("const total = 1;\nreturn totl;", 2, 8, "Did you mean 'total'?"),
    "an unknown function": ("return formatDate(new Date());", 1, 8, "Cannot find name 'formatDate'"),
    "an assignment to nothing": ("total = 1;\nreturn total;", 1, 1, "Cannot find name 'total'"),
    "a shorthand of nothing": ("return { total };", 1, 10, "shorthand property 'total'"),
    "fetch": ("return await fetch('https://x.example');", 1, 14, "no network"),
    "process": ("return process.env.HOME;", 1, 8, "no network, files, processes"),
    "Deno": ("return Deno.readTextFile('/etc/passwd');", 1, 8, "Cannot find name 'Deno'"),
    "shared memory": ("return new SharedArrayBuffer(8);", 1, 12, "Cannot find name 'SharedArrayBuffer'"),
    "a syntax error": ("const a = ;\nreturn a;", 1, 11, "Expression expected"),
    "a bracket too few": ("const a = [1, 2;\nreturn a;", 1, 11, "This '[' is never closed."),
    "a brace too many": ("const a = 1;\n}\nreturn a;", 2, 1, "This '}' closes nothing."),
    "a brace too few": ("if (true) {\n  console.log(1);\nreturn 1;", 1, 11, "This '{' is never closed."),
    "text without an end": ("const a = 'x;\nreturn a;", 1, 14, "Unterminated string"),
    "await in a function that is not async": (
        "const names = ['a'].map((n) => { return await tools.git.gitStatus(); });\nreturn names;",
        1,
        41,
        "'await' expressions are only allowed within async functions",
    ),
    "a constant assigned": ("const a = 1;\na = 2;\nreturn a;", 2, 1, "it is a constant"),
    "one name twice": ("const a = 1;\nlet a = 2;\nreturn a;", 1, 7, "Cannot redeclare"),
    "a call of no function": ("const n = 5;\nreturn n();", 2, 8, "not callable"),
    "new of no class": ("const f = 5;\nreturn new f();", 2, 12, "not constructable"),
    "iteration over a number": (
        "for (const x of 5) console.log(x);\nreturn 1;",
        1,
        17,
        "must have a '[Symbol.iterator]()'",
    ),
    "used before its declaration": ("const b = a + 1;\nconst a = 1;\nreturn b;", 1, 11, "before its declaration"),
    "no function where one is needed": ("return [1].map(5);", 1, 16, "not assignable"),
    "an annotation that is not true": (
        "const log: string[] = await tools.git.gitLog({ repo_path: '.' });\nreturn log;",
        1,
        7,
        "is missing the following properties",
    ),
    "one's own typed function": (
        "function f(n: number, m: number) { return n * m; }\nreturn f('x', 1);",
        2,
        10,
        "'string' is not assignable",
    ),
    "too few arguments of one's own typed function": (
        "function f(n: number, m: number) { return n * m; }\nreturn f(1);",
        2,
        8,
        "An argument for 'm' was not provided",
    ),
    "sleep without a time": ("await sleep();\nreturn 1;", 1, 7, "'duration' was not provided"),
    "approve of a number": ("return approve(5);", 1, 16, "'number' is not assignable"),
    "approve with a wrong option": ("return approve('x', { who: 'bob' });", 1, 23, "'who' does not exist"),
    "a function of state that is not there": ("return state.read('x');", 1, 14, "There is: delete, get, keys, set"),
    "a wrong content block": ("emit({ type: 'picture', data: '' });\nreturn 1;", 1, 8, "not assignable"),
    "a misspelt console": ("console.lgo(1);\nreturn 1;", 1, 9, "'console'"),
    "null looked into": ("return null.x;", 1, 8, "cannot be used here"),
}
