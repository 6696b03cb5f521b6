"""The module as a whole: its form, its manifest, its stability, and what programs may write against it."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from codegen import Module, Observed, ServerSpec, generate, load_dump, observe, write
from tests.codegen import corpus
from tests.codegen.typecheck import deno_check, module_files, tsc_check


def tool(name: str, schema: Any = None, **more: Any) -> dict[str, Any]:
    return {"name": name, "inputSchema": {"type": "object", "properties": {}} if schema is None else schema, **more}


def args(required: Any = None, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required or []}


STRING = {"type": "string"}
GIT_LOG = tool(
    "git_log",
    args(["repo_path"], repo_path=STRING, max_count={"type": "integer", "default": 10, "minimum": 1}),
    description="Shows the commit logs.\n\nThe newest come first.",
    annotations={"readOnlyHint": True},
)


def test_a_module_reads_like_this() -> None:
    module = generate([ServerSpec("git", [GIT_LOG, tool("status")], title="Git"), ServerSpec("time", [tool("now")])])
    assert (
        module.text.split("\n", 2)[2]
        == """\
/** When it is unknown whether a call took effect: throw, or (as without this) wait for a person. */
export type CallOptions = { onDoubt: "throw" | "wait" };

/** Git */
export const git: {
  /** Shows the commit logs.
   * The newest come first. @read-only */
  gitLog(args: {
    repo_path: string;
    /** integer ≥ 1 @default 10 */
    max_count?: number;
  }, options?: CallOptions): Promise<any>;
  status(args?: Record<string, never>, options?: CallOptions): Promise<any>;
};

export const time: {
  now(args?: Record<string, never>, options?: CallOptions): Promise<any>;
};

