"""Attacks by size and by time: each costs the call that meets it, and nobody else."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from gateway.engine.documents import document
from gateway.errors import UpstreamProtocolError, UpstreamTimeout, UpstreamUnavailable
from gateway.model import ServerTools
from gateway.service.search import Search
from gateway.upstream.catalog import assemble, build
from tests.servers.launch import RAW, stdio
from tests.upstream.conftest import Serve, Start
from tests.upstream.conftest import serve as serve
from tests.upstream.conftest import start as start
from tests.upstream.scripted import Message, Scripted, config, reply, text

MB = 2**20


def head(message: Message) -> bytes:
    return f'{{"jsonrpc":"2.0","id":{message["id"]},"result":{{"content":[{{"type":"text","text":"'.encode()


async def test_a_body_of_a_gigabyte_is_not_taken_in(serve: Serve, start: Start) -> None:
    sent = 0

    async def body(message: Message) -> AsyncIterator[bytes]:
        nonlocal sent
        yield head(message)
        for _ in range(1_024):
            sent += 1
            yield b"x" * MB

    async def answer(request: Request, message: Message) -> Response:
        return StreamingResponse(body(message), media_type="application/json")

    upstreams = await start(s=config(await serve(Scripted(answer).app), max_result_mb=2))
    with pytest.raises(UpstreamProtocolError, match="more than max_result_mb = 2 MB"):
        await upstreams.call("s", "go", {})
    assert sent < 64


async def test_an_event_stream_without_end_is_not_taken_in(serve: Serve, start: Start) -> None:
    sent = 0

    async def body(message: Message) -> AsyncIterator[bytes]:
        nonlocal sent
        yield b"data: " + head(message)
        for _ in range(1_024):
            sent += 1
            yield b"x" * MB

    async def answer(request: Request, message: Message) -> Response:
        return StreamingResponse(body(message), media_type="text/event-stream")

    upstreams = await start(s=config(await serve(Scripted(answer, modern=True).app), max_result_mb=2))
    with pytest.raises(UpstreamProtocolError, match="more than max_result_mb"):
        await upstreams.call("s", "go", {})
    assert sent < 64


async def test_a_compressed_bomb_does_not_unfold(serve: Serve, start: Start) -> None:
    async def answer(request: Request, message: Message) -> Response:
        body = gzip.compress(head(message) + b"x" * (64 * MB), 1)
        return Response(body, media_type="application/json", headers={"Content-Encoding": "gzip"})

    upstreams = await start(s=config(await serve(Scripted(answer).app), max_result_mb=2))
    with pytest.raises(UpstreamProtocolError, match="more than max_result_mb"):
        await upstreams.call("s", "go", {})


async def test_a_slow_drip_is_cut_off_by_the_calls_timeout(serve: Serve, start: Start) -> None:
    # An idle timeout alone would let a byte now and then hold a call for ever.
    let_go = asyncio.Event()

    async def body(message: Message) -> AsyncIterator[bytes]:
        yield head(message)
        while not let_go.is_set():
            yield b"x"
            await asyncio.sleep(0.01)

    async def answer(request: Request, message: Message) -> Response:
        if message["params"]["arguments"].get("slow"):
            return StreamingResponse(body(message), media_type="application/json")
        return reply(message, text("quick"))

    upstreams = await start(s=config(await serve(Scripted(answer).app), timeout_seconds=0.5))
    slow = asyncio.ensure_future(upstreams.call("s", "go", {"slow": True}))
    assert (await upstreams.call("s", "go", {})).content[0]["text"] == "quick"
    with pytest.raises(UpstreamTimeout, match=r"did not answer within 0\.5 s"):
        await slow
    let_go.set()


async def test_a_handshake_that_never_ends_holds_up_no_other_server(start: Start) -> None:
    upstreams = await start(hang=stdio(RAW, "hang", connect_timeout_seconds=0.5), good=stdio(RAW, "none"))
    assert (await upstreams.call("good", "good", {})).content[0]["text"] == "fine"
    with pytest.raises(UpstreamUnavailable, match=r"did not finish its handshake within 0\.5 s"):
        await upstreams.call("hang", "good", {})


@pytest.mark.parametrize(("fault", "note"), [("endless", "after 100 pages"), ("circles", "in circles")])
async def test_a_list_of_endless_pages_ends(start: Start, fault: str, note: str) -> None:
    upstreams = await start(raw=stdio(RAW, fault))
    (status,) = upstreams.status()
    assert status.tools <= 100 and any(note in line for line in status.skipped)


async def test_a_page_of_a_hundred_thousand_tools_is_cut_off(start: Start) -> None:
    upstreams = await start(raw=stdio(RAW, "hundred-thousand"))
    (status,) = upstreams.status()
    assert status.tools == 5_000 and "tools/list was cut off at 5000 tools" in status.skipped


async def test_a_line_without_end_ends_the_connection_and_not_the_gateway(start: Start) -> None:
    upstreams = await start(raw=stdio(RAW, "id-last", max_result_mb=1), good=stdio(RAW, "none"))
    with pytest.raises((UpstreamProtocolError, UpstreamUnavailable)):
        await upstreams.call("raw", "good", {"bytes": 64 * MB})
    assert (await upstreams.call("good", "good", {})).content[0]["text"] == "fine"


async def test_a_list_that_changes_without_end_is_not_read_without_end(serve: Serve, start: Start) -> None:
    server = Scripted(modern=True)
    over = asyncio.Event()

    async def announce(request: Request) -> Response:
        message = json.loads(await request.body())
        acknowledged = {"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": {}}
        changed = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}

        async def stream() -> AsyncIterator[bytes]:
            yield f"data: {json.dumps({**acknowledged, 'id': message['id']})}\n\n".encode()
            for _ in range(2_000):
                yield f"data: {json.dumps(changed)}\n\n".encode()
            over.set()

        return StreamingResponse(stream(), media_type="text/event-stream")

    server.on_listen = announce
    upstreams = await start(s=config(await serve(server.app)))
    async with asyncio.timeout(20):
        await over.wait()
    assert (await upstreams.call("s", "go", {})).is_error is False
    lists = sum(message.get("method") == "tools/list" for message in server.messages)
    assert lists < 200


def test_a_description_of_ten_megabytes_costs_search_no_more_than_a_long_one() -> None:
    def tool(words: int) -> Any:
        return {
            "name": "report",
            "description": "Makes a report. " + "lorem ipsum " * words,
            "inputSchema": {"properties": {"a": {"description": "dolor " * words}}, "title": "x" * words},
        }

    def made(words: int) -> ServerTools:
        listing = build("s", stdio(RAW, "none"), [tool(words)])
        return ServerTools("s", "sit " * words, "amet " * words, listing.tools)

    long, huge = made(1_000), made(1_000_000)
    assert document(huge, huge.tools[0]).weights.keys() == document(long, long.tools[0]).weights.keys()
    assert len(assemble(1, [huge]).servers) == 1
    assert Search().inventory(frozenset(), 100) != ""
