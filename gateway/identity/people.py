"""Who is signed in: a person, known by the code that the gateway prints at its start, or by an OpenID provider."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.config import OidcSettings
from gateway.errors import Unauthenticated
from gateway.identity.grants import USER_CODE_LETTERS
from gateway.model import JSON

ADMIN_ROLE = "admin"
SESSION_LIFETIME_MS = 12 * 3_600_000
SIGN_IN_CODE_LIFETIME_MS = 15 * 60_000
ATTEMPT_LIFETIME_MS = 10 * 60_000

_CODE_LENGTH = 12
_LONGEST = 200
"""Characters of an id, a name or a role: more than `owner` in the configuration may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person who is signed in until `ends_at` (ms since the epoch)."""

    id: str
    """What `agents.NAME.owner` and `user:NAME` name: the e-mail address that the provider has verified, or `sub`."""
    name: str
    roles: tuple[str, ...]
    ends_at: int

    @property
    def admin(self) -> bool:
        return ADMIN_ROLE in self.roles

    def may_act_as(self, owner: str) -> bool:
        """Whether the person may let a client act as an agent of this owner."""
        return self.admin or self.id.casefold() == owner.casefold()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInAttempt:
    """A browser that was sent to the provider. Stored under the hash of the `state` that it comes back with."""

    browser: str
    """Hash of its cookie: an answer that reaches another browser is not for that one."""
    nonce: str
    code_verifier: str
    then: str
    """The path to go on to."""
    expires_at: int


def new_sign_in_code() -> str:
    """A code to type, of 51 random bits: `BCDF-GHJK-LMNP`."""
    letters = "".join(secrets.choice(USER_CODE_LETTERS) for _ in range(_CODE_LENGTH))
    return "-".join(letters[start : start + 4] for start in range(0, _CODE_LENGTH, 4))


def normalized_sign_in_code(typed: str) -> str:
    """The letters alone: case, spaces and dashes do not matter."""
    return "".join(letter for letter in typed[:64].upper() if letter in USER_CODE_LETTERS)


def administrator(*, now_ms: int) -> Person:
    """Who has read the code off the gateway's own terminal."""
    return Person(id="admin", name="Administrator", roles=(ADMIN_ROLE,), ends_at=now_ms + SESSION_LIFETIME_MS)


def person_of_claims(claims: Mapping[str, JSON], settings: OidcSettings, *, now_ms: int) -> Person:
    """The person of a verified ID token. An e-mail address counts only if the provider has verified it: at many of
    them people set their own to what they like. Raises `Unauthenticated` for an id that is none."""
    subject, email = claims.get("sub"), claims.get("email")
    verified = isinstance(email, str) and "@" in email and claims.get("email_verified") is True
    id_ = email if verified else subject
    if not isinstance(id_, str) or not 0 < len(id_) <= _LONGEST or not id_.isprintable():
        raise Unauthenticated("The provider's token does not say who signed in.", fix="It must have `sub`.")
    name = claims.get("name")
    shown = name if isinstance(name, str) and name.strip() and name.isprintable() else id_
    return Person(
        id=id_,
        name=shown[:_LONGEST],
        roles=_roles(claims.get(settings.roles_claim), settings.roles),
        ends_at=now_ms + SESSION_LIFETIME_MS,
    )


def _roles(claim: JSON, mapping: Mapping[str, str]) -> tuple[str, ...]:
    values = claim if isinstance(claim, list) else [claim]
    held = {mapping[value] for value in values if isinstance(value, str) and value in mapping}
    return tuple(sorted(held))
