"""The issuers that the operator has named: what they say of themselves, and their keys, kept for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from gateway.clock import Clock
from gateway.errors import ConfigError, UpstreamUnavailable
from gateway.identity import oidc
from gateway.identity.assertions import MAX_JWKS_BYTES, Jwks, UnknownKey
from gateway.identity.fetch import Fetched, Fetcher
from gateway.identity.oidc import Provider, TokenCall

Result = TypeVar("Result")

KEPT_MS = 600_000
FRESH_MS = 60_000
"""A key that is not known makes the keys be fetched anew, at most so often: anybody can invent key ids."""
RETRY_MS = 5_000
"""How long an issuer that has failed is left alone: whoever asks meanwhile is not made to wait for it."""


@dataclass(frozen=True, slots=True)
class _Known:
    provider: Provider
    jwks: Jwks
    at: int


class Issuers:
    def __init__(self, fetcher: Fetcher, clock: Clock) -> None:
        self._fetcher = fetcher
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._failed: dict[str, int] = {}
        self._one_at_a_time: dict[str, asyncio.Lock] = {}

    async def provider(self, issuer: str) -> Provider:
        """What the issuer says of itself. Raises `UpstreamError`, `Unauthenticated` when that is not in order."""
        return (await self._learn(issuer, KEPT_MS)).provider

    async def with_keys(self, issuer: str, use: Callable[[Jwks], Result]) -> Result:
        """What `use` makes of the issuer's keys; once more with newer ones when it raises `UnknownKey`."""
        try:
            return use((await self._learn(issuer, KEPT_MS)).jwks)
        except UnknownKey:
            return use((await self._learn(issuer, FRESH_MS)).jwks)

    async def call(self, issuer: str, call: TokenCall) -> bytes:
        """The answer of the issuer's token endpoint, whatever it says. Raises `UpstreamError`."""
        answer = await self._fetcher.fetch(
            call.url,
            max_bytes=oidc.MAX_DOCUMENT_BYTES,
            trusted=[oidc.origin(issuer)],
            form=call.form,
            headers=call.headers,
        )
        return answer.body

    async def _learn(self, issuer: str, kept_ms: int) -> _Known:
        async with self._one_at_a_time.setdefault(issuer, asyncio.Lock()):
            now, known = self._clock(), self._known.get(issuer)
            if known is not None and now - known.at < kept_ms:
                return known
            if now - self._failed.get(issuer, 0) < RETRY_MS:
                raise UpstreamUnavailable(f"{issuer} was out of order a moment ago.", fix="Try again in some seconds.")
            self._failed[issuer] = now
            self._known[issuer] = known = await self._ask(issuer)
            del self._failed[issuer]
            return known

    async def _ask(self, issuer: str) -> _Known:
        document = await self._get(issuer, oidc.discovery_url(issuer), oidc.MAX_DOCUMENT_BYTES)
        provider = oidc.provider(issuer, document.body)
        keys = await self._get(issuer, provider.jwks_uri, MAX_JWKS_BYTES)
        return _Known(provider, Jwks.parse(keys.body), self._clock())

    async def _get(self, issuer: str, url: str, max_bytes: int) -> Fetched:
        answer = await self._fetcher.fetch(url, max_bytes=max_bytes, trusted=[oidc.origin(issuer)])
        if answer.status != 200:
            raise UpstreamUnavailable(f"{url[:200]} answers with status {answer.status}.", fix="Check the issuer.")
        return answer


async def keys_in_file(path: Path) -> Jwks:
    """The keys of an issuer that cannot be asked. Raises `ConfigError`."""
    try:
        return Jwks.parse(await asyncio.to_thread(path.read_bytes))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.", fix="Check gateway.exchange[].jwks.") from error
