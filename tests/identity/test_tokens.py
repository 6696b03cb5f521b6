"""The wrapper around python-jose: every hazard of the library, and every odd token, ends as Unauthenticated."""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.errors import Unauthenticated, UsageError
from gateway.identity.keys import KeyRing, base64url
from gateway.identity.tokens import MAX_CHAIN, MAX_LIFETIME_S, MAX_TOKEN_BYTES, Reason, mint, verify
from gateway.model import JSON
from tests.identity import fuzz
from tests.identity.forge import (
    AUDIENCE,
    ISSUER,
    NOW,
    decode,
    encode,
    good_claims,
    good_header,
    good_payload,
    raw_signature,
    ring_in,
    sign,
    twin,
)


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return ring_in(tmp_path_factory.mktemp("data"))


def check(token: Any, ring: KeyRing, now_s: int = NOW) -> JSON:
    return verify(token, ring, issuer=ISSUER, audience=AUDIENCE, now_s=now_s)


def refusal(token: Any, ring: KeyRing, now_s: int = NOW) -> Unauthenticated:
    with pytest.raises(Unauthenticated) as refused:
        check(token, ring, now_s)
    assert refused.value.details.keys() == {"reason"}
    assert refused.value.details["reason"] in set(Reason)
    return refused.value


def reason(token: Any, ring: KeyRing, now_s: int = NOW) -> str:
    return str(refusal(token, ring, now_s).details["reason"])


# --- what is good -----------------------------------------------------------------------------------------------


def test_a_minted_token_says_what_was_put_into_it(ring: KeyRing) -> None:
    claims = good_claims(act="alice@example.com", scope="")
    assert check(mint(claims, ring), ring) == claims


def test_the_twin_signature_is_the_same_token_by_its_id(ring: KeyRing) -> None:
    token = mint(good_claims(), ring)
    assert twin(token) != token
    assert check(twin(token), ring).jti == check(token, ring).jti == "tok_1"


def test_validity_ends_with_the_second_of_exp_and_begins_within_the_clock_skew(ring: KeyRing) -> None:
    token = mint(good_claims(), ring)
    assert check(token, ring, NOW + 3599).exp == NOW + 3600
    assert check(token, ring, NOW - 30).nbf == NOW
    assert reason(token, ring, NOW + 3600) == "expired"
    assert reason(token, ring, NOW - 31) == "early"


def test_a_former_key_verifies_until_its_last_token_has_ended(tmp_path: Path) -> None:
    ring = ring_in(tmp_path)
    token = mint(good_claims(), ring)
    for now in (NOW, NOW + 3599):
        ring.rotate(now_s=now, until_s=NOW + 3600)
        assert check(token, ring).jti == "tok_1"
    ring.rotate(now_s=NOW + 3600, until_s=NOW + 9000)
    assert reason(token, ring) == "untrusted"


def test_an_emergency_rotation_ends_every_token_at_once(tmp_path: Path) -> None:
    ring = ring_in(tmp_path)
    token = mint(good_claims(), ring)
    ring.rotate(now_s=NOW, until_s=NOW + 3600, emergency=True)
    assert reason(token, ring) == "untrusted"
    assert check(mint(good_claims(), ring), ring).jti == "tok_1"


