"""Who asks: clients with a metadata document, which is fetched with care, and clients that register themselves."""

from __future__ import annotations

import html
import json
import socket
from typing import Any

import pytest
from aiohttp import web

from gateway.errors import UpstreamProtocolError, UpstreamUnavailable
from gateway.identity.fetch import Fetcher
from tests.oauth.gate import REDIRECT, Gate, answer_of, new_verifier
from tests.oauth.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="package")


def publish(site: Site, path: str = "/client.json", **changed: Any) -> str:
    """Put a client's document there. Returns its URL, which is the client's id."""
    client_id = site.url + path
    site.answers[path] = {
        "client_id": client_id,
        "client_name": "An editor",
        "redirect_uris": ["http://127.0.0.1/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "none",
        **changed,
    }
    return client_id


async def test_a_client_with_a_document_gets_in_and_its_site_is_named(gate: Gate, site: Site) -> None:
    gate.configure(trusted_hosts=(site.host,), registration=False)
    client_id, verifier = publish(site), new_verifier()
    await gate.sign_in()
    status, path, page = await gate.open(gate.authorize(client_id, verifier))
    assert status == 200
    assert "<strong>127.0.0.1</strong> says that it is An editor" in html.unescape(page)
    fields = {"decision": "allow", "agent": "triage", "lifetime of triage": "86400"}
    _, location, _ = await gate.send(path, page, **fields)
    status, tokens = await gate.redeem(client_id, answer_of(location)["code"], verifier)
    assert status == 200
    assert await gate.whoami(tokens["access_token"])
    assert (await gate.refresh(client_id, tokens["refresh_token"]))[0] == 200
    assert site.asked == ["/client.json"], "a document is kept for a while"


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(status=302, headers={"Location": "/other.json"}),
        web.Response(status=500),
        web.Response(text="{}", content_type="text/html"),
        web.Response(text="[]", content_type="application/json"),
        web.Response(text='{"client_id": "https://evil.example/c.json"}', content_type="application/json"),
        web.Response(text=json.dumps({"a": "x" * 10_000}), content_type="application/json"),
        web.Response(body=b"\x1f\x8b" + b"x" * 100, headers={"Content-Type": "application/json"}),
    ],
    ids=["redirect", "error", "html", "list", "other id", "large", "not json"],
)
async def test_a_document_that_is_not_in_order_is_shown_to_the_person(
    gate: Gate, site: Site, answer: web.Response
) -> None:
    gate.configure(trusted_hosts=(site.host,))
    publish(site, "/other.json")
    site.answers["/client.json"] = answer
    path = gate.authorize(f"{site.url}/client.json", new_verifier())
    status, at, page = await gate.open(path)
    assert (status, at) == (401, path)
    assert "document" in page
    assert site.asked == ["/client.json"]


@pytest.mark.parametrize(
    "client_id",
    [
        "https://127.0.0.1:{port}/client.json",
        "https://localhost:{port}/client.json",
        "https://[::1]:{port}/client.json",
        "https://[::ffff:127.0.0.1]:{port}/client.json",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/client.json",
        "https://0x7f.1:{port}/client.json",
        "https://2130706433:{port}/client.json",
        "https://metadata.internal/client.json",
        "https://user@127.0.0.1:{port}/client.json",
    ],
)
async def test_nothing_is_fetched_from_this_network_unless_the_operator_vouches_for_it(
    gate: Gate, site: Site, client_id: str
) -> None:
    publish(site)
    status, _, page = await gate.open(gate.authorize(client_id.format(port=site.port), new_verifier()))
    assert status == 401
    assert "This did not work" in page
    assert site.asked == []


