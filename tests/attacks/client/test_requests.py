"""Clients that forge, confuse and climb: each gets what a stranger gets, and the gateway's own state does not move."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from gateway.web.server import allow_open_files
from tests.attacks.client.person import signed_in
from tests.attacks.client.raw import all_of, connect, headers, rpc, send, statuses
from tests.live import Live, agent, live, stdio

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = "<script>alert(1)</script>"
CONFIG = {
    "mcpServers": {"fast": stdio("fast.py")},
    "agents": {
        "tester": {**agent("fast"), "owner": "admin", "description": SCRIPT},
        "neighbour": agent("fast"),
    },
}


@dataclass
class Place:
    """A gateway, a token of each of two agents, and a run and a session of the neighbour's that hold a secret."""

    gateway: Live
    mine: str
    theirs: str
    run_id: str

    async def post(self, body: Any, token: str | None = None, **changed: str | None) -> tuple[int, str]:
        """A body at /mcp, as it is when it is bytes; headers replaced, or left out by None."""
        sent = {name.replace("_", "-"): value for name, value in changed.items()}
        method, name = "tools/list", None
        if isinstance(body, dict):
            params = body.get("params")
            method, name = body.get("method", method), params.get("name") if isinstance(params, dict) else None
        merged = {name.lower(): value for name, value in headers(token or self.mine, str(method), name).items()} | sent
        kept = {name: value for name, value in merged.items() if value is not None}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.gateway.http.post(f"{self.gateway.url}/mcp", data=io.BytesIO(data), headers=kept) as answer:
            return answer.status, await answer.text()

    async def api(self, method: str, path: str, token: str | None = None, **more: Any) -> tuple[int, str]:
        bearer = {"Authorization": f"Bearer {token or self.mine}"}
        url = f"{self.gateway.url}/api/v1{path}"
        async with self.gateway.http.request(method, url, headers=bearer, **more) as answer:
            return answer.status, await answer.text()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    async with live(tmp_path_factory.mktemp("requests"), CONFIG) as gateway:
        code = "await state.set('secret', 'TOPSECRET'); console.log('TOPSECRET'); return 'TOPSECRET';"
        theirs = await gateway.token("neighbour")
        ran = await gateway.call(theirs, "execute", code=code, session="work")
        run_id = ran["result"]["structuredContent"]["run_id"]
        yield Place(gateway, await gateway.token(), theirs, run_id)


# --- what is another's ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tool", ["result", "cancel"])
async def test_a_run_of_another_s_is_a_run_that_never_was(place: Place, tool: str) -> None:
    told = []
    for run_id in (place.run_id, "run_00000000000000000000"):
        status, text = await place.post(rpc("tools/call", {"name": tool, "arguments": {"run_id": run_id}}))
        told.append((status, text.replace(run_id, "ID")))
    assert told[0] == told[1]
    assert "TOPSECRET" not in told[0][1]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("GET", "/result"), ("POST", "/cancel"), ("POST", "/events/go")],
    ids=["show", "result", "cancel", "event"],
)
async def test_the_api_knows_no_run_of_another_s(place: Place, method: str, path: str) -> None:
    told = []
    for run_id in (place.run_id, "run_00000000000000000000"):
        status, text = await place.api(method, f"/runs/{run_id}{path}", json={} if method == "POST" else None)
        told.append((status, text.replace(run_id, "ID")))
    assert told[0] == told[1]
    assert told[0][0] == 404


async def test_a_list_of_runs_is_one_s_own(place: Place) -> None:
    for query in ("", "?agent=neighbour", "?session=work"):
        _, text = await place.api("GET", f"/runs{query}")
        assert place.run_id not in text


@pytest.mark.parametrize(
    "run_id", ["../../x", "run_*", "*", "", "\0", "run_" + "0" * 100_000, "run_\r\nDEL", "{run_1}", "run_\ud800"]
)
async def test_an_odd_run_id_is_no_run(place: Place, run_id: str) -> None:
    status, text = await place.post(rpc("tools/call", {"name": "result", "arguments": {"run_id": run_id}}))
    assert status in (200, 400)
    assert "not_found" in text or "usage" in text or "error" in text
    assert "TOPSECRET" not in text


async def test_acting_as_another_agent_is_refused(place: Place) -> None:
    status, _ = await place.api("POST", "/runs", json={"code": "return 1", "agent": "neighbour"})
    assert status == 403
    body = json.dumps(rpc("tools/list"))
    for name in ("neighbour", "tester"):
        url = f"{place.gateway.url}/api/v1/agents/{name}/mcp"
        async with place.gateway.http.post(url, data=body, headers=headers(place.mine)) as answer:
            assert answer.status == 403


