"""Authorization codes, refresh tokens and device codes: records for the store, and what redeems them. No I/O.

The store keeps a record (as `records.dumps` of it) under its `hash` until its `expires_at`, *used ones too*: only who
still knows them can tell a second use from a wild guess. A redeemed record replaces its former self atomically (compare
and set): of two requests with one code, the second must see `used`.

A secret (code, refresh token, device code) is 256 random bits and is stored as its SHA-256 only.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace
from typing import Literal

from gateway.identity.keys import base64url, same_secret
from gateway.identity.oauth import OAuthError

CODE_LIFETIME_MS = 60_000
REFRESH_LIFETIME_MS = 30 * 86_400_000
DEVICE_LIFETIME_MS = 15 * 60_000
POLL_INTERVAL_MS = 5_000

USER_CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so no words (RFC 8628, 6.1)."""
_USER_CODE_LENGTH = 8


class ReusedGrant(OAuthError):
    """A code or refresh token came a second time: one of the two had stolen it. Everything of `family` must end."""

    def __init__(self, family: str) -> None:
        super().__init__("invalid_grant", "The grant has been used before. All tokens that came of it are revoked.")
        self.family = family


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a person allowed a client: to act as an agent, by a token of its own. Every access token that comes of it
    is a short-lived form of that one, so that sessions and sleeping programs outlast a refresh."""

    family: str
    """The id of that token. All that came of the consent ends with it."""
    client_id: str
    client_name: str
    subject: str
    """The person."""
    agent: str
    scope: tuple[str, ...]
    resource: str
    given_at: int
    ends_at: int
    """Milliseconds since the epoch, as shown on the consent page. No refresh leads beyond it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationCode:
    hash: str
    consent: Consent
    redirect_uri: str
    code_challenge: str
    expires_at: int
    used: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshToken:
    hash: str
    consent: Consent
    expires_at: int
    used: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCode:
    """A request from a device without a browser (RFC 8628), waiting for a person elsewhere."""

    hash: str
    user_code_hash: str
    client_id: str
    scope: tuple[str, ...]
    resource: str
    expires_at: int
    state: Literal["pending", "approved", "denied", "used"] = "pending"
    consent: Consent | None = None
    """Of the person who approved."""
    interval_ms: int = POLL_INTERVAL_MS
    poll_from: int = 0
    """A poll before this time is too early."""


def hashed(secret: str) -> str:
    """SHA-256 in hex: the name under which a secret's record is stored."""
    return hashlib.sha256(secret.encode()).hexdigest()


# --- authorization codes -----------------------------------------------------------------------------------------


def issue_code(
    consent: Consent, *, redirect_uri: str, code_challenge: str, now_ms: int
) -> tuple[str, AuthorizationCode]:
    """A code for the redirect, and its record."""
    code = f"code_{secrets.token_urlsafe(32)}"
    record = AuthorizationCode(
        hash=hashed(code),
        consent=consent,
        redirect_uri=redirect_uri,
        code_challenge=code_challenge,
        expires_at=now_ms + CODE_LIFETIME_MS,
    )
    return code, record


def redeem_code(
    code: AuthorizationCode | None, *, client_id: str, redirect_uri: str | None, code_verifier: str, now_ms: int
) -> AuthorizationCode:
    """The record, used. `code` is what the store had under the presented hash.

    Raises `OAuthError` invalid_grant, and `ReusedGrant` for a used one. OAuth 2.1 sends no `redirect_uri` here; if
    it comes, it must be the same.
    """
    if code is None or code.consent.client_id != client_id:
        raise OAuthError("invalid_grant", "The authorization code is not known here, or is another client's.")
    if code.used:
        raise ReusedGrant(code.consent.family)
    if code.expires_at <= now_ms:
        raise OAuthError("invalid_grant", "The authorization code has expired.")
    if redirect_uri not in (None, code.redirect_uri):
        raise OAuthError("invalid_grant", "The redirect_uri is not the one of the authorization request.")
    if not same_secret(challenge_of(code_verifier), code.code_challenge):
        raise OAuthError("invalid_grant", "The code_verifier does not fit the code_challenge.")
    return replace(code, used=True)


