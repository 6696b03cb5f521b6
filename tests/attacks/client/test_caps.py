"""Clients that ask too much: too large, too slow, too often, too many. Each gets the name of the cap; others go on.

FastMCP has no limits by default (fastmcp#4170); uvicorn, which many build on, takes headers of any size for ever.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.web.rates import KEYS, Buckets
from tests.attacks.client.raw import all_of, connect, error, headers, rpc, send, statuses
from tests.live import Live, agent, live

pytestmark = pytest.mark.asyncio(loop_scope="module")

CAPS = {
    **{"header_kb": 4, "header_seconds": 1, "body_seconds": 1, "idle_seconds": 1, "connections_per_address": 20},
    **{"per_second": 10, "per_second_address": 100, "under_way": 3},
}
CONFIG = {
    "mcpServers": {},
    "agents": {"tester": agent(), "neighbour": agent()},
    "gateway": {"requests": CAPS, "limits": {"code_kb": 1}},
}
LARGEST = 4 * 2**20
ELSEWHERE = "127.0.0.2"
"""Another address, as far as the gateway can tell."""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    async with live(tmp_path_factory.mktemp("caps"), CONFIG) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def others_go_on(gateway: Live) -> AsyncIterator[None]:
    yield
    assert statuses(await send(gateway, _get("/healthz"), source=ELSEWHERE)) == [200]


def _get(path: str, more: str = "") -> str:
    return f"GET {path} HTTP/1.1\nHost: localhost\nConnection: close\n{more}\n"


@pytest.mark.parametrize(
    "request_text",
    [
        _get("/healthz", "".join(f"X-{i}: {'y' * 100}\n" for i in range(100))),
        _get("/healthz", f"X: {'y' * 100_000}\n"),
        _get("/healthz", f"{'X' * 10_000}: y\n"),
        _get("/healthz?" + "q" * 10_000),
        _get("/healthz", f"Cookie: {'; '.join(f'c{i}={i}' for i in range(2_000))}\n"),
        "GET /healthz HTTP/1.1\nX: " + "y" * 10_000,
        "G" * 10_000,
    ],
    ids=["many headers", "a giant header", "a giant name", "a giant address", "cookies", "an endless header", "a verb"],
)
async def test_headers_over_the_cap_are_refused_unread(gateway: Live, request_text: str) -> None:
    answer = await send(gateway, request_text)
    assert statuses(answer) in ([431], [400], [408])
    assert error(answer)["code"] in ("too_large", "too_slow", "usage")


async def test_headers_that_never_end_are_given_up(gateway: Live) -> None:
    answer = await send(gateway, "GET /healthz HTTP/1.1\nHost: localhost\nX-Slow: ")
    assert statuses(answer) == [408]
    assert "gateway.requests.header_seconds" in error(answer)["message"]


async def test_a_byte_now_and_then_buys_no_time(gateway: Live) -> None:
    """Slow loris: the clock runs for all headers together, not from byte to byte."""
    reader, writer = await connect(gateway)
    reading = asyncio.ensure_future(all_of(reader))
    for byte in b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + b"X" * 1_000:
        writer.write(bytes([byte]))
        await asyncio.wait([reading], timeout=0.05)
        if reading.done():
            break
    assert statuses(await reading) == [408]
    writer.close()


@pytest.mark.parametrize("before", ["", "\n\n"], ids=["nothing", "line breaks"])
async def test_a_connection_that_asks_nothing_is_closed(gateway: Live, before: str) -> None:
    assert await send(gateway, before) == ""


async def test_a_connection_that_asks_nothing_more_is_closed(gateway: Live) -> None:
    answer = await send(gateway, "GET /healthz HTTP/1.1\nHost: localhost\n\n\n\n")
    assert statuses(answer) == [200]


@pytest.mark.parametrize("path", ["/mcp", "/api/v1/check"])
async def test_a_body_that_never_ends_is_given_up(gateway: Live, path: str) -> None:
    bearer = f"Authorization: Bearer {await gateway.token()}\nContent-Type: application/json\n"
    head = f"POST {path} HTTP/1.1\nHost: localhost\nAccept: application/json, text/event-stream\n{bearer}"
    answer = await send(gateway, f'{head}Content-Length: 100\n\n{{"jsonrpc"')
    assert statuses(answer) == [408]
    assert "gateway.requests.body_seconds" in error(answer)["message"]


@pytest.mark.parametrize("path", ["/mcp", "/api/v1/check"])
async def test_a_body_over_the_cap_is_refused_whether_declared_or_not(gateway: Live, path: str) -> None:
    bearer = f"Authorization: Bearer {await gateway.token()}\nContent-Type: application/json\n"
    head = f"POST {path} HTTP/1.1\nHost: localhost\nAccept: application/json, text/event-stream\n{bearer}"
    declared = await send(gateway, f"{head}Content-Length: {2**40}\n\n")
    size = LARGEST + 1_000
    chunked = await send(gateway, f"{head}Transfer-Encoding: chunked\n\n{size:x}\n{'x' * size}\n0\n\n")
    for answer in (declared, chunked):
        assert statuses(answer) == [413]
        assert error(answer)["code"] == "too_large"


async def test_a_program_over_its_size_is_refused(gateway: Live) -> None:
    answer = await gateway.call(await gateway.token(), "execute", code=f"return '{'x' * 2_000}'")
    assert "code_kb" in str(answer["result"]["structuredContent"])


async def test_a_token_that_asks_too_often_is_told_when_to_come_again(gateway: Live) -> None:
    mine, theirs = await gateway.token(), await gateway.token("neighbour")
    body = json.dumps(rpc("tools/list"))

    async def ask(token: str) -> tuple[int, str | None]:
        async with gateway.http.post(f"{gateway.url}/mcp", data=body, headers=headers(token)) as answer:
            return answer.status, answer.headers.get("Retry-After")

    answers = [await ask(mine) for _ in range(60)]
    assert answers[0] == (200, None)
    assert (429, "1") in answers
    assert await ask(theirs) == (200, None)


async def test_requests_under_way_are_counted(gateway: Live) -> None:
    token = await gateway.token()
    head = (
        f"POST /api/v1/check HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Length: 9\r\n\r\n"
    )
    waiting = [await connect(gateway) for _ in range(CAPS["under_way"])]
    for _, writer in waiting:
        writer.write(head.encode())
    one_more = head.replace("\r", "").replace("\n\n", "\nConnection: close\n\n") + '{"c": 1} '
    answer = ""
    while "429" not in answer:  # the others may not have been read yet; they are given up after a second
        answer = await send(gateway, one_more)
        assert statuses(answer)[0] in (400, 429)
    assert "gateway.requests.under_way" in answer
    for _, writer in waiting:
        writer.close()


async def test_connections_of_one_address_are_counted(gateway: Live) -> None:
    reached = [await connect(gateway) for _ in range(2 * CAPS["connections_per_address"])]
    answers = await asyncio.gather(*(all_of(reader) for reader, _ in reached))
    for _, writer in reached:
        writer.close()
    refused = [answer for answer in answers if answer]
    assert len(refused) >= CAPS["connections_per_address"]
    assert all(statuses(answer) == [429] for answer in refused)
    assert "gateway.requests.connections_per_address" in error(refused[0])["message"]


async def test_an_address_without_any_token_is_slowed_too(gateway: Live) -> None:
    """Guessing costs the gateway a signature check each: the address is counted before."""
    burst = _get("/api/v1/runs", "Authorization: Bearer guess\n").replace("Connection: close\n", "")
    reader, writer = await connect(gateway)
    writer.write((burst * 400).replace("\n", "\r\n").encode() + b"\r\n")
    seen = ""
    async with asyncio.timeout(60):
        while "HTTP/1.1 429" not in seen:
            chunk = await reader.read(65_536)
            assert chunk, "the address was never slowed"
            seen = seen[-20:] + chunk.decode("latin-1")
    writer.close()


async def test_who_asks_under_ever_new_names_fills_no_memory() -> None:
    buckets = Buckets(1, clock=lambda: 0.0)
    for number in range(2 * KEYS):
        buckets.take(str(number))
    assert len(buckets._levels) == KEYS
    assert not all(buckets.take("same") for _ in range(3))
