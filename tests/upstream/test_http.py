"""Streamable HTTP: sessions, restarts, redirects, credentials, proxies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from gateway.config import ServerConfig, base_environment
from gateway.errors import PolicyDenied, UpstreamError, UpstreamUnavailable
from gateway.model import Catalog
from gateway.upstream.pool import Upstreams
from tests.servers.launch import free_port
from tests.upstream.conftest import Serve, Start, serving
from tests.upstream.scripted import Message, Scripted, both_eras, chunks, config, reply, sse, text


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