async def test_a_name_that_leads_to_this_network_is_not_connected_to(
    gate: Gate, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the name is on the public Internet by its form, its address is not."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def rebound(host: str, *rest: Any, **more: Any) -> Any:
        asked.append(host)
        return real("127.0.0.1" if host == "rebind.example.com" else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    client_id = f"https://rebind.example.com:{site.port}/client.json"
    assert (await gate.open(gate.authorize(client_id, new_verifier())))[0] == 401
    assert "rebind.example.com" in asked
    assert site.asked == []


async def test_a_server_that_never_ends_costs_its_time_and_no_more(site: Site) -> None:
    endless = web.Response(body=b"x" * 5_000_000, headers={"Content-Type": "application/json"})
    site.answers["/endless"] = endless
    with pytest.raises(UpstreamProtocolError, match="more than 5000 bytes"):
        await Fetcher(site.trust).fetch(f"{site.url}/endless", max_bytes=5_000, trusted=[site.host])
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(UpstreamUnavailable):
            await Fetcher(timeout_seconds=0.2).fetch(f"https://{where}/", max_bytes=1, trusted=[where])


async def test_an_origin_that_is_vouched_for_may_be_plain_and_no_other(site: Site) -> None:
    with pytest.raises(UpstreamUnavailable, match="is not an https URL"):
        await Fetcher().fetch(f"http://{site.host}/", max_bytes=1, trusted=[site.host, "127.0.0.1"])
    with pytest.raises(UpstreamUnavailable, match="is not an https URL"):
        await Fetcher().fetch(f"http://{site.host}/", max_bytes=1, trusted=[f"https://{site.host}"])


async def test_documents_are_fetched_for_nobody_too_often(gate: Gate, site: Site) -> None:
    gate.configure(trusted_hosts=(site.host,))
    statuses = [
        (await gate.open(gate.authorize(f"{site.url}/{number}.json", new_verifier())))[0] for number in range(30)
    ]
    assert statuses[:20] == [401] * 20
    assert 429 in statuses
    assert len(site.asked) == statuses.count(401)


async def test_where_documents_are_off_none_is_fetched_and_metadata_says_so(gate: Gate, site: Site) -> None:
    gate.configure(trusted_hosts=(site.host,), client_documents=False)
    assert (await gate.open(gate.authorize(publish(site), new_verifier())))[0] == 401
    assert site.asked == []
    async with gate.http.get(f"{gate.url}/.well-known/oauth-authorization-server") as answer:
        assert (await answer.json())["client_id_metadata_document_supported"] is False


# --- registration --------------------------------------------------------------------------------------------------


async def test_a_client_registers_and_is_told_what_was_understood(gate: Gate) -> None:
    client = await gate.register(client_name="Zed", redirect_uris=["zed:/oauth", REDIRECT], logo_uri="https://a.b/")
    assert client["client_name"] == "Zed"
    assert client["token_endpoint_auth_method"] == "none"
    assert "client_secret" not in client
    await gate.sign_in()
    path = gate.authorize(client["client_id"], new_verifier(), redirect_uri="zed:/oauth")
    _, at, page = await gate.open(path)
    assert "the application that opens zed: links" in html.unescape(page)
    assert "Nobody vouches for its name" in page
    _, location, _ = await gate.send(at, page, decision="refuse")
    assert location.startswith("zed:/oauth?")


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"redirect_uris": ["http://evil.example/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["javascript:alert(1)"]}, "invalid_redirect_uri"),
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"client_name": "a\u202eb"}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
    ],
)
async def test_a_registration_that_is_not_in_order_is_refused(gate: Gate, changed: dict[str, Any], error: str) -> None:
    body = {"client_name": "x", "redirect_uris": [REDIRECT], **changed}
    status, answer = await gate.post("/oauth/register", data=json.dumps(body))
    assert (status, answer["error"]) == (400, error)


async def test_where_registration_is_off_nobody_registers_and_metadata_says_so(gate: Gate) -> None:
    async with gate.http.get(f"{gate.url}/.well-known/oauth-authorization-server") as answer:
        assert (await answer.json())["registration_endpoint"] == f"{gate.url}/oauth/register"
    gate.configure(registration=False)
    assert (await gate.post("/oauth/register", data="{}"))[0] == 404
    async with gate.http.get(f"{gate.url}/.well-known/oauth-authorization-server") as answer:
        assert "registration_endpoint" not in await answer.json()


async def test_a_registration_ends(gate: Gate) -> None:
    client_id = (await gate.register())["client_id"]
    gate.clock.ahead_ms = 91 * 86_400_000
    assert (await gate.open(gate.authorize(client_id, new_verifier())))[0] == 401
