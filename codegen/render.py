"""Servers → one TypeScript module and its manifest. Deterministic; the text of each server depends on that server
alone, so that a catalogue in which one of them changed costs little."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from codegen import docs, names, text
from codegen.declare import Function, Writer, function_of
from codegen.ir import Doc
from codegen.kept import Kept
from codegen.observed import Observed
from codegen.sharing import UNNAMED, NamedTypes, share
from codegen.source import ServerSpec, canonical
from codegen.tooltypes import REMEMBERED, ToolTypes, tool_types
from codegen.typescript import comment_lines

SUMMARY = 160
"""Characters of a description in `signatures`."""
NAME_LINE = 90
"""Characters of a description in `names`."""
BOILERPLATE = 4
"""Tools of one server that begin with the same sentence, from which on it is passed over."""

_templates = Environment(
    loader=PackageLoader("codegen"),
    autoescape=False,  # TypeScript, not HTML; `text` makes harmless what servers wrote
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


@dataclass(frozen=True)
class ToolDecl:
    """One tool as generated. `wrapped`: its result is to be taken out of `{result: …}`. The three details are written
    when they are first asked for."""

    server: str
    tool: str
    namespace: str
    function: str
    issues: tuple[str, ...]
    wrapped: bool
    _source: Function = field(repr=False, compare=False)
    _shared: NamedTypes = field(repr=False, compare=False)
    _boilerplate: frozenset[str] = field(repr=False, compare=False)

    @cached_property
    def name_line(self) -> str:
        """The tool in one line: `git.gitLog – Shows the commit logs`."""
        name, words = f"{self.namespace}.{self.function}", text.comment(self._summary(NAME_LINE))
        return f"{name} – {words}" if words else name

    @cached_property
    def signature(self) -> str:
        """A compact declaration with the named types it needs, to be read alone."""
        return Writer(self._needed, self.namespace, brief=True).alone(self._source, self._summary(SUMMARY))

    @cached_property
    def full(self) -> str:
        """The declaration with all documentation and the named types it needs, to be read alone."""
        return Writer(self._needed, self.namespace).alone(self._source, self._source.types.description)

    @cached_property
    def _needed(self) -> NamedTypes:
        roots = self._source.roots
        return self._shared.within(roots) if self._shared.used_by(roots) else UNNAMED

    def _summary(self, limit: int) -> str:
        return docs.summary(self._source.types.sentences, limit, self._boilerplate)


@dataclass(frozen=True, slots=True)
class Module:
    """`text` is tools.d.ts, `manifest` what stands in manifest.json, `hash` (SHA-256, hex) names both. `issues` are
    the tools that were left out, each with its server and the reason."""

    text: str
    manifest: dict[str, Any]
    hash: str
    tools: Mapping[tuple[str, str], ToolDecl]
    issues: tuple[str, ...]


def generate(servers: Sequence[ServerSpec]) -> Module:
    """The module for `servers`, the same whatever their order. Never fails on what a server sent."""
    by_name: dict[str, list[ServerSpec]] = {}
    for spec in servers:
        by_name.setdefault(spec.name, []).append(spec)
    namespaces = names.namespaces(by_name)
    parts = [_server(_content(name, namespaces[name], by_name[name])) for name in sorted(by_name)]
    tools = {(decl.server, decl.tool): decl for part in parts for decl in part.tools}
    manifest = {
        name: _manifest(namespaces[name], part.tools) for name, part in zip(sorted(by_name), parts, strict=True)
    }
    body = _templates.get_template("module.d.ts.jinja").render(
        servers=[part.text for part in parts],
        observed=any(spec.observed for spec in servers),
        any_object=any("JsonObject" in part.text for part in parts),
    )
    digest = sha256(body.encode())
    digest.update(json.dumps(manifest, sort_keys=True).encode())
    module_hash = digest.hexdigest()
    issues = tuple(issue for part in parts for issue in part.issues)
    return Module(body, {"hash": module_hash, "servers": manifest}, module_hash, tools, issues)


def write(module: Module, out_dir: Path) -> None:
    """`tools.d.ts` and `manifest.json` in `out_dir`, which is made if need be."""
    out_dir.mkdir(parents=True, exist_ok=True)
    (out_dir / "tools.d.ts").write_text(module.text, encoding="utf-8")
    (out_dir / "manifest.json").write_text(json.dumps(module.manifest, indent=2) + "\n", encoding="utf-8")


def _manifest(namespace: str, tools: Iterable[ToolDecl]) -> dict[str, Any]:
    entries = {decl.tool: {"function": decl.function, "issues": list(decl.issues)} for decl in tools}
    return {"namespace": namespace, "tools": entries}


@dataclass(frozen=True, slots=True)
class _Tool:
    """Everything that one tool's text depends on, hashable."""

    definition: str
    issues: tuple[str, ...]
    observed: Observed | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Server:
    text: str
    tools: tuple[ToolDecl, ...]
    issues: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Content:
    """All that a server's text depends on, hashable. `issues`: tools that cannot be are left out here."""

    name: str
    namespace: str
    words: str
    tools: tuple[_Tool, ...]
    issues: tuple[str, ...]

    def __len__(self) -> int:
        return sum(len(tool.definition) for tool in self.tools)