export {};
"""
    )


def test_a_tool_in_three_details() -> None:
    decl = generate([ServerSpec("git", [GIT_LOG], notes={"git_log": ["needs approval"]})]).tools["git", "git_log"]
    assert decl.name_line == "git.gitLog – Shows the commit logs."
    assert decl.signature == (
        "/** Shows the commit logs. @read-only @needs-approval */\n"
        "gitLog(args: { repo_path: string; max_count?: number }): Promise<any>;"
    )
    assert "The newest come first." in decl.full and "@default 10" in decl.full


def test_the_manifest_has_the_form_of_the_contract() -> None:
    module = generate([ServerSpec("re dis", [tool("delete")])])
    assert module.manifest["hash"] == module.hash
    assert len(module.hash) == 64
    assert module.manifest["servers"] == {
        "re dis": {
            "namespace": "reDis",
            "tools": {
                "delete": {
                    "function": "delete_",
                    "issues": [
                        "the name 'delete' became 'delete_': the plain identifier is reserved, taken or not possible"
                    ],
                }
            },
        }
    }


def test_written_files_are_the_module(tmp_path: Path) -> None:
    module = generate([ServerSpec("git", [GIT_LOG])])
    write(module, tmp_path / "a" / "b")
    assert (tmp_path / "a/b/tools.d.ts").read_text(encoding="utf-8") == module.text
    assert json.loads((tmp_path / "a/b/manifest.json").read_text()) == module.manifest


@pytest.mark.corpus
def test_order_does_not_matter() -> None:
    shuffle = random.Random(3)
    specs = [
        ServerSpec(spec.name, shuffle.sample(spec.tools, len(spec.tools)), spec.title, spec.instructions)
        for spec in shuffle.sample(corpus.specs(), len(corpus.specs()))
    ]
    module = generate(specs)
    assert module.hash == corpus.module().hash
    assert module.text == corpus.module().text


@pytest.mark.corpus
def test_a_server_reads_the_same_whatever_stands_beside_it() -> None:
    spec = next(spec for spec in corpus.specs() if spec.name == "github-official")
    alone = generate([spec])
    assert alone.tools
    for key, decl in alone.tools.items():
        beside = corpus.module().tools[key]
        assert (decl, decl.signature, decl.full, decl.name_line) == (
            beside,
            beside.signature,
            beside.full,
            beside.name_line,
        )


def test_the_hash_tells_modules_apart() -> None:
    one = generate([ServerSpec("git", [GIT_LOG])])
    assert one.hash == generate([ServerSpec("git", [dict(GIT_LOG)])]).hash
    assert one.hash != generate([ServerSpec("git", [{**GIT_LOG, "description": "Something else."}])]).hash
    # the same text, but another tool of the server behind the function
    assert generate([ServerSpec("s", [tool("do-it")])]).hash != generate([ServerSpec("s", [tool("doIt")])]).hash


def test_nothing_at_all_is_a_module_too(tmp_path: Path) -> None:
    module = generate([])
    assert module.manifest["servers"] == {}
    assert deno_check(tmp_path, module_files(module)) == []
    assert generate([ServerSpec("empty", [])]).manifest["servers"]["empty"]["tools"] == {}


def test_what_cannot_be_a_tool_is_left_out_and_named() -> None:
    broken: list[Any] = [tool("ok"), {"inputSchema": {}}, "text", tool("ok"), {"name": 5}, {"name": "bare"}]
    module = generate([ServerSpec("s", broken)])
    assert {name for _, name in module.tools} == {"ok", "bare"}
    assert [issue.split(";")[0] for issue in module.issues] == [
        "s: tools[1] has no name",
        "s: tools[2] has no name",
        "s: tools[3] repeats the name 'ok'",
        "s: tools[4] has no name",
    ]


def test_a_server_given_in_two_parts_is_one() -> None:
    module = generate([ServerSpec("s", [tool("a")]), ServerSpec("s", [tool("b")])])
    assert module.text.count("export const s:") == 1
    assert {name for _, name in module.tools} == {"a", "b"}


LINK = args(
    ["href"], href={**STRING, "description": "Where the link leads, as an absolute URL"}, rel=STRING, title=STRING
)


def test_a_type_that_recurs_is_written_once_under_a_name() -> None:
    schema = {**args(first={"$ref": "#/$defs/link"}, second={"$ref": "#/$defs/link"}), "$defs": {"link": LINK}}
    module = generate([ServerSpec("web", [tool("open", schema), tool("save", args(link=LINK))])])
    assert module.text.count("href: string") == 1
    assert "first?: web.Link; second?: web.Link" in module.text
    alone = module.tools["web", "open"].signature
    assert alone.startswith("namespace web {\n  type Link = { href: string; rel?: string; title?: string };\n}\n")
    # where it is needed once, it stands where it is needed
    assert module.tools["web", "save"].signature == (
        "save(args?: { link?: { href: string; rel?: string; title?: string } }): Promise<any>;"
    )


def test_recursive_types_refer_to_themselves(tmp_path: Path) -> None:
    tree = args(["name"], name=STRING, children={"type": "array", "items": {"$ref": "#/$defs/tree"}})
    even = {"type": "object", "properties": {"next": {"$ref": "#/$defs/odd"}}}
    odd = {"type": "object", "additionalProperties": {"$ref": "#/$defs/even"}}
    json_value = {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/json"}}, STRING, {"$ref": "#/$defs/json"}]}
    names = ("tree", "even", "json")
    schema = {
        **args(**{name: {"$ref": f"#/$defs/{name}"} for name in names}),
        "$defs": {"tree": tree, "even": even, "odd": odd, "json": json_value},
    }
    module = generate([ServerSpec("s", [tool("t", schema), tool("self", args(["a"], a={"$ref": "#"}))])])
    assert "type Tree = { name: string; children?: Tree[] };" in module.text
    assert "type Json = Json[] | string;" in module.text
    assert deno_check(tmp_path, module_files(module)) == []


def test_results_are_unwrapped_where_an_sdk_wrapped_them() -> None:
    result = {"type": "array", "items": STRING}
    wrapped = {"type": "object", "properties": {"result": result}, "required": ["result"]}
    outputs = {
        "titled": {**wrapped, "title": "titledOutput"},
        "flagged": {**wrapped, "x-fastmcp-wrap-result": True},
        "flagged_only": {"type": "object", "x-fastmcp-wrap-result": True},
        "own": wrapped,
        "more": {**wrapped, "title": "moreOutput", "properties": {"result": result, "page": {"type": "integer"}}},
    }
    module = generate([ServerSpec("s", [tool(name, outputSchema=schema) for name, schema in outputs.items()])])
    returned = {name: decl.full.partition("Promise<")[2] for (_, name), decl in module.tools.items()}
    assert returned["titled"] == returned["flagged"] == "string[]>;"
    assert returned["flagged_only"] == "any>;"
    assert returned["own"] == "{ result: string[] }>;"
    assert {name for (_, name), decl in module.tools.items() if decl.wrapped} == {"titled", "flagged", "flagged_only"}


def learnt(*results: Any) -> Observed:
    observed: Observed | None = None
    for result in results:
        observed = observe(observed, result)
    assert observed is not None
    return observed


def test_what_was_learnt_is_the_type_of_a_tool_that_declares_none() -> None:
    observed = {name: learnt({"id": 1, "tags": ["x"]}, {"id": 2}) for name in ("quiet", "declares")}
    tools = [tool("quiet"), tool("declares", outputSchema=args(["a"], a=STRING))]
    module = generate([ServerSpec("s", tools, observed=observed)])
    quiet = module.tools["s", "quiet"]
    assert quiet.full.endswith("Promise<Observed<{ id: number; tags?: string[] }>>;")
    assert "observed in 2 calls" in quiet.full
    assert "Observed" not in module.tools["s", "declares"].full
    assert "type Observed<T>" in module.text
    assert "Observed" not in generate([ServerSpec("s", tools)]).text


PROGRAM = """\
import { s } from "./tools.d.ts";
await s.none();
await s.none({});
await s.log({ repo_path: "." });
await s.log({ repo_path: ".", max_count: 5 });
const seen = await s.quiet();
const fine: number = seen.id + seen.items[0].size;
seen.brandNew.field.of.any[5].depth;
seen.items[0].another();
seen.items.map((item) => item.unseen);
const again = await s.send({ link: seen, meta: await s.shaped() });
const typed: s.Deep = { deep: {} };
const item = (await s.shaped()).whatever.is.open;
"""
REFUSED = """\
await s.none({ x: 1 });
await s.log();
await s.log({});
await s.log({ repo_pth: "." });
await s.log({ repo_path: 5 });
await s.log({ repo_path: ".", maxCount: 5 });
await s.logs({ repo_path: "." });
const wrong: string = (await s.quiet()).id;
(await s.exact()).names;
"""


def program_module() -> Module:
    deep = args(deep={"$ref": "#/$defs/deep"})
    tools = [
        tool("none"),
        tool("log", args(["repo_path"], repo_path=STRING, max_count={"type": "integer"})),
        tool("quiet"),
        tool("exact", outputSchema=args(["name"], name=STRING)),
        tool("shaped", outputSchema={**args(["a"], a=STRING), "additionalProperties": True}),
        tool("send", args(link={"type": "object"}, meta={"type": "object"})),
        tool("deep", {**args(a={"$ref": "#/$defs/deep"}), "$defs": {"deep": deep}}),
    ]
    return generate([ServerSpec("s", tools, observed={"quiet": learnt({"id": 1, "items": [{"size": 2}]})})])


def test_programs_may_be_written_as_models_write_them(tmp_path: Path) -> None:
    files = {**module_files(program_module()), "program.ts": PROGRAM}
    assert deno_check(tmp_path, files, "program.ts") == []
    assert tsc_check(tmp_path, files, "program.ts") == []


def test_misuse_is_refused_with_the_name_that_was_meant(tmp_path: Path) -> None:
    files = {**module_files(program_module()), "program.ts": 'import { s } from "./tools.d.ts";\n' + REFUSED}
    problems = {problem.line - 2: problem.message for problem in tsc_check(tmp_path, files, "program.ts")}
    assert sorted(problems) == list(range(len(REFUSED.splitlines())))
    assert "repo_path" in problems[3] and "Did you mean" in problems[3]
    assert "Did you mean 'log'" in problems[6]
    assert "Did you mean 'name'" in problems[8]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (None, "the dump is null"),
        ([1], "entry 0 is int"),
        ({}, "no `server` name"),
        ({"server": "", "tools": []}, "no `server` name"),
        ({"server": "x"}, "no `tools` list"),
        ([{"server": "x", "tools": []}, {"server": "y", "tools": {}}], "entry 1 ('y') has no `tools` list"),
        ({"server": "x", "tools": [{"name": "a"}, {"description": "b"}]}, "tools[1] is no MCP Tool"),
    ],
)
def test_a_dump_that_is_none_is_refused_with_the_place(data: Any, words: str) -> None:
    with pytest.raises(ValueError, match=r"expected|has no|is no") as raised:
        load_dump(data)
    assert words in str(raised.value)


def test_a_dump_may_be_one_server_or_many() -> None:
    one = {"server": "a", "tools": [tool("x")], "instructions": "Use with care."}
    assert load_dump(one) == [ServerSpec("a", [tool("x")], "", "Use with care.")]
    assert [spec.name for spec in load_dump([one, {"server": "b", "tools": []}])] == ["a", "b"]
