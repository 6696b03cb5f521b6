"""Blanking known secrets out of what comes back from servers, in the forms in which they are likely to come. Pure.

A server that reflects its own credential (in a debug message, a result, an error) would hand it to a model, to whoever
reads logs, and to every other server that the program calls. Looked for are the secret itself, its percent-encoding,
its form in a JSON string, hexadecimal, and base64 with both alphabets, whatever it is preceded by. A server that means
to pass its credential on can always write it in another way: this is about accidents and cheap tricks.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote, quote_plus

import orjson

from gateway.model import JSON

BLANK = "•••"
SHORTEST = 8
"""Characters: a shorter secret would be blanked out of results that have nothing to do with it."""
_PIECE = 6
_LOOKED_AT = 40
_USUAL = frozenset(b' etaoinshrdlucmfwypvbgk{}[]",:')
"""Bytes that most of a JSON text is made of."""
_TOKEN_REST = r"[\w.=+/%-]*"


class Scrubber:
    """`secrets` are whole texts, those under `shortest` characters passed over; `tokens` the beginnings of tokens: what
    follows them is blanked with them. What those `beside` it know is blanked too."""

    _secrets: tuple[str, ...]
    _tokens: tuple[str, ...]

    def __init__(
        self,
        secrets: Iterable[str] = (),
        tokens: Iterable[str] = (),
        *,
        shortest: int = SHORTEST,
        most_learned: int = 100,
        beside: Sequence[Scrubber] = (),
    ) -> None:
        self._shortest = shortest
        self._most_learned = most_learned
        self._beside = beside
        self._learned: dict[str, tuple[list[str], frozenset[bytes]]] = {}
        """secret → its forms, the longest first, and their needles; what was seen last at the end."""
        self.blank(secrets, tokens)

    def blank(self, secrets: Iterable[str] | None = None, tokens: Iterable[str] | None = None) -> None:
        """These are the known secrets, and the beginnings of tokens, from now on. What is not given stays."""
        self._secrets = self._secrets if secrets is None else tuple(secrets)
        self._tokens = self._tokens if tokens is None else tuple(tokens)
        whole = {form for secret in self._secrets if len(secret) >= self._shortest for form in forms(secret)}
        begun = {form for token in self._tokens for form in forms(token)}
        parts = [re.escape(form) for form in sorted(whole, key=len, reverse=True)]
        parts += [re.escape(form) + _TOKEN_REST for form in sorted(begun, key=len, reverse=True)]
        self._pattern = re.compile("|".join(parts)) if parts else None
        self._needles = _needles(whole | begun)

    def learn(self, secrets: Iterable[str]) -> None:
        """Blank these too, until `most_learned` others have been seen since: tokens are renewed all the time."""
        for secret in secrets:
            if len(secret) >= self._shortest:
                known = self._learned.pop(secret, None)
                if known is None:
                    written = sorted(set(forms(secret)), key=len, reverse=True)
                    known = written, _needles(written)
                self._learned[secret] = known
        while len(self._learned) > self._most_learned:
            del self._learned[next(iter(self._learned))]

    def text(self, text: str) -> str:
        """The text with every known secret blanked."""
        for other in self._beside:
            text = other.text(text)
        for written, _ in self._learned.values():
            for form in written:
                text = text.replace(form, BLANK)
        return self._pattern.sub(BLANK, text) if self._pattern is not None else text

    def value(self, value: JSON) -> JSON:
        """The value with every known secret blanked, in keys too; the very same one when there is none in it."""
        needles = list(self._looked_for())
        if not needles:
            return value
        written = orjson.dumps(value)
        return self.cleaned(value) if any(needle in written for needle in needles) else value

    def _looked_for(self) -> Iterator[bytes]:
        yield from self._needles
        for _, needles in self._learned.values():
            yield from needles
        for other in self._beside:
            yield from other._looked_for()

    def cleaned(self, value: JSON) -> JSON:
        """`value`, always looked through and made anew."""
        match value:
            case str():
                return self.text(value)
            case dict():
                return {self.text(key): self.cleaned(inner) for key, inner in value.items()}
            case list() | tuple():
                return [self.cleaned(inner) for inner in value]
        return value


def forms(secret: str) -> Iterator[str]:
    """How a secret may be written."""
    raw = secret.encode("utf-8", "replace")
    secret = raw.decode()
    yield secret
    for encoded in (quote(secret, safe=""), quote_plus(secret)):
        yield encoded
        yield re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), encoded)
    for is_ascii in (True, False):
        yield json.dumps(secret, ensure_ascii=is_ascii)[1:-1]
    yield raw.hex()
    yield raw.hex().upper()
    for before in range(3):
        core = _base64_core(raw, before)
        if len(core) >= SHORTEST:
            yield core
            yield core.replace("+", "-").replace("/", "_")


def _needles(forms: Iterable[str]) -> frozenset[bytes]:
    """As they stand in a JSON text, which is where they are looked for first."""
    return frozenset(_telling(orjson.dumps(form)[1:-1]) for form in forms)


def _telling(form: bytes) -> bytes:
    """A piece of a form that rarely occurs elsewhere. Forms share pieces, so that there are a third as many of them:
    46 forms of five secrets took 0.07 ms for each KB that a tool answers, their 17 pieces take 0.02."""
    starts = range(min(max(len(form) - _PIECE, 0), _LOOKED_AT) + 1)
    return max((form[at : at + _PIECE] for at in starts), key=lambda piece: sum(byte not in _USUAL for byte in piece))


def _base64_core(raw: bytes, before: int) -> str:
    """The characters of base64 that depend on `raw` alone, when `before` (mod 3) bytes stand in front of it."""
    text = base64.b64encode(bytes(before) + raw).decode()
    return text[(8 * before + 5) // 6 : 8 * (before + len(raw)) // 6]
