"""Asking upstream servers and their authorization servers: who issues tokens, and for them."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from gateway.config import Config
from gateway.errors import NotFound
from gateway.identity import upstream_oauth as oauth
from gateway.identity.fetch import Fetched, Fetcher
from gateway.identity.oidc import TokenCall, origin
from gateway.identity.upstream_oauth import Issuer, Resource

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class UpstreamIssuers:
    def __init__(self, config: Config, fetcher: Fetcher) -> None:
        self.config = config
        self._fetcher = fetcher

    async def discover(self, url: str, said: oauth.Challenge) -> tuple[Resource | None, Issuer]:
        """Who issues tokens for the server at `url`."""
        for place in oauth.resource_urls(url, said):
            answer = await self.ask(url, place)
            if answer.status == 200:
                resource = oauth.resource_of(url, answer.body)
                return resource, await self._issuer(url, resource.issuer)
        # A server of 2025-03-26 is its own issuer, and may describe nothing.
        try:
            return None, await self._issuer(url, origin(url))
        except NotFound:
            return None, oauth.old_issuer(url)

    async def _issuer(self, url: str, issuer: str) -> Issuer:
        for place in oauth.issuer_urls(issuer):
            answer = await self.ask(url, place)
            if answer.status == 200:
                return oauth.issuer_of(issuer, answer.body)
        raise NotFound(f"{issuer} does not describe itself.", fix="Ask whoever runs it.")

    async def token(self, url: str, call: TokenCall) -> Fetched:
        return await self.ask(url, call.url, form=call.form, headers=call.headers)

    async def ask(
        self,
        server_url: str,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        json: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Fetched:
        """The operator vouches for the server's own origin; where it is on this machine, for others there too."""
        trusted = [origin(server_url), *self.config.gateway.trusted_hosts]
        if urlsplit(server_url).hostname in _LOOPBACK and urlsplit(url).hostname in _LOOPBACK:
            trusted.append(origin(url))
        most = oauth.MAX_DOCUMENT_BYTES
        return await self._fetcher.fetch(url, max_bytes=most, trusted=trusted, form=form, json=json, headers=headers)