def challenge_of(code_verifier: str) -> str:
    """PKCE's S256 (RFC 7636, 4.2)."""
    return base64url(hashlib.sha256(code_verifier.encode()).digest())


# --- refresh tokens ----------------------------------------------------------------------------------------------


def issue_refresh_token(consent: Consent, *, now_ms: int) -> tuple[str, RefreshToken]:
    """A refresh token, and its record: it ends when it is not used for `REFRESH_LIFETIME_MS`, or with its consent."""
    token = f"refresh_{secrets.token_urlsafe(32)}"
    expires_at = min(now_ms + REFRESH_LIFETIME_MS, consent.ends_at)
    return token, RefreshToken(hash=hashed(token), consent=consent, expires_at=expires_at)


def redeem_refresh_token(token: RefreshToken | None, *, client_id: str, now_ms: int) -> RefreshToken:
    """The record, used: issue the next one with it. Raises `OAuthError` invalid_grant, `ReusedGrant` for a used one."""
    if token is None or token.consent.client_id != client_id:
        raise OAuthError("invalid_grant", "The refresh token is not known here, or is another client's.")
    if token.used:
        raise ReusedGrant(token.consent.family)
    if token.expires_at <= now_ms:
        raise OAuthError("invalid_grant", "The refresh token has expired. The person must sign in again.")
    return replace(token, used=True)


# --- device codes ------------------------------------------------------------------------------------------------


def issue_device_code(
    *, client_id: str, scope: tuple[str, ...], resource: str, now_ms: int
) -> tuple[str, str, DeviceCode]:
    """The device's code, the code that the person types (`BCDF-GHJK`), and the record."""
    device_code = f"device_{secrets.token_urlsafe(32)}"
    letters = "".join(secrets.choice(USER_CODE_LETTERS) for _ in range(_USER_CODE_LENGTH))
    record = DeviceCode(
        hash=hashed(device_code),
        user_code_hash=hashed(letters),
        client_id=client_id,
        scope=scope,
        resource=resource,
        expires_at=now_ms + DEVICE_LIFETIME_MS,
    )
    return device_code, f"{letters[:4]}-{letters[4:]}", record


def user_code_hash(typed: str) -> str | None:
    """Under which hash the record of a typed code is found: case, spaces and dashes do not matter. None: no code."""
    letters = "".join(letter for letter in typed[:64].upper() if letter in USER_CODE_LETTERS)
    return hashed(letters) if len(letters) == _USER_CODE_LENGTH else None


def decide_device_code(code: DeviceCode | None, consent: Consent | None, *, now_ms: int) -> DeviceCode:
    """The record after the person's answer: approved with a consent, denied without. Raises `OAuthError`."""
    if code is None or code.state != "pending" or code.expires_at <= now_ms:
        raise OAuthError("invalid_grant", "This code is not known here, has been answered, or has expired.")
    return replace(code, state="denied" if consent is None else "approved", consent=consent)


def poll_device_code(
    code: DeviceCode | None, *, client_id: str, now_ms: int
) -> tuple[DeviceCode | None, OAuthError | None]:
    """One poll of the device: the record to store, and what to answer. No error: it is used, and its consent stands.

    A poll that comes too early makes the interval longer (RFC 8628, 3.5), so a refusal changes the record too.
    """
    if code is None or code.client_id != client_id:
        return None, OAuthError("invalid_grant", "The device code is not known here, or is another client's.")
    if code.state == "used":
        return code, OAuthError("invalid_grant", "The device code has been used.")
    if code.expires_at <= now_ms:
        return code, OAuthError("expired_token", "The device code has expired. Start again.")
    if now_ms < code.poll_from:
        slower = code.interval_ms + POLL_INTERVAL_MS
        return replace(code, interval_ms=slower, poll_from=now_ms + slower), OAuthError(
            "slow_down", "Poll more slowly."
        )
    match code.state:
        case "approved":
            return replace(code, state="used"), None
        case "denied":
            return code, OAuthError("access_denied", "The person has refused.")
    pending = OAuthError("authorization_pending", "The person has not answered yet.")
    return replace(code, poll_from=now_ms + code.interval_ms), pending