def test_another_gateways_token_and_another_audience_are_told_apart(ring: KeyRing, tmp_path: Path) -> None:
    token = mint(good_claims(), ring)
    assert reason(mint(good_claims(), ring_in(tmp_path)), ring) == "untrusted"
    for issuer, audience in (("https://other.example", AUDIENCE), (ISSUER, "https://gw.example/"), (ISSUER, ISSUER)):
        with pytest.raises(Unauthenticated) as refused:
            verify(token, ring, issuer=issuer, audience=audience, now_s=NOW)
        assert refused.value.details["reason"] == "elsewhere"


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": NOW},
        {"exp": NOW - 1},
        {"exp": NOW + MAX_LIFETIME_S + 1},
        {"iat": NOW + 0.5},
        {"iat": True},
        {"nbf": -1},
        {"sub": ""},
        {"sub": "line\nbreak"},
        {"aud": [AUDIENCE]},
        {"chain": ()},
        {"chain": ("default", "triage")},
        {"chain": ("x",) * MAX_CHAIN + ("tok_1",)},
        {"chain": ("", "tok_1")},
        {"act": ""},
        {"client_id": "c" * MAX_TOKEN_BYTES},
    ],
)
def test_a_token_that_would_be_refused_is_not_minted(ring: KeyRing, changed: dict[str, JSON]) -> None:
    with pytest.raises(UsageError, match="cannot be issued"):
        mint(good_claims(**changed), ring)


# --- the shape of a token ---------------------------------------------------------------------------------------

NESTED_ARRAY = b"[" * 2000 + b"]" * 2000
NESTED_OBJECT = b'{"a":' * 600 + b"1" + b"}" * 600

