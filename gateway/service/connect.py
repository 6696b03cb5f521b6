"""People connect upstream servers: the gateway is an OAuth client of the server, and they let it act for them."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import orjson

from gateway.config import ServerConfig
from gateway.errors import Forbidden, NotFound, Unauthenticated, UpstreamError
from gateway.identity import upstream_oauth as oauth
from gateway.identity.grants import hashed
from gateway.identity.keys import same_secret
from gateway.identity.people import Person
from gateway.identity.records import dumps, loads
from gateway.identity.upstream_oauth import ConnectAttempt, Issuer, UpstreamClient
from gateway.model import JSON
from gateway.service.credentials import CONNECT, KEPT_MS, SHARED, Credentials
from gateway.service.oauth import Record

CALLBACK = f"{CONNECT}/callback"
DOCUMENT = "/client-metadata.json"
"""The gateway's own client id metadata document."""
ATTEMPT_MS = 600_000
_PROBE = orjson.dumps({"jsonrpc": "2.0", "id": 0, "method": "ping"})

Changed = Callable[[str, str], Awaitable[None]]
"""Told (server, owner) when a credential has come or gone."""


@dataclass(frozen=True, slots=True)
class Connectable:
    """A server that a person may connect."""

    name: str
    title: str
    shared: bool
    """For all agents, not only for those that the person owns."""
    connected: bool
    scope: str


class Connect:
    def __init__(self, credentials: Credentials, record: Record, changed: Changed) -> None:
        self._credentials = credentials
        self._issuers = credentials.issuers
        self._record = record
        self._changed = changed

    async def list(self, person: Person) -> list[Connectable]:
        """The servers that the person may connect."""
        found = []
        for name, server in self._credentials.config.servers.items():
            settings = server.oauth
            if settings is None or settings.flow != "authorization_code" or not server.enabled:
                continue
            shared = server.credentials == "shared"
            if shared and not person.admin:
                continue
            kept = await self._credentials.read(name, SHARED if shared else person.id)
            scope = "" if kept is None else kept.scope
            found.append(Connectable(name, server.title or name, shared, kept is not None, scope))
        return found

    async def begin(self, server: str, person: Person, browser: str) -> str:
        """Where the person goes to let the gateway act for them at the server. Raises `NotFound`, `Forbidden`, and
        `UpstreamError` for a server whose authorization cannot be made out."""
        config, subject = self._connectable(server, person)
        settings, url = config.oauth, config.url
        assert settings is not None and url is not None
        said = oauth.challenge((await self._issuers.ask(url, url, json=_PROBE)).challenge)
        resource, issuer = await self._issuers.discover(url, said)
        if not issuer.authorization_endpoint:
            raise UpstreamError(f"{issuer.issuer} has no page to agree on.", fix="Use the flow client_credentials.")
        more = await self._credentials.wanted_scope(server, subject)
        scope = oauth.scope_of(settings, said, resource, issuer, more)
        attempt = ConnectAttempt(
            server=server,
            subject=subject,
            browser=hashed(browser),
            code_verifier=secrets.token_urlsafe(48),
            redirect_uri=self._base + CALLBACK,
            resource=url if resource is None else resource.resource,
            issuer=issuer,
            client=oauth.given_client(settings, issuer) or await self._known_as(url, issuer, scope),
            scope=scope,
        )
        state = secrets.token_urlsafe(32)
        await self._credentials.put("connect", hashed(state), dumps(attempt), ATTEMPT_MS)
        return oauth.authorization_url(attempt, state)

    async def finish(self, given: Mapping[str, str], person: Person, browser: str) -> str:
        """The answer of the authorization server. Returns the name of the server that is connected now. Raises
        `Unauthenticated` for an answer that this browser did not ask for, `UpstreamError` for a refusal."""
        name = hashed(given.get("state", ""))
        raw = await self._credentials.take("connect", name)
        attempt = None if raw is None else loads(ConnectAttempt, raw)
        if attempt is None or not same_secret(hashed(browser), attempt.browser):
            raise Unauthenticated("This did not begin in this browser, or has expired.", fix="Connect again.")
        self._connectable(attempt.server, person)
        server_url = self._credentials.server(attempt.server).url
        assert server_url is not None
        code = oauth.code_of(given, attempt.issuer)
        answer = await self._issuers.token(server_url, oauth.code_call(attempt, code))
        credential = oauth.credential_of(
            answer.body,
            token_endpoint=attempt.issuer.token_endpoint,
            resource=attempt.resource,
            scope=attempt.scope,
            client=attempt.client,
            refresh=None,
            revocation_endpoint=attempt.issuer.revocation_endpoint,
            now_s=self._credentials.now_s,
        )
        await self._record("upstream.connected", server=attempt.server, person=person.id, shared=not attempt.subject)
        await self._credentials.write(attempt.server, attempt.subject, credential)
        await self._changed(attempt.server, attempt.subject)
        return attempt.server

    async def disconnect(self, server: str, person: Person) -> None:
        """Forget what the person has connected. Raises `NotFound`, `Forbidden`."""
        _, subject = self._connectable(server, person)
        await self._record("upstream.disconnected", server=server, person=person.id, shared=not subject)
        await self._credentials.end(server, subject)
        await self._changed(server, subject)

    async def _known_as(self, url: str, issuer: Issuer, scope: str) -> UpstreamClient:
        """By our document where the issuer takes it, else registered there, once."""
        if issuer.takes_documents and self._base.startswith("https:"):
            return UpstreamClient(self._base + DOCUMENT)
        name = hashed(f"{issuer.issuer} {self._base}")
        kept = await self._credentials.get("upstream_client", name)
        if kept is not None:
            return loads(UpstreamClient, kept)
        if issuer.registration_endpoint is None:
            raise UpstreamError(
                f"{issuer.issuer} does not register clients by itself.",
                fix=f"Register {self._base}{CALLBACK} there, and set authorization.client_id of the server.",
            )
        body = orjson.dumps(oauth.registration(issuer, self._base + CALLBACK, scope))
        client = oauth.registered((await self._issuers.ask(url, issuer.registration_endpoint, json=body)).body)
        await self._credentials.put("upstream_client", name, dumps(client), KEPT_MS)
        return client

    def _connectable(self, server: str, person: Person) -> tuple[ServerConfig, str]:
        config = self._credentials.server(server)
        settings = config.oauth
        if settings is None or settings.flow != "authorization_code":
            raise NotFound(f"There is no server {server!r} to connect.", fix=f"See {CONNECT}.")
        if config.credentials == "per_owner":
            return config, person.id
        if not person.admin:
            raise Forbidden(f"{server} is connected for all, by an administrator.", fix="Ask one.")
        return config, SHARED

    @property
    def document(self) -> dict[str, JSON]:
        """The gateway's own client id metadata document."""
        return {
            "client_id": self._base + DOCUMENT,
            "client_name": "MCP code gateway",
            "client_uri": self._base,
            "redirect_uris": [self._base + CALLBACK],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        }

    @property
    def _base(self) -> str:
        return self._credentials.config.gateway.base_url
