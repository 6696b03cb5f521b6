"""How fast codegen is, how it grows, how short it writes, and how often it is right, next to json-schema-to-typescript.

    python -m benchmarks.codegen [--json FILE]

Needs the corpus of real servers in ../shared/corpus, and the npm registry (json-schema-to-typescript and a tokenizer,
both brought by Deno into its cache). Times are milliseconds of CPU: of ours from a cold start and with formatted text,
of the rival's after a warm-up, with formatting (as it comes) and without. Verdicts are those of TypeScript on calls
with valid and with broken arguments, as in tests/codegen/test_properties.py, the same calls for both.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deno import find_deno_bin

from codegen import Module, ServerSpec, generate
from tests.codegen import corpus
from tests.codegen.test_properties import Case, cases_of
from tests.codegen.tokens import counts
from tests.codegen.typecheck import module_files, tsc_check

HERE = Path(__file__).parent
OUT = HERE / "out" / "codegen.json"
SIZES = (10, 100, 1_000, 10_000)
FEATURES = (
    *("$ref", "anyOf", "oneOf", "allOf", "not", "enum", "const", "if", "nullable", "prefixItems", "patternProperties"),
    *("propertyNames", "format", "default", "additionalProperties"),
)


def growth() -> list[dict[str, float]]:
    """Generation of ever more fresh tools: nothing of them is remembered."""
    pool = [tool for server, tool in corpus.tools() if server != "ms-365-softeria"]
    table = []
    for size in SIZES:
        tools = [
            {**pool[i % len(pool)], "name": f"{pool[i % len(pool)]['name']}_{i}", "title": f"{size}.{i}"}
            for i in range(size)
        ]
        specs = [ServerSpec(f"server {i}", tools[i : i + 50]) for i in range(0, size, 50)]
        first, module = _timed(specs)
        again, _ = _timed(specs)
        one_changed = [ServerSpec("server 0", [{**tools[0], "description": "New."}, *tools[1:50]]), *specs[1:]]
        changed, _ = _timed(one_changed)
        table.append(
            {"tools": size, "ms": first, "again_ms": again, "one_changed_ms": changed, "kb": len(module.text) / 1000}
        )
    return table


def _timed(specs: Sequence[ServerSpec]) -> tuple[float, Module]:
    start = time.process_time()
    module = generate(specs)
    return (time.process_time() - start) * 1000, module


def sizes() -> dict[str, float]:
    """Tokens (o200k_base) of each detail as a share of the tool's definition as JSON, at the median."""
    module, texts = corpus.module(), []
    for server, tool in corpus.tools():
        decl = module.tools[server, tool["name"]]
        compact = json.dumps(tool, ensure_ascii=False, separators=(",", ":"))
        texts += [json.dumps(tool, ensure_ascii=False), compact, decl.signature, decl.full, decl.name_line]
    found = counts(texts)
    raw, compact_raw, signatures, fulls, lines = (found[i::5] for i in range(5))
    return {
        "definitions": sum(raw),
        "signatures": sum(signatures),
        "fulls": sum(fulls),
        "signature_share": _median_share(signatures, raw),
        "full_share": _median_share(fulls, raw),
        "signature_share_of_compact": _median_share(signatures, compact_raw),
        "full_share_of_compact": _median_share(fulls, compact_raw),
        "name_line": statistics.median(lines),
    }


def _median_share(parts: Sequence[int], wholes: Sequence[int]) -> float:
    return round(statistics.median(part / whole for part, whole in zip(parts, wholes, strict=True)), 3)


