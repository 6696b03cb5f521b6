"""A tool as search sees it: the stems of everything its server said about it, weighted by where they stand."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gateway.engine import intent
from gateway.engine.intent import Intent
from gateway.engine.words import STOP, stems
from gateway.model import JSON, ServerTools, Tool

Key = tuple[str, str]
"""(server, tool)"""


@dataclass(frozen=True, slots=True)
class _Field:
    """BM25F: `weight` of one occurrence, and how strongly (0–1) more words than `length` lower it.

    Lengths are constants rather than means over the catalog, so that one tool's text never moves another's score.
    """

    weight: float
    length: float
    slope: float


_NAME = _Field(5.0, 3.2, 0.3)
_TITLE = _Field(2.0, 3.7, 0.3)
_SERVER = _Field(8.0, 1.7, 0.0)
_LEAD = _Field(5.0, 16.0, 0.4)
_BODY = _Field(1.5, 56.0, 0.75)
_PARAMETER = _Field(1.0, 11.0, 0.75)
_PARAMETER_TEXT = _Field(0.6, 73.0, 0.75)
_ENUM = _Field(1.0, 13.0, 0.8)
_OUTPUT = _Field(0.3, 9.0, 0.75)
_INSTRUCTIONS = _Field(0.7, 28.0, 0.5)

_SATURATION = 3.6
"""The weighted count at which a stem has half of its effect (k1 of BM25, on the scale of the fields above)."""

_LEAD_CHARS = 200
_BODY_CHARS = 1_000
_INSTRUCTION_CHARS = 200
_NAMES, _VALUES, _TEXTS, _TEXT_CHARS = 60, 60, 30, 120
_DEEPEST = 5
"""What is read of a tool: a 1 MB description or a schema of 10,000 levels costs no more than a usual one."""

_SPACE = re.compile(r"\s+")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_GENERIC = frozenset(stems("tool by and of to for from in with id api rest the a an or on at mcp v"))
_NUMBER = re.compile(r"v?\d+")
"""Parts of names that tell no tool from another."""


@dataclass(frozen=True, slots=True)
class Document:
    """One tool, ready for the index.

    `weights`: stem → effect in 0–1. `name`: the stems that tell it from its siblings. `lead`: the stems of its first
    sentences. `server`: the stems of its server's name.
    """

    key: Key
    weights: Mapping[str, float]
    name: tuple[str, ...]
    lead: frozenset[str]
    server: frozenset[str]
    intent: Intent | None


def document(server: ServerTools, tool: Tool) -> Document:
    """Never fails on what a server sent: what has not the shape it should have is left out."""
    lead_text, body_text = _sentences(tool.description)
    name, lead = stems(tool.name, identifier=True), stems(lead_text)
    of_server = stems(server.name, identifier=True)
    given, returned = _Schema(), _Schema()
    given.read(tool.raw.get("inputSchema"))
    returned.read(tool.output_schema)
    counts: dict[str, float] = {}
    for place, words in (
        (_NAME, name),
        (_TITLE, stems(_title(tool))),
        (_SERVER, of_server + stems(server.title[:80])),
        (_LEAD, lead),
        (_BODY, stems(body_text)),
        (_PARAMETER, stems(" ".join(given.names), identifier=True)),
        (_PARAMETER_TEXT, stems(" ".join(given.texts))),
        (_ENUM, stems(" ".join(given.values), identifier=True)),
        (_OUTPUT, stems(" ".join(returned.names), identifier=True)),
        (_INSTRUCTIONS, stems(server.instructions[:_INSTRUCTION_CHARS])),
    ):
        scale = place.weight / (1 - place.slope + place.slope * len(words) / place.length)
        for word, count in Counter(words).items():
            counts[word] = counts.get(word, 0.0) + scale * count
    telling = tuple(w for w in dict.fromkeys(name) if w not in _GENERIC and w not in of_server and not _NUMBER.match(w))
    return Document(
        key=(server.name, tool.name),
        weights={word: count / (count + _SATURATION) for word, count in counts.items()},
        name=telling or tuple(name),
        lead=frozenset(lead) - STOP,
        server=frozenset(of_server),
        intent=intent.of_words((*name[:3], *lead[:2], *name[3:])),
    )


def _title(tool: Tool) -> str:
    annotations = tool.raw.get("annotations")
    title = tool.raw.get("title") or (annotations.get("title") if isinstance(annotations, Mapping) else None)
    return title[:_TEXT_CHARS] if isinstance(title, str) else ""


def _sentences(description: str) -> tuple[str, str]:
    """The first sentences, about `_LEAD_CHARS` together, and what follows, cut."""
    text = _SPACE.sub(" ", description[: 2 * _BODY_CHARS]).strip()
    end = 0
    for found in _SENTENCE.finditer(text):
        if end and found.start() > _LEAD_CHARS:
            break
        end = found.end()
        if end > _LEAD_CHARS:
            break
    end = min(end or len(text), _LEAD_CHARS)
    return text[:end], text[end : end + _BODY_CHARS]


@dataclass(slots=True)
class _Schema:
    """What a JSON Schema says in words: property names, their descriptions, and enumerated strings."""

    names: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)

    def read(self, schema: JSON) -> None:
        level = [schema]
        for _ in range(_DEEPEST):
            level = [inner for one in level if isinstance(one, dict) for inner in self._one(one)][:_NAMES]

    def _one(self, schema: dict[str, JSON]) -> list[JSON]:
        values = schema.get("enum")
        if isinstance(values, list):
            self._keep(self.values, values, _VALUES)
        inner = [schema.get("items"), schema.get("additionalProperties")]
        for keyword in ("anyOf", "oneOf", "allOf"):
            branches = schema.get(keyword)
            inner += branches[:_NAMES] if isinstance(branches, list) else []
        properties = schema.get("properties")
        if isinstance(properties, dict):
            self._keep(self.names, properties, _NAMES)
            self._keep(
                self.texts, (p.get("description") for p in properties.values() if isinstance(p, Mapping)), _TEXTS
            )
            inner += properties.values()
        return inner

    @staticmethod
    def _keep(kept: list[str], found: Iterable[JSON], most: int) -> None:
        for text in found:
            if len(kept) >= most:
                return
            if isinstance(text, str):
                kept.append(text[:_TEXT_CHARS])
