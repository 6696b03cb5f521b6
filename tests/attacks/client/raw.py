"""Requests as they are written here, byte for byte, over a connection of their own."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

from tests.live import PROTOCOL, Live

ANSWER_SECONDS = 20


async def connect(gateway: Live, source: str | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(gateway.url)
    local = (source, 0) if source else None
    return await asyncio.open_connection(parts.hostname, parts.port, local_addr=local)


async def all_of(reader: asyncio.StreamReader) -> str:
    """Everything until the other side closes."""
    async with asyncio.timeout(ANSWER_SECONDS):
        try:
            return (await reader.read()).decode("latin-1")
        except ConnectionResetError:
            return ""


async def send(gateway: Live, request: str | bytes, *, source: str | None = None) -> str:
    """What comes back for these bytes (a text's line ends are made right), our side staying open."""
    reader, writer = await connect(gateway, source)
    try:
        writer.write(request if isinstance(request, bytes) else request.replace("\n", "\r\n").encode("latin-1"))
        return await all_of(reader)
    finally:
        writer.close()


def statuses(answer: str) -> list[int]:
    """The status of each response in an answer."""
    return [int(line.split(" ")[1]) for line in answer.splitlines() if line.startswith("HTTP/1.")]


def error(answer: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.rpartition("\r\n\r\n")[2])["error"]
    return found


def rpc(method: str, params: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    meta = {
        "io.modelcontextprotocol/protocolVersion": PROTOCOL,
        "io.modelcontextprotocol/clientInfo": {"name": "attacker", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**(params or {}), "_meta": meta}, **more}


def headers(token: str, method: str = "tools/list", name: str | None = None) -> dict[str, str]:
    named = {"Mcp-Name": name} if name else {}
    return {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": PROTOCOL,
        "Mcp-Method": method,
        **named,
    }