@pytest.mark.parametrize("path", ["/keys", "/tokens/tok_1", "/doctor", "/servers", "/catalog", "/audit/verify"])
async def test_a_token_administers_nothing(place: Place, path: str) -> None:
    status, _ = await place.api("GET", path)
    assert status in (403, 404, 405)


@pytest.mark.parametrize("name", ["mcp-session-id", "x-session-id", "x-agent", "x-forwarded-user", "x-user", "cookie"])
async def test_a_header_makes_nobody_else_of_a_client(place: Place, name: str) -> None:
    """LiteLLM CVE-2026-59822: an identity was taken from whatever was left when validation failed."""
    body = rpc("tools/call", {"name": "execute", "arguments": {"code": "return await state.keys()", "session": "work"}})
    status, text = await place.post(body, **{name.replace("-", "_"): "neighbour"})
    assert status == 200
    assert "secret" not in text


# --- who one is ----------------------------------------------------------------------------------------------------

BEARERS = [
    "",
    "Bearer",
    "Bearer ",
    "Bearer null",
    "Bearer undefined",
    "Bearer x.y.z",
    "Basic YWRtaW46YWRtaW4=",
    "Token t",
]


@pytest.mark.parametrize("path", ["/mcp", "/api/v1/runs", "/api/v1/tokens"])
@pytest.mark.parametrize("bearer", BEARERS)
async def test_a_made_up_bearer_is_nobody(place: Place, bearer: str, path: str) -> None:
    async with place.gateway.http.get(place.gateway.url + path, headers={"Authorization": bearer}) as answer:
        assert answer.status == 401


async def test_two_authorization_headers_are_refused(place: Place) -> None:
    lines = f"Authorization: Bearer {place.mine}\nAuthorization: Bearer {place.theirs}\n"
    answer = await send(place.gateway, f"GET /api/v1/runs HTTP/1.1\nHost: localhost\nConnection: close\n{lines}\n")
    assert statuses(answer) == [400]


@pytest.mark.parametrize("query", ["access_token={}", "a=b&access_token={}", "access%5Ftoken={}"])
async def test_a_token_in_the_query_is_refused_even_if_it_is_good(place: Place, query: str) -> None:
    async with place.gateway.http.get(f"{place.gateway.url}/api/v1/runs?{query.format(place.mine)}") as answer:
        assert answer.status == 400
    status, _ = await place.api("GET", f"/runs?{query.format(place.mine)}")
    assert status == 400


async def test_a_revoked_token_is_nobody_at_once(place: Place) -> None:
    """atlas-ui-3#560: a revoked token's sessions ran on. ContextForge keeps what it knows of revocation for 30 s."""
    issued = await place.gateway.services.tokens.issue("tester", ttl_seconds=60)
    token = str(issued["token"])
    assert (await place.api("GET", "/runs", token))[0] == 200
    await place.gateway.services.revoker.revoke(token_id=str(issued["id"]))
    assert (await place.api("GET", "/runs", token))[0] == 401
    assert (await place.post(rpc("tools/list"), token))[0] == 401


async def test_the_admin_key_opens_no_mcp(place: Place) -> None:
    assert (await place.post(rpc("tools/list"), place.gateway.services.admin_key))[0] == 401


# --- where it comes from -------------------------------------------------------------------------------------------

EVIL_HOSTS = [
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.nip.io",
    "evil.example:80",
    "0x7f000001",
    "2130706433",
]


@pytest.mark.parametrize("path", ["/mcp", "/api/v1/runs", "/ui/", "/healthz", "/oauth/token"])
@pytest.mark.parametrize("host", EVIL_HOSTS)
async def test_a_name_that_was_bound_anew_to_this_machine_is_misdirected(place: Place, host: str, path: str) -> None:
    """DNS rebinding; the Inspector's CVE-2025-49596 was one page away from running commands."""
    bearer = f"Authorization: Bearer {place.mine}"
    answer = await send(place.gateway, f"GET {path} HTTP/1.1\nHost: {host}\nConnection: close\n{bearer}\n\n")
    assert statuses(answer) == [421]


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example", "file://"])
@pytest.mark.parametrize("path", ["/mcp", "/api/v1/runs", "/ui/sign-in", "/ui/sign-out", "/oauth/authorize"])
async def test_a_page_of_another_origin_can_neither_send_nor_read(place: Place, origin: str, path: str) -> None:
    sent = {"Origin": origin, "Authorization": f"Bearer {place.mine}"}
    async with place.gateway.http.post(place.gateway.url + path, headers=sent, data={"code": "x"}) as answer:
        assert answer.status == 403
        assert "Access-Control-Allow-Origin" not in answer.headers
    asked = {**sent, "Access-Control-Request-Method": "POST"}
    async with place.gateway.http.options(place.gateway.url + path, headers=asked) as answer:
        assert answer.status == 403


