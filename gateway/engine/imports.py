"""The imports of a program, static and dynamic: only `"tools"` can be imported. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from gateway.engine.forms import level
from gateway.engine.lexer import LINE_BREAK, Token, Tokens

MODULE = "tools"
DYNAMIC = "$impor"
"""What `import(…)` becomes: a global of the sandbox with as many letters as the keyword, so that no column moves."""

ONLY_TOOLS = (
    'Only "tools" can be imported. A program has no files, network, packages or Node.js modules: '
    "everything that it can reach is in `tools`."
)
_NOT_AT_TOP = 'An import stands at the top of the program, outside all braces: `import { … } from "tools"`.'
_LONGEST_CLAUSE = 10
"""Units up to the module's name, as in `type all, * as names from "tools"`."""
_GLOBAL = f"globalThis.{MODULE}"


class ImportRefused(Exception):
    """An import that a program cannot have. Never leaves `engine`: the reader makes a problem of it, at `offset`."""

    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message


@dataclass(frozen=True, slots=True)
class Import:
    """One static import of "tools": tokens `first` to `last`, and what it binds as declarators of a `const`."""

    first: int
    last: int
    bindings: tuple[str, ...]


def read_static(tokens: Tokens, first: int) -> Import:
    """The import declaration whose keyword is token `first`. Raises `ImportRefused` for any other module."""
    source = _source(tokens, first)
    if tokens.text_at(source)[1:-1] != MODULE:
        raise ImportRefused(tokens.all[source].start, ONLY_TOOLS)
    last = source
    if tokens.text_at(last + 1) in ("with", "assert") and tokens.text_at(last + 2) == "{":
        last = tokens.all[last + 2].pair
    if tokens.text_at(last + 1) == ";":
        last += 1
    if any(LINE_BREAK.search(part.text) for part in tokens.all[first : last + 1]):
        raise ImportRefused(tokens.all[first].start, ONLY_TOOLS)
    return Import(first, last, tuple(_bindings(tokens, first + 1, source)))


def _source(tokens: Tokens, first: int) -> int:
    """The index of the string that names the module."""
    parts = tokens.all
    for index in islice(level(tokens, first + 1, len(parts)), _LONGEST_CLAUSE):
        part = parts[index]
        if part.kind == "string" and (index == first + 1 or parts[index - 1].text == "from"):
            return index
        if part.kind != "word" and part.text not in (",", "*", "{"):
            break
    raise ImportRefused(parts[first].start, ONLY_TOOLS)


def _bindings(tokens: Tokens, start: int, source: int) -> list[str]:
    """Declarators for the import clause before the token `source`. Types bind nothing."""
    parts, stop = tokens.all, source - 1
    if tokens.text_at(start) == "type" and start + 1 < stop and tokens.text_at(start + 1) != ",":
        return []
    found = list[str]()
    for index in level(tokens, start, stop):
        part = parts[index]
        if part.text == "{":
            found += _named(parts[index + 1 : part.pair])
        elif part.kind == "word" and part.text not in ("as", MODULE):
            found.append(f"{part.text} = {_GLOBAL}")
    return found


def _named(parts: list[Token]) -> list[str]:
    """Declarators for what stands between the braces: `git`, `time as t`, `type Commit`. `default` and `tools` are
    all of them."""
    found, specifier = list[str](), list[str]()
    for text in [*(part.text for part in parts), ","]:
        if text != ",":
            specifier.append(text)
            continue
        if specifier and (specifier[0] != "type" or len(specifier) in (1, 3)):
            name, local = specifier[0], specifier[-1]
            whole = name in ("default", MODULE)
            found.append(f"{local} = {_GLOBAL}" if whole else f"{{ {name}: {local} }} = {_GLOBAL}")
        specifier = []
    return found


def find_dynamic(tokens: Tokens) -> list[int | ImportRefused]:
    """The keywords of all dynamic imports of values, as token indices, and what is wrong with the others: those of
    other modules, `require`, and static ones inside braces."""
    found = list[int | ImportRefused]()
    for index, part in enumerate(tokens.all):
        if part.text not in ("import", "require") or part.kind != "word" or not is_keyword(tokens, index):
            continue
        if part.text == "require":
            # Deno's language server would take it for a hint that Node.js is meant, and bring all of its types.
            if tokens.text_at(index + 1) == "(" and tokens.kind_at(index + 2) == "string":
                found.append(ImportRefused(part.start, ONLY_TOOLS))
        elif tokens.text_at(index + 1) == "(":
            argument = tokens.all[index + 2]
            if argument.kind in ("string", "template") and argument.text[1:-1] != MODULE:
                found.append(ImportRefused(argument.start, ONLY_TOOLS))
            elif not _names_a_type(tokens, index):
                found.append(index)
        elif part.depth and (
            tokens.text_at(index + 1) in ("{", "*") or tokens.kind_at(index + 1) in ("word", "string")
        ):
            found.append(ImportRefused(part.start, _NOT_AT_TOP))
    return found


def _names_a_type(tokens: Tokens, index: int) -> bool:
    """Whether `import("tools")` stands for a type: after `typeof`, or before the name of one of the module's types."""
    close = tokens.all[index + 1].pair
    member = tokens.text_at(close + 1) == "." and tokens.text_at(close + 2) not in ("then", "catch", "finally")
    return member or tokens.text_at(index - 1) == "typeof"


def is_keyword(tokens: Tokens, index: int) -> bool:
    """Whether a reserved word stands here as itself, not as the name of a property."""
    return tokens.text_at(index - 1) not in (".", "?.") and tokens.text_at(index + 1) != ":"
