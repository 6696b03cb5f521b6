"""A server whose tools do what servers do on bad days: `python odd.py --help`, and `TOOLS` below."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import mcp.types as types
from mcp import MCPError
from mcp.server import Server
from mcp.server.context import ServerRequestContext
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ToolsListChanged

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.servers.serving import options, record, run

DESCRIPTIONS = {
    "pid": "The server's process id.",
    "environment": "The names of its environment variables, and of its working folder.",
    "slow": "Answers never; a cancellation is recorded.",
    "big": "A text of `bytes` bytes.",
    "crash": "Ends the process at once, without an answer.",
    "noise": "Prints to stdout, beside the protocol, then answers.",
    "progress": "Reports progress three times, then answers.",
    "ask": "Asks the client for input in the middle of the call; answers with what came of it.",
    "raise": "Raises an exception.",
    "content": "An image, a resource link and a text.",
    "add_tool": "Adds a tool of the given `name` and says so to the client.",
    "headers": "Takes `region`, which belongs in an HTTP header too.",
}
_SCHEMAS: dict[str, dict[str, Any]] = {
    "headers": {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}
}


class Odd:
    def __init__(self, recorded: Path | None) -> None:
        self.names = list(DESCRIPTIONS)
        self.recorded = recorded
        self.bus = InMemorySubscriptionBus()

    async def list_tools(self, ctx: ServerRequestContext[Any], params: types.PaginatedRequestParams | None) -> Any:
        """Three to a page."""
        first = int(params.cursor) if params is not None and params.cursor else 0
        page = [
            types.Tool(
                name=name, description=DESCRIPTIONS.get(name), input_schema=_SCHEMAS.get(name, {"type": "object"})
            )
            for name in self.names[first : first + 3]
        ]
        more = first + 3 < len(self.names)
        return types.ListToolsResult(tools=page, next_cursor=str(first + 3) if more else None)

    async def call_tool(
        self, ctx: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        args = params.arguments or {}
        match params.name:
            case "pid":
                return _text(str(os.getpid()))
            case "environment":
                return _text("", structured_content={"names": sorted(os.environ), "cwd": os.getcwd()})
            case "big":
                return _text("x" * args["bytes"])
            case "crash":
                print("about to crash", file=sys.stderr, flush=True)
                os._exit(3)
            case "noise":
                os.write(1, b"Listening on port 8080\n{not json}\n[1, 2\n\n")
                return _text("quiet again")
            case "content":
                return types.CallToolResult(
                    content=[
                        types.ImageContent(data="aGk=", mime_type="image/png"),
                        types.ResourceLink(uri="file:///a.txt", name="a"),
                        types.TextContent(text="three blocks"),
                    ],
                    _meta={"trace": "t1"},
                )
            case "raise":
                raise RuntimeError("the database is gone")
            case _:
                return await self.talk(ctx, params.name, args)

    async def talk(self, ctx: ServerRequestContext[Any], name: str, args: dict[str, Any]) -> types.CallToolResult:
        match name:
            case "slow":
                return await self.wait(args)
            case "progress":
                for step in range(3):
                    await ctx.session.report_progress(step, 3)
                return _text("done")
            case "ask":
                schema: Any = {"type": "object", "properties": {"name": {"type": "string"}}}
                try:
                    answer = await ctx.session.elicit_form("Who?", schema, related_request_id=ctx.request_id)
                except MCPError as error:
                    return _text(f"{type(error).__name__}: {error}", is_error=True)
                return _text(answer.action)
            case "add_tool":
                self.names.append(args["name"])
                await self.bus.publish(ToolsListChanged())
                await ctx.session.send_tool_list_changed()
        return _text(name)

    async def wait(self, args: dict[str, Any]) -> types.CallToolResult:
        if self.recorded is not None:
            record(self.recorded, {"event": "slow began", "arguments": args})
        try:
            await asyncio.Event().wait()
        finally:
            if self.recorded is not None:
                record(self.recorded, {"event": "slow cancelled", "arguments": args})
        raise AssertionError("never set")


def _text(text: str, **more: Any) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(text=text)], **more)


def build(recorded: Path | None) -> Server[Any]:
    odd = Odd(recorded)
    return Server(
        "odd",
        version="1",
        title="Odd jobs",
        on_list_tools=odd.list_tools,
        on_call_tool=odd.call_tool,
        on_subscriptions_listen=ListenHandler(odd.bus),
        get_tool_input_schema=lambda name: _SCHEMAS.get(name, {"type": "object"}),
    )


if __name__ == "__main__":
    flags = options().parse_args()
    run(lambda: build(flags.record), flags)