def _content(name: str, namespace: str, specs: Iterable[ServerSpec]) -> _Content:
    tools: dict[str, _Tool] = {}
    issues: list[str] = []
    words = ""
    for spec in specs:
        words = words or spec.title or spec.instructions
        for position, tool in enumerate(spec.tools):
            tool_name = tool.get("name") if isinstance(tool, Mapping) else None
            if not isinstance(tool_name, str):
                issues.append(f"{name}: tools[{position}] has no name; left out")
            elif tool_name in tools:
                issues.append(f"{name}: tools[{position}] repeats the name {tool_name[:80]!r}; left out")
            else:
                definition, problems = canonical(tool)
                notes = tuple(spec.notes.get(tool_name, ()))
                tools[tool_name] = _Tool(definition, problems, spec.observed.get(tool_name), notes)
    return _Content(name, namespace, words, tuple(tools[key] for key in sorted(tools)), tuple(issues))


def _written(content: _Content) -> _Server:
    namespace, tools = content.namespace, content.tools
    typed = [tool_types(tool.definition) for tool in tools]
    identifiers = names.functions(types.name for types in typed)
    known = [
        (tool, function_of(identifiers[types.name], types, tool.observed, tool.notes))
        for tool, types in zip(tools, typed, strict=True)
    ]
    known.sort(key=lambda pair: pair[1].name)
    shared = share([(function.types, function.result) for _, function in known])
    boilerplate = _boilerplate(typed)
    writer = Writer(shared, namespace, compiled=True)
    body = _templates.get_template("server.d.ts.jinja").render(
        doc=comment_lines(Doc(docs.summary(docs.sentences(content.words), SUMMARY))),
        namespace=namespace,
        functions=[writer.declaration(function, function.types.description) for _, function in known],
        types=writer.named_types(),
    )
    decls = [
        ToolDecl(
            server=content.name,
            tool=function.types.name,
            namespace=namespace,
            function=function.name,
            issues=(*tool.issues, *function.types.issues, *_renamed(function.types.name, function.name)),
            wrapped=function.types.wrapped,
            _source=function,
            _shared=shared,
            _boilerplate=boilerplate,
        )
        for tool, function in known
    ]
    return _Server(body, tuple(decls), content.issues)


_server = Kept(_written, len, REMEMBERED)


def _boilerplate(tools: Iterable[ToolTypes]) -> frozenset[str]:
    """First sentences that many tools of a server share: they tell none of them apart."""
    counts = Counter(types.sentences[0] for types in tools if types.sentences)
    return frozenset(sentence for sentence, count in counts.items() if count >= BOILERPLATE)


def _renamed(tool: str, function: str) -> tuple[str, ...]:
    if function == names.camel(tool):
        return ()
    return (f"the name {tool[:80]!r} became {function!r}: the plain identifier is reserved, taken or not possible",)
