"""People: signing in by the code of the start or through the OpenID provider, and their sessions."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Protocol

from gateway.config import OidcSettings
from gateway.errors import NotFound, Unauthenticated
from gateway.identity import oidc
from gateway.identity.grants import hashed
from gateway.identity.keys import same_secret
from gateway.identity.people import (
    ATTEMPT_LIFETIME_MS,
    SIGN_IN_CODE_LIFETIME_MS,
    Person,
    SignInAttempt,
    administrator,
    new_sign_in_code,
    normalized_sign_in_code,
)
from gateway.identity.records import dumps, loads
from gateway.service.oauth import OAuthFloor

CALLBACK = "/ui/sign-in/callback"


class SignIn:
    """A browser is known by a random text in its cookie. Signing in gives it another one."""

    def __init__(self, floor: OAuthFloor) -> None:
        self._floor = floor

    @property
    def by_provider(self) -> bool:
        return self._floor.settings.oidc is not None

    async def person(self, browser: str) -> Person | None:
        """Who is signed in there."""
        kept = await self._floor.grants.get("person", hashed(browser))
        person = None if kept is None else loads(Person, kept.record)
        return person if person and person.ends_at > self._floor.clock() else None

    async def new_code(self) -> str:
        """A code that signs one administrator in within 15 minutes: for who sees the gateway's own terminal."""
        code = new_sign_in_code()
        name = hashed(normalized_sign_in_code(code))
        await self._floor.grants.put("sign_in_code", name, b"", ttl_ms=SIGN_IN_CODE_LIFETIME_MS)
        return code

    async def with_code(self, typed: str) -> str:
        """Sign in with such a code. Returns what the browser is known by from now on. Raises `Unauthenticated`."""
        if await self._floor.grants.take("sign_in_code", hashed(normalized_sign_in_code(typed))) is None:
            raise Unauthenticated(
                "This code is not known here, has been used, or is older than 15 minutes.",
                fix="The gateway prints a new one when it starts.",
            )
        return await self._admit(administrator(now_ms=self._floor.clock()), by="code")

    async def sign_out(self, browser: str) -> None:
        person = await self.person(browser)
        if person is not None:
            await self._floor.record("person.signed_out", person=person.id)
        await self._floor.grants.drop("person", hashed(browser))

    # --- OpenID Connect ------------------------------------------------------------------------------------------

    async def to_provider(self, browser: str, *, then: str) -> str:
        """The provider's URL for this browser, which is to go on at the path `then`. Raises `NotFound` without a
        provider, `UpstreamError` and `Unauthenticated` for one that is out of order."""
        settings = self._oidc()
        provider = await self._floor.issuers.provider(settings.issuer)
        state = secrets.token_urlsafe(32)
        attempt = SignInAttempt(
            browser=hashed(browser),
            nonce=secrets.token_urlsafe(32),
            code_verifier=secrets.token_urlsafe(48),
            then=then,
            expires_at=self._floor.clock() + ATTEMPT_LIFETIME_MS,
        )
        url = oidc.authorization_url(provider, settings, attempt, state=state, redirect_uri=self._callback)
        await self._floor.grants.put("sign_in", hashed(state), dumps(attempt), ttl_ms=ATTEMPT_LIFETIME_MS)
        return url

    async def from_provider(self, browser: str, given: Mapping[str, str]) -> tuple[str, str]:
        """The provider's answer: what the browser is known by from now on, and the path to go on at.

        Raises `Unauthenticated`, also when another browser had begun this; `UpstreamError`."""
        settings = self._oidc()
        attempt = await self._attempt(given.get("state", ""), browser)
        provider = await self._floor.issuers.provider(settings.issuer)
        code = oidc.code_of(given, provider)
        call = oidc.token_call(provider, settings, attempt, code=code, redirect_uri=self._callback)
        id_token = oidc.id_token_of(await self._floor.issuers.call(settings.issuer, call))
        now = self._floor.clock()
        person = await self._floor.issuers.with_keys(
            settings.issuer, lambda jwks: oidc.signed_in(id_token, jwks, settings, attempt, now_ms=now)
        )
        return await self._admit(person, by=settings.issuer), attempt.then

    async def _attempt(self, state: str, browser: str) -> SignInAttempt:
        raw = await self._floor.grants.take("sign_in", hashed(state))
        attempt = None if raw is None else loads(SignInAttempt, raw)
        if (
            attempt is None
            or attempt.expires_at <= self._floor.clock()
            or not same_secret(hashed(browser), attempt.browser)
        ):
            raise Unauthenticated("This sign-in did not begin in this browser, or has expired.", fix="Start again.")
        return attempt

    async def _admit(self, person: Person, *, by: str) -> str:
        await self._floor.record("person.signed_in", person=person.id, roles=list(person.roles), by=by)
        browser = secrets.token_urlsafe(32)
        ttl_ms = person.ends_at - self._floor.clock()
        await self._floor.grants.put("person", hashed(browser), dumps(person), ttl_ms=ttl_ms)
        return browser

    def _oidc(self) -> OidcSettings:
        settings = self._floor.settings.oidc
        if settings is None:
            raise NotFound("This gateway has no OpenID provider.", fix="Sign in with the code that it prints at start.")
        return settings

    @property
    def _callback(self) -> str:
        return f"{self._floor.settings.base_url}{CALLBACK}"


class HasSignIn(Protocol):
    @property
    def sign_in(self) -> SignIn: ...


async def sign_in_code(services: HasSignIn) -> str | None:
    """A code for the banner: the dashboard's address follows it. None where people sign in through a provider, since
    whatever a gateway in production prints ends in logs."""
    return None if services.sign_in.by_provider else await services.sign_in.new_code()
