"""An upstream that records every call, asks the store whether its intent is durable, and has bad moments to order.

    python -m tests.durability.upstream --socket FD --folder F [--store URL]

`F/calls.jsonl` gets a line for each call: `{"t": monotonic s, "run", "cid", "tool", "label", "site", "i", "intent"}`.
A file `F/order-<what>-<n>` is taken by the next call: `drop` (executed, connection cut before the answer), `exit`
(executed, then the process is gone), `refuse` (cut before it was executed). Each start of the server changes its tools'
descriptions and adds an optional property, as an upgrade would.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

import mcp.types as types
import uvicorn
from mcp.server import Server
from mcp.server.context import ServerRequestContext
from starlette.types import ASGIApp, Message, Receive, Scope, Send

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from gateway.engine import chain
from gateway.errors import GatewayError
from gateway.store import keys
from gateway.store.client import Client
from tests.servers.serving import record

META = "mcp-code-gateway/idempotency-key"
HINTS = {
    "read": types.ToolAnnotations(read_only_hint=True),
    "put": types.ToolAnnotations(idempotent_hint=True),
    "act": None,
    "fail": types.ToolAnnotations(read_only_hint=True),
}
_PROPERTIES: dict[str, Any] = {
    "label": {"type": "string"},
    "site": {"type": "string"},
    "i": {"type": "integer"},
    "ms": {"type": "integer"},
    "size": {"type": "integer"},
    "pad": {"type": "string"},
}


class Recorder:
    def __init__(self, folder: Path, store: str | None) -> None:
        self._folder = folder
        self._file = folder / "calls.jsonl"
        self._client = Client(store) if store else None
        starts = folder / "starts"
        self._starts = int(starts.read_text()) + 1 if starts.exists() else 1
        starts.write_text(str(self._starts))

    async def list_tools(self, ctx: ServerRequestContext[Any], params: types.PaginatedRequestParams | None) -> Any:
        properties = {**_PROPERTIES, f"since{self._starts}": {"type": "string"}}
        schema = {"type": "object", "properties": properties, "required": ["label", "site"]}
        return types.ListToolsResult(
            tools=[
                types.Tool(name=name, description=f"Start {self._starts}.", input_schema=schema, annotations=hints)
                for name, hints in HINTS.items()
            ]
        )

    async def call_tool(
        self, ctx: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        args, meta = params.arguments or {}, params.meta or {}
        run, _, cid = str(meta.get(META, "")).partition("/")
        seen = {"t": time.monotonic(), "run": run, "cid": int(cid), "tool": params.name}
        told = {key: args.get(key) for key in ("label", "site", "i")}
        record(self._file, {**seen, **told, "intent": await self._intended(run, int(cid), params.name)})
        await asyncio.sleep(args.get("ms", 0) / 1000)
        got = "/".join(str(told[key]) for key in ("label", "site", "i") if told[key] is not None)
        if params.name == "fail":
            return types.CallToolResult(content=[types.TextContent(text=f"{got} failed")], is_error=True)
        answer = {"got": got, "pad": "y" * args["size"] if "size" in args else args.get("pad", "")[:200]}
        return types.CallToolResult(content=[], structured_content=answer)

    async def _intended(self, run: str, cid: int, tool: str) -> bool | None:
        """Whether the journal holds what has to be there before a call is sent; None: the store could not be asked."""
        if self._client is None:
            return None
        try:
            elements = await self._client.send("LRANGE", keys.journal(run), 0, -1)
        except GatewayError:
            return None
        wanted = "sent" if HINTS[tool] is None else "call"
        entries = chain.open_sealed(elements)[1]
        return any(entry.kind == wanted and entry.data.get("cid") == cid for entry in entries)

    def take_order(self) -> str:
        for order in self._folder.glob("order-*"):
            try:
                order.unlink()
            except FileNotFoundError:
                continue
            return order.name.split("-")[1]
        return ""

    def troubled(self, app: ASGIApp) -> ASGIApp:
        """The same server, which obeys orders about its answers."""

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            headers = dict(scope.get("headers", ()))
            order = self.take_order() if headers.get(b"mcp-method") == b"tools/call" else ""
            cut = send.__self__.transport.abort  # type: ignore[attr-defined]  # uvicorn's own, outermost here

            async def trouble(message: Message) -> None:
                if message["type"] != "http.response.body" or not message.get("body", b"").strip():
                    return
                if order == "exit":
                    os._exit(9)
                cut()

            if order == "refuse":
                cut()
            else:
                await app(scope, receive, trouble if order else send)

        return serve


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", type=int, required=True, help="a listening socket, which outlives this process")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--store")
    args = parser.parse_args()
    recorder = Recorder(args.folder, args.store)
    server = Server("rec", version="1", on_list_tools=recorder.list_tools, on_call_tool=recorder.call_tool)
    app = server.streamable_http_app()

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        # Lifespan messages have no connection that could be cut.
        await (recorder.troubled(app) if scope["type"] == "http" else app)(scope, receive, send)

    config = uvicorn.Config(outer, log_level="error", loop="uvloop", timeout_graceful_shutdown=1)
    asyncio.run(uvicorn.Server(config).serve(sockets=[socket.socket(fileno=args.socket)]))


if __name__ == "__main__":
    main()
