"""The type checker's messages as a model can use them: short, without advice about compiler options, and with the
names that there are. "Did you mean" stays. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

MAX_MESSAGE = 700
MAX_TYPE = 160
LISTED = 12
"""As many names are all listed; of more only the nearest."""
NEAREST = 5

_ADVICE = re.compile(r" (?:Do you need to (?:change|install)|Try changing|Try `npm)[^\n]*")
_IMPORT_ADVICE = re.compile(r" Did you mean to use 'import [^\n]*")
_MODULE_TYPE = re.compile(r"""typeof import\("\$?tools"(?:, \{ with: \{[^}]*\} \})?\)""")
_QUOTED = re.compile(rf"'([^'\n]{{{MAX_TYPE + 1},}})'")
_FORGOTTEN = "Did you forget to use 'await'?"
_EXPORT = re.compile(r"^export const (\w+):", re.MULTILINE)
_NAMESPACE = "\nexport namespace "
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_ELSEWHERE = frozenset(
    {
        *("fetch", "XMLHttpRequest", "WebSocket", "EventSource", "require", "module", "exports", "process", "Buffer"),
        *("Deno", "Bun", "global", "window", "document", "navigator", "location", "localStorage", "sessionStorage"),
        *("fs", "path", "os", "http", "https", "axios", "child_process", "__dirname", "__filename", "Worker", "caches"),
        *("setImmediate", "WebAssembly", "SharedArrayBuffer", "Atomics", "WeakRef", "FinalizationRegistry"),
        *("AbortController", "AbortSignal", "Blob", "File", "FormData", "Headers", "Request", "Response", "$", "alert"),
    }
)
_NO_OUTSIDE = "A program has no network, files, processes or modules: `tools` is what reaches the outside."


def shortened(message: str) -> str:
    """The first line and the one that says it most exactly, without advice, with long types cut."""
    text = _MODULE_TYPE.sub("tools", _IMPORT_ADVICE.sub("", _ADVICE.sub("", message)))
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    kept = lines if len(lines) < 3 else [lines[0], lines[-1]]
    text = " ".join(_QUOTED.sub(lambda match: f"'{match.group(1)[:MAX_TYPE]} …'", line) for line in kept)
    return text if len(text) <= MAX_MESSAGE else f"{text[:MAX_MESSAGE]} …"


def no_property(owner_type: str, called: str | None, message: str) -> str:
    """A property that is not there. `called` is how the program calls the value that lacks it, which says more than a
    type with functions in it."""
    first = message.split("\n")[0]
    if called is not None and ("(" in owner_type or len(owner_type) > MAX_TYPE):
        first = first.replace(f"type '{owner_type}'", f"'{called}'", 1)
    return f"{shortened(first)} {_FORGOTTEN}" if owner_type.startswith("Promise<") else shortened(first)


def no_name(name: str, declarations: str, message: str) -> str:
    """A name that nobody declared: where a server or its type is meant, or what only Node or browsers have, say so."""
    if f"\nexport const {name}:" in declarations:
        return f"Cannot find name '{name}'. Write `tools.{name}`, or `import {{ {name} }} from \"tools\"`."
    if (owner := _owner_of_type(name, declarations)) is not None:
        return f"Cannot find name '{name}'. With `import {{ {owner} }} from \"tools\"` it is `{owner}.{name}`."
    return f"{message} {_NO_OUTSIDE}" if name in _ELSEWHERE else message


def no_export(name: str, declarations: str) -> str:
    """An import of what "tools" does not have."""
    if (owner := _owner_of_type(name, declarations)) is not None:
        return f"\"tools\" does not export '{name}'. Import '{owner}': it is `{owner}.{name}`."
    return with_names(f"\"tools\" does not export '{name}'.", name, servers(declarations))


def mismatch(message: str, related: str) -> str:
    """A value that does not fit, with the property it is for, or the argument that lacks."""
    expected = re.match(r"The expected type comes from property '([^']+)'", related)
    if expected:
        return f"{message.removesuffix('.')} (property '{expected.group(1)}')."
    return f"{message} {related}" if related.startswith("An argument for ") else message


def servers(declarations: str) -> list[str]:
    """The namespaces that a module exports."""
    return _EXPORT.findall(declarations)


def _owner_of_type(name: str, declarations: str) -> str | None:
    """The namespace that has a type of this name."""
    at = declarations.find(f"\n  type {name} =")
    before = declarations.rfind(_NAMESPACE, 0, at) if at > 0 else -1
    return declarations[before + len(_NAMESPACE) : at].split(" ")[0] if before >= 0 else None


def with_names(text: str, name: str, names: Sequence[str]) -> str:
    """`text` with the names that there are, all of them or those nearest to `name`."""
    known = sorted({known for known in names if known.isidentifier()})
    if not known:
        return text
    if len(known) <= LISTED:
        return f"{text} There is: {', '.join(known)}."
    near = nearest(name, known)
    return f"{text} Near to it: {', '.join(near)}." if near else text


def untyped(names: Sequence[str]) -> str:
    """For names that have no type, neither written nor inferred."""
    return f"No type is known for {_some(names)}: what is done with it is not checked."


def unused(names: Sequence[str]) -> str:
    return f"Never used: {_some(names)}."


def _some(names: Sequence[str]) -> str:
    """The first of the names, quoted, and how many more there are."""
    known = list(dict.fromkeys(name for name in names if name.isidentifier()))
    more = f" and {len(known) - LISTED} more" if len(known) > LISTED else ""
    return ", ".join(f"'{name}'" for name in known[:LISTED]) + more if known else "some values"


def nearest(name: str, names: Sequence[str]) -> list[str]:
    """Up to five names that share words with `name`, or are spelt like it, the best first."""
    wanted = set(_words(name))

    def likeness(known: str) -> float:
        words = set(_words(known))
        shared = len(wanted & words) / max(1, min(len(wanted), len(words)))
        return shared + difflib.SequenceMatcher(None, name.lower(), known.lower()).ratio()

    ranked = sorted(((likeness(known), known) for known in names), key=lambda pair: (-pair[0], pair[1]))
    return [known for score, known in ranked[:NEAREST] if score >= 0.6]


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORDS.findall(name)]
