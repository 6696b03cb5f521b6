"""Some telling tools of the corpus as they are generated, one file each, to be read by people.

scripts/goldens        # write them anew
"""

from __future__ import annotations

from pathlib import Path

from codegen import ToolDecl, generate, observe
from tests.codegen import corpus

FOLDER = Path(__file__).parent / "goldens"
TOOLS = [
    ("antv-chart", "generate_spreadsheet"),  # map of mixed values, propertyNames
    ("awslabs-iam", "get_user"),  # a leaked context object pulls in a tree of types
    ("brave", "brave_place_search"),  # prefixItems, a property called api-version
    ("cloudflare", "worker_put"),  # no type, but properties
    ("excel-haris", "transform_range"),  # enum of quotes
    ("filesystem", "search_files"),  # **/*.ext in a description
    ("git", "git_log"),
    ("github-official", "create_repository"),
    ("hevy", "create-workout"),  # numeric constants
    ("hubspot", "hubspot-batch-create-objects"),  # a docstring with headings
    ("ida-pro", "set_function_prototype"),  # a parameter called prototype
    ("linear-tacticlaunch", "linear_createIssue"),
    ("monday", "update_doc"),  # ten alternatives, a reference into another one
    ("ms-365-softeria", "create-chat"),  # recursive
    ("neon", "provision_neon_auth"),  # backticks and ${…}
    ("netlify", "netlify-coding-rules"),  # a required property with an empty enum
    ("playwright", "browser_evaluate"),  # a comment inside a description
    ("redis-official", "delete"),  # a reserved word
    ("ref-gitlab", "create_issue"),  # a schema that says nothing
    ("todoist", "get-overview"),  # recursive result
    ("twilio", "TwilioApiV2010--ListCall"),  # `StartTime`, `StartTime<`, `StartTime>`
    ("webflow", "element_builder"),  # twelve levels, references into properties
    ("xcodebuild", "session_show_defaults"),  # oneOf at the root, if/then, $id
]
LEARNT = ("git", "git_log")
"""The tool whose golden also shows a learnt result."""


def goldens() -> dict[str, str]:
    """File name → what stands in it."""
    files = {}
    for server, tool in TOOLS:
        decl = corpus.module().tools[server, tool]
        files[f"{server}.{tool}.d.ts"] = _page(decl)
    spec = next(spec for spec in corpus.specs() if spec.name == LEARNT[0])
    shape = observe(observe(None, [{"sha": "a1", "author": {"name": "x"}}]), [{"sha": "b2", "tags": []}])
    bare = [{key: value for key, value in tool.items() if key != "outputSchema"} for tool in spec.tools]
    learnt = generate([type(spec)(spec.name, bare, observed={LEARNT[1]: shape}, notes={LEARNT[1]: ["needs approval"]})])
    files[f"{LEARNT[0]}.{LEARNT[1]}.learnt.d.ts"] = _page(learnt.tools[LEARNT])
    return files


def _page(decl: ToolDecl) -> str:
    issues = "".join(f"// issue: {issue}\n" for issue in decl.issues)
    return f"// {decl.name_line}\n{issues}\n// signatures\n\n{decl.signature}\n\n// full\n\n{decl.full}\n"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    wanted = goldens()
    for stale in FOLDER.iterdir():
        if stale.name not in wanted:
            stale.unlink()
    for name, content in wanted.items():
        (FOLDER / name).write_text(content, encoding="utf-8")
    print(f"{len(wanted)} goldens in {FOLDER.relative_to(Path.cwd())}")


if __name__ == "__main__":
    main()