SHAPES: dict[str, Callable[[str], Any]] = {
    "empty": lambda token: "",
    "not a string": lambda token: None,
    "bytes": lambda token: token.encode(),
    "a number": lambda token: 7,
    "two dots only": lambda token: "..",
    "opaque": lambda token: "s3cr3t",
    "no signature": lambda token: token.rpartition(".")[0],
    "empty signature": lambda token: token.rpartition(".")[0] + ".",
    "five segments (JWE)": lambda token: token + ".a.b",
    "leading space": lambda token: " " + token,
    "trailing newline": lambda token: token + "\n",
    "padding": lambda token: token + "==",
    "non-ASCII digit": lambda token: token[:-1] + "\u0661",
    "lone surrogate": lambda token: token[:-1] + "\ud800",
    "NUL": lambda token: token[:-1] + "\0",
    "standard base64": lambda token: token[:-1] + "+",
    "JSON serialisation": lambda token: json.dumps({"payload": token.split(".")[1], "signatures": []}),
    "over 4 KB": lambda token: token.replace(".", "." + "A" * MAX_TOKEN_BYTES, 1),
    "a megabyte": lambda token: "A" * 1_000_000,
    "two tokens": lambda token: f"{token},{token}",
    "detached payload": lambda token: token.split(".")[0] + ".." + token.split(".")[2],
    "unused bits set": lambda token: token[:-1] + chr(ord(token[-1]) + 1),
    "truncated signature": lambda token: token[:-2],
    "zero signature": lambda token: token.rpartition(".")[0] + "." + base64url(bytes(64)),
    "all-ones signature": lambda token: token.rpartition(".")[0] + "." + base64url(b"\xff" * 64),
    "swapped r and s": lambda token: (
        token.rpartition(".")[0]
        + "."
        + base64url(decode(token.rpartition(".")[2])[32:] + decode(token.rpartition(".")[2])[:32])
    ),
    "payload of another": lambda token: ".".join(
        [token.split(".")[0], encode(good_payload(sub="root")), token.split(".")[2]]
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_token_of_another_shape_is_refused(ring: KeyRing, name: str) -> None:
    token = mint(good_claims(), ring)
    assert reason(SHAPES[name](token), ring) in {"malformed", "untrusted"}


# --- headers: signed by the right key all the same ---------------------------------------------------------------

HEADERS: dict[str, Callable[[KeyRing], JSON]] = {
    "alg none": lambda ring: good_header(ring, alg="none"),
    "alg None": lambda ring: good_header(ring, alg="None"),
    "alg null": lambda ring: good_header(ring, alg=None),
    "alg missing": lambda ring: good_header(ring, alg=...),
    "alg empty": lambda ring: good_header(ring, alg=""),
    "alg a substring": lambda ring: good_header(ring, alg="ES"),
    "alg a list": lambda ring: good_header(ring, alg=["ES256"]),
    "alg an object": lambda ring: good_header(ring, alg={"ES256": 1}),
    "alg lower case": lambda ring: good_header(ring, alg="es256"),
    "alg HS256": lambda ring: good_header(ring, alg="HS256"),
    "alg RS256": lambda ring: good_header(ring, alg="RS256"),
    "alg ES384": lambda ring: good_header(ring, alg="ES384"),
    "typ JWT": lambda ring: good_header(ring, typ="JWT"),
    "typ missing": lambda ring: good_header(ring, typ=...),
    "typ upper case": lambda ring: good_header(ring, typ="AT+JWT"),
    "typ of an id token": lambda ring: good_header(ring, typ="id_token+jwt"),
    "kid missing": lambda ring: good_header(ring, kid=...),
    "kid null": lambda ring: good_header(ring, kid=None),
    "kid a list": lambda ring: good_header(ring, kid=[ring.kid]),
    "kid an object": lambda ring: good_header(ring, kid={"$ne": ""}),
    "kid a path": lambda ring: good_header(ring, kid="../../dev/null"),
    "kid of nobody": lambda ring: good_header(ring, kid="A" * 43),
    "unknown crit": lambda ring: good_header(ring, crit=["exp"], exp=0),
    "empty crit": lambda ring: good_header(ring, crit=[]),
    "b64 false": lambda ring: good_header(ring, b64=False, crit=["b64"]),
    "own key in jwk": lambda ring: good_header(ring, jwk=ring.public_jwks()["keys"][0]),
    "key by jku": lambda ring: good_header(ring, jku="https://evil.example/jwks.json"),
    "certificate in x5c": lambda ring: good_header(ring, x5c=["MIIB"]),
    "compressed": lambda ring: good_header(ring, zip="DEF"),
    "content type": lambda ring: good_header(ring, cty="JWT"),
    "duplicate alg": lambda ring: f'{{"alg":"none","alg":"ES256","typ":"at+jwt","kid":"{ring.kid}"}}',
    "duplicate kid": lambda ring: f'{{"alg":"ES256","typ":"at+jwt","kid":"x","kid":"{ring.kid}"}}',
    "escaped duplicate": lambda ring: f'{{"alg":"ES256","\\u0061lg":"ES256","typ":"at+jwt","kid":"{ring.kid}"}}',
    "nested arrays": lambda ring: NESTED_ARRAY[:3000],
    "nested objects": lambda ring: NESTED_OBJECT[:3000],
    "an array": lambda ring: ["ES256"],
    "a string": lambda ring: '"ES256"',
    "null": lambda ring: b"null",
    "not JSON": lambda ring: b"{alg:ES256}",
    "cut short": lambda ring: b'{"alg":"ES256"',
    "trailing text": lambda ring: json.dumps(good_header(ring)) + "x",
    "not UTF-8": lambda ring: b'{"alg":"ES256","typ":"\xff"}',
    "UTF-16": lambda ring: json.dumps(good_header(ring)).encode("utf-16"),
    "byte order mark": lambda ring: b"\xef\xbb\xbf" + json.dumps(good_header(ring)).encode(),
    "NaN": lambda ring: good_header(ring, alg=float("nan")),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_is_not_ours_is_refused(ring: KeyRing, name: str) -> None:
    token = sign(HEADERS[name](ring), good_payload(), ring.signing_key)
    assert reason(token, ring) in {"malformed", "untrusted"}


def public_forms(ring: KeyRing) -> dict[str, bytes]:
    key = ring.signing_key.public_key()
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = key.public_bytes(serialization.Encoding.PEM, spki)
    return {
        "PEM": pem,
        "PEM without its last line end": pem.strip(),
        "DER": key.public_bytes(serialization.Encoding.DER, spki),
        "point": key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint),
        "JWK": json.dumps(ring.public_jwks()["keys"][0]).encode(),
        "nothing": b"",
    }


@pytest.mark.parametrize("form", ["PEM", "PEM without its last line end", "DER", "point", "JWK", "nothing"])
@pytest.mark.parametrize("alg", ["HS256", "ES256", "none"])
def test_the_public_key_is_no_hmac_secret(ring: KeyRing, form: str, alg: str) -> None:
    """CVE-2024-33663 and what its fix left open."""
    body = f"{encode(good_header(ring, alg=alg))}.{encode(good_payload())}"
    mac = hmac.new(public_forms(ring)[form], body.encode(), hashlib.sha256).digest()
    assert reason(f"{body}.{base64url(mac)}", ring) == "malformed"
    assert reason(f"{body}.{base64url(mac + mac)}", ring) in {"malformed", "untrusted"}


def test_a_key_of_another_curve_or_another_ring_is_refused(ring: KeyRing) -> None:
    body = f"{encode(good_header(ring))}.{encode(good_payload())}"
    stranger = ec.generate_private_key(ec.SECP256R1())
    assert reason(f"{body}.{base64url(raw_signature(stranger, body.encode()))}", ring) == "untrusted"
    assert reason(sign(good_header(ring), good_payload(), ec.generate_private_key(ec.SECP256K1())), ring) == "untrusted"


def test_a_der_encoded_signature_is_refused(ring: KeyRing) -> None:
    body = f"{encode(good_header(ring))}.{encode(good_payload())}"
    assert reason(f"{body}.{base64url(ring.sign(body.encode()))}", ring) == "malformed"


def test_a_jwe_is_never_opened() -> None:
    """CVE-2024-33664: `jose.jwe` inflates what it is sent. It is not even imported."""
    seen = "import sys, gateway.identity.tokens; print([m for m in sys.modules if m.startswith('jose.jwe')])"
    ran = subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


# --- payloads: signed by the right key all the same ---------------------------------------------------------------


def raw_claim(name: str, literal: str) -> str:
    """The JSON text of a good payload, with one claim's value as this literal."""
    return json.dumps(good_payload(**{name: "@"})).replace('"@"', literal)


PAYLOADS: dict[str, JSON] = {
    **{f"{name} missing": good_payload(**{name: ...}) for name in good_payload()},
    **{f"{name} null": good_payload(**{name: None}) for name in good_payload()},
    **{f"{name} as text": good_payload(**{name: str(NOW + 60)}) for name in ("iat", "nbf", "exp")},
    **{f"{name} as float": good_payload(**{name: NOW + 0.0}) for name in ("iat", "nbf", "exp")},
    **{f"{name} NaN": raw_claim(name, "NaN") for name in ("iat", "nbf", "exp")},
    **{f"{name} infinite": raw_claim(name, "Infinity") for name in ("iat", "nbf", "exp")},
    **{f"{name} 1e400": raw_claim(name, "1e400") for name in ("iat", "nbf", "exp")},
    **{f"{name} with 2,500 digits": raw_claim(name, "9" * 2500) for name in ("iat", "nbf", "exp")},
    **{f"{name} true": good_payload(**{name: True}) for name in ("iat", "nbf", "exp")},
    **{f"{name} negative": good_payload(**{name: -1}) for name in ("iat", "nbf", "exp")},
    **{f"{name} an array": good_payload(**{name: [NOW]}) for name in ("iat", "nbf", "exp", "sub", "jti", "sid")},
    **{f"{name} an object": good_payload(**{name: {}}) for name in ("iat", "exp", "sub", "jti", "aud", "iss")},
    **{f"{name} empty": good_payload(**{name: ""}) for name in ("sub", "jti", "sid", "tid", "pol", "client_id")},
    **{f"{name} a number": good_payload(**{name: 7}) for name in ("sub", "jti", "scope", "aud", "iss")},
    "issued in the future": good_payload(iat=NOW + 3000),
    "not yet valid": good_payload(nbf=NOW + 3000),
    "expired": good_payload(exp=NOW - 1, nbf=NOW - 9, iat=NOW - 9),
    "expires as it begins": good_payload(exp=NOW),
    "for ever": good_payload(exp=NOW + MAX_LIFETIME_S + 1),
    "for ever by an old nbf": good_payload(nbf=0),
    "until year 10^15": good_payload(exp=2**53 - 1),
    "audience a list": good_payload(aud=[AUDIENCE]),
    "audience one of two": good_payload(aud=[AUDIENCE, "https://evil.example"]),
    "audience a prefix": good_payload(aud=AUDIENCE[:-1]),
    "audience longer": good_payload(aud=AUDIENCE + "/"),
    "another issuer": good_payload(iss="https://evil.example"),
    "issuer a prefix": good_payload(iss=ISSUER[:-1]),
    "unknown claim": good_payload(admin=True),
    "at_hash": good_payload(at_hash="x"),
    "subject with a line break": good_payload(sub="a\nb"),
    "subject with a bidi control": good_payload(sub="a\u202eb"),
    "subject a lone surrogate": raw_claim("sub", '"\\ud800"'),
    "chain empty": good_payload(chain=[]),
    "chain a text": good_payload(chain="tok_1"),
    "chain with a number": good_payload(chain=[1, "tok_1"]),
    "chain with an empty id": good_payload(chain=["", "tok_1"]),
    "chain without itself": good_payload(chain=["default", "triage"]),
    "chain of another": good_payload(chain=["default", "triage", "tok_2"]),
    "chain too long": good_payload(chain=["p"] * MAX_CHAIN + ["tok_1"]),
    "chain nested": good_payload(chain=[["tok_1"]]),
    "act a text": good_payload(act="alice"),
    "act null": good_payload(act=None),
    "act empty": good_payload(act={}),
    "act with more": good_payload(act={"sub": "alice", "admin": True}),
    "act nested": good_payload(act={"sub": "alice", "act": {"sub": "bob"}}),
    "duplicate exp": raw_claim("exp", f'{NOW + 3600}, "exp": {NOW + 3601}'),
    "duplicate aud": raw_claim("aud", f'"https://evil.example", "aud": "{AUDIENCE}"'),
    "duplicate in act": json.dumps(good_payload())[:-1] + ', "act": {"sub": "a", "sub": "b"}}',
    "nested arrays": NESTED_ARRAY[:2800],
    "nested in a claim": raw_claim("act", "[" * 1000 + "]" * 1000),
    "an array": [1],
    "a text": '"x"',
    "null": b"null",
    "empty object": {},
    "not JSON": b"\x00\x01",
    "not UTF-8": b'{"sub":"\xff"}',
    "UTF-16": json.dumps(good_payload()).encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
}


@pytest.mark.parametrize("name", PAYLOADS)
def test_claims_that_we_would_not_issue_are_refused(ring: KeyRing, name: str) -> None:
    refusal(sign(good_header(ring), PAYLOADS[name], ring.signing_key), ring)


def test_the_forge_makes_good_tokens_too(ring: KeyRing) -> None:
    assert check(sign(good_header(ring), good_payload(), ring.signing_key), ring) == good_claims()
    assert check(sign(good_header(ring), raw_claim("sub", '"x"'), ring.signing_key), ring).sub == "x"


def test_a_refusal_tells_nothing_of_the_token(ring: KeyRing) -> None:
    token = sign(good_header(ring), good_payload(sub="hidden-subject", aud="https://evil.example"), ring.signing_key)
    told = json.dumps(refusal(token, ring).as_dict())
    assert "hidden-subject" not in told
    assert "evil.example" not in told
    assert token not in told


def test_fuzzing_finds_nothing_but_our_own_error() -> None:
    report = fuzz.run(rounds=1500, seed=20)
    assert report.refused > 1200
    assert report.refused + report.accepted == 1500
