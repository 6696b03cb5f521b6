"""The gateway's own keys: token signing, audit checkpoints, the admin key, encryption of upstream credentials.

Each has a file of its own in a folder (0700), made at first start, or comes as text from the configuration, which may
take it from the environment. Nothing here is derived from anything else: losing or leaking one leaves the others whole.
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

ADMIN_FILE = "admin.key"
ENCRYPTION_FILE = "credentials.key"
AUDIT_FILE = "audit.key"
SECRET_KEY_BYTES = 32

_PEM_BLOCK = re.compile(
    r"(?:# until (?P<until>\d{1,15})\s+)?(?P<pem>-----BEGIN (?P<label>[A-Z ]+)-----.+?-----END (?P=label)-----)",
    re.DOTALL,
)
_PRIVATE_LABELS = frozenset({"PRIVATE KEY", "EC PRIVATE KEY"})
_ADMIN_KEY = re.compile(r"gwa_[A-Za-z0-9_-]{43}")
_HOW_TO_MAKE_A_KEY = "Make one with `openssl ecparam -name prime256v1 -genkey -noout`."


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a ring's keys sign, and the file that they are in."""

    name: str
    file: str
    lasting: bool
    """Whether former keys stay accepted for ever; else until all that they have signed has ended."""


TOKENS = Purpose("tokens", "tokens.pem", lasting=False)
CHECKPOINTS = Purpose("checkpoints", "checkpoints.pem", lasting=True)
"""Old checkpoints are verified for as long as they are kept, so no former key is forgotten."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A public key that verifies."""

    key: ec.EllipticCurvePublicKey
    until: int | None = None
    """Seconds since the epoch: nothing that it has signed is good after that. None: not known."""


class KeyRing:
    """One ES256 key that signs, and the former public keys that still verify.

    Text form, in the file and in the configuration: PEM blocks, the signing private key first, then the keys that are
    still accepted, latest first, each after a line `# until SECONDS` where that is known. Former private keys are not
    kept.
    """

    __slots__ = ("_accepted", "_folder", "_private", "_seen", "purpose", "source")

    def __init__(self, text: str, *, source: str, purpose: Purpose, folder: PrivateFolder | None) -> None:
        self._seen: tuple[int, int] | None = None
        self._private, self._accepted = _parse_ring(text, source)
        self.purpose = purpose
        self.source = source
        self._folder = folder

    @classmethod
    def load_or_create(cls, folder: Path, purpose: Purpose = TOKENS) -> KeyRing:
        """The ring in the folder of keys, made there if there is none; several processes may race.

        Raises `ConfigError` for broken PEM, another kind of key, and a file that other users may read.
        """
        private = PrivateFolder(folder)
        text = private.create(purpose.file, lambda: _render_ring(_new_private_key(), {}))
        return cls(text.decode("latin-1"), source=str(folder / purpose.file), purpose=purpose, folder=private)

    @classmethod
    def from_text(cls, text: str, source: str, purpose: Purpose = TOKENS) -> KeyRing:
        """A ring from the value of the setting or variable named `source`. A literal `\\n` counts as a line end."""
        return cls(text.replace("\\n", "\n"), source=source, purpose=purpose, folder=None)

    @property
    def kid(self) -> str:
        """The RFC 7638 thumbprint of the signing key."""
        return next(iter(self._accepted))

    @property
    def signing_key(self) -> ec.EllipticCurvePrivateKey:
        return self._private

    @property
    def accepted(self) -> Mapping[str, Accepted]:
        """Id → key, the signing one first."""
        return self._accepted

    def verifying_key(self, kid: str) -> ec.EllipticCurvePublicKey | None:
        """The accepted public key of this id, or None. The file is looked at again: a replica may have rotated."""
        if kid not in self._accepted:
            self.refresh()
        found = self._accepted.get(kid)
        return None if found is None else found.key

    def public_jwks(self) -> dict[str, list[dict[str, str]]]:
        """The accepted public keys as a JWK Set (RFC 7517), the signing one first."""
        keys = self._accepted.items()
        return {"keys": [{**_jwk(one.key), "kid": kid, "use": "sig", "alg": "ES256"} for kid, one in keys]}

    def sign(self, data: bytes) -> bytes:
        """ECDSA over SHA-256 with the signing key, DER encoded."""
        return self._private.sign(data, ec.ECDSA(hashes.SHA256()))

    def is_signed(self, kid: str, data: bytes, signature: bytes) -> bool:
        """Whether `signature` is `sign`'s of `data`, by the key `kid` of this ring."""
        key = self.verifying_key(kid)
        if key is None:
            return False
        try:
            key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True

    def refresh(self) -> bool:
        """Take over what another replica has written. Whether there was anything. Raises `ConfigError`; then the keys
        stay as they were."""
        if self._folder is None:
            return False
        seen = self._folder.stamp(self.purpose.file)
        text = None if seen == self._seen else self._folder.read(self.purpose.file)
        if text is None:
            return False
        before = self._accepted
        self._private, self._accepted = _parse_ring(text.decode("latin-1"), self.source)
        self._seen = seen
        return self._accepted != before

    def rotate(self, *, now_s: int, until_s: int, emergency: bool = False) -> None:
        """Sign with a new key from now on. The present one stays accepted until `until_s`, if its purpose is not to
        stay for ever; in an emergency no former key does: all that they have signed is dead at once. Raises `Conflict`
        when the keys are not in a file, or are to stay for ever."""
        self.refuse_unless_ours(emergency=emergency)
        assert self._folder is not None

        def rotated(present: bytes | None) -> bytes:
            accepted = _parse_ring(present.decode("latin-1"), self.source)[1] if present else self._accepted
            return _render_ring(_new_private_key(), {} if emergency else self._former(accepted, now_s, until_s))

        text = self._folder.update(self.purpose.file, rotated)
        self._private, self._accepted = _parse_ring(text.decode("latin-1"), self.source)

    def refuse_unless_ours(self, *, emergency: bool = False) -> None:
        """Raises `Conflict` for what `rotate` cannot do."""
        if self._folder is None:
            raise Conflict(
                f"The keys for {self.purpose.name} come from the configuration, so the gateway cannot rotate them.",
                fix="Put a new key in front of the value there, and restart every replica; to end all tokens at once, "
                "leave the former out and run `gateway token revoke --all`.",
            )
        if emergency and self.purpose.lasting:
            raise Conflict(
                f"What the keys for {self.purpose.name} have signed must stay provable.",
                fix="Rotate without --emergency: the former key verifies, and signs no more.",
            )

    def _former(self, accepted: Mapping[str, Accepted], now_s: int, until_s: int) -> dict[str, Accepted]:
        if self.purpose.lasting:
            return dict(accepted)
        (kid, signing), *former = accepted.items()
        kept = {kid: Accepted(signing.key, until_s)}
        return kept | {kid: one for kid, one in former if one.until is None or one.until > now_s}


