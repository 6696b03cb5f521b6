"""Streamable HTTP: what servers answer, and what becomes of it."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from gateway.errors import UpstreamProtocolError, UpstreamUnavailable
from tests.upstream.conftest import Serve, Start
from tests.upstream.scripted import Message, Scripted, both_eras, chunks, config, sse, text


@both_eras
@pytest.mark.parametrize(
    ("status", "body", "message", "sent"),
    [
        (503, b"try   later\n", "answered HTTP 503: try later", True),
        (429, b"", "answered HTTP 429", False),
        (403, b"no", "refused the gateway's credentials", False),
    ],
)
async def test_http_errors_say_whether_the_call_may_have_been_made(
    serve: Serve, start: Start, modern: bool, status: int, body: bytes, message: str, sent: bool
) -> None:
    async def fail(request: Request, call: Message) -> Response:
        return Response(body, status_code=status)

    upstreams = await start(s=config(await serve(Scripted(fail, modern=modern).app)))
    with pytest.raises(UpstreamUnavailable) as failed:
        await upstreams.call("s", "go", {})
    assert message in failed.value.message
    assert failed.value.details["sent"] is sent


async def test_a_json_rpc_error_is_the_tools_error_whatever_the_http_status(serve: Serve, start: Start) -> None:
    async def fail(request: Request, call: Message) -> Response:
        error = {"code": -32602, "message": "id must be positive"}
        return JSONResponse({"jsonrpc": "2.0", "id": call["id"], "error": error}, status_code=400)

    upstreams = await start(s=config(await serve(Scripted(fail).app)))
    result = await upstreams.call("s", "go", {})
    assert (result.is_error, result.content[0]["text"]) == (True, "MCP error -32602: id must be positive")


def endless_json(call: Message) -> Response:
    async def body() -> AsyncIterator[bytes]:
        yield b'{"jsonrpc":"2.0","result":{"text":"'
        while True:
            await asyncio.sleep(0)
            yield b"x" * 100_000

    return StreamingResponse(body(), media_type="application/json")


def endless_event(call: Message) -> Response:
    async def body() -> AsyncIterator[bytes]:
        yield b'data: {"jsonrpc":"2.0","result":{"text":"' + b"x" * 2**21
        while True:
            await asyncio.sleep(0)
            yield b"x" * 100_000

    return StreamingResponse(body(), media_type="text/event-stream")


def bomb(call: Message) -> Response:
    packed = gzip.compress(b'"' + b"x" * 50_000_000 + b'"')
    return Response(packed, media_type="application/json", headers={"Content-Encoding": "gzip"})


@pytest.mark.parametrize("answer", [endless_json, endless_event, bomb])
async def test_no_answer_is_read_past_the_cap(
    serve: Serve, start: Start, answer: Callable[[Message], Response]
) -> None:
    async def big(request: Request, call: Message) -> Response:
        return answer(call)

    upstreams = await start(s=config(await serve(Scripted(big).app), max_result_mb=1))
    with pytest.raises(UpstreamProtocolError, match="more than max_result_mb = 1 MB"):
        await upstreams.call("s", "go", {}, timeout=20)


@both_eras
@pytest.mark.parametrize(
    ("kind", "body", "message"),
    [
        ("text/html", b"<html>", "with HTTP 200 and text/html"),
        ("application/json", b"{'a': 1}", "what is not JSON"),
        ("application/json", b"[]", "no JSON-RPC response"),
        ("application/json", b'{"result": 5}', "a result that is not an object"),
        ("application/json", b'{"result": {"content": "text"}}', "content that is not a list of blocks"),
        ("application/json", b'{"result": {"resultType": "input_required"}}', "asks for input"),
        ("application/json", b'{"result": {"resultType": "task"}}', "unknown type 'task'"),
        ("text/event-stream", b"data: oops\n\n", "what is not JSON"),
    ],
)
async def test_what_is_not_mcp_is_refused(
    serve: Serve, start: Start, modern: bool, kind: str, body: bytes, message: str
) -> None:
    async def odd(request: Request, call: Message) -> Response:
        return Response(body, media_type=kind)

    upstreams = await start(s=config(await serve(Scripted(odd, modern=modern).app)))
    with pytest.raises(UpstreamProtocolError) as refused:
        await upstreams.call("s", "go", {})
    assert message in refused.value.message
    assert refused.value.details["sent"] is True


@both_eras
async def test_a_stream_that_ends_without_the_answer(serve: Serve, start: Start, modern: bool) -> None:
    async def torn(request: Request, call: Message) -> Response:
        progress = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 1, "progress": 1}}
        return StreamingResponse(chunks(sse(progress)), media_type="text/event-stream")

    upstreams = await start(s=config(await serve(Scripted(torn, modern=modern).app)))
    with pytest.raises(UpstreamUnavailable, match="without the answer") as ended:
        await upstreams.call("s", "go", {})
    assert ended.value.details["sent"] is True


async def test_an_answer_whose_stream_broke_off_is_taken_up_again(serve: Serve, start: Start) -> None:
    asked: dict[str, Any] = {}

    async def begin(request: Request, call: Message) -> Response:
        asked["id"] = call["id"]
        torn = b'id: e1\nretry: 10\ndata:\n\nid: e2\ndata: {"jsonrpc": "2.0", "id": 10737'
        return StreamingResponse(chunks(torn), media_type="text/event-stream")

    async def resume(request: Request) -> Response:
        if "last-event-id" not in request.headers:
            return Response(status_code=405)
        asked["from"] = request.headers["last-event-id"]
        answer = {"jsonrpc": "2.0", "id": asked["id"], "result": text("at last")}
        return StreamingResponse(chunks(sse(answer, event_id="e2")), media_type="text/event-stream")

    server = Scripted(begin)
    server.on_get = resume
    upstreams = await start(s=config(await serve(server.app)))
    assert (await upstreams.call("s", "go", {})).content[0]["text"] == "at last"
    assert asked["from"] == "e1"


async def test_nonsense_instead_of_messages_does_no_harm(serve: Serve, start: Start) -> None:
    nonsense = [{"method": []}, {"method": {}, "id": {}}, {"id": [1]}, {"id": None}, {"id": "1e9"}, [], None, 7]

    async def odd(request: Request, call: Message) -> Response:
        answer = {"jsonrpc": "2.0", "id": str(call["id"]), "result": text("fine")}
        return StreamingResponse(chunks(sse(*nonsense, answer)), media_type="text/event-stream")

    upstreams = await start(s=config(await serve(Scripted(odd).app)))
    assert (await upstreams.call("s", "go", {})).content[0]["text"] == "fine"


async def test_what_a_server_asks_in_the_middle_of_a_call_is_answered(serve: Serve, start: Start) -> None:
    answers: asyncio.Queue[Message] = asyncio.Queue()
    collected: dict[str, Message] = {}

    async def ask(request: Request, call: Message) -> Response:
        async def body() -> AsyncIterator[bytes]:
            yield sse({"jsonrpc": "2.0", "id": "p1", "method": "ping"})
            yield sse({"jsonrpc": "2.0", "id": "q2", "method": "sampling/createMessage", "params": {}})
            yield sse({"jsonrpc": "2.0", "method": "notifications/unheard_of"}, "not even an object", {"id": 99})
            while len(collected) < 2:
                answer = await answers.get()
                collected[answer["id"]] = answer
            yield sse({"jsonrpc": "2.0", "id": call["id"], "result": text("thanks")})

        return StreamingResponse(body(), media_type="text/event-stream")

    server = Scripted(ask)
    handle = server.handle

    async def collect(request: Request) -> Response:
        response = await handle(request)
        if request.method == "POST" and "method" not in server.messages[-1]:
            answers.put_nowait(server.messages[-1])
        return response

    app = Starlette(routes=[Route("/mcp", collect, methods=["GET", "POST", "DELETE"])])
    upstreams = await start(s=config(await serve(app)))
    assert (await upstreams.call("s", "go", {})).content[0]["text"] == "thanks"
    assert collected["p1"]["result"] == {}
    assert "error" in collected["q2"]


async def test_cancelling_a_modern_call_closes_its_connection(serve: Serve, start: Start) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def slow(request: Request, call: Message) -> Response:
        began.set()
        while not await request.is_disconnected():
            await asyncio.sleep(0.01)
        ended.set()
        return Response()

    server = Scripted(slow, modern=True)
    upstreams = await start(s=config(await serve(server.app)))
    call = asyncio.ensure_future(upstreams.call("s", "go", {}))
    await began.wait()
    call.cancel()
    async with asyncio.timeout(5):
        await ended.wait()
    assert not any(message.get("method") == "notifications/cancelled" for message in server.messages)
    await asyncio.gather(call, return_exceptions=True)
