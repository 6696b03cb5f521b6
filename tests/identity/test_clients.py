"""Client metadata documents, registration, and redirect URIs."""

from __future__ import annotations

import json

import pytest

from gateway.identity.clients import (
    MAX_DOCUMENT_BYTES,
    Client,
    check_document_url,
    client_from_document,
    document_lifetime_s,
    is_document_url,
    problem_with_redirect_uri,
    register,
    registration_response,
)
from gateway.identity.grants import hashed
from gateway.identity.oauth import InvalidClient, OAuthError
from gateway.model import JSON
from tests.identity.oauth_parts import DAY_MS, DOCUMENT_URL, NOW_MS, SERVER, client, document


def from_document(body: bytes, content_type: str = "application/json") -> Client:
    return client_from_document(DOCUMENT_URL, content_type, body, SERVER, now_ms=NOW_MS, lifetime_s=3600)


# --- redirect URIs -------------------------------------------------------------------------------------------------

REGISTRABLE = [
    "https://app.example/cb",
    "https://app.example:8443/cb?x=1",
    "https://app.example",
    "http://127.0.0.1/cb",
    "http://127.0.0.1:3000",
    "http://localhost/cb?x=1",
    "http://[::1]:1/cb",
    "com.example.app:/cb",
    "com.example.app://cb/there",
    "cursor://anysphere.cursor-retrieval/oauth/callback",
    "vscode://vscode.github-authentication/did-authenticate",
]
NOT_REGISTRABLE = [
    "",
    "/cb",
    "//app.example/cb",
    "app.example/cb",
    "http://app.example/cb",
    "http://localhost.evil.example/cb",
    "http://127.0.0.1.evil.example/cb",
    "http://127.0.0.2/cb",
    "http://localhost@evil.example/cb",
    "http://localhost:80@evil.example/cb",
    "http://localhost:99999/cb",
    "http://localhost:0/cb",
    "http://localhost:/cb",
    "http://localhost:*/cb",
    "https://",
    "https:///cb",
    "https://user@app.example/cb",
    "https://app.example/cb#f",
    "https://app.example/cb#",
    "https://app.example:0/cb",
    "https://app.example:99999/cb",
    "https://app.example/c b",
    "https://app.example\\@evil.example/cb",
    "https://app.example/\u0441b",
    "https://app.example/cb\n",
    'https://app.example/"onload="',
    "https://app.example/" + "a" * 2048,
    "javascript:alert(1)",
    "javascript:/alert(1)",
    "JavaScript:alert(1)",
    "data:text/html,x",
    "data:/text",
    "vbscript:/x",
    "file:///etc/passwd",
    "blob:https://app.example/x",
    "about:/blank",
    "intent://x",
    "ms-msdt:/id",
    "search-ms:/query",
    "urn:ietf:wg:oauth:2.0:oob",
    "com.example.app:cb",
]


@pytest.mark.parametrize("uri", REGISTRABLE)
def test_answers_may_go_to_https_loopback_and_apps(uri: str) -> None:
    assert problem_with_redirect_uri(uri) is None
    assert client(redirect_uris=(uri,)).answers_at(uri)


@pytest.mark.parametrize("uri", NOT_REGISTRABLE)
def test_answers_go_nowhere_else(uri: str) -> None:
    assert problem_with_redirect_uri(uri) is not None


@pytest.mark.parametrize(
    ("registered", "good", "bad"),
    [
        (
            "https://app.example/cb",
            ["https://app.example/cb"],
            [
                "https://app.example/cb/",
                "https://app.example/cb?x=1",
                "https://app.example:443/cb",
                "https://APP.example/cb",
                "https://app.example/CB",
                "https://app.example/x/../cb",
                "https://app.example/%63b",
                "https://app.example.evil.example/cb",
                "http://app.example/cb",
                "",
            ],
        ),
        (
            "http://127.0.0.1/callback",
            ["http://127.0.0.1/callback", "http://127.0.0.1:1/callback", "http://127.0.0.1:65535/callback"],
            [
                "http://localhost:1/callback",
                "http://[::1]:1/callback",
                "https://127.0.0.1:1/callback",
                "http://127.0.0.1:1/callback/",
                "http://127.0.0.1:1/callback?x",
                "http://127.0.0.1:1/callback#x",
                "http://127.0.0.1:65536/callback",
                "http://127.0.0.1:0/callback",
                "http://127.0.0.1:x/callback",
                "http://127.0.0.1:1@evil.example/callback",
                "http://127.0.0.1.evil.example/callback",
            ],
        ),
        ("http://localhost:33418/cb?x=1", ["http://localhost:5/cb?x=1", "http://localhost/cb?x=1"], ["http://localhost:5/cb"]),
        ("http://[::1]/", ["http://[::1]:8080/"], ["http://[::1]:8080"]),
        ("com.example.app:/cb", ["com.example.app:/cb"], ["com.example.app:/cb2", "COM.example.app:/cb"]),
    ],
)  # fmt: skip
def test_a_redirect_uri_matches_exactly_but_for_the_port_on_loopback(
    registered: str, good: list[str], bad: list[str]
) -> None:
    answered = {uri: client(redirect_uris=(registered,)).answers_at(uri) for uri in [*good, *bad]}
    assert answered == dict.fromkeys(good, True) | dict.fromkeys(bad, False)


