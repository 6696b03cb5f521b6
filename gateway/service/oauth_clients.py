"""MCP clients: known by a metadata document at the URL that is their id (CIMD), or registered here (RFC 7591)."""

from __future__ import annotations

from gateway.errors import NotFound, UpstreamError
from gateway.identity.clients import (
    MAX_DOCUMENT_BYTES,
    REGISTRATION_LIFETIME_MS,
    Client,
    check_document_url,
    client_from_document,
    document_lifetime_s,
    is_document_url,
    register,
    registration_response,
)
from gateway.identity.grants import hashed
from gateway.identity.oauth import InvalidClient
from gateway.identity.records import dumps, loads
from gateway.model import JSON
from gateway.service.oauth import OAuthFloor

_OFFLINE = "Where the Internet is out of reach, set gateway.client_documents: false and gateway.registration: true."


class Clients:
    def __init__(self, floor: OAuthFloor) -> None:
        self._floor = floor

    async def find(self, client_id: str, *, address: str) -> Client | None:
        """The client of this id; its document is fetched on behalf of who asks from `address`.

        Raises `InvalidClient` for a document that cannot be had or is not in order, `Busy` for too many of them."""
        kept = await self._floor.grants.get("client", hashed(client_id))
        client = None if kept is None else loads(Client, kept.record)
        if client is not None and (client.expires_at is None or client.expires_at > self._floor.clock()):
            return client
        fetchable = self._floor.settings.client_documents and is_document_url(client_id)
        return await self._fetched(client_id, address) if fetchable else None

    async def register(self, body: bytes) -> dict[str, JSON]:
        """A new client, as RFC 7591 answers. Raises `OAuthError`; `NotFound` where registration is off."""
        server = self._floor.server
        if not server.registration:
            raise NotFound(
                "Clients cannot register here.",
                fix="Use the URL of a client metadata document as client_id, or set gateway.registration.",
            )
        client, secret = register(body, server, now_ms=self._floor.clock())
        await self._keep(client, REGISTRATION_LIFETIME_MS)
        return registration_response(client, secret)

    async def _fetched(self, client_id: str, address: str) -> Client:
        trusted = self._floor.settings.trusted_hosts
        check_document_url(client_id, trusted=trusted)
        await self._floor.rates.of_address("document", address)
        try:
            answer = await self._floor.fetcher.fetch(client_id, max_bytes=MAX_DOCUMENT_BYTES, trusted=trusted)
        except UpstreamError as error:
            raise InvalidClient(f"The client's document cannot be had: {error.message} {_OFFLINE}") from error
        if answer.status != 200:
            raise InvalidClient(f"The client's document cannot be had: its server answers {answer.status}.")
        lifetime = document_lifetime_s(answer.cache_control)
        client = client_from_document(
            client_id,
            answer.content_type,
            answer.body,
            self._floor.server,
            now_ms=self._floor.clock(),
            lifetime_s=lifetime,
        )
        await self._keep(client, lifetime * 1000)
        return client

    async def _keep(self, client: Client, ttl_ms: int) -> None:
        await self._floor.grants.put("client", hashed(client.client_id), dumps(client), ttl_ms=ttl_ms)
