"""From what a tool answered to what a program gets; and from what a program returned to what a client gets. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.engine.text import legible
from gateway.errors import ToolFailed
from gateway.model import JSON, ToolResult

PREVIEW_ITEMS = 5
PREVIEW_CHARS = 400
PREVIEW_DEPTH = 4
ERROR_CHARS = 4_000


def program_value(result: ToolResult, *, server: str, tool: str, wrapped: bool) -> JSON:
    """The value of a call, as the contract's section 4 says: structured content if there is any (without the SDK's
    `{result: …}` around it when `wrapped`); else one text block, parsed if it is a JSON object or array; else blocks.

    Raises `ToolFailed` when the tool said `isError`."""
    if result.is_error:
        raise ToolFailed(
            _error_text(result.content) or f"{server}:{tool} failed and did not say why.",
            server=server,
            tool=tool,
            content=list(result.content),
        )
    if result.has_structured:
        return _unwrapped(result.structured) if wrapped else result.structured
    text = _single_text(result.content)
    return list(result.content) if text is None else _parsed(text)


def _unwrapped(structured: JSON) -> JSON:
    if isinstance(structured, dict) and structured.keys() == {"result"}:
        return structured["result"]
    return structured


def _single_text(content: Sequence[JSON]) -> str | None:
    if len(content) != 1 or content[0].get("type") != "text":
        return None
    text = content[0].get("text")
    return text if isinstance(text, str) else None


def _parsed(text: str) -> JSON:
    if text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _error_text(content: Sequence[JSON]) -> str:
    texts = [block.get("text") for block in content if block.get("type") == "text"]
    return legible("\n".join(text for text in texts if isinstance(text, str)), ERROR_CHARS)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a client sees of a value: all of it, or a preview and what to know about the rest."""

    value: JSON
    omitted: Mapping[str, Any] | None


def shown(value: JSON, *, limit_kb: int, handle: str) -> Shown:
    """`value` itself up to `limit_kb`, else its outline; `handle` is how a later program reads the whole."""
    size = len(orjson.dumps(value))
    if size <= limit_kb * 1024:
        return Shown(value, None)
    about = {"handle": handle, "bytes": size, "type": _outline(value), "read": f'await results.get("{handle}")'}
    return Shown(_preview(value, PREVIEW_DEPTH), about)


def _outline(value: JSON) -> str:
    match value:
        case list():
            return f"array of {len(value)}"
        case dict():
            return f"object with {len(value)} keys"
        case str():
            return f"string of {len(value)} characters"
    return type(value).__name__


def _preview(value: JSON, depth: int) -> JSON:
    match value:
        case str() if len(value) > PREVIEW_CHARS:
            return f"{value[:PREVIEW_CHARS]}… ({len(value)} characters)"
        case list() if depth == 0 and value:
            return f"[… {len(value)} items]"
        case dict() if depth == 0 and value:
            return f"{{… {len(value)} keys}}"
        case list():
            more = [f"… {len(value) - PREVIEW_ITEMS} more"] if len(value) > PREVIEW_ITEMS else []
            return [_preview(item, depth - 1) for item in value[:PREVIEW_ITEMS]] + more
        case dict():
            kept = {key[:PREVIEW_CHARS]: _preview(item, depth - 1) for key, item in list(value.items())[:20]}
            return kept | ({"…": f"{len(value) - 20} more keys"} if len(value) > 20 else {})
    return value
