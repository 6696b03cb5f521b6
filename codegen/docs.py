"""What the comment of a property or tool says: the server's words, and the facts that a type cannot hold."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from textwrap import dedent
from typing import Any

from codegen.ir import NO_DOC, Doc
from codegen.text import COMMENT_LIMIT

MAX_FACT = 120
MAX_PATTERN = 40
READ = 4_000
"""Characters of a description in which its summary is looked for."""
WRAPPED = 50
"""Length from which a line may be one that was wrapped."""

_WORD = re.compile(r"[a-z0-9]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_FILLER = frozenset(
    ("the", "a", "an", "of", "to", "for", "this", "value", "parameter", "param", "argument", "optional", "required")
)
_OBVIOUS_START = re.compile(r"(?:\((?:optional|required)\)|(?:optional|required)[.:,])\s+", re.IGNORECASE)
_OBVIOUS_END = re.compile(r"[(\[](?:optional|required)[)\]]\.?$", re.IGNORECASE)
_LENGTHS = (
    ("minLength", "maxLength", "chars"),
    ("minItems", "maxItems", "items"),
    ("minProperties", "maxProperties", "keys"),
)
_EXCLUSIVE = (("exclusiveMinimum", "> "), ("exclusiveMaximum", "< "), ("multipleOf", "multiple of "))
_FACTUAL = frozenset(
    (
        "minimum",
        "maximum",
        *(word for word, _ in _EXCLUSIVE),
        *(word for *words, _ in _LENGTHS for word in words),
        "uniqueItems",
        "format",
        "pattern",
        "default",
        "examples",
        "deprecated",
    )
)
_UNTOLD_FORMATS = frozenset(("int32", "int64", "uint32", "uint64", "float", "double", "string", "number", "json"))

_SENTENCE = re.compile(
    r"(?<=[.!?])\s+(?=[A-Z\"'`(\[]|[^\x00-\x7f])|(?<=[。！？])|\n\s*\n|\n(?=\s*(?:[-*#<]|\d+\.|\w+:))"
)
_ABBREVIATION = re.compile(r"(?:\b(?:e\.g|i\.e|etc|vs|cf|approx|incl|Dr|No)\.|\b[A-Z]\.)$")
_GOES_ON = re.compile(r"\s*(?![-*#<>|]|\d+[.)]|[\w ]{1,40}(?:\([^)]*\))?:|[A-Z]{3,} )[\w\"'`(]")
_MARKUP = re.compile(
    r"^(?:</?[\w-]+>|[#>*•-]+ |\d+\.\s|\[(?:IMPORTANT|NOTE|WARNING)\]|[^\w\s\"'`(\[<{/$@]+\s)\s*", re.IGNORECASE
)
_PURPOSE = re.compile(
    r"^[^\w\n]*(?:purpose|summary|overview|description)[^\w\n]*$|^[^\w\n]*<(?:purpose|summary|use_?case)>", re.I | re.M
)
_CAUTION = re.compile(r"^\W*(?:important|note|warning|caution|read-only|data modification warning)\b", re.IGNORECASE)


def of(schema: Any, name: str, said: str) -> Doc:
    """The documentation of the property `name` with this schema. What is `said` around it is not repeated."""
    if not isinstance(schema, dict):
        return NO_DOC
    text = schema.get("description")
    text = _without_the_obvious(text[: COMMENT_LIMIT + 1].strip()) if isinstance(text, str) else ""
    if says_nothing(text, name) or (len(text) > 8 and one_line(text) in said):
        text = ""
    if schema.keys().isdisjoint(_FACTUAL):
        return Doc(text) if text else NO_DOC
    facts = (_number(schema), _length(schema), *_forms(schema))
    return Doc(text, tuple(fact for fact in facts if fact), tuple(_tags(schema, text)))


def _without_the_obvious(text: str) -> str:
    """`text` without "(optional)" at its start or end: the type says it."""
    if "ptional" not in text and "equired" not in text:
        return text
    start, end = _OBVIOUS_START.match(text), _OBVIOUS_END.search(text[-12:])
    text = text[: len(text) - len(end[0])].rstrip() if end else text
    return text[start.end() :] if start else text


def says_nothing(text: str, name: str) -> bool:
    """Whether `text` only repeats the words of `name`."""
    if len(text) > 2 * len(name) + 20 or not text.isascii():
        return False
    return set(_WORD.findall(text.lower())) <= {*_WORD.findall(_CAMEL.sub(" ", name).lower()), *_FILLER}


def reflowed(text: str) -> str:
    """`text` with the lines of a paragraph that somebody wrapped at a column joined again."""
    lines: list[str] = []
    for line in dedented(text).split("\n"):
        if lines and len(lines[-1]) > WRAPPED and _GOES_ON.match(line) and _indent(line) == _indent(lines[-1]):
            lines[-1] += " " + line.strip()
        elif line.strip():
            lines.append(line.rstrip())
    return "\n".join(lines)


def dedented(text: str) -> str:
    """`text` without the indentation that it had as a docstring in somebody's source."""
    first, _, others = text.strip().partition("\n")
    return f"{first}\n{dedent(others)}" if others else first


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def one_line(text: str) -> str:
    return " ".join(text.split())


