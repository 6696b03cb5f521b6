"""Tokens that others have signed: an OpenID provider's ID tokens, and those of machines (RFC 8693). The only importer
of `jwt` (PyJWT), which here proves signatures; claims are judged afterwards, with the gateway's clock. No I/O.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jwt
import orjson

from gateway.errors import Unauthenticated
from gateway.model import JSON

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
MAX_JWKS_BYTES = 256 * 1024
MAX_JWKS_KEYS = 100
CLOCK_SKEW_S = 60

_MAX_TOKEN = 16_384
_KEY_TYPES = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}
_OPTIONS: jwt.types.Options = {
    # What is not checked here is checked in `verify`. A short RSA key is refused.
    "enforce_minimum_key_length": True,
    "verify_aud": False,
    "verify_exp": False,
    "verify_iat": False,
    "verify_iss": False,
    "verify_nbf": False,
    "verify_sub": False,
    "verify_jti": False,
}


class UnknownKey(Unauthenticated):
    """The token is signed with a key that is not in the set: the issuer may have rotated, so fetch the set again."""


@dataclass(frozen=True, slots=True)
class Jwks:
    """An issuer's public keys as it publishes them (RFC 7517)."""

    keys: tuple[Mapping[str, JSON], ...]

    @classmethod
    def parse(cls, body: bytes) -> Jwks:
        """Raises `Unauthenticated` for what is not a JWK Set. Keys of unknown kinds may be in it."""
        document = _json_object(body)
        keys = document.get("keys")
        if not isinstance(keys, list) or len(keys) > MAX_JWKS_KEYS:
            raise Unauthenticated("The issuer's keys are not a JWK Set.", fix="Check the issuer's jwks_uri.")
        return cls(tuple(key for key in keys if isinstance(key, dict)))

    def find(self, kid: JSON, algorithm: str) -> Mapping[str, JSON]:
        """The one key that a token of this header is signed with. Raises `UnknownKey`."""
        fitting = [key for key in self.keys if _fits(key, kid, algorithm)]
        if len(fitting) != 1:
            raise UnknownKey("The token is not signed with a key of its issuer.", fix="Get a new one from the issuer.")
        return fitting[0]


def unverified_issuer(token: str) -> str | None:
    """Who a token says has issued it: good for choosing whose keys to try, and for nothing else."""
    try:
        payload = jwt.decode(token, options={"verify_signature": False}) if len(token) <= _MAX_TOKEN else {}
    except (jwt.InvalidTokenError, RecursionError, ValueError):
        return None
    issuer = payload.get("iss")
    return issuer if isinstance(issuer, str) else None


def verify(
    token: str, jwks: Jwks, *, issuer: str, audience: str, algorithms: Sequence[str] = ALGORITHMS, now_s: int
) -> Mapping[str, JSON]:
    """The claims of a token that `issuer` has signed for `audience` and that is valid at `now_s`.

    Raises `Unauthenticated` whatever the input is, `UnknownKey` when newer keys may help.
    """
    claims = _proven(token, jwks, algorithms)
    audiences = claims.get("aud")
    if claims.get("iss") != issuer:
        raise _refusal("is of another issuer")
    if audience not in (audiences if isinstance(audiences, list) else [audiences]):
        raise _refusal("is meant for somebody else")
    expires, issued, from_ = (_seconds(claims, name) for name in ("exp", "iat", "nbf"))
    if expires is None or issued is None:
        raise _refusal("has no `exp` or no `iat`")
    if expires + CLOCK_SKEW_S <= now_s:
        raise _refusal("has expired")
    if max(issued, from_ or 0) - CLOCK_SKEW_S > now_s:
        raise _refusal("is not valid yet")
    return claims


def _proven(token: str, jwks: Jwks, algorithms: Sequence[str]) -> Mapping[str, JSON]:
    try:
        if len(token) > _MAX_TOKEN:
            raise _refusal("is too long")
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in algorithms or algorithm not in _KEY_TYPES:
            raise _refusal(f"must be signed with one of: {', '.join(algorithms)}")
        key = jwt.PyJWK(dict(jwks.find(header.get("kid"), algorithm)), algorithm)
        return jwt.decode(token, key, algorithms=[algorithm], options=_OPTIONS)
    except Unauthenticated:
        raise
    except Exception as error:
        raise _refusal("is not a signed token of its issuer") from error


def _fits(key: Mapping[str, JSON], kid: JSON, algorithm: str) -> bool:
    """A token without `kid` fits any key of its kind: of several none is taken."""
    return (
        key.get("kty") == _KEY_TYPES.get(algorithm)
        and key.get("alg", algorithm) == algorithm
        and key.get("use", "sig") == "sig"
        and (kid is None or key.get("kid") == kid)
    )


def _seconds(claims: Mapping[str, JSON], name: str) -> int | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
        raise _refusal(f"has a `{name}` that is no time")
    return int(value)


def _json_object(body: bytes) -> dict[str, JSON]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    return document if isinstance(document, dict) else {}


def _refusal(why: str) -> Unauthenticated:
    return Unauthenticated(f"The token {why}.", fix="Get a new one from its issuer.")
