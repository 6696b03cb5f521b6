"""Access tokens: mint and verify `at+jwt` (RFC 9068) with ES256. The only importer of `jose`.

python-jose accepts a good deal that a verifier must not (missing claims, any `typ`, unknown `crit`, times as strings,
algorithm names by substring), and lets foreign exceptions out. So a token is cut down to one shape before it gets
there, and its claims are read strictly after its signature has been proved.

ECDSA signatures are malleable: two tokens with one content may differ in bytes. Key on `jti`, never on a token's hash.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

from jose import jwk, jwt
from jose.exceptions import JWTClaimsError, JWTError

from gateway.errors import Unauthenticated, UsageError
from gateway.identity.keys import KeyRing, base64url
from gateway.model import JSON

ALGORITHM = "ES256"
TYPE = "at+jwt"
MAX_TOKEN_BYTES = 4096
MAX_LIFETIME_S = 366 * 86_400
MAX_CHAIN = 32
CLOCK_SKEW_S = 30
"""How far ahead another replica's clock may be when it mints."""

_MAX_TIME = 2**53 - 1
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{85}[AQgw]")
"""An ES256 signature is always 64 bytes, which is 86 characters; the last one has but two bits to give."""
_TEXT_CLAIMS = ("iss", "aud", "sub", "client_id", "jti", "sid", "tid", "scope", "pol")
_TIME_CLAIMS = ("iat", "nbf", "exp")
_REQUIRED_CLAIMS = frozenset({*_TEXT_CLAIMS, *_TIME_CLAIMS, "chain"})
_JOSE_OPTIONS: Mapping[str, bool | int] = {
    "require_aud": True,
    "require_exp": True,
    "require_iat": True,
    "require_iss": True,
    "require_jti": True,
    "require_nbf": True,
    "require_sub": True,
    # jose compares times with a clock of its own. They are compared here, with the gateway's.
    "leeway": _MAX_TIME,
}


class Reason(StrEnum):
    """Why a token is refused. The set is fixed and says nothing that its bearer does not know."""

    MALFORMED = "malformed"
    UNTRUSTED = "untrusted"
    ELSEWHERE = "elsewhere"
    CLAIMS = "claims"
    EARLY = "early"
    EXPIRED = "expired"


_SAY: Mapping[Reason, tuple[str, str]] = {
    Reason.MALFORMED: (
        "The bearer token is not an access token of this gateway.",
        "Send the token that `gateway token issue` printed, unchanged.",
    ),
    Reason.UNTRUSTED: (
        "The bearer token is not signed by this gateway, or its signing key has been retired.",
        "Get a new one: `gateway token issue AGENT`.",
    ),
    Reason.ELSEWHERE: (
        "The bearer token was issued for another gateway or under another public URL.",
        "Get one from this gateway: `gateway token issue AGENT`.",
    ),
    Reason.CLAIMS: (
        "The bearer token does not say what an access token of this gateway says.",
        "Get a new one: `gateway token issue AGENT`.",
    ),
    Reason.EARLY: (
        "The bearer token is not valid yet.",
        "Check the clocks of the gateway's machines.",
    ),
    Reason.EXPIRED: (
        "The bearer token has expired.",
        "Get a new one: `gateway token issue AGENT`.",
    ),
}


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says. Times are seconds since the epoch, all texts are non-empty except `scope`."""

    iss: str
    aud: str
    """The URI of our `/mcp`."""
    sub: str
    client_id: str
    jti: str
    """The token's id."""
    iat: int
    nbf: int
    exp: int
    sid: str
    """The session space that belongs to the token."""
    tid: str
    """The tenant."""
    scope: str
    """Scopes, separated by spaces."""
    pol: str
    """Hash of the policy in force when it was issued."""
    chain: tuple[str, ...]
    """tenant, agent, parents…, self: liveness is checked for each, so the last one is `jti`."""
    act: str | None = None
    """Who acts for `sub`, if someone else does: `act.sub` in the token (RFC 8693)."""


class _BadClaim(ValueError):
    pass


def mint(claims: Claims, ring: KeyRing) -> str:
    """The signed token. Raises `UsageError` for claims that `verify` would not take."""
    payload: dict[str, JSON] = {name: getattr(claims, name) for name in (*_TEXT_CLAIMS, *_TIME_CLAIMS)}
    payload["chain"] = list(claims.chain)
    if claims.act is not None:
        payload["act"] = {"sub": claims.act}
    try:
        _read_claims(payload)
    except _BadClaim as problem:
        raise UsageError(f"A token cannot be issued: {problem}.") from problem
    key = jwk.construct(ring.signing_key, ALGORITHM)
    token = str(jwt.encode(payload, key, algorithm=ALGORITHM, headers={"kid": ring.kid, "typ": TYPE}))
    if len(token) > MAX_TOKEN_BYTES:
        raise UsageError(
            f"A token cannot be issued: it would have {len(token)} bytes, more than {MAX_TOKEN_BYTES}.",
            fix="Use shorter names, or a parent nearer to the agent.",
        )
    return token


