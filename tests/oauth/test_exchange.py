"""Machines that bring a token of their own issuer: a cluster's service accounts, a CI's jobs (RFC 8693)."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.config import ExchangeConfig
from gateway.identity.keys import base64url
from gateway.model import JSON
from tests.oauth.gate import Gate
from tests.oauth.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="package")
GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT = "urn:ietf:params:oauth:token-type:jwt"
AUDIENCE = "https://gw.example"
RSA_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
STRANGER = ec.generate_private_key(ec.SECP256R1())


def jwk(key: Any, **more: JSON) -> dict[str, JSON]:
    algorithm = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "use": "sig", **more}


def publish(site: Site, *keys: Mapping[str, JSON]) -> None:
    """Make the site an issuer with these keys."""
    site.answers["/.well-known/openid-configuration"] = {"issuer": site.url, "jwks_uri": f"{site.url}/keys"}
    site.answers["/keys"] = {"keys": list(keys) or [jwk(RSA_KEY, kid="r"), jwk(EC_KEY, kid="e")]}


def trusting(gate: Gate, site: Site, **changed: Any) -> None:
    rule: dict[str, Any] = {
        "issuer": site.url,
        "audience": AUDIENCE,
        "agent": "triage",
        "claims": {"repository": ("acme/*",), "ref": ("refs/heads/main", "refs/tags/**")},
        **changed,
    }
    gate.configure(exchange=(ExchangeConfig(**rule),))


def claims(site: Site, **changed: JSON) -> dict[str, JSON]:
    now = int(time.time())
    members: dict[str, JSON] = {
        "iss": site.url,
        "aud": AUDIENCE,
        "sub": "repo:acme/app:ref:refs/heads/main",
        "iat": now,
        "nbf": now,
        "exp": now + 300,
        "repository": "acme/app",
        "ref": "refs/heads/main",
        **changed,
    }
    return {name: value for name, value in members.items() if value is not ...}


def signed(payload: Mapping[str, JSON], key: Any = RSA_KEY, *, alg: str = "RS256", kid: str | None = "r") -> str:
    return jwt.encode(dict(payload), key, algorithm=alg, headers={} if kid is None else {"kid": kid})


async def exchange(gate: Gate, token: str, **changed: str) -> tuple[int, dict[str, Any]]:
    form = {"grant_type": GRANT, "subject_token": token, "subject_token_type": JWT, "resource": gate.resource}
    return await gate.post("/oauth/token", form | changed)


async def test_a_job_gets_a_token_of_its_agent_and_no_refresh(gate: Gate, site: Site) -> None:
    publish(site)
    trusting(gate, site, ttl=1_800)
    status, tokens = await exchange(gate, signed(claims(site)))
    assert status == 200, tokens
    assert tokens["issued_token_type"] == "urn:ietf:params:oauth:token-type:access_token"
    assert tokens["expires_in"] == 1_800
    assert "refresh_token" not in tokens
    who = await gate.whoami(tokens["access_token"])
    assert who is not None
    assert who["agent"] == "triage"
    assert (await exchange(gate, signed(claims(site, ref="refs/tags/v1/rc"), EC_KEY, alg="ES256", kid="e")))[0] == 200
    assert site.asked == ["/.well-known/openid-configuration", "/keys"], "keys are kept for a while"


async def test_a_pod_is_known_by_claims_within_claims(gate: Gate, site: Site, tmp_path: Path) -> None:
    """A cluster's API server shows its keys to nobody from outside: they come from a file."""
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [jwk(RSA_KEY, kid="r")]}))
    wanted = {"/kubernetes.io/namespace": ("batch",), "sub": ("system:serviceaccount:batch:*",)}
    trusting(gate, site, claims=wanted, jwks=tmp_path / "jwks.json")
    pod = claims(site, sub="system:serviceaccount:batch:worker", **{"kubernetes.io": {"namespace": "batch"}})
    assert (await exchange(gate, signed(pod)))[0] == 200
    assert (await exchange(gate, signed({**pod, "kubernetes.io": {"namespace": "other"}})))[0] == 400
    assert (await exchange(gate, signed({**pod, "kubernetes.io": "batch"})))[0] == 400
    assert site.asked == []


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://evil.example"},
        {"aud": "https://other.example"},
        {"aud": []},
        {"aud": ...},
        {"exp": ...},
        {"iat": ...},
        {"exp": int(time.time()) - 61},
        {"exp": "9999999999"},
        {"exp": True},
        {"exp": 10**400},
        {"nbf": int(time.time()) + 600},
        {"iat": int(time.time()) + 600},
        {"repository": "acme/app/evil"},
        {"repository": "evil/acme"},
        {"repository": "acme"},
        {"repository": ...},
        {"repository": 7},
        {"repository": []},
        {"ref": "refs/heads/feature"},
    ],
    # No ids that tell the time: the tests that run in parallel have to be the same.
    ids=lambda changed: "-".join(changed),
)
async def test_a_token_that_does_not_say_what_it_must_opens_nothing(
    gate: Gate, site: Site, changed: dict[str, JSON]
) -> None:
    publish(site)
    trusting(gate, site)
    status, body = await exchange(gate, signed(claims(site, **changed)))
    assert (status, body["error"]) == (400, "invalid_request")
    assert await gate.tokens.list() == []


_HS256 = base64url(b'{"alg":"HS256","kid":"r"}')
_NONE = base64url(b'{"alg":"none"}')
_DEEP = base64url(b'{"alg":"RS256","iss":' + b"[" * 5_000)


def _parts(site: Site) -> list[str]:
    return signed(claims(site)).split(".")


