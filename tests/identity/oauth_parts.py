"""A server, a client and a consent to start from."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from gateway.identity.clients import CLIENT_GRANTS, Client
from gateway.identity.grants import Consent
from gateway.identity.oauth import AuthorizationServer, OAuthError
from gateway.model import JSON

NOW_MS = 1_900_000_000_000
DAY_MS = 86_400_000
SERVER = AuthorizationServer("https://gw.example", "https://gw.example/mcp", ("mcp", "admin"))
REDIRECT = "https://app.example/cb"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
"""The pair of RFC 7636, appendix B."""
DOCUMENT_URL = "https://app.example/oauth/client.json"

CLIENT = Client(
    client_id="client_1",
    name="An editor",
    source="registration",
    redirect_uris=("https://app.example/cb", "http://127.0.0.1/callback", "http://localhost:33418/callback?x=1"),
    grant_types=CLIENT_GRANTS,
    scope=("mcp",),
    registered_at=NOW_MS,
)
CONSENT = Consent(
    family="family_1",
    client_id="client_1",
    client_name="An editor",
    subject="alice@example.com",
    agent="triage",
    scope=("mcp",),
    resource=SERVER.resource,
    given_at=NOW_MS,
    ends_at=NOW_MS + 90 * DAY_MS,
)


def document(**changed: JSON) -> bytes:
    """A client's metadata document with some members changed; `...` takes one out."""
    members: dict[str, JSON] = {
        "client_id": DOCUMENT_URL,
        "client_name": "An editor",
        "client_uri": "https://app.example",
        "redirect_uris": ["http://127.0.0.1/callback", "http://localhost/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    }
    return json.dumps({name: value for name, value in (members | changed).items() if value is not ...}).encode()


def client(**changed: JSON) -> Client:
    return replace(CLIENT, **changed)


def error_of(call: Callable[[], object]) -> str:
    """The OAuth error code that the call raises, its description fit for a header and a redirect."""
    with pytest.raises(OAuthError) as refused:
        call()
    body = refused.value.body()
    assert body.keys() == {"error", "error_description"}
    assert '"' not in body["error_description"]
    assert body["error_description"].isascii()
    return body["error"]
