"""Who gets in, and what everybody else is told."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from tests.identity.forge import good_header, good_payload, sign
from tests.identity.test_tokens import HEADERS, PAYLOADS
from tests.web.secured import METADATA, NOW, RESOURCE, Served, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("data")) as running:
        yield running


def challenge(response: httpx2.Response) -> str:
    [header] = response.headers.get_list("www-authenticate")
    return str(header)


def error(response: httpx2.Response) -> dict[str, str]:
    found: dict[str, str] = response.json()["error"]
    return found


@pytest.mark.parametrize("path", ["/mcp", "/mcp/", "/api/v1/whoami"])
def test_a_token_becomes_the_principal(served: Served, path: str) -> None:
    assert served.client.get(path, headers=served.bearer()).json() == {"token": "tok_1", "admin": False}


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer   "])
def test_the_scheme_is_read_as_http_does(served: Served, scheme: str) -> None:
    answer = served.client.get("/mcp", headers={"Authorization": f"{scheme} {served.token()}"})
    assert answer.json()["token"] == "tok_1"


@pytest.mark.parametrize("path", ["/healthz", "/mcpx", "/ui/answer"])
def test_other_paths_pass_without_a_principal(served: Served, path: str) -> None:
    assert served.client.get(path).json() == {"principal": False}
    assert served.client.get(path, headers={"Authorization": "Bearer nonsense"}).json() == {"principal": False}


@pytest.mark.parametrize("path", ["/mcp", "/mcp/", "/mcp/unknown", "/api/v1", "/api/v1/whoami", "/api/v1/unknown"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic YTpi"}, {"Authorization": ""}])
def test_without_a_token_the_challenge_says_where_to_get_one(
    served: Served, path: str, headers: dict[str, str]
) -> None:
    answer = served.client.get(path, headers=headers)
    assert answer.status_code == 401
    assert challenge(answer) == f'Bearer resource_metadata="{METADATA}", scope="mcp"'
    assert error(answer)["code"] == "unauthenticated"
    assert "gateway token issue" in error(answer)["message"]


@pytest.mark.parametrize(
    "sent", ["Bearer", "Bearer a b", "Bearer é", "Bearer a,b", "Bearer {}", "BearerX", "Bearer a.b.c"]
)
def test_what_is_no_token_is_an_invalid_token(served: Served, sent: str) -> None:
    answer = served.client.get("/mcp", headers=[(b"Authorization", sent.encode("latin-1"))])
    assert answer.status_code == 401
    assert challenge(answer).startswith(
        f'Bearer resource_metadata="{METADATA}", scope="mcp", error="invalid_token", error_description="The bearer'
    )


def test_a_refused_token_is_told_why_in_characters_that_a_header_may_have(served: Served) -> None:
    answer = served.client.get("/mcp", headers=served.bearer("tok_revoked"))
    assert answer.status_code == 401
    assert challenge(answer).endswith('error="invalid_token", error_description="This ?token? was revoked.?"')
    assert answer.headers["cache-control"] == "no-store"
    assert error(answer)["message"].startswith('This "token" was revoked.')


def test_a_token_for_another_audience_is_refused(served: Served) -> None:
    token = sign(good_header(served.ring), good_payload(aud=RESOURCE + "2"), served.ring.signing_key)
    answer = served.client.get("/mcp", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert error(answer)["reason"] == "elsewhere"


@pytest.mark.parametrize("part", ["header", "payload"])
def test_what_the_jwt_library_would_take_or_trip_over_is_an_invalid_token(served: Served, part: str) -> None:
    """By the right key: a missing or misspelt claim, another `typ`, `crit`, `b64`, deep nesting, huge numbers."""
    ring = served.ring
    headers = [make(ring) for make in HEADERS.values()] if part == "header" else [good_header(ring)] * len(PAYLOADS)
    payloads = [good_payload()] * len(HEADERS) if part == "header" else list(PAYLOADS.values())
    for header, payload in zip(headers, payloads, strict=True):
        token = sign(header, payload, ring.signing_key)
        answer = served.client.get("/mcp", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, error(answer)["code"]) == (401, "unauthenticated"), (header, payload)
        assert 'error="invalid_token"' in challenge(answer)


@pytest.mark.parametrize("path", ["/mcp", "/api/v1/whoami"])
def test_a_token_that_may_not_is_told_which_scope_would(served: Served, path: str) -> None:
    answer = served.client.get(path, headers=served.bearer("tok_narrow"))
    assert answer.status_code == 403
    assert 'scope="mcp", error="insufficient_scope"' in challenge(answer)
    assert error(answer)["code"] == "forbidden"


def test_a_refusal_from_inside_an_endpoint_is_told_the_same_way(served: Served) -> None:
    answer = served.client.get("/api/v1/forbidden", headers=served.bearer())
    assert answer.status_code == 403
    assert challenge(answer) == (
        f'Bearer resource_metadata="{METADATA}", scope="mcp admin", error="insufficient_scope", '
        'error_description="This needs more."'
    )


def test_a_store_that_is_down_is_no_refusal(served: Served) -> None:
    answer = served.client.get("/mcp", headers=served.bearer("tok_down"))
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert "www-authenticate" not in answer.headers
    assert error(answer)["code"] == "store_unavailable"


def test_two_authorization_headers_are_refused(served: Served) -> None:
    token = f"Bearer {served.token()}"
    answer = served.client.get("/mcp", headers=[("Authorization", token), ("Authorization", token)])
    assert answer.status_code == 400
    assert challenge(answer).startswith(f'Bearer resource_metadata="{METADATA}", error="invalid_request"')


@pytest.mark.parametrize("query", ["access_token=", "a=1&access%5Ftoken=x", "access_token=x&access_token=y"])
@pytest.mark.parametrize("signed", [True, False])
def test_a_token_in_the_query_string_is_refused(served: Served, query: str, signed: bool) -> None:
    answer = served.client.get(f"/mcp?{query}", headers=served.bearer() if signed else {})
    assert answer.status_code == 400
    assert "Revoke that token" in error(answer)["message"]


def test_a_very_long_token_is_refused_at_once(served: Served) -> None:
    answer = served.client.get("/mcp", headers={"Authorization": f"Bearer {'A' * 30_000}"})
    assert answer.status_code == 401


# --- the administrator ---------------------------------------------------------------------------------------------


def test_the_admin_key_administers_and_is_no_token(served: Served) -> None:
    admin = {"Authorization": f"Bearer {served.admin}"}
    assert served.client.get("/api/v1/whoami", headers=admin).json() == {"token": "admin", "admin": True}
    assert served.client.get("/mcp", headers=admin).status_code == 401


@pytest.mark.parametrize("wrong", ["gwa_", "gwa_" + "A" * 43, "admin"])
def test_another_admin_key_is_refused(served: Served, wrong: str) -> None:
    answer = served.client.get("/api/v1/whoami", headers={"Authorization": f"Bearer {wrong}"})
    assert answer.status_code == 401
    assert served.admin not in answer.text + challenge(answer)


# --- the documents ---------------------------------------------------------------------------------------------------


def test_the_challenge_leads_to_the_resource_metadata(served: Served) -> None:
    path = challenge(served.client.get("/mcp")).split('"')[1].removeprefix("https://gw.example")
    document = served.client.get(path)
    assert document.json() == {
        "resource": RESOURCE,
        "authorization_servers": ["https://gw.example"],
        "scopes_supported": ["mcp"],
        "bearer_methods_supported": ["header"],
        "resource_name": "MCP code gateway",
    }
    assert document.headers["cache-control"] == "public, max-age=3600"


def test_the_published_keys_are_the_rings_also_after_a_rotation(served: Served) -> None:
    before = served.client.get("/.well-known/jwks.json")
    assert before.json() == served.ring.public_jwks()
    assert before.headers["cache-control"] == "public, max-age=300"
    served.ring.rotate(now_s=NOW, until_s=NOW)
    after = served.client.get("/.well-known/jwks.json").json()["keys"]
    assert [key["kid"] for key in after] == [served.ring.kid, before.json()["keys"][0]["kid"]]
    assert not {"d", "k"} & {name for key in after for name in key}
