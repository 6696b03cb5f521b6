"""Authorization requests, the answers to them, and the server's metadata."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.identity.authorize import (
    AuthorizationRequest,
    ReplyTo,
    authorization_request,
    reply_to,
)
from gateway.identity.clients import Client
from gateway.identity.oauth import AuthorizationServer, OAuthError, Parameters, parameters
from gateway.identity.records import dumps, loads
from tests.identity.oauth_parts import CHALLENGE, CLIENT, REDIRECT, SERVER, VERIFIER, client, error_of

# --- parameters ----------------------------------------------------------------------------------------------------


def test_an_empty_parameter_is_an_absent_one() -> None:
    assert parameters([("a", "1"), ("b", ""), ("c", "é")]) == {"a": "1", "c": "é"}


@pytest.mark.parametrize(
    "pairs",
    [
        [("scope", "mcp"), ("scope", "mcp")],
        [("resource", SERVER.resource), ("resource", "https://evil.example")],
        [('"\n<é>', "1"), ('"\n<é>', "2")],
        [("state", "x" * 4097)],
        [(f"p{number}", "x") for number in range(33)],
    ],
)
def test_doubled_and_oversized_parameters_are_refused(pairs: list[tuple[str, str]]) -> None:
    assert error_of(lambda: parameters(pairs)) == "invalid_request"


# --- authorization requests -------------------------------------------------------------------------------------------

GOOD = {
    "response_type": "code",
    "client_id": "client_1",
    "redirect_uri": REDIRECT,
    "state": "af0 &é",
    "scope": "mcp",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
    "resource": SERVER.resource,
}


def given(**changed: str | None) -> Parameters:
    return {name: value for name, value in (GOOD | changed).items() if value is not None}


def ask(parameters: Parameters, asking: Client = CLIENT) -> AuthorizationRequest:
    return authorization_request(parameters, asking, SERVER, reply_to(parameters, asking, SERVER))


def test_a_good_request_is_understood() -> None:
    reply = ReplyTo(redirect_uri=REDIRECT, state="af0 &é", issuer="https://gw.example")
    assert ask(given()) == AuthorizationRequest(
        client_id="client_1", reply=reply, scope=("mcp",), resource=SERVER.resource, code_challenge=CHALLENGE
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"resource": None},
        {"resource": "HTTPS://GW.example:443/mcp"},
        {"scope": None},
        {"response_mode": "query"},
        {"nonce": "unknown parameters are ignored", "prompt": "consent"},
        {"redirect_uri": "http://127.0.0.1:60351/callback"},
    ],
)
def test_what_may_be_left_out_or_spelt_otherwise(changed: dict[str, str | None]) -> None:
    assert ask(given(**changed)).resource == SERVER.resource
    assert ask(given(**changed)).scope == ("mcp",)


@pytest.mark.parametrize("uri", [None, "https://evil.example/cb", REDIRECT + "/", "http://localhost:1/callback"])
def test_a_wrong_redirect_uri_is_found_before_anything_is_redirected(uri: str | None) -> None:
    assert error_of(lambda: reply_to(given(redirect_uri=uri), CLIENT, SERVER)) == "invalid_request"


REQUESTS: list[tuple[dict[str, str | None], str]] = [
    ({"response_type": None}, "invalid_request"),
    ({"response_type": "token"}, "unsupported_response_type"),
    ({"response_type": "code token"}, "unsupported_response_type"),
    ({"response_mode": "fragment"}, "invalid_request"),
    ({"request": "eyJ"}, "request_not_supported"),
    ({"request_uri": "https://evil.example"}, "request_uri_not_supported"),
    ({"code_challenge": None}, "invalid_request"),
    ({"code_challenge_method": None}, "invalid_request"),
    ({"code_challenge_method": "plain"}, "invalid_request"),
    ({"code_challenge_method": "s256"}, "invalid_request"),
    ({"code_challenge": CHALLENGE[:-1]}, "invalid_request"),
    ({"code_challenge": CHALLENGE + "="}, "invalid_request"),
    ({"code_challenge": CHALLENGE + "\n"}, "invalid_request"),
    ({"code_challenge": VERIFIER[:-1] + "+"}, "invalid_request"),
    ({"scope": "mcp admin"}, "invalid_scope"),
    ({"scope": "openid"}, "invalid_scope"),
    ({"scope": "mcp  mcp"}, "invalid_scope"),
    ({"resource": "https://gw.example"}, "invalid_target"),
    ({"resource": "https://gw.example/mcp/"}, "invalid_target"),
    ({"resource": "http://gw.example/mcp"}, "invalid_target"),
    ({"resource": "https://gw.example/mcp#x"}, "invalid_target"),
    ({"resource": "https://gw.example/mcp?x"}, "invalid_target"),
    ({"resource": "https://u@gw.example/mcp"}, "invalid_target"),
    ({"resource": "https://gw.example:x/mcp"}, "invalid_target"),
    ({"resource": "https://[gw/mcp"}, "invalid_target"),
    ({"resource": "/mcp"}, "invalid_target"),
]


@pytest.mark.parametrize(("changed", "error"), REQUESTS)
def test_a_bad_request_has_the_error_of_the_rfc(changed: dict[str, str | None], error: str) -> None:
    assert error_of(lambda: ask(given(**changed))) == error


def test_a_request_that_waits_for_the_person_survives_the_store() -> None:
    assert loads(AuthorizationRequest, dumps(ask(given()))) == ask(given())


def test_a_client_without_the_grant_is_refused() -> None:
    assert error_of(lambda: ask(given(), client(grant_types=("refresh_token",)))) == "unauthorized_client"


@pytest.mark.parametrize("uri", [REDIRECT, "http://localhost:1/callback?x=1", "com.example.app:/cb"])
@pytest.mark.parametrize("state", ["a b&c=d#é", None])
def test_every_answer_brings_state_and_issuer(uri: str, state: str | None) -> None:
    reply = ReplyTo(redirect_uri=uri, state=state, issuer=SERVER.issuer)
    expected = {"iss": [SERVER.issuer]} | ({} if state is None else {"state": [state]})
    granted, refused = reply.granted("code_1"), reply.refused(OAuthError("access_denied", "Alice said no."))
    for location, answer in (
        (granted, {"code": ["code_1"]}),
        (refused, {"error": ["access_denied"], "error_description": ["Alice said no."]}),
    ):
        assert location.startswith(uri)
        query = parse_qs(urlsplit(location).query)
        query.pop("x", None)
        assert query == expected | answer


def test_the_server_metadata_says_what_mcp_clients_look_for() -> None:
    document = SERVER.metadata()
    assert document["issuer"] == SERVER.issuer
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["client_id_metadata_document_supported"] is True
    assert document["authorization_response_iss_parameter_supported"] is True
    assert "none" in document["token_endpoint_auth_methods_supported"]
    assert "registration_endpoint" not in document
    open_to_all = AuthorizationServer(SERVER.issuer, SERVER.resource, SERVER.scopes, registration=True).metadata()
    assert open_to_all["registration_endpoint"] == "https://gw.example/oauth/register"
    endpoints = {name: url for name, url in open_to_all.items() if name.endswith(("_endpoint", "_uri"))}
    assert all(url.startswith("https://gw.example/") for url in endpoints.values())
    assert {url.rpartition("/")[2] for url in endpoints.values()} >= {"authorize", "token", "register", "revoke"}
