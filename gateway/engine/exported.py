"""A run's journal as a file: JSON on each line, first what the run is, then its entries. Pure.

    {"format": "mcp-code-gateway journal", "version": 1, "run_id": …, "code": …, "tools": …, "limits": …, …}
    {"run_id": …, "seq": 0, "k": "started", "at": …, …}
    …

Large values are written out. Known secrets are blanked; a line in which one was says `"redacted": true`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.engine import replay
from gateway.engine.redact import Redactor
from gateway.engine.replay import History
from gateway.errors import UsageError
from gateway.model import JSON, Entry

FORMAT, VERSION = "mcp-code-gateway journal", 1
REDACTED = "redacted"
_HEADER: Mapping[str, type] = {
    "run_id": str,
    "status": str,
    "entries": int,
    "code": str,
    "tools": dict,
    "limits": dict,
}
_FIX = "Use a file that `gateway runs export` wrote."


@dataclass(frozen=True, slots=True)
class Exported:
    """`header` has at least the keys of `_HEADER`; `history` is the whole journal, `ended` the data of its last entry
    (empty where the run went on)."""

    header: Mapping[str, Any]
    history: History
    ended: Mapping[str, Any]
    redacted: bool


def line(run_id: str, entry: Entry, redactor: Redactor, *, hashes: bool) -> dict[str, JSON]:
    """One entry as it may leave the gateway: arguments of tools as the audit record shows them. `hashes`: with the
    unkeyed hash of the arguments, which a replay compares."""
    data: dict[str, Any] = dict(entry.data)
    told: dict[str, JSON] = {"run_id": run_id, "seq": entry.seq, "k": entry.kind, "at": entry.at}
    shown: dict[str, JSON] = {}
    if entry.kind == "call":
        if data["kind"] == "tool" and "args" in data:
            shown = redactor.arguments(data["name"], data.pop("args"))
        if not hashes:
            data.pop("args_hash")
    clean = blanked(data, redactor)
    return {**told, **clean, **shown, **({REDACTED: True} if clean != data else {})}


def blanked(value: JSON, redactor: Redactor) -> Any:
    """The value without known secrets; one that is nested too deeply to be looked through is left out."""
    try:
        return redactor.blanked(value)
    except RecursionError:
        return {"e": {"name": "Error", "code": "redacted", "message": "This value is nested too deeply to be shown."}}


def read(text: bytes, name: str) -> Exported:
    """A file's journal. Raises `UsageError` with the line that is wrong."""
    lines = [found for found in text.splitlines() if found.strip()]
    header = _header(_document(lines[0], name, 1) if lines else None, name)
    entries, redacted = [], bool(header.get(REDACTED))
    for number, raw in enumerate(lines[1:], 2):
        document = _document(raw, name, number)
        entry = _entry(document, name, number)
        redacted |= entry.data.get(REDACTED) is True
        if entry.seq != number - 2:
            raise UsageError(f"{name}:{number}: entry {entry.seq} where {number - 2} was due.", fix=_FIX)
        entries.append(entry)
    if len(entries) != header["entries"]:
        raise UsageError(f"{name} has {len(entries)} of {header['entries']} entries.", fix="Export it anew.")
    try:
        history = replay.read(entries)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise UsageError(f"{name} is no journal: {type(error).__name__}: {error}.", fix=_FIX) from error
    if not {"seed", "now"} <= history.started.keys():
        raise UsageError(f"{name}: nothing of this run was executed, so there is nothing to replay.", fix=_FIX)
    ended = entries[-1].data if entries[-1].kind == "ended" else {}
    return Exported(header, history, ended, redacted)


def _document(raw: bytes, name: str, number: int) -> dict[str, Any]:
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise UsageError(f"{name}:{number}: this is not JSON: {error}.", fix=_FIX) from error
    if not isinstance(document, dict):
        raise UsageError(f"{name}:{number}: this is not a JSON object.", fix=_FIX)
    return document


def _header(document: dict[str, Any] | None, name: str) -> Mapping[str, Any]:
    if document is None or document.get("format") != FORMAT:
        raise UsageError(f"{name} is no exported journal.", fix=_FIX)
    if document.get("version") != VERSION:
        found = document.get("version")
        raise UsageError(f"{name} is of version {found}, this gateway reads {VERSION}.", fix="Use the one it is from.")
    wrong = [key for key, kind in _HEADER.items() if not isinstance(document.get(key), kind)]
    if wrong:
        raise UsageError(f"{name}:1: {', '.join(wrong)} is missing or of another type.", fix=_FIX)
    return document


def _entry(document: dict[str, Any], name: str, number: int) -> Entry:
    try:
        seq, kind, at = document.pop("seq"), document.pop("k"), document.pop("at")
    except KeyError as error:
        raise UsageError(f"{name}:{number}: the entry has no {error}.", fix=_FIX) from error
    return Entry(seq, kind, at, document)