@pytest.mark.parametrize("path", ["/ui/sign-in", "/ui/sign-out", "/ui/end"])
async def test_a_form_without_the_page_s_own_secret_changes_nothing(place: Place, path: str) -> None:
    own = {"Origin": place.gateway.url}
    for form in ({}, {"csrf": ""}, {"csrf": "guess"}):
        async with place.gateway.http.post(
            place.gateway.url + path, headers=own, data=form, allow_redirects=False
        ) as answer:
            assert answer.status in (400, 403)


async def test_markup_in_names_and_texts_stays_text_on_a_page(place: Place) -> None:
    async with signed_in(place.gateway) as browser, browser.get(f"{place.gateway.url}/ui/") as answer:
        page = await answer.text()
        policy = answer.headers["Content-Security-Policy"]
    assert "&lt;script&gt;alert(1)" in page
    assert SCRIPT not in page
    assert "unsafe-inline" not in policy and "default-src 'none'" in policy


@pytest.mark.parametrize("path", ["/ui/sign-in?then=", "/oauth/authorize?client_id=", "/ui/device?code=", "/nowhere/"])
async def test_markup_in_an_address_is_not_echoed(place: Place, path: str) -> None:
    async with place.gateway.http.get(f"{place.gateway.url}{path}{SCRIPT}") as answer:
        assert SCRIPT not in await answer.text()


# --- how it is written ---------------------------------------------------------------------------------------------

SMUGGLED = "GET /api/v1/doctor HTTP/1.1\nHost: localhost\nConnection: close\n\n"
POST = "POST /api/v1/check HTTP/1.1\nHost: localhost\n"
SMUGGLING = {
    "a length and chunks": f"{POST}Content-Length: 5\nTransfer-Encoding: chunked\n\n0\n\n{SMUGGLED}",
    "chunks and a length": f"{POST}Transfer-Encoding: chunked\nContent-Length: 500\n\n0\n\n{SMUGGLED}",
    "two lengths": f"{POST}Content-Length: 0\nContent-Length: 60\n\n{SMUGGLED}",
    "two lengths in one": f"{POST}Content-Length: 0, 60\n\n{SMUGGLED}",
    "a length below zero": f"{POST}Content-Length: -1\n\n{SMUGGLED}",
    "a length with a sign": f"{POST}Content-Length: +5\n\n{SMUGGLED}",
    "a length in hex": f"{POST}Content-Length: 0x5\n\n{SMUGGLED}",
    "a length beyond all": f"{POST}Content-Length: 99999999999999999999999\n\n{SMUGGLED}",
    "an unknown coding": f"{POST}Transfer-Encoding: xchunked\n\n0\n\n{SMUGGLED}",
    "two codings": f"{POST}Transfer-Encoding: chunked, identity\n\n0\n\n{SMUGGLED}",
    "a blank before the colon": f"{POST}Content-Length : 5\n\n{SMUGGLED}",
    "a folded header": f"{POST}X: y\n Content-Length: 5\n\n{SMUGGLED}",
    "a header without a name": f"{POST}: x\n\n{SMUGGLED}",
    "a NUL in a header": f"{POST}X: a\0b\n\n{SMUGGLED}",
    "a chunk of no size": f"{POST}Transfer-Encoding: chunked\n\nzz\n{SMUGGLED}",
    "a chunk below zero": f"{POST}Transfer-Encoding: chunked\n\n-1\n{SMUGGLED}",
    "an endless chunk size": f"{POST}Transfer-Encoding: chunked\n\n{'f' * 40}\n{SMUGGLED}",
    "another protocol": f"GET /api/v1/doctor SMTP/1.1\nHost: localhost\n\n{SMUGGLED}",
    "a version of HTTP to come": f"GET /healthz HTTP/9.9\nHost: localhost\n\n{SMUGGLED}",
    "the preface of HTTP/2": "PRI * HTTP/2.0\n\nSM\n\n",
    "an upgrade to HTTP/2": f"{POST}Connection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAMAAABk\n\n",
    "a tunnel": "CONNECT localhost:1 HTTP/1.1\nHost: localhost:1\n\n",
    "a target elsewhere": "GET http://evil.example/api/v1/doctor HTTP/1.1\nHost: localhost\nConnection: close\n\n",
}


