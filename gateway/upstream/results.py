"""From a JSON-RPC answer to what the gateway makes of it."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.model import JSON, ToolResult
from gateway.upstream.wire import Answer, Wire


def tool_result(wire: Wire, answer: Answer) -> ToolResult:
    """The result of `tools/call`. A JSON-RPC error is the tool's error too: it was answered, and the program shall see
    what was said. Raises UpstreamProtocolError for what is not MCP."""
    failure = error_text(answer.message)
    if failure is not None:
        content = ({"type": "text", "text": failure},)
        return ToolResult(content, structured=None, has_structured=False, is_error=True, bytes=answer.size)
    result = answer.message.get("result")
    if not isinstance(result, dict):
        raise wire.not_mcp("answered tools/call with a result that is not an object")
    kind = result.get("resultType", "complete")
    if kind == "input_required":
        raise wire.not_mcp("asks for input in the middle of a call, which the gateway did not offer")
    if kind != "complete":
        raise wire.not_mcp(f"answered tools/call with a result of the unknown type {str(kind)[:50]!r}")
    content = result.get("content", [])
    if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
        raise wire.not_mcp("answered tools/call with content that is not a list of blocks")
    meta = result.get("_meta")
    return ToolResult(
        tuple(content),
        structured=result.get("structuredContent"),
        has_structured="structuredContent" in result,
        is_error=result.get("isError") is True,
        meta=meta if isinstance(meta, dict) else None,
        bytes=answer.size,
    )


def error_text(message: Mapping[str, JSON]) -> str | None:
    """What a JSON-RPC error says, or None for a result. Written as the MCP clients of other languages write it."""
    if "error" not in message:
        return None
    error = message["error"]
    if not isinstance(error, dict):
        return f"MCP error: {error}"
    return f"MCP error {error.get('code')}: {error.get('message')}"
