"""The same behaviour over every transport in both eras, against servers made with the SDK."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.config import ServerConfig, base_environment
from gateway.errors import UpstreamProtocolError, UpstreamTimeout, UpstreamUnavailable
from gateway.model import Catalog, ServerStatus
from gateway.upstream.pool import Upstreams
from tests.servers.launch import FAST, ODD, event, http, listening, recorded, stdio

# One set of servers for the whole file: a Python process with the SDK takes a second to start.
pytestmark = pytest.mark.asyncio(loop_scope="module")

ROADS: dict[str, list[str] | str] = {
    "stdio": [],
    "stdio-handshake": ["--legacy"],
    "http": "/mcp",
    "http-json": "/json/mcp",
    "http-handshake": "/handshake/mcp",
    "http-handshake-json": "/handshake-json/mcp",
    "http-handshake-stateless": "/handshake-stateless/mcp",
    "sse-handshake": "/sse",
}
"""The ways to a server: the flags of a child process, or a path of `--transport web`."""
everywhere = pytest.mark.parametrize("road", ROADS)


@dataclass
class World:
    """Two servers for each road, `fast-…` and `odd-…`, behind one gateway."""

    upstreams: Upstreams
    changes: asyncio.Queue[Catalog]
    folder: Path
    events: dict[str, asyncio.StreamReader]

    def status(self, server: str) -> ServerStatus:
        return next(status for status in self.upstreams.status() if status.name == server)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("transports")
    async with AsyncExitStack() as stack:
        pipes = [f"odd-{road}" for road in ROADS if road.startswith("stdio")] + ["odd-web"]
        events = {pipe: await stack.enter_async_context(listening(folder / pipe)) for pipe in pipes}
        servers: dict[str, ServerConfig] = {}
        for program in (FAST, ODD):
            web = await stack.enter_async_context(
                http(program, "--record", str(folder / f"{program.stem}-web"), transport="web")
            )
            servers |= {f"{program.stem}-{road}": _config(program, road, web, folder) for road in ROADS}
        changes: asyncio.Queue[Catalog] = asyncio.Queue()
        upstreams = Upstreams(servers, base_env=base_environment(), on_change=changes.put)
        stack.push_async_callback(upstreams.close)
        await upstreams.start()
        yield World(upstreams, changes, folder, events)


def _config(program: Path, road: str, web: str, folder: Path) -> ServerConfig:
    way = ROADS[road]
    if isinstance(way, list):
        return stdio(program, *way, "--record", str(folder / f"{program.stem}-{road}"), max_result_mb=2)
    return ServerConfig(type="sse" if road.startswith("sse") else "http", url=web + way, max_result_mb=2)


@everywhere
async def test_tools_are_listed(world: World, road: str) -> None:
    status = world.status(f"fast-{road}")
    assert (status.state, status.tools, status.error, status.skipped) == ("ready", 5, None, ())
    assert status.transport == road.partition("-")[0]
    assert status.protocol == ("2025-11-25" if "handshake" in road else "2026-07-28")
    offered = world.upstreams.catalog.servers[f"fast-{road}"]
    assert (offered.title, offered.instructions) == ("fast", "Five quick tools.")
    assert [tool.name for tool in offered.tools] == ["echo", "add", "get_item", "list_items", "fail"]
    assert [tool.annotations.read_only for tool in offered.tools] == [True, True, True, True, False]
    assert world.upstreams.catalog.servers[f"odd-{road}"].title == "Odd jobs"


@everywhere
async def test_tools_are_called(world: World, road: str) -> None:
    server, call = f"fast-{road}", world.upstreams.call
    sent: list[str] = []
    added = await call(server, "add", {"a": 1, "b": 2.5}, meta={"run": road}, on_sent=lambda: sent.append("now"))
    assert (added.structured, added.has_structured, added.is_error) == ({"sum": 3.5}, True, False)
    assert added.bytes > 50
    assert sent == ["now"]
    text = await call(server, "echo", {"text": "ünïcödé \u2028 \x00 😀"})
    assert (text.content, text.has_structured) == (({"type": "text", "text": "ünïcödé \u2028 \x00 😀"},), False)
    failed = await call(server, "fail", {"message": "no such thing"})
    assert (failed.is_error, failed.content[0]["text"]) == (True, "no such thing")
    file = server if road.startswith("stdio") else "fast-web"
    (called,) = [call for call in recorded(world.folder / file) if (call["meta"] or {}).get("run") == road]
    assert (called["tool"], called["arguments"]) == ("add", {"a": 1, "b": 2.5})


@everywhere
async def test_many_calls_at_once_keep_their_own_answers(world: World, road: str) -> None:
    calls = (world.upstreams.call(f"fast-{road}", "add", {"a": number, "b": 1}) for number in range(100))
    assert [result.structured for result in await asyncio.gather(*calls)] == [{"sum": n + 1} for n in range(100)]


@everywhere
async def test_a_server_may_talk_in_the_middle_of_a_call(world: World, road: str) -> None:
    server, call = f"odd-{road}", world.upstreams.call
    assert (await call(server, "progress", {}, meta={"progressToken": "p"})).content[0]["text"] == "done"
    content = await call(server, "content", {})
    assert [block["type"] for block in content.content] == ["image", "resource_link", "text"]
    assert content.meta is not None
    assert content.meta["trace"] == "t1"
    assert (await call(server, "ask", {})).is_error
    raised = await call(server, "raise", {})
    assert (raised.is_error, raised.content[0]["text"].startswith("MCP error ")) == (True, True)


@everywhere
async def test_too_large_an_answer_is_refused_alone(world: World, road: str) -> None:
    server, call = f"odd-{road}", world.upstreams.call
    big, small, fine = await asyncio.gather(
        call(server, "big", {"bytes": 3_000_000}),
        call(server, "big", {"bytes": 1_500_000}),
        call(server, "pid", {}),
        return_exceptions=True,
    )
    assert isinstance(big, UpstreamProtocolError)
    assert "max_result_mb = 2" in str(big)
    assert big.details["sent"] is True
    assert not isinstance(small, BaseException)
    assert small.bytes > 1_500_000
    assert not isinstance(fine, BaseException)


@everywhere
async def test_cancelling_and_timing_out_reach_the_server(world: World, road: str) -> None:
    server = f"odd-{road}"
    events = world.events[server if road.startswith("stdio") else "odd-web"]

    async def heard(what: str) -> None:
        while await event(events) != {"event": what, "arguments": {"road": road}}:
            pass

    call = asyncio.ensure_future(world.upstreams.call(server, "slow", {"road": road}))
    await heard("slow began")
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    if road not in ("http-handshake-stateless", "http-json"):
        # Without a session a server of the SDK cannot know what a cancellation names, and while it prepares a JSON
        # answer it does not look at the connection.
        await heard("slow cancelled")

    with pytest.raises(UpstreamTimeout, match=r"slow did not answer within 0\.1 s") as timed_out:
        await world.upstreams.call(server, "slow", {}, timeout=0.1)
    assert timed_out.value.details["sent"] is True
    assert (await world.upstreams.call(server, "pid", {})).is_error is False


@pytest.mark.parametrize("road", [road for road in ROADS if road not in ("http-handshake-stateless", "http-json")])
async def test_a_changed_list_of_tools_is_told(world: World, road: str) -> None:
    """The two roads left out have no stream on which a server could say so."""
    server, before = f"odd-{road}", world.upstreams.catalog
    await world.upstreams.call(server, "add_tool", {"name": "brand_new"})
    after = before
    async with asyncio.timeout(10):
        while after.find(server, "brand_new") is None:
            after = await world.changes.get()
    assert after.version > before.version
    assert before.find(server, "brand_new") is None
    assert (await world.upstreams.call(server, "brand_new", {})).content[0]["text"] == "brand_new"


async def test_arguments_that_belong_in_headers_are_sent_there(world: World) -> None:
    # The SDK's server answers HEADER_MISMATCH unless header and body agree.
    for region in ("eu", "Zürich", " padded "):
        result = await world.upstreams.call("odd-http", "headers", {"region": region})
        assert (result.is_error, result.content[0].get("text")) == (False, "headers")


async def test_a_crash_fails_what_is_under_way_at_once(tmp_path: Path) -> None:
    roads = [road for road in ROADS if road != "stdio-handshake"]
    async with AsyncExitStack() as stack:
        web = await stack.enter_async_context(http(ODD, transport="web"))
        servers = {road: _config(ODD, road, web, tmp_path) for road in roads}
        upstreams = Upstreams(servers, base_env=base_environment())
        stack.push_async_callback(upstreams.close)
        await upstreams.start()
        sent = [asyncio.Event() for _ in roads]
        calls = [
            asyncio.ensure_future(upstreams.call(road, "slow", {}, on_sent=event.set))
            for road, event in zip(roads, sent, strict=True)
        ]
        await asyncio.gather(*(event.wait() for event in sent))
        crashes = [upstreams.call(road, "crash", {}) for road in ("stdio", "http")]
        async with asyncio.timeout(5):
            outcomes = await asyncio.gather(*calls, *crashes, return_exceptions=True)
        for outcome in outcomes:
            assert isinstance(outcome, UpstreamUnavailable)
            assert outcome.details["sent"] is True
        assert "exited with code 3" in str(outcomes[0])