@pytest.mark.parametrize("name", SMUGGLING)
async def test_a_request_hidden_in_another_is_not_served(place: Place, name: str) -> None:
    """Where two readers of one stream would part the requests differently, this one reads no further."""
    reader, writer = await connect(place.gateway)
    writer.write(SMUGGLING[name].replace("\n", "\r\n").encode("latin-1"))
    writer.write_eof()
    got = statuses(await all_of(reader))
    writer.close()
    assert all(status >= 400 for status in got), got


async def test_what_follows_a_request_that_is_being_answered_does_not_mix_with_its_answer(place: Place) -> None:
    body = json.dumps(rpc("tools/call", {"name": "execute", "arguments": {"code": "return 1"}}))
    lines = "".join(f"{name}: {value}\n" for name, value in headers(place.mine, "tools/call", "execute").items())
    head = f"POST /mcp HTTP/1.1\nHost: localhost\n{lines}Content-Length: {len(body)}\n\n{body}"
    answer = await send(place.gateway, f"{head}NO HTTP AT ALL\n\n")
    assert answer == ""


METHODS = ["PUT", "PATCH", "TRACE", "DELETE", "HEAD", "PROPFIND", "GET", "OPTIONS"]


@pytest.mark.parametrize("method", METHODS)
async def test_only_a_post_reaches_the_tools(place: Place, method: str) -> None:
    """A GET with `Accept: text/event-stream` would be a stream that the server has to keep: there is none."""
    accepting = {**headers(place.mine), "Accept": "text/event-stream", "X-HTTP-Method-Override": "POST"}
    async with place.gateway.http.request(method, f"{place.gateway.url}/mcp", headers=accepting) as answer:
        assert answer.status == 405


