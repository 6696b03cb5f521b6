"""The gateway's own keys: token signing, audit checkpoints, the admin key, encryption of upstream credentials.

Each has a file of its own in `data_dir/keys` (0700), made at first start, or comes as text from the environment
(read by `gateway.config`). Nothing here is derived from anything else: losing or leaking one leaves the others whole.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.errors import ConfigError, Conflict
from gateway.identity.keyfiles import PrivateFolder

FOLDER = "keys"
ADMIN_FILE = "admin.key"
ENCRYPTION_FILE = "credentials.key"
AUDIT_FILE = "audit.key"
SECRET_KEY_BYTES = 32

_PEM_BLOCK = re.compile(r"-----BEGIN ([A-Z ]+)-----.+?-----END \1-----", re.DOTALL)
_PRIVATE_LABELS = frozenset({"PRIVATE KEY", "EC PRIVATE KEY"})
_ADMIN_KEY = re.compile(r"gwa_[A-Za-z0-9_-]{43}")
_HOW_TO_MAKE_A_KEY = "Make one with `openssl ecparam -name prime256v1 -genkey -noout`."

_Public = Mapping[str, ec.EllipticCurvePublicKey]


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a ring's keys sign: the file they are in, and how many former keys stay accepted (None: all)."""

    file: str
    keep: int | None


TOKENS = Purpose("tokens.pem", keep=1)
CHECKPOINTS = Purpose("checkpoints.pem", keep=None)
"""Old checkpoints are verified for as long as they are kept, so no former key is forgotten."""


class KeyRing:
    """One ES256 key that signs, and the former public keys that still verify.

    Text form, in the file and in the environment: PEM blocks, the signing private key first, then the keys that
    are still accepted, latest first. Former private keys are not kept.
    """

    __slots__ = ("_folder", "_private", "_public", "_purpose")

    def __init__(self, text: str, *, source: str, purpose: Purpose, folder: PrivateFolder | None) -> None:
        self._private, self._public = _parse_ring(text, source)
        self._purpose = purpose
        self._folder = folder

    @classmethod
    def load_or_create(cls, data_dir: Path, purpose: Purpose = TOKENS) -> KeyRing:
        """The ring in `data_dir/keys`, made there if there is none; several processes may race.

        Raises `ConfigError` for broken PEM, another kind of key, and a file that other users may read.
        """
        folder = PrivateFolder(data_dir / FOLDER)
        text = folder.create(purpose.file, lambda: _render_ring(_new_private_key(), {}))
        return cls(text.decode("latin-1"), source=str(folder.path / purpose.file), purpose=purpose, folder=folder)

    @classmethod
    def from_text(cls, text: str, source: str, purpose: Purpose = TOKENS) -> KeyRing:
        """A ring from the value of the setting or variable named `source`. A literal `\\n` counts as a line end."""
        return cls(text.replace("\\n", "\n"), source=source, purpose=purpose, folder=None)

    @property
    def kid(self) -> str:
        """The RFC 7638 thumbprint of the signing key."""
        return next(iter(self._public))

    @property
    def signing_key(self) -> ec.EllipticCurvePrivateKey:
        return self._private

    def verifying_key(self, kid: str) -> ec.EllipticCurvePublicKey | None:
        """The accepted public key of this id, or None."""
        return self._public.get(kid)

    def public_jwks(self) -> dict[str, list[dict[str, str]]]:
        """The accepted public keys as a JWK Set (RFC 7517), the signing one first."""
        return {
            "keys": [{**_jwk(key), "kid": kid, "use": "sig", "alg": "ES256"} for kid, key in self._public.items()],
        }

    def sign(self, data: bytes) -> bytes:
        """ECDSA over SHA-256 with the signing key, DER encoded."""
        return self._private.sign(data, ec.ECDSA(hashes.SHA256()))

    def is_signed(self, kid: str, data: bytes, signature: bytes) -> bool:
        """Whether `signature` is `sign`'s of `data`, by the key `kid` of this ring."""
        key = self._public.get(kid)
        if key is None:
            return False
        try:
            key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True

    def rotate(self, *, emergency: bool = False) -> None:
        """Sign with a new key from now on. The former keys stay accepted as the purpose says; in an emergency none
        does: everything they have signed is dead at once. Raises `Conflict` when the keys are not in a file."""
        if self._folder is None:
            raise Conflict(
                "The signing keys come from the environment, so the gateway cannot rotate them.",
                fix="Put a new key in front of the value there, and restart every replica.",
            )
        source = str(self._folder.path / self._purpose.file)

        def rotated(present: bytes | None) -> bytes:
            accepted = _parse_ring(present.decode("latin-1"), source)[1] if present else self._public
            former = [] if emergency else list(accepted.items())[: self._purpose.keep]
            return _render_ring(_new_private_key(), dict(former))

        text = self._folder.update(self._purpose.file, rotated)
        self._private, self._public = _parse_ring(text.decode("latin-1"), source)


