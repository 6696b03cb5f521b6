"""A server of one quick tool, as lean as Python allows: `python -m benchmarks.upstream` prints its URL when it listens.

It speaks the 2026-07-28 protocol over Streamable HTTP by hand, so that what is measured in front of it, the gateway or
a plain client, is not drowned by the server's own millisecond.
"""

from __future__ import annotations

import socket
from typing import Any

import orjson
import uvicorn
import uvloop
from starlette.types import Receive, Scope, Send

MODERN = "2026-07-28"
SCHEMA = {
    "type": "object",
    "properties": {"text": {"type": "string"}},
    "required": ["text"],
    "additionalProperties": False,
}
ECHO = {
    "name": "echo",
    "description": "Gives the text back.",
    "inputSchema": SCHEMA,
    "annotations": {"readOnlyHint": True, "destructiveHint": False},
}
KEPT = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
ANSWERS: dict[str, dict[str, Any]] = {
    "server/discover": {
        **KEPT,
        "supportedVersions": [MODERN],
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "fast", "version": "1"},
    },
    "tools/list": {**KEPT, "tools": [ECHO]},
}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """One JSON-RPC request per POST, answered with JSON."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        part = await receive()
        body, more = body + part.get("body", b""), part.get("more_body", False)
    status, answer = _answer(orjson.loads(body)) if body else (405, {})
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": orjson.dumps(answer)})


def _answer(request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    answer = {"jsonrpc": "2.0", "id": request.get("id")}
    if request["method"] == "tools/call":
        text = request["params"]["arguments"]["text"]
        return 200, {**answer, "result": {"resultType": "complete", "content": [{"type": "text", "text": text}]}}
    if request["method"] in ANSWERS:
        return 200, {**answer, "result": ANSWERS[request["method"]]}
    return 404, {**answer, "error": {"code": -32601, "message": f"no method {request['method']}"}}


async def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
    await uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off")).serve([listener])


if __name__ == "__main__":
    uvloop.run(main())
