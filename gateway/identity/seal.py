"""Encryption of what is kept: AES-256-GCM, bound to the place where it is kept."""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.errors import StoreCorrupt

_NONCE_BYTES = 12


def seal(key: bytes, plain: bytes, place: str) -> bytes:
    """`plain` encrypted with the 32-byte key, for `place` alone: 12 bytes of nonce, the ciphertext, 16 bytes of tag."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, place.encode())


def unseal(key: bytes, sealed: bytes, place: str) -> bytes:
    """What `seal` was given. Raises `StoreCorrupt` for another key, another place, or a changed text."""
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place.encode())
    except (InvalidTag, ValueError):
        raise StoreCorrupt(
            f"What is kept as {place} cannot be decrypted.",
            fix="Restore the key of the credentials (credentials.key), or connect the server again.",
        ) from None
