"""Credentials of upstream servers: connected by people or got by the gateway itself, encrypted in the store, renewed by
one replica at a time. They never leave but in requests to the server that they are for, and are blanked in what it
answers and in logs.

A server with `credentials: per_owner` is called for each agent with what its owner has connected; another one with what
an administrator has connected for all. None is used from memory, so that what a person takes back is gone everywhere.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from gateway import telemetry
from gateway.clock import Clock
from gateway.config import Config, ServerConfig
from gateway.engine.scrub import Scrubber
from gateway.errors import GatewayError, NotFound, StoreError, UpstreamError, UpstreamUnavailable
from gateway.identity import upstream_oauth as oauth
from gateway.identity.fetch import Fetcher
from gateway.identity.grants import hashed
from gateway.identity.records import dumps, loads
from gateway.identity.seal import seal, unseal
from gateway.identity.upstream_oauth import Credential
from gateway.service.upstream_issuers import UpstreamIssuers
from gateway.store.grants import Grants, Kind
from gateway.tasks import Tasks

log = logging.getLogger(__name__)

CONNECT = "/ui/connect"
"""The page on which people connect servers."""
SHARED = ""
"""The subject of a credential that is for all; of others it is the owner."""
KEPT_MS = 400 * 86_400_000
_LONGEST_SCOPE = 1_000
_LOCK_MS = 20_000
"""Longer than a fetch may take."""
_BLANKED = 6
"""Secrets of one server that are known where it answers: those of its last two credentials."""
_RETRY_SECONDS = (0.1, 0.5, 2, 5, 10, 30)


class Credentials:
    def __init__(
        self, config: Config, grants: Grants, key: bytes, clock: Clock, fetcher: Fetcher | None = None
    ) -> None:
        """`key` encrypts what is kept."""
        self.issuers = UpstreamIssuers(config, fetcher or Fetcher())
        self._grants = grants
        self._key = key
        self._clock = clock
        self._tasks = Tasks()
        self._renewals: dict[tuple[str, str], asyncio.Task[Credential | GatewayError]] = {}

    @property
    def config(self) -> Config:
        return self.issuers.config

    def reload(self, config: Config) -> None:
        """Another configuration is in force."""
        self.issuers.config = config

    async def close(self) -> None:
        """A renewal under way is finished: its refresh token may be the only good one."""
        if self._renewals:
            await asyncio.wait(list(self._renewals.values()), timeout=_LOCK_MS / 1000)
        await self._tasks.close()

    def bearer(self, server: str, config: ServerConfig, owner: str | None) -> ServerBearer | None:
        """The credential of a server as the wires take it (`upstream.credentials.Bearers`)."""
        if config.oauth is None:
            return None
        return ServerBearer(self, server, SHARED if config.credentials == "shared" else owner)

    def server(self, server: str) -> ServerConfig:
        """Raises `NotFound`."""
        found = self.config.servers.get(server)
        if found is None:
            raise NotFound(f"There is no server {server!r}.", fix=f"See {CONNECT}.")
        return found

    # --- for the wires -----------------------------------------------------------------------------------------

    async def good(self, server: str, subject: str | None, *, refused: str | None = None) -> Credential:
        """One whose access token is good for a while, and is not the one that was refused. `subject` None: of whoever
        has connected the server last. Raises `UpstreamUnavailable`."""
        if subject is None:
            last = await self._grants.get("upstream_owner", server)
            if last is None:
                raise self._not_connected(server, "anybody")
            subject = last.record.decode()
        kept = await self.read(server, subject)
        settings = self.server(server).oauth
        if kept is None and (settings is None or settings.flow == "authorization_code"):
            raise self._not_connected(server, subject)
        stale = kept is None or kept.access_token == refused
        if kept is not None and not stale and kept.expires_at - oauth.EXPIRES_EARLY_S > self.now_s:
            return kept
        return await self._renewed(server, subject, kept)

    async def _renewed(self, server: str, subject: str, stale: Credential | None) -> Credential:
        """By one task here, which goes on when who waits for it is cancelled, and by one replica."""
        renewal = self._renewals.get((server, subject))
        if renewal is None:
            renewal = self._tasks.start(self._attempt(server, subject, stale), name=f"token of {server}")
            self._renewals[server, subject] = renewal
            renewal.add_done_callback(lambda _: self._renewals.pop((server, subject), None))
        renewed = await asyncio.shield(renewal)
        if isinstance(renewed, GatewayError):
            raise renewed
        return renewed

    async def _attempt(self, server: str, subject: str, stale: Credential | None) -> Credential | GatewayError:
        """The error is for those who wait."""
        try:
            return await self._renew(server, subject, stale)
        except GatewayError as error:
            return error

    async def _renew(self, server: str, subject: str, stale: Credential | None) -> Credential:
        name, deadline = _name(server, subject), self._clock() + _LOCK_MS
        while (lock := await self._grants.claim("renewal", name, ttl_ms=_LOCK_MS)) is None:
            if self._clock() > deadline:
                raise UpstreamUnavailable(f"The token of {server} is being renewed.", fix="Try again.", sent=False)
            await asyncio.sleep(0.05)
        try:
            kept = await self.read(server, subject)
            if kept is not None and (stale is None or kept.access_token != stale.access_token):
                return kept
            renewed = await self._refreshed(server, subject, kept)
            await self.write(server, subject, renewed)
            return renewed
        finally:
            if await self._grants.get("renewal", name) == lock:
                await self._grants.drop("renewal", name)

    async def _refreshed(self, server: str, subject: str, kept: Credential | None) -> Credential:
        config = self.server(server)
        settings, url = config.oauth, config.url
        assert settings is not None and url is not None
        if settings.flow == "client_credentials":
            resource, issuer = await self.issuers.discover(url, oauth.Challenge())
            client = oauth.given_client(settings, issuer)
            assert client is not None
            target = url if resource is None else resource.resource
            scope = oauth.scope_of(settings, oauth.Challenge(), resource, issuer)
            call = oauth.client_credentials_call(issuer.token_endpoint, client, target, scope)
            place = {"token_endpoint": issuer.token_endpoint, "resource": target, "scope": scope}
            place["revocation_endpoint"] = issuer.revocation_endpoint
        elif kept is None or kept.refresh_token is None:
            raise self._not_connected(server, subject)
        else:
            client, call = kept.client, oauth.refresh_call(kept)
            place = {"token_endpoint": kept.token_endpoint, "resource": kept.resource, "scope": kept.scope}
            place["revocation_endpoint"] = kept.revocation_endpoint
        answer = await self.issuers.token(url, call)
        refresh = kept.refresh_token if kept is not None else None
        try:
            return oauth.credential_of(answer.body, **place, client=client, refresh=refresh, now_s=self.now_s)
        except UpstreamError as error:
            if error.details.get("error") == "invalid_grant":
                await self.forget(server, subject)
                raise self._not_connected(server, subject) from error
            known = {*self.config.secrets, *(kept.secrets if kept is not None else ())}
            said = Scrubber(known).text(error.message)
            raise UpstreamUnavailable(f"The token of {server} is not renewed: {said}", sent=False) from error

    async def too_narrow(self, server: str, subject: str | None, scope: str) -> UpstreamUnavailable:
        """The server wants more scope than its credential has: whoever connects it next asks for that too."""
        if scope:
            name = _name(server, subject or SHARED)
            await self._grants.put("upstream_scope", name, scope[:_LONGEST_SCOPE].encode(), ttl_ms=KEPT_MS)
        return UpstreamUnavailable(
            f"{server} wants more scope for this call: {scope or 'it does not say which'}.",
            fix=f"Disconnect and connect {server} again at {self._base}{CONNECT}.",
            server=server,
            scope=scope,
            sent=False,
        )

    async def wanted_scope(self, server: str, subject: str) -> list[str]:
        """What the credential has, and what the server has asked for beside it."""
        kept = await self.read(server, subject)
        wanted = await self._grants.get("upstream_scope", _name(server, subject))
        return [*(kept.scope.split() if kept else ()), *(wanted.record.decode().split() if wanted else ())]

    def _not_connected(self, server: str, subject: str) -> UpstreamUnavailable:
        whose = subject or "this gateway"
        return UpstreamUnavailable(
            f"{server} is not connected for {whose}: open {self._base}{CONNECT}",
            fix=f"Sign in at {self._base}{CONNECT} and connect {server}.",
            server=server,
            connect=f"{self._base}{CONNECT}",
            sent=False,
        )

    # --- keeping -----------------------------------------------------------------------------------------------

    async def read(self, server: str, subject: str) -> Credential | None:
        name = _name(server, subject)
        kept = await self.get("credential", name)
        if kept is None:
            return None
        credential = loads(Credential, kept)
        telemetry.SECRETS.learn(credential.secrets)
        return credential

    async def write(self, server: str, subject: str, credential: Credential) -> None:
        """Until it is written: the refresh token before it may be void already."""
        telemetry.SECRETS.learn(credential.secrets)
        for pause in (*_RETRY_SECONDS, None):
            try:
                await self.put("credential", _name(server, subject), dumps(credential), KEPT_MS)
                if subject:
                    await self._grants.put("upstream_owner", server, subject.encode(), ttl_ms=KEPT_MS)
                return
            except StoreError:
                if pause is None:
                    raise
                await asyncio.sleep(pause)

    async def put(self, kind: Kind, name: str, record: bytes, ttl_ms: int) -> None:
        await self._grants.put(kind, name, seal(self._key, record, f"{kind}/{name}"), ttl_ms=ttl_ms)

    async def get(self, kind: Kind, name: str) -> bytes | None:
        kept = await self._grants.get(kind, name)
        return None if kept is None else unseal(self._key, kept.record, f"{kind}/{name}")

    async def take(self, kind: Kind, name: str) -> bytes | None:
        """For one caller alone."""
        taken = await self._grants.take(kind, name)
        return None if taken is None else unseal(self._key, taken, f"{kind}/{name}")

    async def end(self, server: str, subject: str) -> None:
        """Forget a credential, and tell its issuer, who may not answer: here it is gone all the same."""
        kept = await self.read(server, subject)
        await self.forget(server, subject)
        url = self.server(server).url
        if kept is not None and kept.revocation_endpoint and url is not None:
            try:
                await self.issuers.token(url, oauth.revocation_call(kept))
            except UpstreamError as error:
                log.warning("the token of %s was not revoked at its issuer: %s", server, error)

    async def forget(self, server: str, subject: str) -> None:
        await self._grants.drop("credential", _name(server, subject))

    @property
    def _base(self) -> str:
        return self.config.gateway.base_url

    @property
    def now_s(self) -> int:
        return self._clock() // 1000


class ServerBearer:
    """What a wire to one server asks for with each request."""

    def __init__(self, credentials: Credentials, server: str, subject: str | None) -> None:
        self._credentials = credentials
        self._server = server
        self._subject = subject
        self.scrubber = Scrubber(most_learned=_BLANKED)

    async def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {await self._token()}"}

    async def refused(self, sent: Mapping[str, str], status: int, challenge: str | None) -> bool:
        said = oauth.challenge(challenge)
        if status == 403 and said.error == "insufficient_scope":
            scope = self.scrubber.text(said.scope or "")
            raise await self._credentials.too_narrow(self._server, self._subject, scope)
        if status != 401:
            return False
        used = sent["Authorization"].removeprefix("Bearer ")
        return await self._token(refused=used) != used

    async def _token(self, *, refused: str | None = None) -> str:
        credential = await self._credentials.good(self._server, self._subject, refused=refused)
        self.scrubber.learn(credential.secrets)
        return credential.access_token


def _name(server: str, subject: str) -> str:
    return f"{server}/{hashed(subject)}"