def admin_key(data_dir: Path, *, create: bool = True) -> str:
    """The admin bearer: whoever can read `data_dir/keys/admin.key` administers this gateway.

    Raises `ConfigError` when the file is open to other users, holds something else, or (without `create`) is absent.
    """
    folder = PrivateFolder(data_dir / FOLDER)
    path = folder.path / ADMIN_FILE
    found = folder.create(ADMIN_FILE, _new_admin_key) if create else folder.read(ADMIN_FILE)
    if found is None:
        raise ConfigError(
            f"There is no admin key at {path}.",
            fix="Start the gateway there first (`gateway serve`), or name the right file with `-c`.",
        )
    key = found.decode("latin-1").strip()
    if not _ADMIN_KEY.fullmatch(key):
        raise ConfigError(f"{path} does not hold an admin key.", fix="Delete the file and restart the gateway.")
    return key


def encryption_key(data_dir: Path) -> bytes:
    """The 32-byte AES key under which upstream credentials are stored. Raises `ConfigError` as `admin_key`."""
    return encryption_key_from_text(*_secret_file(data_dir, ENCRYPTION_FILE))


def encryption_key_from_text(text: str, source: str) -> bytes:
    """The same from text: base64 or base64url of 32 bytes, padded or not. `source` names it in the `ConfigError`."""
    return _secret_from_text(text, f"{source} is not an encryption key", "connect the upstreams anew")


def audit_key(data_dir: Path) -> bytes:
    """The 32-byte HMAC key by which the audit record knows equal arguments. Raises `ConfigError` as `admin_key`."""
    return audit_key_from_text(*_secret_file(data_dir, AUDIT_FILE))


def audit_key_from_text(text: str, source: str) -> bytes:
    """The same from text, as `encryption_key_from_text`."""
    return _secret_from_text(text, f"{source} is not an audit key", "arguments no longer look equal to those before")


def _secret_file(data_dir: Path, name: str) -> tuple[str, str]:
    """A secret's text, made at first, and where it is."""
    folder = PrivateFolder(data_dir / FOLDER)
    made = folder.create(name, lambda: base64url(secrets.token_bytes(SECRET_KEY_BYTES)).encode() + b"\n")
    return made.decode("latin-1"), str(folder.path / name)


def _secret_from_text(text: str, fault: str, consequence: str) -> bytes:
    encoded = text.strip().rstrip("=").replace("-", "+").replace("_", "/")
    try:
        key = base64.b64decode(encoded + "=", validate=True)
    except ValueError:
        key = b""
    if len(key) != SECRET_KEY_BYTES:
        raise ConfigError(
            f"{fault}: it must be the base64 form of {SECRET_KEY_BYTES} bytes.",
            fix=f"Restore it from a backup. With a new one (`openssl rand -base64 32`) {consequence}.",
        )
    return key


def same_secret(presented: str, expected: str) -> bool:
    """Whether two secrets are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(presented.encode(), expected.encode())


def base64url(data: bytes) -> str:
    """Base64url without padding (RFC 7515)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _new_admin_key() -> bytes:
    return f"gwa_{secrets.token_urlsafe(32)}\n".encode()


def _new_private_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _render_ring(private: ec.EllipticCurvePrivateKey, former: _Public) -> bytes:
    signing = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return signing + b"".join(key.public_bytes(serialization.Encoding.PEM, spki) for key in former.values())


def _parse_ring(text: str, source: str) -> tuple[ec.EllipticCurvePrivateKey, _Public]:
    keys = [_parse_block(block.group(), block.group(1), source) for block in _PEM_BLOCK.finditer(text)]
    if not keys or not isinstance(keys[0], ec.EllipticCurvePrivateKey) or _PEM_BLOCK.sub("", text).strip():
        raise ConfigError(
            f"{source} is not a key ring: it must be PEM text that begins with a private key.",
            fix=f"Restore it from a backup, or replace it; a new key ends all tokens. {_HOW_TO_MAKE_A_KEY}",
        )
    publics = [key.public_key() if isinstance(key, ec.EllipticCurvePrivateKey) else key for key in keys]
    return keys[0], {_thumbprint(key): key for key in publics}


def _parse_block(pem: str, label: str, source: str) -> ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey:
    try:
        key: object
        if label in _PRIVATE_LABELS:
            key = serialization.load_pem_private_key(pem.encode("latin-1"), password=None)
        else:
            key = serialization.load_pem_public_key(pem.encode("latin-1"))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The cause may quote the key, so it is not chained.
        raise ConfigError(
            f"{source} has a block {label!r} that cannot be read as an unencrypted key.", fix=_HOW_TO_MAKE_A_KEY
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise ConfigError(f"{source} has a key that is not on the curve P-256 (ES256).", fix=_HOW_TO_MAKE_A_KEY)
    return key


def _jwk(key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    point = key.public_numbers()
    x, y = (base64url(coordinate.to_bytes(32, "big")) for coordinate in (point.x, point.y))
    return {"crv": "P-256", "kty": "EC", "x": x, "y": y}


def _thumbprint(key: ec.EllipticCurvePublicKey) -> str:
    required = json.dumps(_jwk(key), separators=(",", ":"), sort_keys=True)
    return base64url(hashlib.sha256(required.encode()).digest())
