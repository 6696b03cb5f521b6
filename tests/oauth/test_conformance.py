"""The MCP conformance suite's scenarios for authorization: the gateway as authorization server, and as client."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess

import pytest
from deno import find_deno_bin

from tests.oauth.conformance import DENO, SAMPLE, SUITE, client_scenario
from tests.oauth.gate import Gate

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest.fixture(scope="module", autouse=True)
def suite() -> None:
    fetched = subprocess.run(
        (find_deno_bin(), "cache", "--no-config", SUITE), capture_output=True, text=True, check=False
    )
    if fetched.returncode:
        pytest.skip(f"the conformance suite cannot be had from npm, so NOTHING IS CHECKED: {fetched.stderr[-300:]}")


async def test_scenarios_for_clients_of_protected_servers_pass() -> None:
    """A sample; `python -m tests.oauth.conformance` runs all that apply."""
    for passed, told in await asyncio.gather(*map(client_scenario, SAMPLE)):
        assert passed, told


async def test_every_scenario_for_authorization_servers_passes(gate: Gate) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    await gate.sign_in()
    client_id = (await gate.register(redirect_uris=[f"http://127.0.0.1:{port}/callback"]))["client_id"]
    process = await asyncio.create_subprocess_exec(
        *(*DENO, "authorization"),
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