@pytest.mark.parametrize("override", ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"])
async def test_a_method_is_what_the_request_line_says(place: Place, override: str) -> None:
    async with place.gateway.http.get(
        f"{place.gateway.url}/api/v1/tokens/revoke",
        headers={"Authorization": f"Bearer {place.gateway.services.admin_key}", override: "POST"},
    ) as answer:
        assert answer.status in (404, 405)
    assert (await place.api("GET", "/runs"))[0] == 200


CLIMBS = [
    "/api/v1/runs/../doctor",
    "/api/v1/runs/%2e%2e/doctor",
    "/api/v1/runs/..%2fdoctor",
    "/api/v1//doctor",
    "//api/v1/doctor",
    "/ui/static/../../../../etc/passwd",
    "/ui/static/%2e%2e/%2e%2e/pages.py",
    "/ui/static/..%5c..%5cpages.py",
    "/ui/static//etc/passwd",
    "/.well-known/../api/v1/doctor",
    "/mcp/../api/v1/doctor",
    "/api/v1/doctor%00",
    "/api/v1/doctor;x=/mcp",
    "/API/V1/doctor",
    "/healthz/../admin.key",
    "/.gateway/admin.key",
]


@pytest.mark.parametrize("path", CLIMBS)
async def test_a_path_that_climbs_arrives_nowhere(place: Place, path: str) -> None:
    bearer = f"Authorization: Bearer {place.mine}"
    answer = await send(place.gateway, f"GET {path} HTTP/1.1\nHost: localhost\nConnection: close\n{bearer}\n\n")
    (status,) = statuses(answer)
    assert status in (307, 400, 401, 403, 404)
    assert "root:" not in answer and "checks" not in answer


# --- what it says --------------------------------------------------------------------------------------------------

CALL = rpc("tools/call", {"name": "search", "arguments": {}})
CONFUSED: dict[str, tuple[Any, dict[str, str | None]]] = {
    "another tool in the header": (CALL, {"mcp_name": "execute"}),
    "another method in the header": (CALL, {"mcp_method": "tools/list"}),
    "no method in the header": (CALL, {"mcp_method": None}),
    "another version in the body": (
        {**CALL, "params": {**CALL["params"], "_meta": {"io.modelcontextprotocol/protocolVersion": "1999-01-01"}}},
        {},
    ),
    "a version that never was": (CALL, {"mcp_protocol_version": "2099-01-01"}),
    "a version of a megabyte's kind": (CALL, {"mcp_protocol_version": "x" * 5_000}),
    "a body that is no JSON": (b"{", {}),
    "an empty body": (b"", {}),
    "a body in UTF-16": (json.dumps(CALL).encode("utf-16"), {}),
    "bytes that are no text": (b'{"jsonrpc": "2.0", "id": 1, "method": "\xff\xfe"}', {}),
    "a hundred thousand brackets": (b"[" * 100_000, {}),
    "a hundred thousand objects": (b'{"a":' * 100_000, {}),
    "ten thousand requests at once": ([CALL] * 10_000, {}),
    "a text": ("tools/list", {}),
    "null": (None, {}),
    "a method that is an object": ({**CALL, "method": {"a": 1}}, {}),
    "params that are a list": ({**CALL, "params": ["search"]}, {"mcp_name": "search"}),
    "an id that is an object": ({**CALL, "id": {"a": 1}}, {}),
    "an id that is null": ({**CALL, "id": None}, {}),
    "another JSON-RPC": ({**CALL, "jsonrpc": "1.0"}, {}),
    "a method from inside": (rpc("__init__"), {}),
    "another content type": (CALL, {"content_type": "text/plain"}),
    "a form": (CALL, {"content_type": "application/x-www-form-urlencoded"}),
}


@pytest.mark.parametrize("name", CONFUSED)
async def test_a_message_that_says_two_things_is_refused(place: Place, name: str) -> None:
    body, changed = CONFUSED[name]
    status, text = await place.post(body, **changed)
    assert 400 <= status < 500 or (status == 200 and '"error"' in text), (status, text[:300])
    assert "Traceback" not in text and "gateway/" not in text


@pytest.mark.parametrize("key", ["method", "id", "params", "jsonrpc"])
async def test_of_two_keys_of_one_name_headers_and_body_cannot_disagree(place: Place, key: str) -> None:
    """One reader takes the first, another the last: whichever counts here, the header has to name the same."""
    text = json.dumps(CALL)[1:]
    first: dict[str, Any] = {"method": "tools/list", "id": 9, "params": {"name": "execute"}, "jsonrpc": "2.0"}
    doubled = ("{" + json.dumps({key: first[key]})[1:-1] + "," + text).encode()
    status, answer = await place.post(
        doubled, mcp_method="tools/list" if key == "method" else "tools/call", mcp_name="execute"
    )
    assert status == 400 or '"error"' in answer or "isError" in answer


GIANTS = {
    "an id of a megabyte": ({**CALL, "id": "i" * 1_000_000}, 2_000_000),
    "an id beyond all numbers": ({**CALL, "id": 10**400}, 10_000),
    "a query of a megabyte": (rpc("tools/call", {"name": "search", "arguments": {"query": "q" * 1_000_000}}), 10_000),
    "a tool's name of a megabyte": (rpc("tools/call", {"name": "n" * 1_000_000, "arguments": {}}), 10_000),
    "a session of a megabyte": (
        rpc("tools/call", {"name": "execute", "arguments": {"code": "return 1", "session": "s" * 1_000_000}}),
        10_000,
    ),
    "a wait beyond all numbers": (
        rpc("tools/call", {"name": "execute", "arguments": {"code": "return 1", "wait_seconds": 10**30}}),
        10_000,
    ),
    "a wait below zero": (
        rpc("tools/call", {"name": "execute", "arguments": {"code": "return 1", "wait_seconds": -1}}),
        10_000,
    ),
    "an argument nested a thousand times": (
        rpc("tools/call", {"name": "search", "arguments": {"query": json.loads("[" * 900 + "]" * 900)}}),
        100_000,
    ),
    "ten thousand arguments": (
        rpc("tools/call", {"name": "search", "arguments": {f"a{i}": i for i in range(10_000)}}),
        2_000_000,
    ),
}


@pytest.mark.parametrize("name", GIANTS)
async def test_a_giant_makes_no_giant_answer(place: Place, name: str) -> None:
    body, most = GIANTS[name]
    called = body["params"]["name"]
    status, text = await place.post(body, mcp_name=called if len(called) < 100 else None)
    assert status < 500
    assert len(text) < most


async def test_a_thousand_silent_connections_cost_nobody_else_anything(place: Place) -> None:
    if allow_open_files() < 3_000:
        pytest.skip("this user may not open 3,000 files")
    silent = await asyncio.gather(*(connect(place.gateway) for _ in range(1_000)))
    half = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nX: "
    for _, writer in silent[:500]:
        writer.write(half.encode())
    ran = await place.gateway.call(place.mine, "execute", code="return await tools.fast.echo({text: 'there'})")
    assert ran["result"]["structuredContent"]["result"] == "there"
    for _, writer in silent:
        writer.close()


async def test_after_all_of_it_the_neighbour_s_run_is_as_it_was(place: Place) -> None:
    status, text = await place.api("GET", f"/runs/{place.run_id}/result", place.theirs)
    assert status == 200
    assert json.loads(text)["result"] == "TOPSECRET"