# --- documents -----------------------------------------------------------------------------------------------------


def test_a_document_describes_a_client() -> None:
    found = from_document(document(scope="mcp other", grant_types=["authorization_code", "refresh_token", "password"]))
    assert found == Client(
        client_id=DOCUMENT_URL,
        name="An editor",
        source="document",
        redirect_uris=("http://127.0.0.1/callback", "http://localhost/callback"),
        grant_types=("authorization_code", "refresh_token"),
        scope=("mcp",),
        client_uri="https://app.example",
        registered_at=NOW_MS,
        expires_at=NOW_MS + 3_600_000,
    )
    assert found.host == "app.example"
    assert found.loopback_only
    assert found.answers_at("http://localhost:60351/callback")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "application/oauth-client+json"])
def test_documents_come_as_json_of_some_kind(content_type: str) -> None:
    assert from_document(document(), content_type).name == "An editor"


@pytest.mark.parametrize("content_type", ["", "text/html", "text/json", "application/jsonp", "application/xml"])
def test_other_content_types_are_refused(content_type: str) -> None:
    with pytest.raises(InvalidClient, match="must be JSON"):
        from_document(document(), content_type)


DOCUMENTS: dict[str, bytes] = {
    "too large": document(padding="x" * MAX_DOCUMENT_BYTES),
    "not JSON": b"<html>",
    "empty": b"",
    "nested too deep": b"[" * 5000,
    "an array": b"[]",
    "no client_id": document(client_id=...),
    "another client_id": document(client_id="https://app.example/oauth/other.json"),
    "client_id in other case": document(client_id=DOCUMENT_URL.upper()),
    "client_id with a port": document(client_id=DOCUMENT_URL.replace("example/", "example:443/")),
    "a secret": document(client_secret="s"),
    "an expiring secret": document(client_secret_expires_at=0),
    "secret authentication": document(token_endpoint_auth_method="client_secret_post"),
    "key authentication": document(token_endpoint_auth_method="private_key_jwt"),
    "odd authentication": document(token_endpoint_auth_method=None),
    "no name": document(client_name=...),
    "empty name": document(client_name=" "),
    "name not a text": document(client_name=["x"]),
    "name too long": document(client_name="x" * 101),
    "name with a line break": document(client_name="Claude\nhas access"),
    "name with a bidi control": document(client_name="\u202eedualC"),
    "no redirect URIs": document(redirect_uris=...),
    "empty redirect URIs": document(redirect_uris=[]),
    "redirect URIs a text": document(redirect_uris="http://localhost/"),
    "a bad redirect URI": document(redirect_uris=["http://localhost/", "javascript:alert(1)"]),
    "too many redirect URIs": document(redirect_uris=["http://localhost/"] * 21),
    "redirect URI a number": document(redirect_uris=[1]),
    "no grant that we have": document(grant_types=["password"]),
    "refresh alone": document(grant_types=["refresh_token"]),
    "grants a text": document(grant_types="authorization_code"),
    "only implicit responses": document(response_types=["token"]),
    "no scope that we have": document(scope="openid"),
    "scope a list": document(scope=["mcp"]),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_bad_document_is_refused_as_an_invalid_client(name: str) -> None:
    with pytest.raises(InvalidClient) as refused:
        from_document(DOCUMENTS[name])
    assert refused.value.status == 401
    assert refused.value.body()["error"] == "invalid_client"


def test_a_client_uri_that_is_no_public_url_is_left_out() -> None:
    for uri in ("javascript:alert(1)", "http://app.example", "https://localhost/", 7):
        assert from_document(document(client_uri=uri)).client_uri is None


def test_which_client_ids_are_documents() -> None:
    assert is_document_url(DOCUMENT_URL)
    assert not is_document_url("client_1")
    check_document_url(DOCUMENT_URL)
    check_document_url("https://client.dev.internal/c", trusted=["client.dev.internal"])


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example",
        "https://app.example?x=1",
        "https://app.example/a/../c",
        "https://app.example/./c",
        "https://app.example/a/..",
        "https://app.example/a/%2E%2e/c",
        "https://app.example/a/.%2e?x",
        "https://127.0.0.1/c",
        "https://user@app.example/c",
        "https://app.example/c#f",
        "http://app.example/c",
    ],
)
def test_a_client_id_that_may_not_be_fetched_is_refused(url: str) -> None:
    with pytest.raises(InvalidClient, match="client_id cannot be used"):
        check_document_url(url)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 3600),
        ("max-age=600", 600),
        ("public, Max-Age=600, immutable", 600),
        ('max-age="900"', 900),
        ("max-age=0", 300),
        ("s-maxage=7", 3600),
        ("no-store", 300),
        ("no-cache, max-age=900", 300),
        ("max-age=999999999", 86_400),
        ("max-age=99999999999999999999", 86_400),
        ("max-age=-1", 3600),
        ("max-age=x", 3600),
    ],
)
def test_a_document_is_kept_as_it_says_within_bounds(header: str, seconds: int) -> None:
    assert document_lifetime_s(header) == seconds


