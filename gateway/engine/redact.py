"""What of a call's arguments may leave in the audit record: an allow-list of tools, and known secrets blanked. Pure.

hash   nothing but a keyed hash, by which equal arguments are recognised
keys   the shape besides: names, types and sizes, no value
full   the arguments themselves, long texts cut
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gateway.config.globs import name_glob
from gateway.engine.canonical import canonical
from gateway.engine.scrub import Scrubber
from gateway.model import JSON

FULL, KEYS, HASH = "full", "keys", "hash"
SHORTEST_SECRET = 4
"""Characters: anything shorter would be blanked out of ordinary words."""

MOST_KEYS = 40
MOST_ITEMS = 3
MOST_CHARS = 200
MOST_BYTES = 4_096
"""Of a preview: a larger one gives way to a coarser one."""
FULL_DEPTH = 20
SHAPE_DEPTHS = (5, 2, 1, 0)


class Redactor:
    """`rules` maps globs of `server:tool` to one of the three; the last that fits wins, and without any it is `keys`.
    `key` is the HMAC key, at least 32 bytes."""

    def __init__(self, rules: Mapping[str, str], *, secrets: Iterable[str], key: bytes) -> None:
        self._rules = [(name_glob(pattern), mode) for pattern, mode in rules.items()]
        self._key = key
        self.blank(secrets)

    def blank(self, secrets: Iterable[str]) -> None:
        """These are the known secrets from now on."""
        self._scrubber = Scrubber(secrets, shortest=SHORTEST_SECRET)

    def mode(self, name: str) -> str:
        """How the arguments of the tool `server:tool` are shown."""
        return next((mode for glob, mode in reversed(self._rules) if glob.fits(name)), KEYS)

    def fingerprint(self, args: JSON) -> str:
        """HMAC-SHA-256 (hex) of the canonical form: without the key nobody can try what the arguments were."""
        return hmac.digest(self._key, canonical(args), "sha256").hex()

    def arguments(self, name: str, args: JSON) -> dict[str, JSON]:
        """`args_hmac` and, unless the rule is `hash`, `args_preview` of a call of `server:tool`."""
        shown: dict[str, JSON] = {"args_hmac": self.fingerprint(args)}
        mode = self.mode(name)
        if mode != HASH:
            previews = self._previews(args, mode)
            shown["args_preview"] = next((p for p in previews if len(canonical(p)) <= MOST_BYTES), None)
        return shown

    def scrub(self, text: str) -> str:
        """The text with every known secret blanked."""
        return self._scrubber.text(text)

    def blanked(self, value: JSON) -> JSON:
        """The value with every known secret blanked in its texts, keys of objects included."""
        return self._scrubber.cleaned(value)

    def _previews(self, args: JSON, mode: str) -> Iterator[JSON]:
        """From the finest to the coarsest."""
        if mode == FULL:
            yield self._cut(args, FULL_DEPTH)
        for depth in SHAPE_DEPTHS:
            yield self._shape(args, depth)

    def _shape(self, value: JSON, depth: int) -> JSON:
        match value:
            case dict() if depth:
                return self._object(value, lambda inner: self._shape(inner, depth - 1))
            case list() if depth:
                return _head([self._shape(item, depth - 1) for item in value[:MOST_ITEMS]], len(value))
        return _kind(value)

    def _cut(self, value: JSON, depth: int) -> JSON:
        match value:
            case str():
                return self._text(value)
            case dict() if depth:
                return {self._text(name): self._cut(inner, depth - 1) for name, inner in value.items()}
            case list() if depth:
                return [self._cut(item, depth - 1) for item in value]
            case dict() | list():
                return _kind(value)
        return value

    def _object(self, value: Mapping[str, JSON], inner: Any) -> dict[str, JSON]:
        shown = {self._text(name): inner(value[name]) for name in list(value)[:MOST_KEYS]}
        return shown | ({"…": f"{len(value) - MOST_KEYS} more"} if len(value) > MOST_KEYS else {})

    def _text(self, text: str) -> str:
        # Blanked before it is cut: half a secret is one too.
        blanked = self.scrub(text)
        return blanked if len(blanked) <= MOST_CHARS else f"{blanked[:MOST_CHARS]}… ({len(text)} characters)"


def _head(shown: list[JSON], count: int) -> list[JSON]:
    return shown + ([f"… {count - len(shown)} more"] if count > len(shown) else [])


def _kind(value: JSON) -> str:
    match value:
        case dict():
            return f"object({len(value)})"
        case list():
            return f"array({len(value)})"
        case str():
            return f"string({len(value)})"
        case bool():
            return "boolean"
        case None:
            return "null"
    return "number"