def beginning(kid: str) -> str:
    """How every token begins that was signed with the key `kid`: its header."""
    header = json.dumps({"alg": ALGORITHM, "kid": kid, "typ": TYPE}, separators=(",", ":"), sort_keys=True)
    return base64url(header.encode()) + "."


def verify(token: str, ring: KeyRing, *, issuer: str, audience: str, now_s: int) -> Claims:
    """The claims of a token that this gateway signed for `audience` and that is valid at `now_s`.

    Whether the token is still alive is the store's to say. Raises `Unauthenticated` with `details["reason"]`, a
    `Reason`, whatever the input is.
    """
    try:
        claims = _proven(token, ring, issuer, audience)
    except Unauthenticated:
        raise
    except Exception as error:
        raise _refusal(Reason.MALFORMED) from error
    if claims.exp <= now_s:
        _refuse(Reason.EXPIRED)
    if max(claims.nbf, claims.iat) > now_s + CLOCK_SKEW_S:
        _refuse(Reason.EARLY)
    return claims


def _proven(token: str, ring: KeyRing, issuer: str, audience: str) -> Claims:
    if len(token) > MAX_TOKEN_BYTES or not _SHAPE.fullmatch(token):
        _refuse(Reason.MALFORMED)
    header_part, payload_part, _ = token.split(".")
    header = _strict_json(header_part)
    if header.keys() != {"alg", "typ", "kid"} or header["alg"] != ALGORITHM or header["typ"] != TYPE:
        _refuse(Reason.MALFORMED)
    public = ring.verifying_key(header["kid"])
    if public is None:
        _refuse(Reason.UNTRUSTED)
    try:
        jwt.decode(
            token,
            jwk.construct(public, ALGORITHM),
            algorithms=[ALGORITHM],
            options=_JOSE_OPTIONS,
            audience=audience,
            issuer=issuer,
        )
    except JWTClaimsError as error:
        raise _refusal(Reason.ELSEWHERE) from error
    except JWTError as error:
        raise _refusal(Reason.UNTRUSTED) from error
    try:
        return _read_claims(_strict_json(payload_part))
    except _BadClaim as problem:
        raise _refusal(Reason.CLAIMS) from problem


def _strict_json(part: str) -> dict[str, JSON]:
    raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    if base64url(raw) != part:
        raise ValueError("not the canonical encoding")
    value = json.loads(raw.decode(), object_pairs_hook=_unique, parse_float=_not_json, parse_constant=_not_json)
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value


def _unique(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("duplicate key")
    return value


def _not_json(literal: str) -> NoReturn:
    raise ValueError("a number that is not an integer")


def _read_claims(payload: Mapping[str, JSON]) -> Claims:
    if not _REQUIRED_CLAIMS <= payload.keys() <= _REQUIRED_CLAIMS | {"act"}:
        raise _BadClaim("claims are missing or unknown")
    chain = payload["chain"]
    if not isinstance(chain, list) or not 1 <= len(chain) <= MAX_CHAIN:
        raise _BadClaim(f"`chain` must have 1 to {MAX_CHAIN} ids")
    scalars: dict[str, JSON] = {name: _text(name, payload[name]) for name in _TEXT_CLAIMS}
    scalars |= {name: _time(name, payload[name]) for name in _TIME_CLAIMS}
    claims = Claims(
        **scalars,
        chain=tuple(_text("chain", id_) for id_ in chain),
        act=_actor(payload["act"]) if "act" in payload else None,
    )
    if claims.chain[-1] != claims.jti:
        raise _BadClaim("`chain` must end with `jti`")
    if not 0 < claims.exp - min(claims.iat, claims.nbf) <= MAX_LIFETIME_S:
        raise _BadClaim(f"its lifetime must be between 1 s and {MAX_LIFETIME_S // 86_400} days")
    return claims


def _text(name: str, value: JSON) -> str:
    if not isinstance(value, str) or not value.isprintable() or (not value and name != "scope"):
        raise _BadClaim(f"`{name}` must be a printable text")
    return value


def _time(name: str, value: JSON) -> int:
    if type(value) is not int or not 0 <= value <= _MAX_TIME:
        raise _BadClaim(f"`{name}` must be whole seconds since the epoch")
    return value


def _actor(value: JSON) -> str:
    if not isinstance(value, dict) or value.keys() != {"sub"}:
        raise _BadClaim("`act` must have `sub` alone")
    return _text("act", value["sub"])


def _refusal(reason: Reason) -> Unauthenticated:
    message, fix = _SAY[reason]
    return Unauthenticated(message, fix=fix, reason=reason.value)


def _refuse(reason: Reason) -> NoReturn:
    raise _refusal(reason)
