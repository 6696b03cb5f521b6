"""Tokens as an attacker would make them: any bytes as header and payload, signed (or not) without `jose`."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from gateway.identity.keys import KeyRing, base64url
from gateway.identity.tokens import Claims
from gateway.model import JSON

NOW = 1_900_000_000
ISSUER = "https://gw.example"
AUDIENCE = "https://gw.example/mcp"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def ring_in(folder: Path) -> KeyRing:
    return KeyRing.load_or_create(folder)


def good_claims(**changed: JSON) -> Claims:
    claims: dict[str, JSON] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "triage",
        "client_id": "gateway-cli",
        "jti": "tok_1",
        "iat": NOW,
        "nbf": NOW,
        "exp": NOW + 3600,
        "sid": "ses_1",
        "tid": "default",
        "scope": "mcp",
        "pol": "5f0c",
        "chain": ("default", "triage", "tok_1"),
    }
    return Claims(**claims | changed)


def good_payload(**changed: JSON) -> dict[str, JSON]:
    """The payload of a valid token with some claims changed; `...` takes one out."""
    payload = asdict(good_claims()) | {"chain": ["default", "triage", "tok_1"], "act": ...} | changed
    return {name: value for name, value in payload.items() if value is not ...}


def good_header(ring: KeyRing, **changed: JSON) -> dict[str, JSON]:
    header: dict[str, JSON] = {"alg": "ES256", "typ": "at+jwt", "kid": ring.kid} | changed
    return {name: value for name, value in header.items() if value is not ...}


def encode(part: JSON) -> str:
    """Base64url of bytes as they are, of text, or of anything else as JSON (NaN and all)."""
    raw = part if isinstance(part, bytes) else part.encode() if isinstance(part, str) else json.dumps(part).encode()
    return base64url(raw)


def decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def raw_signature(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def sign(header: JSON, payload: JSON, key: ec.EllipticCurvePrivateKey) -> str:
    body = f"{encode(header)}.{encode(payload)}"
    return f"{body}.{base64url(raw_signature(key, body.encode()))}"


def twin(token: str) -> str:
    """The other valid signature (r, n - s) of the same content: what makes ECDSA tokens malleable."""
    body, _, signature = token.rpartition(".")
    raw = decode(signature)
    other = P256_ORDER - int.from_bytes(raw[32:], "big")
    return f"{body}.{base64url(raw[:32] + other.to_bytes(32, 'big'))}"
