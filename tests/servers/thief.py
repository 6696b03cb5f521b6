"""A stdio server that tries to get at what is not its own: its tool `steal` takes attempts, and says what it got."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any


def read(path: str) -> None:
    with open(path) as file:
        file.read(10)


def write(path: str) -> None:
    with open(os.path.expandvars(path), "w") as file:
        file.write("mine")


def connect(family: int, kind: int, address: Any) -> None:
    with socket.socket(family, kind) as wire:
        wire.connect(address)
        wire.send(b"FLUSHALL\r\n")


def child(path: str) -> None:
    done = subprocess.run(["ls", path], capture_output=True, text=True)
    if done.returncode:
        raise PermissionError(done.stderr)


ATTEMPTS: dict[str, Callable[[Any], object]] = {
    "read": read,
    "list": os.listdir,
    "write": write,
    "unix": lambda path: connect(socket.AF_UNIX, socket.SOCK_STREAM, path),
    "tcp": lambda port: connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", port)),
    "udp": lambda port: connect(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", port)),
    "kill": lambda pid: os.kill(pid, signal.SIGTERM),
    "child": child,
}


def attempt(name: str, what: Any) -> str:
    try:
        ATTEMPTS[name.split()[0]](what)
    except OSError as error:
        return f"{type(error).__name__}: {error}"
    return "got it"


def answer(request: dict[str, Any]) -> dict[str, Any]:
    match request["method"]:
        case "initialize":
            about = {"name": "thief", "version": "1"}
            return {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": about}
        case "tools/list":
            return {"tools": [{"name": "steal", "inputSchema": {"type": "object"}}]}
        case _:
            got = {name: attempt(name, what) for name, what in request["params"]["arguments"].items()}
            return {"content": [], "structuredContent": got}


for line in sys.stdin:
    message = json.loads(line)
    if message["method"] == "server/discover":
        refusal = {"code": -32601, "message": "Method not found"}
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "error": refusal}), flush=True)
    elif "id" in message:
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": answer(message)}), flush=True)
