"""Who the client is, and which grant it brings."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from gateway.identity.grants import (
    hashed,
)
from gateway.identity.oauth import InvalidClient, Parameters
from gateway.identity.token_endpoint import (
    CodeGrant,
    Credentials,
    DeviceGrant,
    ExchangeGrant,
    RefreshGrant,
    authenticate,
    credentials,
    narrowed,
    token_request,
    token_response,
)
from tests.identity.oauth_parts import CLIENT, NOW_MS, REDIRECT, SERVER, VERIFIER, client, error_of

# --- the token endpoint -----------------------------------------------------------------------------------------------


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


@pytest.mark.parametrize(
    ("form", "header", "expected"),
    [
        ({}, None, None),
        ({"client_id": "c"}, None, Credentials("c", None, "none")),
        ({"client_id": "c", "client_secret": "s"}, None, Credentials("c", "s", "client_secret_post")),
        ({}, basic("c:s:t"), Credentials("c", "s:t", "client_secret_basic")),
        ({"client_id": "c d"}, basic("c%20d:%3A+"), Credentials("c d", ": ", "client_secret_basic")),
        ({}, basic("c:s").replace("Basic", "bAsIc"), Credentials("c", "s", "client_secret_basic")),
    ],
)
def test_clients_present_themselves_in_three_ways(
    form: Parameters, header: str | None, expected: Credentials | None
) -> None:
    assert credentials(form, header) == expected


@pytest.mark.parametrize(
    ("form", "header", "error"),
    [
        ({"client_secret": "s"}, basic("c:s"), "invalid_request"),
        ({"client_id": "d"}, basic("c:s"), "invalid_request"),
        ({}, "", "invalid_client"),
        ({}, "Bearer x", "invalid_client"),
        ({}, "Basic", "invalid_client"),
        ({}, "Basic !!!", "invalid_client"),
        ({}, basic("c"), "invalid_client"),
        ({}, basic(":s"), "invalid_client"),
        ({}, "Basic /w==", "invalid_client"),
    ],
)
def test_other_ways_are_refused(form: Parameters, header: str, error: str) -> None:
    assert error_of(lambda: credentials(form, header)) == error


def test_a_client_must_authenticate_as_it_has_registered() -> None:
    public = client()
    secretive = client(auth_method="client_secret_basic", secret_hash=hashed("s"))
    presented = Credentials("client_1", "s", "client_secret_basic")
    assert authenticate(public, Credentials("client_1", None, "none"), now_ms=NOW_MS) is public
    assert authenticate(secretive, presented, now_ms=NOW_MS) is secretive
    for asking, wrong in (
        (None, presented),
        (public, presented),
        (secretive, Credentials("client_1", None, "none")),
        (secretive, Credentials("client_1", "s", "client_secret_post")),
        (secretive, Credentials("client_1", "t", "client_secret_basic")),
        (secretive, Credentials("client_1", "", "client_secret_basic")),
        (replace(secretive, secret_hash=None), Credentials("client_1", "", "client_secret_basic")),
        (replace(secretive, expires_at=NOW_MS), presented),
    ):
        with pytest.raises(InvalidClient) as refused:
            authenticate(asking, wrong, now_ms=NOW_MS)
        assert refused.value.status == 401


CODE_FORM = {"grant_type": "authorization_code", "code": "code_1", "code_verifier": VERIFIER}
REFRESH_FORM = {"grant_type": "refresh_token", "refresh_token": "refresh_1"}
DEVICE_FORM = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": "device_1"}
EXCHANGE_FORM = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "subject_token": "eyJ.e30.x",
    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    "scope": "mcp",
}


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (CODE_FORM, CodeGrant("code_1", VERIFIER, None)),
        (CODE_FORM | {"redirect_uri": REDIRECT, "resource": SERVER.resource}, CodeGrant("code_1", VERIFIER, REDIRECT)),
        (REFRESH_FORM, RefreshGrant("refresh_1", None)),
        (REFRESH_FORM | {"scope": "mcp"}, RefreshGrant("refresh_1", ("mcp",))),
        (DEVICE_FORM, DeviceGrant("device_1")),
        (EXCHANGE_FORM, ExchangeGrant("eyJ.e30.x", ("mcp",))),
        (EXCHANGE_FORM | {"audience": SERVER.resource}, ExchangeGrant("eyJ.e30.x", ("mcp",))),
        (
            EXCHANGE_FORM | {"requested_token_type": "urn:ietf:params:oauth:token-type:access_token"},
            ExchangeGrant("eyJ.e30.x", ("mcp",)),
        ),
    ],
)
def test_the_four_grants_are_understood(form: Parameters, expected: object) -> None:
    assert token_request(form, CLIENT, SERVER) == expected


def test_only_an_exchange_needs_no_client() -> None:
    assert isinstance(token_request(EXCHANGE_FORM, None, SERVER), ExchangeGrant)
    for form in (CODE_FORM, REFRESH_FORM, DEVICE_FORM):
        with pytest.raises(InvalidClient):
            token_request(form, None, SERVER)


def without(form: dict[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in form.items() if key != name}


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        (without(CODE_FORM, "code"), "invalid_request"),
        (without(CODE_FORM, "code_verifier"), "invalid_request"),
        (CODE_FORM | {"code_verifier": VERIFIER[:42]}, "invalid_request"),
        (CODE_FORM | {"code_verifier": "a" * 129}, "invalid_request"),
        (CODE_FORM | {"code_verifier": VERIFIER + "\n"}, "invalid_request"),
        (CODE_FORM | {"resource": "https://evil.example/mcp"}, "invalid_target"),
        (without(REFRESH_FORM, "refresh_token"), "invalid_request"),
        (REFRESH_FORM | {"scope": "admin"}, "invalid_scope"),
        (REFRESH_FORM | {"resource": "https://evil.example/mcp"}, "invalid_target"),
        (without(DEVICE_FORM, "device_code"), "invalid_request"),
        (without(EXCHANGE_FORM, "subject_token"), "invalid_request"),
        (without(EXCHANGE_FORM, "subject_token_type"), "invalid_request"),
        (EXCHANGE_FORM | {"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"}, "invalid_request"),
        (EXCHANGE_FORM | {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, "invalid_request"),
        (EXCHANGE_FORM | {"actor_token": "x"}, "invalid_request"),
        (EXCHANGE_FORM | {"audience": "https://evil.example"}, "invalid_target"),
        (EXCHANGE_FORM | {"resource": "https://evil.example/mcp"}, "invalid_target"),
        (EXCHANGE_FORM | {"scope": "root"}, "invalid_scope"),
    ],
)
def test_a_bad_token_request_has_the_error_of_the_rfc(form: Parameters, error: str) -> None:
    assert error_of(lambda: token_request(form, CLIENT, SERVER)) == error


@pytest.mark.parametrize("form", [REFRESH_FORM, DEVICE_FORM])
def test_a_client_may_use_only_its_grants(form: Parameters) -> None:
    plain = client(grant_types=("authorization_code",))
    assert error_of(lambda: token_request(form, plain, SERVER)) == "unauthorized_client"


def test_a_refresh_narrows_and_never_widens() -> None:
    assert narrowed(None, ("mcp",)) == ("mcp",)
    assert narrowed(("mcp",), ("mcp", "admin")) == ("mcp",)
    assert error_of(lambda: narrowed(("mcp", "admin"), ("mcp",))) == "invalid_scope"


def test_token_responses() -> None:
    plain = {"access_token": "t", "token_type": "Bearer", "expires_in": 60, "scope": "mcp admin"}
    assert token_response("t", expires_in_s=60, scope=("mcp", "admin")) == plain
    assert token_response("t", expires_in_s=60, scope=("mcp", "admin"), refresh_token="r") == plain | {
        "refresh_token": "r"
    }
    exchanged = token_response("t", expires_in_s=60, scope=("mcp", "admin"), exchanged=True)
    assert exchanged["issued_token_type"] == "urn:ietf:params:oauth:token-type:access_token"
