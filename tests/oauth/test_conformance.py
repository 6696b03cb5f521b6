"""The MCP conformance suite's scenarios for authorization servers, run by the bundled Deno."""

from __future__ import annotations

import asyncio
import re
import socket

import pytest
from deno import find_deno_bin

from tests.oauth.gate import Gate

pytestmark = pytest.mark.asyncio(loop_scope="package")
SUITE = "npm:@modelcontextprotocol/conformance@0.2.0-alpha.12"


async def test_every_scenario_for_authorization_servers_passes(gate: Gate) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    await gate.sign_in()
    client_id = (await gate.register(redirect_uris=[f"http://127.0.0.1:{port}/callback"]))["client_id"]
    process = await asyncio.create_subprocess_exec(
        *(find_deno_bin(), "run", "--quiet", "--no-lock", "--no-config", "--allow-all", SUITE, "authorization"),
        *("--url", gate.url, "--client-id", client_id, "--resource", gate.resource, "--port", str(port)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    said, url = [], ""
    while line := (await process.stdout.readline()).decode():
        said.append(line)
        if line.startswith(f"{gate.url}/oauth/authorize?"):
            url = line.strip()
        elif line.startswith("Callback server started"):
            await _agree(gate, url)
    report = "".join(said)
    assert await process.wait() == 0, report
    assert re.search(r"Total: 3 passed, 0 failed", report), report


async def _agree(gate: Gate, url: str) -> None:
    """What the person does in the browser, to the client's own page at the end."""
    _, path, page = await gate.open(url)
    fields = {"decision": "allow", "agent": "triage", "lifetime of triage": "86400"}
    _, location, _ = await gate.send(path, page, **fields)
    async with gate.http.get(location) as answer:
        assert answer.status == 200
