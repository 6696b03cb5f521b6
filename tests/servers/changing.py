"""A stdio server whose tools are those of a file, which a test rewrites: `python changing.py TOOLS.json`.

The file holds the definitions. `tools/call` gives `{"name": …}` back. It speaks no more MCP than that takes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

FILE = Path(sys.argv[1])


def answer(request: dict[str, Any]) -> dict[str, Any]:
    match request["method"]:
        case "initialize":
            about = {"name": "changing", "version": "1"}
            return {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": about}
        case "tools/list":
            return {"tools": json.loads(FILE.read_text())}
        case _:
            called = {"name": request["params"]["name"]}
            return {"content": [{"type": "text", "text": json.dumps(called)}], "structuredContent": called}


for line in sys.stdin:
    message = json.loads(line)
    if message["method"] == "server/discover":
        refusal = {"code": -32601, "message": "Method not found"}
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "error": refusal}), flush=True)
    elif "id" in message:
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": answer(message)}), flush=True)