# --- registration --------------------------------------------------------------------------------------------------


def registration(**changed: JSON) -> bytes:
    return document(**{"client_id": ...} | changed)


def test_a_public_client_registers_without_a_secret() -> None:
    found, secret = register(registration(scope="mcp"), SERVER, now_ms=NOW_MS)
    assert secret is None
    assert found.source == "registration"
    assert found.client_id.startswith("client_")
    assert not is_document_url(found.client_id)
    assert found.host is None
    assert found.expires_at == NOW_MS + 90 * DAY_MS
    assert registration_response(found, secret) == {
        "client_id": found.client_id,
        "client_id_issued_at": NOW_MS // 1000,
        "client_name": "An editor",
        "client_uri": "https://app.example",
        "redirect_uris": ["http://127.0.0.1/callback", "http://localhost/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "scope": "mcp",
        "token_endpoint_auth_method": "none",
    }


def test_a_client_registers_with_a_secret_that_is_only_stored_hashed() -> None:
    found, secret = register(registration(token_endpoint_auth_method=...), SERVER, now_ms=NOW_MS)
    assert secret is not None
    assert found.auth_method == "client_secret_basic"
    assert found.secret_hash == hashed(secret)
    told = registration_response(found, secret)
    assert told["client_secret"] == secret
    assert told["client_secret_expires_at"] == (NOW_MS + 90 * DAY_MS) // 1000
    assert register(registration(), SERVER, now_ms=NOW_MS)[0].client_id != found.client_id


def test_a_device_registers_without_redirect_uris() -> None:
    body = registration(
        redirect_uris=..., response_types=..., grant_types=["urn:ietf:params:oauth:grant-type:device_code"]
    )
    found, secret = register(body, SERVER, now_ms=NOW_MS)
    assert found.redirect_uris == ()
    assert not found.loopback_only
    assert registration_response(found, secret)["response_types"] == []


def test_defaults_are_those_of_rfc_7591() -> None:
    found, _ = register(json.dumps({"redirect_uris": ["https://app.example/cb"]}).encode(), SERVER, now_ms=NOW_MS)
    assert found.grant_types == ("authorization_code",)
    assert found.scope == SERVER.scopes
    assert found.name == "a client without a name"
    assert not found.loopback_only


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "invalid_client_metadata"),
        (b"[]", "invalid_client_metadata"),
        (registration(padding="x" * 20_000), "invalid_client_metadata"),
        (registration(client_name="\x1b[31m"), "invalid_client_metadata"),
        (registration(token_endpoint_auth_method="private_key_jwt"), "invalid_client_metadata"),
        (registration(token_endpoint_auth_method=["none"]), "invalid_client_metadata"),
        (registration(grant_types=["urn:ietf:params:oauth:grant-type:token-exchange"]), "invalid_client_metadata"),
        (registration(response_types=["token"]), "invalid_client_metadata"),
        (registration(scope="openid"), "invalid_client_metadata"),
        (registration(redirect_uris=...), "invalid_redirect_uri"),
        (registration(redirect_uris=["http://app.example/cb"]), "invalid_redirect_uri"),
    ],
)
def test_a_bad_registration_is_refused(body: bytes, error: str) -> None:
    with pytest.raises(OAuthError) as refused:
        register(body, SERVER, now_ms=NOW_MS)
    assert (refused.value.status, refused.value.body()["error"]) == (400, error)