def rival(schemas: Sequence[Any]) -> dict[str, Any]:
    """What json-schema-to-typescript makes: `texts`, null where it fails, and CPU time per schema."""
    command = [find_deno_bin(), "run", "--quiet", "--no-lock", "--allow-read", "--allow-env", "--allow-sys"]
    done = subprocess.run(
        [*command, str(HERE / "codegen_rival.ts")],
        input=json.dumps(schemas),
        text=True,
        capture_output=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def features_of(schema: Any) -> set[str]:
    """The keywords of FEATURES that occur in `schema`, and what its objects say of other keys."""
    written = json.dumps(schema)
    found = {word for word in FEATURES if f'"{word}": ' in written}
    for closed, name in (("false", "closed objects"), ("true", "open objects"), ("{", "typed maps")):
        if f'"additionalProperties": {closed}' in written:
            found.add(name)
    return found or {"none of these"}


def compared() -> dict[str, Any]:
    """Both generators over the input schemas of the corpus: verdicts by feature, tokens, time."""
    bare = [
        ServerSpec(spec.name, [{key: tool[key] for key in ("name", "inputSchema")} for tool in spec.tools])
        for spec in corpus.specs()
    ]
    ours_ms, module = _timed(bare)
    tools = [(spec.name, tool) for spec in bare for tool in spec.tools]
    made = rival([tool["inputSchema"] for _, tool in tools])
    theirs = made["texts"]
    cases = [list(cases_of(s, t, module.tools[s, t["name"]], valid=2, broken=4)) for s, t in tools]
    with tempfile.TemporaryDirectory() as folder:
        right = {
            "codegen": _verdicts(Path(folder), _our_program(module, cases), cases),
            "json-schema-to-typescript": _verdicts(Path(folder), _their_program(theirs, cases), cases),
        }
    tokens = counts([module.tools[s, t["name"]].full for s, t in tools] + [one or "" for one in theirs])
    return {
        "tools": len(tools),
        "not_generated": {"codegen": 0, "json-schema-to-typescript": theirs.count(None)},
        "ms_per_tool": {
            "codegen": ours_ms / len(tools),
            "json-schema-to-typescript": made["formatted"],
        },
        "ms_without_formatting": {
            "codegen": ours_ms / len(tools),
            "json-schema-to-typescript": made["unformatted"],
        },
        "tokens": {
            "codegen": sum(tokens[: len(tools)]),
            "json-schema-to-typescript": sum(tokens[len(tools) :]),
        },
        "right": {which: _shares(found, tools, cases) for which, found in right.items()},
    }


def _our_program(module: Module, cases: Sequence[Sequence[Case]]) -> dict[str, str]:
    names = ", ".join(server["namespace"] for server in module.manifest["servers"].values())
    lines = [f'import {{ {names} }} from "./tools.d.ts";', *(case.line for group in cases for case in group)]
    return {**module_files(module), "program.ts": "\n".join(lines)}


def _their_program(theirs: Sequence[str | None], cases: Sequence[Sequence[Case]]) -> dict[str, str]:
    """Each type in a namespace of its own; one that could not be made takes anything."""
    types, calls = [], []
    for number, (one, group) in enumerate(zip(theirs, cases, strict=True)):
        types.append(f"export namespace T{number} {{\n{one or 'export type Root = any'}\n}}")
        types.append(f"export declare function f{number}(args: T{number}.Root): void;")
        calls += [f"t.f{number}({case.line.partition('(')[2]}" for case in group]
    return {"types.ts": "\n".join(types), "program.ts": "\n".join(['import * as t from "./types.ts";', *calls])}


def _verdicts(folder: Path, files: Mapping[str, str], cases: Sequence[Sequence[Case]]) -> list[list[bool]]:
    """For each tool and case whether the checker says what it should."""
    refused = {p.line - 2 for p in tsc_check(folder, files, "program.ts") if p.file == "program.ts"}
    verdicts, line = [], 0
    for group in cases:
        verdicts.append([(case.kind == "valid") != (line + i in refused) for i, case in enumerate(group)])
        line += len(group)
    return verdicts


def _shares(
    verdicts: Sequence[Sequence[bool]], tools: Sequence[tuple[str, Mapping[str, Any]]], cases: Sequence[Sequence[Case]]
) -> dict[str, Any]:
    """Verdicts that are right, by kind of case and by feature of the schema, each as [right, all]."""
    good: dict[str, Counter[str]] = defaultdict(Counter)
    every: dict[str, Counter[str]] = defaultdict(Counter)
    for (_, tool), group, found in zip(tools, cases, verdicts, strict=True):
        marks = features_of(tool["inputSchema"])
        for case, is_right in zip(group, found, strict=True):
            for table, mark in _marks(case, marks):
                good[table][mark] += is_right
                every[table][mark] += 1
    return {table: {mark: [good[table][mark], total] for mark, total in every[table].items()} for table in every}


def _marks(case: Case, features: set[str]) -> Iterator[tuple[str, str]]:
    yield "by_kind", case.kind
    for feature in sorted(features):
        yield "by_feature", feature


def show(table: Sequence[Mapping[str, float]], short: Mapping[str, float], both: Mapping[str, Any]) -> None:
    print(f"{'tools':>8} {'ms':>9} {'ms/tool':>8} {'again':>8} {'one new':>8} {'KB':>8}")
    for row in table:
        each = row["ms"] / row["tools"]
        print(
            f"{row['tools']:>8.0f} {row['ms']:>9.0f} {each:>8.3f} {row['again_ms']:>8.0f} {row['one_changed_ms']:>8.0f}"
            f" {row['kb']:>8.0f}"
        )
    print("\nTokens: " + ", ".join(f"{name} {value:g}" for name, value in short.items()))
    names = list(both["right"])
    print(f"\n{'':28}" + "".join(f"{name:>28}" for name in names))
    for label in ("ms_per_tool", "ms_without_formatting", "tokens", "not_generated"):
        print(f"{label:28}" + "".join(f"{both[label][name]:>28.3f}" for name in names))
    for which in ("by_kind", "by_feature"):
        for mark in both["right"][names[0]][which]:
            cells = [both["right"][name][which][mark] for name in names]
            print(f"{mark:28}" + "".join(f"{f'{100 * right / total:.2f} % of {total}':>28}" for right, total in cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, default=OUT, metavar="FILE")
    file = parser.parse_args().json
    table, short, both = growth(), sizes(), compared()
    show(table, short, both)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"growth": table, "tokens": short, "compared": both}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
