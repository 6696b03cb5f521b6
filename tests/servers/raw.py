"""A stdio server without the SDK, for what the SDK does not let a server do, and quick to start: `python raw.py FAULT`.

It has two tools: `good` tells about the process, `silent` never answers.

none            nothing is wrong
hang            never answers anything
exit            says why on stderr and exits with code 3
exit-on-probe   exits when anything comes before `initialize`, as some servers of the handshake era do
banner          prints lines of text before and between its messages, and CRLF ends
broken          lists good tools among broken ones
unknown-fields  lists a tool with fields that no revision knows
endless         its list of tools has always one more page
hundred-thousand  lists 100,000 tools on one page
circles         the second page of its list leads back to the first
stubborn        ignores the end of its stdin and SIGTERM, as does a child of its own; prints both process ids to stderr
deaf            stops reading its stdin once it has listed its tools
not-json        answers calls with NaN and half an emoji
id-last         a fine server, but in a result of 3 MB the id comes last, as with the TypeScript SDK
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

FAULT = sys.argv[1]
met: set[str] = set()
"""Notifications that came in. A request before `initialized` is refused, as strict servers do."""
GOOD = {"name": "good", "inputSchema": {"type": "object"}}
SILENT = {"name": "silent", "inputSchema": {"type": "object"}}
BROKEN: list[Any] = [
    GOOD,
    {"name": "no_schema"},
    {"name": "array_schema", "inputSchema": []},
    {"name": "string_arguments", "inputSchema": {"type": "string"}},
    {"inputSchema": {"type": "object"}},
    {"name": 7, "inputSchema": {"type": "object"}},
    "not an object",
    {**GOOD, "description": "again"},
    {
        "name": "bad_header",
        "inputSchema": {"type": "object", "properties": {"a": {"type": "array", "x-mcp-header": "A"}}},
    },
    {"name": "array_output", "inputSchema": {"type": "object"}, "outputSchema": []},
    {"name": "odd_hints", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": "yes"}},
]
UNKNOWN = {
    "name": "good",
    "inputSchema": {"type": "object", "x-vendor": {"deep": [1]}},
    "annotations": {"readOnlyHint": True, "x-cost": 3},
    "_meta": {"vendor/rank": 1},
    "x-future": {"kept": True},
}


def send(message: dict[str, Any]) -> None:
    end = "\r\n" if FAULT == "banner" else "\n"
    sys.stdout.write(json.dumps(message) + end)
    sys.stdout.flush()


def answer(request: dict[str, Any], result: dict[str, Any]) -> None:
    send({"jsonrpc": "2.0", "id": request["id"], "result": result})


def listing(params: dict[str, Any]) -> dict[str, Any]:
    page = int(params.get("cursor", "0"))
    match FAULT:
        case "broken":
            return {"tools": BROKEN}
        case "unknown-fields":
            return {"tools": [UNKNOWN]}
        case "endless":
            return {"tools": [{**GOOD, "name": f"tool_{page}"}], "nextCursor": str(page + 1)}
        case "hundred-thousand":
            return {"tools": [{**GOOD, "name": f"tool_{number}"} for number in range(100_000)]}
        case "circles":
            return {"tools": [{**GOOD, "name": f"tool_{page}"}], "nextCursor": str(1 - page)}
        case _:
            return {"tools": [GOOD, SILENT]}


def call(request: dict[str, Any]) -> None:
    match FAULT:
        case "not-json":
            head = f'{{"jsonrpc":"2.0","id":{request["id"]},"result":'
            print(
                head + '{"content":[{"type":"text","text":"half \\ud83d"}],"structuredContent":{"mean":NaN}}}',
                flush=True,
            )
        case "id-last":
            size = request["params"]["arguments"].get("bytes", 0)
            result = {"content": [{"type": "text", "text": "x" * size}]}
            print(json.dumps({"result": result, "jsonrpc": "2.0", "id": request["id"]}), flush=True)
        case _ if request["params"]["name"] == "good":
            about = {"pid": os.getpid(), "cwd": os.getcwd(), "environment": sorted(os.environ)}
            answer(request, {"content": [{"type": "text", "text": "fine"}], "structuredContent": about})


def handle(request: dict[str, Any]) -> None:
    if "id" not in request:
        met.add(request["method"])
        return
    match request["method"]:
        case "initialize":
            answer(
                request,
                {
                    "protocolVersion": "2025-06-18",
                    "capabilities": {"tools": {"listChanged": True}},
                    "serverInfo": {"name": "raw", "version": "1"},
                    "instructions": "Be careful.",
                },
            )
        case "tools/list" if "notifications/initialized" not in met:
            send({"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32002, "message": "Not initialized"}})
        case "tools/list":
            answer(request, listing(request.get("params", {})))
            if FAULT == "deaf":
                time.sleep(3600)
        case "tools/call":
            call(request)
        case _:
            send({"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32601, "message": "Method not found"}})


def be_stubborn() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen(["sleep", "3600"])
    print(f"{os.getpid()} {child.pid}", file=sys.stderr, flush=True)


def main() -> None:
    if FAULT == "exit":
        print("DATABASE_URL is not set", file=sys.stderr, flush=True)
        sys.exit(3)
    if FAULT == "stubborn":
        be_stubborn()
    if FAULT == "banner":
        print("Starting the server …\n\n  version 1.2\n", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if FAULT == "exit-on-probe" and request["method"] == "server/discover":
            sys.exit("expected initialize")
        if FAULT == "banner":
            print("got a line", flush=True)
        if FAULT != "hang":
            handle(request)
    while FAULT in ("stubborn", "hang"):
        time.sleep(3600)


if __name__ == "__main__":
    main()
