"""`$ref` resolution inside one schema document: pointers, `$id`, `$anchor`, escapes. Never leaves the document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import unquote, urljoin

REFERENCE_KEYWORDS = ("$ref", "$dynamicRef", "$recursiveRef")
_DEFINITIONS = ("$defs", "definitions")
_OLD_DIALECT = re.compile(r"json-schema\.org/draft-0[3-7]/")


class Document:
    """One root schema and the index of what can be referred to in it."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self._ids: dict[str, Any] | None = None
        self._found: dict[str, tuple[Any] | None] = {}
        self._digests: dict[str, str] = {}
        dialect = root.get("$schema") if isinstance(root, dict) else None
        self.ignores_siblings = isinstance(dialect, str) and _OLD_DIALECT.search(dialect) is not None
        """Up to draft 7, keywords beside a `$ref` do not count."""

    def resolve(self, reference: str) -> tuple[Any] | None:
        """The schema that `reference` means, in a 1-tuple (a schema may be anything); None when it dangles."""
        if reference not in self._found:
            self._found[reference] = self._resolve(reference)
        return self._found[reference]

    def _resolve(self, reference: str) -> tuple[Any] | None:
        if reference in ("#", ""):
            return (self.root,)
        if reference.startswith("#/"):
            return _point(self.root, reference[1:]) or self._by_name(reference)
        if self._ids is None:
            self._ids = dict(_identified(self.root))
        base, _, fragment = _join(_own_id(self.root), reference).partition("#")
        for name in (reference, f"{base}#{fragment}" if fragment else base):
            if name in self._ids:
                return (self._ids[name],)
        if base in self._ids and fragment.startswith("/"):
            return _point(self._ids[base], fragment)
        return self._by_name(reference)

    def _by_name(self, reference: str) -> tuple[Any] | None:
        """Dialects mixed up: `#/definitions/X` where X stands in `$defs`, or just `X`."""
        name = _unescape(reference.rpartition("/")[2].removeprefix("#"))
        for keyword in _DEFINITIONS:
            definitions = self.root.get(keyword) if isinstance(self.root, dict) else None
            if isinstance(definitions, dict) and name in definitions:
                return (definitions[name],)
        return None

    def is_circle(self, reference: str) -> bool:
        """Whether following `reference` leads back to it through nothing but references."""
        seen = {reference}
        found = self.resolve(reference)
        while found and isinstance(found[0], dict) and (following := reference_of(found[0])) is not None:
            if following in seen:
                return True
            seen.add(following)
            found = self.resolve(following)
        return False

    def digest(self, reference: str) -> str:
        """Equal for references whose whole closure of definitions is equal, also in different documents."""
        if reference not in self._digests:
            self._digests[reference] = self._digest(reference)
        return self._digests[reference]

    def _digest(self, reference: str) -> str:
        closure: dict[str, Any] = {}
        pending = [reference]
        while pending:
            name = pending.pop()
            if name not in closure:
                found = self.resolve(name)
                closure[name] = found
                pending.extend(_references(found))
        return sha256(json.dumps([closure[reference], closure], sort_keys=True).encode()).hexdigest()


def name_of(reference: str) -> str:
    """The last part of a reference, as a hint for the name of its type."""
    return _unescape(reference.rpartition("/")[2].removeprefix("#"))


def reference_of(schema: Mapping[str, Any]) -> str | None:
    """What `schema` refers to, if it does and says so with a string."""
    for keyword in REFERENCE_KEYWORDS:
        reference = schema.get(keyword)
        if isinstance(reference, str):
            return reference
    return None


def _unescape(token: str) -> str:
    return unquote(token).replace("~1", "/").replace("~0", "~")


def _point(schema: Any, pointer: str) -> tuple[Any] | None:
    for token in pointer[1:].split("/"):
        key = _unescape(token)
        if isinstance(schema, dict) and (key in schema or token in schema):
            schema = schema[key] if key in schema else schema[token]
        elif isinstance(schema, list) and key.isdecimal() and len(key) < 7 and int(key) < len(schema):
            schema = schema[int(key)]
        else:
            return None
    return (schema,)


def _own_id(schema: Any) -> str:
    found = schema.get("$id", schema.get("id")) if isinstance(schema, dict) else None
    return found if isinstance(found, str) else ""


def _identified(root: Any) -> Iterator[tuple[str, Any]]:
    """Each absolute or anchored name in the document with the schema that bears it, the outermost first."""
    stack: list[tuple[Any, str]] = [(root, "")]
    while stack:
        node, base = stack.pop()
        if isinstance(node, list):
            stack.extend((item, base) for item in node)
        if not isinstance(node, dict):
            continue
        own = _own_id(node)
        if own:
            yield own, node
            base = _join(base, own)
            yield base, node
        for keyword in ("$anchor", "$dynamicAnchor"):
            if isinstance(node.get(keyword), str):
                yield f"#{node[keyword]}", node
                yield f"{base}#{node[keyword]}", node
        stack.extend((value, base) for value in node.values())


def _join(base: str, name: str) -> str:
    try:
        return urljoin(base, name)
    except ValueError:
        return name


def _references(node: Any) -> Iterator[str]:
    stack = [node]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            reference = reference_of(node)
            if reference is not None:
                yield reference
            stack.extend(node.values())
        elif isinstance(node, list | tuple):
            stack.extend(node)