def _with_public_key_as_secret(site: Site) -> str:
    der = RSA_KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    text = f"{_HS256}.{_parts(site)[1]}"
    return f"{text}.{base64url(hmac.digest(der, text.encode(), hashlib.sha256))}"


def _changed(site: Site) -> str:
    header, _, signature = _parts(site)
    return f"{header}.{base64url(json.dumps(claims(site, repository='acme/other')).encode())}.{signature}"


def _critical(site: Site) -> str:
    headers = {"kid": "r", "crit": ["x"], "x": 1}
    return jwt.encode(claims(site), RSA_KEY, algorithm="RS256", headers=headers)


FORGED: Mapping[str, Callable[[Site], str]] = {
    "stranger's key": lambda site: signed(claims(site), STRANGER, alg="ES256", kid="e"),
    "unknown key": lambda site: signed(claims(site), kid="x"),
    "key of another kind": lambda site: signed(claims(site), kid="e"),
    "algorithm that is not allowed": lambda site: signed(claims(site), alg="RS512"),
    "public key as secret": _with_public_key_as_secret,
    "no algorithm": lambda site: f"{_NONE}.{_parts(site)[1]}.",
    "no signature": lambda site: ".".join(_parts(site)[:2]) + ".",
    "changed": _changed,
    "critical": _critical,
    "nested": lambda site: f"{_DEEP}.{_parts(site)[1]}.AAAA",
    "nested claims": lambda site: f"{_parts(site)[0]}.{_DEEP}.AAAA",
    "not a token": lambda site: "rubbish",
    "long": lambda site: "a" * 16_000 + ".b.c",
}


@pytest.mark.parametrize("what", FORGED)
async def test_a_forged_token_opens_nothing(gate: Gate, site: Site, what: str) -> None:
    publish(site)
    trusting(gate, site)
    status, body = await exchange(gate, FORGED[what](site))
    assert (status, body["error"]) == (400, "invalid_request"), body


@pytest.mark.parametrize(
    "key",
    [
        {"kty": "oct", "k": base64url(b"x" * 32), "kid": "r", "alg": "HS256"},
        {**jwk(RSA_KEY, kid="r"), "use": "enc"},
        {**jwk(RSA_KEY, kid="r"), "alg": "PS256"},
        {**jwk(RSA_KEY, kid="r"), "n": "!"},
        jwk(rsa.generate_private_key(public_exponent=65_537, key_size=1024), kid="r"),
        {},
    ],
    ids=["secret", "for encryption", "of another algorithm", "broken", "short", "empty"],
)
async def test_keys_that_are_no_signing_keys_sign_nothing(gate: Gate, site: Site, key: dict[str, JSON]) -> None:
    publish(site, key)
    trusting(gate, site)
    assert (await exchange(gate, signed(claims(site))))[0] == 400


async def test_new_keys_of_an_issuer_are_found_and_not_asked_for_too_often(gate: Gate, site: Site) -> None:
    publish(site, jwk(EC_KEY, kid="e"))
    trusting(gate, site)
    assert (await exchange(gate, signed(claims(site))))[0] == 400
    publish(site, jwk(EC_KEY, kid="e"), jwk(RSA_KEY, kid="r"))
    asked = len(site.asked)
    assert (await exchange(gate, signed(claims(site))))[0] == 400
    assert len(site.asked) == asked, "anybody can invent key ids"
    gate.clock.ahead_ms = 60_000
    assert (await exchange(gate, signed(claims(site))))[0] == 200


async def test_an_issuer_that_does_not_answer_is_no_mistake_of_the_machines(gate: Gate, site: Site) -> None:
    trusting(gate, site)
    for _ in range(3):
        status, body = await exchange(gate, signed(claims(site)))
        assert (status, body["error"]) == (503, "temporarily_unavailable")
    assert len(site.asked) == 1, "it is left alone for a while"


async def test_an_issuers_document_may_not_lead_into_this_network(gate: Gate, site: Site) -> None:
    trusting(gate, site)
    for jwks_uri in ("https://169.254.169.254/keys", "http://example.com/keys", "https://localhost/keys"):
        site.answers["/.well-known/openid-configuration"] = {"issuer": site.url, "jwks_uri": jwks_uri}
        assert (await exchange(gate, signed(claims(site))))[0] in (400, 503)
        gate.clock.ahead_ms += 5_000
    site.answers["/.well-known/openid-configuration"] = {"issuer": "https://a.example", "jwks_uri": f"{site.url}/keys"}
    assert (await exchange(gate, signed(claims(site))))[0] == 400


async def test_an_agent_that_was_shut_off_is_not_opened_by_a_machine(gate: Gate, site: Site) -> None:
    publish(site)
    trusting(gate, site)
    assert (await exchange(gate, signed(claims(site))))[0] == 200
    await gate.getting_in.floor.liveness.revoke(["agent:default/triage"])
    status, body = await exchange(gate, signed(claims(site)))
    assert (status, body["error"]) == (400, "access_denied")


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"}, "invalid_request"),
        ({"actor_token": "x"}, "invalid_request"),
        ({"resource": "https://other.example/"}, "invalid_target"),
        ({"audience": "https://other.example/"}, "invalid_target"),
        ({"scope": "admin"}, "invalid_scope"),
        ({"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, "invalid_request"),
    ],
)
async def test_nothing_else_can_be_exchanged(gate: Gate, site: Site, changed: dict[str, str], error: str) -> None:
    publish(site)
    trusting(gate, site)
    assert (await exchange(gate, signed(claims(site)), **changed))[1]["error"] == error
