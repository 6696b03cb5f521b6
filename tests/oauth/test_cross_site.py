"""Browser clients: which pages may call which endpoints. And what programs find out by metadata."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.service.rates import OF_ADDRESS, Action, Rate
from gateway.store.client import Client
from gateway.web.oauth import CROSS_SITE
from tests.oauth.gate import Gate, replica

pytestmark = pytest.mark.asyncio(loop_scope="package")
LOCAL, EVIL = "http://localhost:6274", "https://evil.example"


@pytest.mark.parametrize("path", CROSS_SITE)
async def test_pages_that_may_call_are_answered_also_beforehand(gate: Gate, path: str) -> None:
    preflight = {
        "Origin": LOCAL,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,authorization,mcp-protocol-version",
    }
    async with gate.http.options(gate.url + path, headers=preflight) as answer:
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Origin"] == LOCAL
        assert "POST" in answer.headers["Access-Control-Allow-Methods"]
        assert "authorization" in answer.headers["Access-Control-Allow-Headers"]
        assert "Access-Control-Allow-Credentials" not in answer.headers
    async with gate.http.post(gate.url + path, headers={"Origin": LOCAL}, data={"a": "b"}) as answer:
        assert answer.status in (400, 401), "refused by the endpoint itself, readably"
        assert answer.headers["Access-Control-Allow-Origin"] == LOCAL
    async with gate.http.post(gate.url + path, headers={"Origin": EVIL}, data={"a": "b"}) as answer:
        assert answer.status == 403
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("path", ["/oauth/introspect", "/oauth/consent/x", "/ui/sign-in", "/ui/sign-out", "/device"])
async def test_pages_of_other_origins_may_not_call_the_rest(gate: Gate, path: str) -> None:
    async with gate.http.post(gate.url + path, headers={"Origin": LOCAL}, data={"a": "b"}) as answer:
        assert answer.status == 403
        assert "Access-Control-Allow-Origin" not in answer.headers


async def test_metadata_leads_to_every_endpoint_and_any_page_may_read_it(gate: Gate) -> None:
    headers = {"Origin": EVIL}
    async with gate.http.get(f"{gate.url}/.well-known/oauth-protected-resource/mcp", headers=headers) as answer:
        resource = await answer.json()
    assert resource["authorization_servers"] == [gate.url]
    async with gate.http.get(f"{gate.url}/.well-known/oauth-authorization-server", headers=headers) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        found = await answer.json()
    assert found["issuer"] == gate.url
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert found["authorization_response_iss_parameter_supported"] is True
    assert found["client_id_metadata_document_supported"] is True
    assert found["introspection_endpoint_auth_methods_supported"] == [
        "client_secret_basic",
        "client_secret_post",
        "Bearer",
    ]
    for name, url in found.items():
        if name.endswith("_endpoint") and name != "authorization_endpoint":
            async with gate.http.post(url) as answer:
                assert answer.status == 400, name
    async with gate.http.get(found["jwks_uri"]) as answer:
        assert (await answer.json())["keys"][0]["alg"] == "ES256"


async def test_too_many_requests_are_told_when_to_come_again_on_every_replica(
    gate: Gate, store: Client, tmp_path: Path
) -> None:
    for _ in range(60):
        async with gate.http.post(f"{gate.url}/oauth/register", data=b"{") as answer:
            if answer.status == 429:
                break
    assert answer.status == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 6
    async with replica(tmp_path, store) as other:
        status, body = await other.post("/oauth/register", data="{")
        assert (status, body["error"]) == (429, "temporarily_unavailable")
        assert (await other.post("/oauth/token", {"a": "b"}))[0] == 400, "every endpoint counts for itself"


@pytest.mark.parametrize(
    ("what", "method", "path"),
    [
        ("token", "POST", "/oauth/token"),
        ("device", "POST", "/oauth/device_authorization"),
        ("register", "POST", "/oauth/register"),
        ("revoke", "POST", "/oauth/revoke"),
        ("introspect", "POST", "/oauth/introspect"),
        ("page", "GET", "/oauth/authorize"),
        ("page", "GET", "/device"),
        ("page", "GET", "/ui/sign-in"),
        ("page", "GET", "/ui/sign-in/callback"),
        ("guess", "POST", "/ui/sign-in"),
    ],
)
async def test_every_endpoint_has_a_rate(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, what: Action, method: str, path: str
) -> None:
    monkeypatch.setitem(OF_ADDRESS, what, Rate(per_minute=1, burst=1))
    for expected in (False, True):
        async with gate.http.request(method, gate.url + path, data="", allow_redirects=False) as answer:
            assert (answer.status == 429) is expected
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


async def test_a_cached_document_can_be_read_by_pages_too(gate: Gate) -> None:
    for name in ("oauth-protected-resource/mcp", "oauth-authorization-server", "jwks.json"):
        async with gate.http.get(f"{gate.url}/.well-known/{name}") as answer:
            assert "public" in answer.headers["Cache-Control"]
            assert answer.headers["Access-Control-Allow-Origin"] == "*"


async def test_pages_may_read_where_to_get_a_token(gate: Gate) -> None:
    async with gate.http.post(f"{gate.url}/mcp", headers={"Origin": LOCAL}, data=b"{}") as answer:
        assert answer.status == 401
        assert answer.headers["Access-Control-Allow-Origin"] == LOCAL
        exposed = answer.headers["Access-Control-Expose-Headers"].lower()
        assert {"www-authenticate", "mcp-session-id"} <= {name.strip() for name in exposed.split(",")}


async def test_a_store_that_is_gone_is_no_mistake_of_the_clients(tmp_path: Path) -> None:
    nowhere = Client(f"unix://{tmp_path}/none.sock")
    async with replica(tmp_path, nowhere) as gate:
        status, body = await gate.post("/oauth/token", {"a": "b"})
        assert (status, body["error"]) == (503, "temporarily_unavailable")
        status, _, page = await gate.open("/ui/sign-in")
        assert status == 503
        assert "The store cannot be reached" in page
    await nowhere.close()
