"""`gateway stdio` where no gateway runs: it is one itself."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from mcp import Client, StdioServerParameters

from tests.live import agent, stdio

CONFIG = {
    "mcpServers": {"fast": stdio("fast.py")},
    "agents": {"tester": agent("fast")},
    "gateway": {"listen": "127.0.0.1:0", "data_dir": "data", "pool_size": 1},
}


async def test_a_client_launches_a_whole_gateway(tmp_path: Path) -> None:
    file = tmp_path / "gateway.json"
    file.write_text(json.dumps(CONFIG))
    command = StdioServerParameters(command=sys.executable, args=["-m", "gateway", "stdio", "-c", str(file)])
    async with Client(command, mode="legacy") as client:
        assert "fast" in str(client.instructions)
        result = await client.call_tool("execute", {"code": "return await tools.fast.add({a: 1, b: 2})"})
    assert result.structured_content["result"] == {"sum": 3}
