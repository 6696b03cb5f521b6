"""Streamable HTTP against servers that answer byte by byte what the test wants: the odd ends of the transport."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from gateway.config import ServerConfig, base_environment
from gateway.errors import PolicyDenied, UpstreamError, UpstreamProtocolError, UpstreamUnavailable
from gateway.model import Catalog
from gateway.upstream.pool import Upstreams
from tests.servers.launch import free_port
from tests.upstream.conftest import Serve, Start, serving

Message = dict[str, Any]
Handler = Callable[[Request, Message], Awaitable[Response]]


def reply(message: Message, result: Any, **headers: str) -> Response:
    return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "result": result}, headers=headers)


def text(value: str) -> Message:
    return {"content": [{"type": "text", "text": value}]}


def sse(*messages: Any, event_id: str | None = None) -> bytes:
    prefix = f"id: {event_id}\n" if event_id is not None else ""
    return "".join(f"{prefix}event: message\ndata: {json.dumps(message)}\n\n" for message in messages).encode()


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


class Scripted:
    """A server of one tool, `go`, whose `tools/call` is answered by `on_call`. Keeps every message that it gets."""

    def __init__(
        self, on_call: Handler | None = None, *, modern: bool = False, tools: tuple[str, ...] = ("go",)
    ) -> None:
        self.on_call = on_call
        self.modern = modern
        self.tools = tools
        self.session = "session-1"
        self.messages: list[Message] = []
        self.headers: list[dict[str, str]] = []
        self.on_get: Callable[[Request], Awaitable[Response]] | None = None
        self.on_listen: Callable[[Request], Awaitable[Response]] | None = None
        self.streaming = asyncio.Event()
        self.deleted = asyncio.Event()
        self.app = Starlette(routes=[Route("/mcp", self.handle, methods=["GET", "POST", "DELETE"])])

    def calls(self) -> int:
        return sum(message.get("method") == "tools/call" for message in self.messages)

    async def handle(self, request: Request) -> Response:
        if request.method == "GET":
            if request.headers.get("mcp-session-id") != self.session:
                return Response(status_code=404)
            return await self.stream(request, self.on_get)
        if request.method == "DELETE":
            self.deleted.set()
            return Response()
        message = await request.json()
        self.messages.append(message)
        self.headers.append(dict(request.headers))
        if "id" not in message or "method" not in message:
            return Response(status_code=202)
        return await self.answer(request, message)

    async def stream(self, request: Request, opened: Callable[[Request], Awaitable[Response]] | None) -> Response:
        if opened is None:
            return Response(status_code=405)
        self.streaming.set()
        return await opened(request)

    async def answer(self, request: Request, message: Message) -> Response:
        match message["method"]:
            case "server/discover" if self.modern:
                capabilities: Message = {"tools": {"listChanged": self.on_listen is not None}}
                return reply(
                    message,
                    {
                        "supportedVersions": ["2026-07-28"],
                        "capabilities": capabilities,
                        "resultType": "complete",
                        "ttlMs": 0,
                        "cacheScope": "public",
                    },
                )
            case "subscriptions/listen" if self.on_listen is not None:
                return await self.stream(request, self.on_listen)
            case "initialize" if not self.modern:
                result = {
                    "protocolVersion": "2025-11-25",
                    "capabilities": {},
                    "serverInfo": {"name": "s", "version": "1"},
                }
                return reply(message, result, **{"Mcp-Session-Id": self.session})
            case "tools/list":
                if not self.modern and not any(
                    each.get("method") == "notifications/initialized" for each in self.messages
                ):
                    error = {"code": -32002, "message": "Server not initialized"}
                    return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "error": error})
                return reply(
                    message, {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in self.tools]}
                )
            case "tools/call":
                if refusal := self.refusal(request, message):
                    return refusal
                return reply(message, text("gone")) if self.on_call is None else await self.on_call(request, message)
            case _:
                return JSONResponse({"jsonrpc": "2.0", "id": None, "error": {"code": -32601, "message": "no"}}, 404)

    def refusal(self, request: Request, message: Message) -> Response | None:
        if self.modern and "mcp-session-id" in request.headers:
            error = {"code": -32022, "message": "Unsupported protocol version"}
            return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "error": error}, status_code=400)
        if not self.modern and "mcp-session-id" not in request.headers:
            error = {"code": -32600, "message": "Bad Request: Missing session ID"}
            return JSONResponse({"jsonrpc": "2.0", "id": "server-error", "error": error}, status_code=400)
        if not self.modern and request.headers["mcp-session-id"] != self.session:
            return Response("Session not found", status_code=404)
        return None


def config(url: str, **settings: Any) -> ServerConfig:
    return ServerConfig(url=f"{url}/mcp", **settings)


both_eras = pytest.mark.parametrize("modern", [False, True], ids=["handshake", "modern"])


async def test_a_forgotten_session_is_opened_anew_and_the_call_is_made_once(serve: Serve, start: Start) -> None:
    server = Scripted()
    upstreams = await start(s=config(await serve(server.app)))
    assert (await upstreams.call("s", "go", {})).is_error is False
    server.session = "session-2"
    results = await asyncio.gather(*(upstreams.call("s", "go", {}) for _ in range(5)))
    assert [result.content[0]["text"] for result in results] == ["gone"] * 5
    assert {headers.get("mcp-session-id") for headers in server.headers[-5:]} == {"session-2"}


async def test_what_stands_before_sending_is_asked_before_each_attempt(serve: Serve, start: Start) -> None:
    server = Scripted()
    upstreams = await start(s=config(await serve(server.app)))
    asked: list[str] = []

    async def allow() -> None:
        asked.append(server.session)

    async def deny() -> None:
        raise PolicyDenied("The token was revoked.")

    server.session = "session-2"
    await upstreams.call("s", "go", {}, before_send=allow)
    assert len(asked) == 2
    calls = server.calls()
    with pytest.raises(PolicyDenied):
        await upstreams.call("s", "go", {}, before_send=deny)
    assert server.calls() == calls


async def test_a_session_that_is_refused_with_400_is_forgotten_too(serve: Serve, start: Start) -> None:
    server = Scripted()

    async def refuse_once(request: Request, message: Message) -> Response:
        if server.calls() > 1:
            return reply(message, text("fine"))
        error = {"code": -32000, "message": "Bad Request: No valid session ID provided"}
        return JSONResponse({"jsonrpc": "2.0", "id": None, "error": error}, status_code=400)

    server.on_call = refuse_once
    upstreams = await start(s=config(await serve(server.app)))
    assert (await upstreams.call("s", "go", {})).content[0]["text"] == "fine"


async def test_the_session_is_given_back_at_the_end(serve: Serve, start: Start) -> None:
    server = Scripted()
    upstreams = await start(s=config(await serve(server.app)))
    await upstreams.close()
    assert server.deleted.is_set()


async def never() -> AsyncIterator[bytes]:
    yield b": hello\n\n"
    await asyncio.Event().wait()


async def quiet(request: Request) -> Response:
    return StreamingResponse(never(), media_type="text/event-stream")


@both_eras
async def test_a_restart_is_noticed_though_nobody_calls(start: Start, modern: bool) -> None:
    told: asyncio.Queue[Catalog] = asyncio.Queue()
    port = free_port()
    old, new = Scripted(modern=modern), Scripted(modern=modern)
    old.on_get = old.on_listen = new.on_get = quiet
    new.tools, new.session = ("go", "brand_new"), "session-2"
    async with serving(old.app, port) as url:
        upstreams = await start(on_change=told.put, s=config(url))
        await old.streaming.wait()
    async with serving(new.app, port), asyncio.timeout(15):
        catalog = await told.get()
        assert [tool.name for tool in catalog.servers["s"].tools] == ["go", "brand_new"]
        await upstreams.close()


@both_eras
async def test_a_call_after_a_restart_waits_for_the_server(start: Start, modern: bool) -> None:
    port = free_port()
    old, new = Scripted(modern=modern), Scripted(modern=modern)
    async with serving(old.app, port) as url:
        upstreams = await start(s=config(url))
        await upstreams.call("s", "go", {})
    call = asyncio.ensure_future(upstreams.call("s", "go", {}))
    async with serving(new.app, port):
        assert (await call).is_error is False
        assert (old.calls(), new.calls()) == (1, 1)
        await upstreams.close()


@both_eras
async def test_a_server_of_the_other_era_may_take_its_place(start: Start, modern: bool) -> None:
    port = free_port()
    old, new = Scripted(modern=modern), Scripted(modern=not modern)
    async with serving(old.app, port) as url:
        upstreams = await start(s=config(url))
    async with serving(new.app, port):
        assert (await upstreams.call("s", "go", {})).is_error is False
        await upstreams.close()


async def test_a_server_that_cannot_be_reached(start: Start) -> None:
    upstreams = await start(s=config(f"http://127.0.0.1:{free_port()}"))
    (status,) = upstreams.status()
    assert status.state == "failed"
    assert "cannot be reached" in str(status.error)
    with pytest.raises(UpstreamUnavailable, match="cannot be reached") as down:
        await upstreams.call("s", "go", {})
    assert down.value.details["sent"] is False


async def test_refused_credentials_are_named_and_not_shown(serve: Serve, start: Start) -> None:
    async def refuse(request: Request) -> Response:
        return JSONResponse({"error": "invalid_token"}, status_code=401)

    url = await serve(Starlette(routes=[Route("/mcp", refuse, methods=["POST", "GET"])]))
    upstreams = await start(s=config(url, headers={"Authorization": "Bearer hunter2"}))
    (status,) = upstreams.status()
    assert "refused the gateway's credentials (HTTP 401)" in str(status.error)
    assert "hunter2" not in repr(status)


async def test_configured_headers_are_sent_with_everything(serve: Serve, start: Start) -> None:
    server = Scripted()
    upstreams = await start(s=config(await serve(server.app), headers={"Authorization": "Bearer t", "X-Team": "a"}))
    await upstreams.call("s", "go", {})
    assert {(headers.get("authorization"), headers.get("x-team")) for headers in server.headers} == {("Bearer t", "a")}


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


async def test_a_redirect_within_the_origin_is_followed_and_no_other(serve: Serve, start: Start) -> None:
    server = Scripted()
    url = await serve(server.app)

    async def moved(request: Request) -> Response:
        return RedirectResponse(f"{url}/mcp" if request.url.path == "/away" else "/mcp", status_code=307)

    server.app.router.routes += [Route("/near", moved, methods=["POST", "GET"])]
    elsewhere = await serve(Starlette(routes=[Route("/away", moved, methods=["POST", "GET"])]))
    upstreams = await start(near=ServerConfig(url=f"{url}/near"), away=ServerConfig(url=f"{elsewhere}/away"))
    assert (await upstreams.call("near", "go", {})).is_error is False
    assert server.calls() == 1
    away = next(status for status in upstreams.status() if status.name == "away")
    assert f"redirects to {url}" in str(away.error)


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


@pytest.mark.parametrize("location", ["http://[::1", "mailto:a@b", "http://other.example/mcp", "/mcp"])
async def test_no_redirect_leads_astray(serve: Serve, start: Start, location: str) -> None:
    async def lead(request: Request, call: Message) -> Response:
        return Response(status_code=308, headers={"Location": location})

    upstreams = await start(s=config(await serve(Scripted(lead).app)))
    with pytest.raises(UpstreamError):
        await upstreams.call("s", "go", {})


@pytest.mark.parametrize("endpoint", ["http://[::1", "http://other.example/messages", "data:,x"])
async def test_an_sse_server_may_not_send_messages_elsewhere(serve: Serve, start: Start, endpoint: str) -> None:
    async def events(request: Request) -> Response:
        body = f"event: endpoint\ndata: {endpoint}\n\n".encode()
        return StreamingResponse(chunks(body), media_type="text/event-stream")

    url = await serve(Starlette(routes=[Route("/sse", events)]))
    upstreams = await start(s=ServerConfig(type="sse", url=f"{url}/sse"))
    assert "names an endpoint that is not on its own origin" in str(upstreams.status()[0].error)


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


async def test_the_connection_is_kept_for_the_next_call(serve: Serve, start: Start) -> None:
    clients: set[int] = set()

    async def stream(request: Request, call: Message) -> Response:
        assert request.client is not None
        clients.add(request.client.port)
        answer = sse({"jsonrpc": "2.0", "id": call["id"], "result": text("ok")})
        return StreamingResponse(chunks(answer), media_type="text/event-stream")

    upstreams = await start(s=config(await serve(Scripted(stream).app)))
    for _ in range(50):
        await upstreams.call("s", "go", {})
    assert len(clients) <= 3


async def test_a_proxy_is_used_as_the_environment_says(serve: Serve) -> None:
    server = Scripted()
    proxy = await serve(server.app)
    servers = {
        "behind": ServerConfig(url="http://mcp.example/mcp"),
        "exempt": ServerConfig(url="http://127.0.0.1:9/mcp"),
    }
    upstreams = Upstreams(servers, base_env={**base_environment({}), "http_proxy": proxy})
    try:
        await upstreams.start()
        assert (await upstreams.call("behind", "go", {})).is_error is False
        assert server.headers[-1]["host"] == "mcp.example"
        assert [status.state for status in upstreams.status()] == ["ready", "failed"]
    finally:
        await upstreams.close()
