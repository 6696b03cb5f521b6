"""Recorded results, from which `gateway codegen --learn` learns result types as a running gateway does."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from codegen import Observed, observe
from gateway.engine.values import program_value
from gateway.errors import ToolFailed, UsageError
from gateway.model import JSON, ToolResult

Learnt = dict[tuple[str, str], Observed]
"""(server, tool) → the shape of its results"""

_FORM = 'Its form: {"server": …, "tool": …, "result": …} for each result, as a list or a line each.'


def learn(path: Path) -> Learnt:
    """What the results recorded in a file tell. A result is what a program got, or the answer to `tools/call`.

    Raises UsageError for a file of another form."""
    learnt: Learnt = {}
    for number, record in enumerate(_records(path), 1):
        if not isinstance(record, dict) or not _is_record(record):
            raise UsageError(f"{path}: entry {number} is no recorded result.", fix=_FORM)
        key = record["server"], record["tool"]
        for value in _values(record["result"], *key):
            learnt[key] = observe(learnt.get(key), value)
    return learnt


def _is_record(record: JSON) -> bool:
    return isinstance(record.get("server"), str) and isinstance(record.get("tool"), str) and "result" in record


def _records(path: Path) -> Iterable[Any]:
    text = path.read_bytes()
    try:
        if text.lstrip()[:1] == b"[":
            found: list[Any] = json.loads(text)
            return found
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} holds no recorded results: {error}.", fix=_FORM) from error


def _values(result: JSON, server: str, tool: str) -> Iterator[JSON]:
    """What a program gets: nothing where the tool failed."""
    if not _is_answer(result):
        yield result
        return
    structured, failed = result.get("structuredContent"), result.get("isError") is True
    answer = ToolResult(tuple(result["content"]), structured, structured is not None, failed)
    try:
        yield program_value(answer, server=server, tool=tool, wrapped=False)
    except ToolFailed:
        return


def _is_answer(result: JSON) -> bool:
    blocks = result.get("content") if isinstance(result, dict) else None
    return isinstance(blocks, list) and all(isinstance(b, dict) and isinstance(b.get("type"), str) for b in blocks)
