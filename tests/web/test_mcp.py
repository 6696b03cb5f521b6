"""The four tools over HTTP, as the SDK's client meets them in both eras of the protocol."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult

from gateway.web import mcp
from gateway.web.auth import ADMIN
from tests.live import Live

pytestmark = pytest.mark.asyncio(loop_scope="module")

ERAS = pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])


@asynccontextmanager
async def client(gateway: Live, mode: str = "auto", agent: str = "tester") -> AsyncIterator[Client]:
    """A client that negotiates as asked, with a token of that agent."""
    headers = {"Authorization": f"Bearer {await gateway.token(agent)}"}
    async with httpx2.AsyncClient(headers=headers, timeout=30) as http:
        transport = streamable_http_client(f"{gateway.url}/mcp", http_client=http)
        async with Client(transport, mode="auto" if mode == "2026-07-28" else mode) as connected:
            yield connected


def text_of(result: CallToolResult) -> Any:
    return json.loads(result.content[0].text)  # type: ignore[union-attr]  # the first block always is text


@ERAS
async def test_a_client_sees_four_tools_and_an_inventory_of_its_own(gateway: Live, mode: str) -> None:
    async with client(gateway, mode) as wide, client(gateway, mode, "narrow") as narrow:
        assert (wide.protocol_version == "2026-07-28") == (mode != "legacy")
        assert [tool.name for tool in (await wide.list_tools()).tools] == ["search", "execute", "result", "cancel"]
        assert "fast" in str(wide.instructions) and "other" in str(wide.instructions)
        assert "fast" in str(narrow.instructions) and "other" not in str(narrow.instructions)


@ERAS
async def test_a_run_comes_as_structure_and_as_the_same_text(gateway: Live, mode: str) -> None:
    async with client(gateway, mode) as connected:
        result = await connected.call_tool(
            "execute", {"code": "return {sum: await tools.fast.add({a: 1, b: 2}), n: null}"}
        )
    assert result.is_error is False
    assert result.structured_content == text_of(result)
    assert result.structured_content["status"] == "completed"
    assert result.structured_content["result"] == {"sum": {"sum": 3}, "n": None}
    assert result.structured_content["stats"]["tool_calls"] == 1


@ERAS
async def test_failed_and_rejected_runs_are_errors(gateway: Live, mode: str) -> None:
    async with client(gateway, mode) as connected:
        failed = await connected.call_tool("execute", {"code": "throw new Error('no')"})
        rejected = await connected.call_tool("execute", {"code": "return tools.fast.add({a: 1, c: 2})"})
    assert (failed.is_error, failed.structured_content["status"]) == (True, "failed")
    assert (rejected.is_error, rejected.structured_content["status"]) == (True, "rejected")
    assert rejected.structured_content["diagnostics"][0]["line"] == 1


@ERAS
async def test_a_wrong_argument_is_a_tool_error_that_says_what_is_right(gateway: Live, mode: str) -> None:
    async with client(gateway, mode) as connected:
        result = await connected.call_tool("execute", {"cod": "return 1"})
        missing = await connected.call_tool("result", {"run_id": "run_nobody"})
    assert result.is_error is True
    assert "did you mean 'code'?" in text_of(result)["error"]["message"]
    assert missing.structured_content["error"]["code"] == "not_found"


@ERAS
async def test_a_tool_behind_the_gateway_is_no_tool_of_the_gateway(gateway: Live, mode: str) -> None:
    async with client(gateway, mode) as connected:
        with pytest.raises(MCPError, match="from a program, with execute"):
            await connected.call_tool("add", {"a": 1, "b": 2})


@ERAS
async def test_search_gives_declarations_of_what_the_token_may_call(gateway: Live, mode: str) -> None:
    async with client(gateway, mode, "narrow") as connected:
        found = await connected.call_tool("search", {"query": "add two numbers"})
    text = found.content[0].text  # type: ignore[union-attr]
    assert "add(" in text and "fast" in text
    assert "other" not in text


@ERAS
async def test_emitted_blocks_follow_the_text(gateway: Live, mode: str) -> None:
    code = "emit({type: 'image', data: 'AAAA', mimeType: 'image/png'}); return 1"
    async with client(gateway, mode) as connected:
        result = await connected.call_tool("execute", {"code": code})
    assert [block.type for block in result.content] == ["text", "image"]


@ERAS
async def test_a_program_reports_its_progress(gateway: Live, mode: str) -> None:
    seen: list[tuple[float, float | None, str | None]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, total, message))

    code = "progress(1, 2, 'half'); await sleep(50); progress(2, 2); return 1"
    async with client(gateway, mode) as connected:
        await connected.call_tool("execute", {"code": code}, progress_callback=note)
    assert seen == [(1, 2, "half"), (2, 2, None)]


@ERAS
async def test_a_silent_run_gives_signs_of_life_that_only_grow(
    gateway: Live, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcp, "HEARTBEAT_SECONDS", 0.02)
    seen: list[float] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        seen.append(progress)

    async with client(gateway, mode) as connected:
        await connected.call_tool("execute", {"code": "await sleep(300); return 1"}, progress_callback=note)
    assert len(seen) >= 2
    assert seen == sorted(set(seen))


async def test_who_cancels_its_request_stops_waiting_and_the_run_goes_on(gateway: Live) -> None:
    begun = asyncio.Event()

    async def note(progress: float, total: float | None, message: str | None) -> None:
        begun.set()

    code = "progress(1); await sleep(200); return 'went on'"
    async with client(gateway, agent="narrow") as connected:
        waiting = asyncio.ensure_future(connected.call_tool("execute", {"code": code}, progress_callback=note))
        await begun.wait()
        waiting.cancel()
        (run,) = await gateway.services.runs.list(ADMIN, agent="narrow", limit=1)
        result = await connected.call_tool("result", {"run_id": run.run_id, "wait_seconds": 20})
    assert result.structured_content["result"] == "went on"


async def test_only_post_is_served(gateway: Live) -> None:
    headers = {"Authorization": f"Bearer {await gateway.token()}", "Accept": "text/event-stream"}
    for method in ("GET", "DELETE"):
        async with gateway.http.request(method, f"{gateway.url}/mcp", headers=headers) as answer:
            assert (answer.status, answer.headers["Allow"]) == (405, "POST")
