"""A well-behaved server of five quick tools, for figures and for happy paths: `python fast.py --help`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import mcp.types as types
from mcp.server import Server
from mcp.server.context import ServerRequestContext

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.servers.serving import options, run

ITEMS = [{"id": number, "name": f"item {number}", "tags": ["a", "b"]} for number in range(100)]


def _tool(name: str, description: str, properties: dict[str, Any], **more: Any) -> types.Tool:
    schema = {"type": "object", "properties": properties, "required": sorted(properties), "additionalProperties": False}
    return types.Tool(name=name, description=description, input_schema=schema, **more)


_ITEM = {
    "type": "object",
    "properties": {"id": {"type": "integer"}, "name": {"type": "string"}, "tags": {"type": "array"}},
    "required": ["id", "name"],
}
_READ = types.ToolAnnotations(read_only_hint=True, destructive_hint=False)
TOOLS = [
    _tool("echo", "Gives the text back.", {"text": {"type": "string"}}, annotations=_READ),
    _tool(
        "add",
        "Adds two numbers.",
        {"a": {"type": "number"}, "b": {"type": "number"}},
        output_schema={"type": "object", "properties": {"sum": {"type": "number"}}, "required": ["sum"]},
        annotations=_READ,
    ),
    _tool("get_item", "One item.", {"id": {"type": "integer"}}, output_schema=_ITEM, annotations=_READ),
    _tool(
        "list_items",
        "The first items.",
        {"limit": {"type": "integer"}},
        output_schema={"type": "object", "properties": {"items": {"type": "array", "items": _ITEM}}},
        annotations=_READ,
    ),
    _tool("fail", "Answers with isError.", {"message": {"type": "string"}}),
]
_SCHEMAS = {tool.name: tool.input_schema for tool in TOOLS}


def _text(text: str, **more: Any) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(text=text)], **more)


async def list_tools(ctx: ServerRequestContext[Any], params: types.PaginatedRequestParams | None) -> Any:
    return types.ListToolsResult(tools=TOOLS)


async def call_tool(ctx: ServerRequestContext[Any], params: types.CallToolRequestParams) -> types.CallToolResult:
    args = params.arguments or {}
    match params.name:
        case "echo":
            return _text(args["text"])
        case "add":
            return _text(str(args["a"] + args["b"]), structured_content={"sum": args["a"] + args["b"]})
        case "get_item":
            return _text("an item", structured_content=ITEMS[args["id"]])
        case "list_items":
            return _text("items", structured_content={"items": ITEMS[: args["limit"]]})
        case _:
            return _text(args.get("message", f"no tool {params.name}"), is_error=True)


def build() -> Server[Any]:
    return Server(
        "fast",
        version="1",
        instructions="Five quick tools.",
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        get_tool_input_schema=_SCHEMAS.get,
    )


if __name__ == "__main__":
    run(build, options().parse_args())