def summary(found: Sequence[str], limit: int, boilerplate: Collection[str] = ()) -> str:
    """The first of the sentences `found` that says what the tool does, in about `limit` characters at most.
    Sentences in `boilerplate` and cautions are passed over as long as there are others."""
    result = next((s for s in found if s not in boilerplate and not _CAUTION.match(s)), found[0] if found else "")
    if len(result) <= limit:
        return result
    return result[:limit].rsplit(" ", 1)[0].rstrip(" ,;:.(") + "…"


def sentences(text: str) -> tuple[str, ...]:
    """The sentences with which `text` starts, each on one line, without markup and headings."""
    text = text[:READ]
    purpose = _PURPOSE.search(text)
    found: list[str] = []
    for part in _SENTENCE.split(text[purpose.end() :] if purpose else text):
        part = _MARKUP.sub("", one_line(part))
        if found and _ABBREVIATION.search(found[-1]):
            found[-1] += " " + part
        elif len(part) > 1 and not part.endswith(":"):
            found.append(part)
            if len(found) > 8:
                break
    return tuple(found)


def _tags(schema: Mapping[str, Any], text: str) -> Iterator[str]:
    default = schema.get("default")
    if default is not None and default not in ("", [], {}) and "default" not in text.lower():
        yield f"default {_json(default)}"
    examples = schema.get("examples")
    if isinstance(examples, list) and examples and "e.g" not in text and "xample" not in text:
        yield f"example {_json(examples[0])}"
    if schema.get("deprecated") is True:
        yield "deprecated"


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_FACT else text[:MAX_FACT] + "…"


def _bounds(schema: Mapping[str, Any], least: str, most: str) -> str:
    low, high = _bound(schema, least), _bound(schema, most)
    if low is not None and high is not None:
        return f"{low}–{high}" if low != high else f"{low}"
    if low is not None:
        return f"≥ {low}"
    return "" if high is None else f"≤ {high}"


def _bound(schema: Mapping[str, Any], keyword: str) -> int | float | None:
    """A bound that somebody chose: not that of the number format itself."""
    value = schema.get(keyword)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 2**31 - 1:
        return None
    return int(value) if value == int(value) else value


def _number(schema: Mapping[str, Any]) -> str:
    words = [_bounds(schema, "minimum", "maximum")]
    for keyword, sign in _EXCLUSIVE:
        bound = _bound(schema, keyword)
        words.append("" if bound is None or (keyword == "multipleOf" and bound == 1) else f"{sign}{bound}")
    said = " ".join(word for word in words if word)
    return f"integer {said}" if said and schema.get("type") == "integer" else said


def _length(schema: Mapping[str, Any]) -> str:
    words = []
    for least, most, unit in _LENGTHS:
        if unit == "items" and (schema.get("prefixItems") or isinstance(schema.get("items"), list)):
            continue  # a tuple's type says it
        bounds = _bounds(schema, least, most)
        if bounds:
            words.append("not empty" if bounds == "≥ 1" else f"{bounds} {unit}")
    if schema.get("uniqueItems") is True:
        words.append("unique")
    return ", ".join(word for word in words if word != "≥ 0 items")


def _forms(schema: Mapping[str, Any]) -> list[str]:
    words = [value for key in ("format", "pattern") if isinstance(value := schema.get(key), str) and value]
    return [word for word in words if len(word) <= MAX_PATTERN and word not in _UNTOLD_FORMATS]