def admin_key(folder: Path, *, create: bool = True) -> str:
    """The admin bearer: whoever can read `admin.key` in the folder of keys administers this gateway.

    Raises `ConfigError` when the file is open to other users, holds something else, or (without `create`) is absent.
    """
    private, path = PrivateFolder(folder), folder / ADMIN_FILE
    found = private.create(ADMIN_FILE, _new_admin_key) if create else private.read(ADMIN_FILE)
    if found is None:
        raise ConfigError(
            f"There is no admin key at {path}.",
            fix="Start the gateway there first (`gateway serve`), or name the right file with `-c`.",
        )
    return admin_key_from_text(found.decode("latin-1"), str(path))


def admin_key_from_text(text: str, source: str) -> str:
    """The same from text. `source` names it in the `ConfigError`."""
    key = text.strip()
    if not _ADMIN_KEY.fullmatch(key):
        raise ConfigError(
            f"{source} does not hold an admin key: `gwa_` and 43 letters, digits, - or _.",
            fix="Leave it out and restart the gateway, which makes one.",
        )
    return key


def encryption_key(folder: Path) -> bytes:
    """The 32-byte AES key under which upstream credentials are stored. Raises `ConfigError` as `admin_key`."""
    return encryption_key_from_text(*_secret_file(folder, ENCRYPTION_FILE))


def encryption_key_from_text(text: str, source: str) -> bytes:
    """The same from text: base64 or base64url of 32 bytes, padded or not. `source` names it in the `ConfigError`."""
    return _secret_from_text(text, f"{source} is not an encryption key", "connect the upstreams anew")


def audit_key(folder: Path) -> bytes:
    """The 32-byte HMAC key by which the audit record knows equal arguments. Raises `ConfigError` as `admin_key`."""
    return audit_key_from_text(*_secret_file(folder, AUDIT_FILE))


def audit_key_from_text(text: str, source: str) -> bytes:
    """The same from text, as `encryption_key_from_text`."""
    return _secret_from_text(text, f"{source} is not an audit key", "arguments no longer look equal to those before")


def _secret_file(folder: Path, name: str) -> tuple[str, str]:
    """A secret's text, made at first, and where it is."""
    made = PrivateFolder(folder).create(name, lambda: base64url(secrets.token_bytes(SECRET_KEY_BYTES)).encode() + b"\n")
    return made.decode("latin-1"), str(folder / name)


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


def _render_ring(private: ec.EllipticCurvePrivateKey, former: Mapping[str, Accepted]) -> bytes:
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    blocks = [
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    ]
    for one in former.values():
        if one.until is not None:
            blocks.append(f"# until {one.until}\n".encode())
        blocks.append(one.key.public_bytes(serialization.Encoding.PEM, spki))
    return b"".join(blocks)


def _parse_ring(text: str, source: str) -> tuple[ec.EllipticCurvePrivateKey, dict[str, Accepted]]:
    found = list(_PEM_BLOCK.finditer(text))
    keys = [_parse_block(block["pem"], block["label"], source) for block in found]
    if not keys or not isinstance(keys[0], ec.EllipticCurvePrivateKey) or _PEM_BLOCK.sub("", text).strip():
        raise ConfigError(
            f"{source} is not a key ring: it must be PEM text that begins with a private key.",
            fix=f"Restore it from a backup, or replace it; a new key ends all tokens. {_HOW_TO_MAKE_A_KEY}",
        )
    accepted: dict[str, Accepted] = {}
    for key, block in zip(keys, found, strict=True):
        public = key.public_key() if isinstance(key, ec.EllipticCurvePrivateKey) else key
        accepted.setdefault(_thumbprint(public), Accepted(public, int(block["until"]) if block["until"] else None))
    return keys[0], accepted


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
