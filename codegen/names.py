"""Identifiers from whatever servers call their things: deterministic, allow-listed characters, no two alike.

A name depends on the raw name alone, except in a collision: then the most canonical raw name keeps the plain identifier
and each other one gets a hash of its own raw name, whatever the order in which they came.
Normalisation and letter classes are those of Unicode 3.2, which every Python and every TypeScript version shares.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256
from unicodedata import ucd_3_2_0 as ucd

MAX_LENGTH = 64
LONGEST = 4 * MAX_LENGTH
"""Characters of a raw name that are read."""

_ASCII_WORDS = re.compile("[A-Za-z0-9]+")


def _set(names: str) -> frozenset[str]:
    return frozenset(names.split())


_WORDS = _set(
    "break case catch class const continue debugger default delete do else enum export extends false finally for"
    " function if import in instanceof new null return super switch this throw true try typeof var void while with"
    " implements interface let package private protected public static yield await async arguments eval undefined"
    " NaN Infinity"
)
_MEMBERS = _set(
    "then catch finally constructor prototype toString toLocaleString valueOf toJSON hasOwnProperty isPrototypeOf"
    " propertyIsEnumerable"
)
_GLOBALS = _set(
    "tools console sleep approve ask waitFor state progress emit results ToolError PolicyError TimeoutError"
    " globalThis self window global Deno process require module exports crypto performance structuredClone"
    " Object Function Array Number String Boolean Symbol BigInt Math JSON Date RegExp Map Set WeakMap WeakSet WeakRef"
    " Promise Proxy Reflect Error AggregateError EvalError RangeError ReferenceError SyntaxError TypeError URIError"
    " ArrayBuffer SharedArrayBuffer DataView Atomics Intl Iterator parseInt parseFloat isNaN isFinite"
    " encodeURI encodeURIComponent decodeURI decodeURIComponent escape unescape queueMicrotask setTimeout setInterval"
    " clearTimeout clearInterval Observed"
)
_TYPES = _set(
    "Object Function Array Number String Boolean Symbol BigInt Promise Record Partial Pick Omit Map Set Date Error"
    " Observed JsonObject CallOptions Awaited Readonly Required Exclude Extract"
)
_SNAKE = re.compile(r"[a-z0-9_]+")


def namespaces(servers: Iterable[str]) -> dict[str, str]:
    """server name → identifier of its namespace, clear of reserved words and of a program's globals."""
    return _assign(servers, "server", _GLOBALS)


def functions(tools: Iterable[str]) -> dict[str, str]:
    """tool name → identifier of its function within one server's namespace."""
    return _assign(tools, "tool", _MEMBERS)


def camel(raw: str) -> str:
    """`git_log`, `git-log`, `GitLog` → `gitLog`. Empty when nothing of the name can be in an identifier."""
    words = _words(raw)
    if not words:
        return ""
    return _decapitalise(words[0]) + "".join(_capitalise(word) for word in words[1:])


def pascal(raw: str) -> str:
    """`pull_request` → `PullRequest`, for names of types."""
    name = "".join(_capitalise(word) for word in _words(raw))[:MAX_LENGTH]
    if not name.isascii() or not name or name[0].isdigit():
        return ""
    return name + "_" if name in _TYPES else name


def suffix(raw: str, length: int = 4) -> str:
    return sha256(raw.encode("utf-8", "surrogatepass")).hexdigest()[:length]


def _words(raw: str) -> list[str]:
    if raw.isascii():
        return _ASCII_WORDS.findall(raw[:LONGEST].lower() if raw.isupper() else raw[:LONGEST])
    normal = ucd.normalize("NFKC", raw[:LONGEST])
    kept = "".join(char if ucd.category(char)[0] in "LN" and _is_part(char) else " " for char in normal)
    return kept.lower().split() if kept.isascii() and kept.isupper() else kept.split()


def _is_part(char: str) -> bool:
    return char.isascii() or ucd.category(char)[0] == "L"


def _capitalise(word: str) -> str:
    return word[0].upper() + word[1:] if word[0].isascii() else word


def _decapitalise(word: str) -> str:
    """`URLFetcher` → `urlFetcher`, `GetUser` → `getUser`, `API` → `api`."""
    capitals = re.match(r"[A-Z]+", word)
    if capitals is None:
        return word
    run = len(capitals[0])
    keep = run if run == len(word) or run == 1 or not word[run].islower() else run - 1
    return word[:keep].lower() + word[keep:]


def _candidate(raw: str, fallback: str, reserved: frozenset[str]) -> str:
    name = camel(raw)
    if not name:
        return f"{fallback}_{suffix(raw)}"
    if name[0].isdigit():
        name = "_" + name
    if len(name) > MAX_LENGTH:
        return f"{name[:MAX_LENGTH]}_{suffix(raw)}"
    if not name.isascii():  # a look-alike of another script must look different
        return f"{name}_{suffix(raw)}"
    return name + "_" if name in reserved or name in _WORDS else name


def _canonical_first(raw: str, name: str) -> tuple[bool, bool, int, str]:
    return (raw != name, _SNAKE.fullmatch(raw) is None, len(raw), raw)


def _assign(raws: Iterable[str], fallback: str, reserved: frozenset[str]) -> dict[str, str]:
    rivals: dict[str, list[tuple[str, str]]] = {}
    for raw in sorted(set(raws)):
        name = _candidate(raw, fallback, reserved)
        rivals.setdefault(name.casefold(), []).append((raw, name))
    names: dict[str, str] = {}
    taken = set(rivals)
    losers: list[tuple[str, str]] = []
    for group in rivals.values():
        group.sort(key=lambda rival: _canonical_first(*rival))
        names[group[0][0]] = group[0][1]
        losers.extend(group[1:])
    for raw, name in sorted(losers):
        length = 4
        while (unique := f"{name}_{suffix(raw, length)}").casefold() in taken:
            length += 4
        taken.add(unique.casefold())
        names[raw] = unique
    return names
