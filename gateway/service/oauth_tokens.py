"""The token endpoint and what belongs to it: device authorization, revocation (RFC 7009), introspection (RFC 7662)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.errors import Forbidden, NotFound, Unauthenticated
from gateway.identity import token_endpoint
from gateway.identity.authorize import device_request, device_response
from gateway.identity.clients import Client
from gateway.identity.grants import (
    DEVICE_LIFETIME_MS,
    AuthorizationCode,
    Consent,
    DeviceCode,
    RefreshToken,
    ReusedGrant,
    hashed,
    issue_device_code,
    issue_refresh_token,
    poll_device_code,
    redeem_code,
    redeem_refresh_token,
)
from gateway.identity.oauth import REFRESH_TOKEN, InvalidClient, OAuthError, Parameters, required
from gateway.identity.records import Record, dumps, loads
from gateway.identity.token_endpoint import (
    CodeGrant,
    DeviceGrant,
    ExchangeGrant,
    RefreshGrant,
    narrowed,
    token_response,
)
from gateway.model import JSON
from gateway.service.exchange import Exchange
from gateway.service.oauth import OAuthFloor
from gateway.service.oauth_clients import Clients
from gateway.service.rates import Action
from gateway.store.grants import Kind

ACCESS_LIFETIME_S = 3_600
DEVICE_PATH = "/device"
_REFRESH_PREFIX = "refresh_"


class TokenEndpoint:
    def __init__(self, floor: OAuthFloor, clients: Clients, exchange: Exchange) -> None:
        self._floor = floor
        self._clients = clients
        self._exchange = exchange

    async def token(self, given: Parameters, authorization: str | None, *, address: str) -> dict[str, JSON]:
        """The answer to a token request. Raises `OAuthError`, `Busy`, `StoreError`, `UpstreamError`."""
        client = await self._client(given, authorization, address, "token")
        request = token_endpoint.token_request(given, client, self._floor.server)
        if isinstance(request, ExchangeGrant):
            return await self._exchanged(request)
        assert client is not None, "every other grant is a client's"
        try:
            match request:
                case CodeGrant():
                    return await self._of_code(request, client)
                case RefreshGrant():
                    return await self._of_refresh_token(request, client)
                case DeviceGrant():
                    return await self._of_device_code(request, client)
        except ReusedGrant as reused:
            await self._kill(reused.family)
            await self._floor.record("grant.reused", client=client.client_id, jti=reused.family)
            raise

    async def device(self, given: Parameters, authorization: str | None, *, address: str) -> dict[str, JSON]:
        """The answer to a device authorization request (RFC 8628). Raises as `token`."""
        client = _present(await self._client(given, authorization, address, "device"))
        scope, resource = device_request(given, client, self._floor.server)
        code, user_code, record = issue_device_code(
            client_id=client.client_id, scope=scope, resource=resource, now_ms=self._floor.clock()
        )
        await self._floor.grants.put("device", record.hash, dumps(record), ttl_ms=DEVICE_LIFETIME_MS)
        await self._floor.grants.put(
            "user_code", record.user_code_hash, record.hash.encode(), ttl_ms=DEVICE_LIFETIME_MS
        )
        return device_response(code, user_code, f"{self._floor.server.issuer}{DEVICE_PATH}")

    async def revoke(self, given: Parameters, authorization: str | None, *, address: str) -> None:
        """End the consent behind a client's own token, so every form of it, and what runs by it. One that is not
        known is no error (RFC 7009, 2.2). Raises `OAuthError`."""
        client = _present(await self._client(given, authorization, address, "revoke"))
        known = await self._known(required(given, "token"))
        if known is None:
            return
        if known.client_id != client.client_id:
            raise OAuthError("unauthorized_client", "The token was issued to another client.")
        await self._kill(known.token_id)

    async def introspect(
        self, given: Parameters, authorization: str | None, *, administrator: bool, address: str
    ) -> dict[str, JSON]:
        """What a token is: any, for an administrator; its own, for a client that has authenticated by its secret.
        Nothing is said of others but that they are not active (RFC 7662, 2.2). Raises `InvalidClient`."""
        client = None if administrator else await self._client(given, authorization, address, "introspect")
        if not administrator and (client is None or client.auth_method == "none"):
            raise InvalidClient("Introspection needs a client that authenticates by a secret, or an administrator.")
        known = await self._known(required(given, "token"))
        if known is None or (client is not None and known.client_id != client.client_id):
            return {"active": False}
        try:
            principal = await self._floor.tokens.principal(known.token_id)
        except Unauthenticated:
            return {"active": False}
        who = {"client_id": known.client_id, "sub": principal.agent, "username": principal.owner}
        return {"active": True, **known.said, **who}

    # --- grants --------------------------------------------------------------------------------------------------

    async def _of_code(self, grant: CodeGrant, client: Client) -> dict[str, JSON]:
        def redeem(code: AuthorizationCode | None) -> AuthorizationCode:
            return redeem_code(
                code,
                client_id=client.client_id,
                redirect_uri=grant.redirect_uri,
                code_verifier=grant.code_verifier,
                now_ms=self._floor.clock(),
            )

        used = await self._used_up("code", grant.code, AuthorizationCode, redeem)
        return await self._issued(used.consent, client, used.consent.scope)

    async def _of_refresh_token(self, grant: RefreshGrant, client: Client) -> dict[str, JSON]:
        def redeem(token: RefreshToken | None) -> RefreshToken:
            redeemed = redeem_refresh_token(token, client_id=client.client_id, now_ms=self._floor.clock())
            narrowed(grant.scope, redeemed.consent.scope)
            return redeemed

        used = await self._used_up("refresh", grant.refresh_token, RefreshToken, redeem)
        return await self._issued(used.consent, client, narrowed(grant.scope, used.consent.scope))

    async def _used_up(
        self, kind: Kind, secret: str, type_: type[Record], redeem: Callable[[Record | None], Record]
    ) -> Record:
        """The record of a secret, used now. Of two requests with one secret the second finds it used."""
        name = hashed(secret)
        while True:
            kept = await self._floor.grants.get(kind, name)
            used = redeem(None if kept is None else loads(type_, kept.record))
            if kept is not None and await self._floor.grants.swap(kind, name, kept, dumps(used)):
                return used

    async def _of_device_code(self, grant: DeviceGrant, client: Client) -> dict[str, JSON]:
        name = hashed(grant.device_code)
        kept = await self._floor.grants.get("device", name)
        before = None if kept is None else loads(DeviceCode, kept.record)
        after, refusal = poll_device_code(before, client_id=client.client_id, now_ms=self._floor.clock())
        if (
            kept is not None
            and after is not None
            and after != before
            and not await self._floor.grants.swap("device", name, kept, dumps(after))
        ):
            raise OAuthError("slow_down", "Another request polls, or the person answers, at this moment.")
        if refusal is not None:
            raise refusal
        assert after is not None and after.consent is not None, "what is approved has a consent"
        return await self._issued(after.consent, client, after.consent.scope)

    async def _exchanged(self, grant: ExchangeGrant) -> dict[str, JSON]:
        rule, subject = await self._exchange.rule_for(grant.subject_token)
        try:
            await self._floor.refuse_if_shut_off(rule.agent)
        except Forbidden as error:
            raise OAuthError("access_denied", error.message) from error
        agent = self._floor.tokens.agent(rule.agent)
        await self._floor.record(
            "token.exchanged", tenant=agent.tenant, issuer=rule.issuer, subject=subject, agent=rule.agent
        )
        ttl = min(rule.ttl, agent.max_ttl)
        issued = await self._floor.tokens.issue(rule.agent, ttl_seconds=ttl)
        return token_response(issued["token"], expires_in_s=ttl, scope=grant.scope, exchanged=True)

    async def _issued(self, consent: Consent, client: Client, scope: tuple[str, ...]) -> dict[str, JSON]:
        try:
            token, expires_in_s = await self._floor.tokens.access(
                consent.family, client_id=client.client_id, scope=" ".join(scope), lifetime_s=ACCESS_LIFETIME_S
            )
        except Unauthenticated as error:
            raise OAuthError("invalid_grant", f"{error.message} The person must consent again.") from error
        refresh_token = None
        if REFRESH_TOKEN in client.grant_types:
            now = self._floor.clock()
            refresh_token, record = issue_refresh_token(consent, now_ms=now)
            await self._floor.grants.put("refresh", record.hash, dumps(record), ttl_ms=record.expires_at - now)
        return token_response(token, expires_in_s=expires_in_s, scope=scope, refresh_token=refresh_token)

    # --- clients and tokens --------------------------------------------------------------------------------------

    async def _client(self, given: Parameters, authorization: str | None, address: str, what: Action) -> Client | None:
        """The client, authenticated as it must; None when the request names none."""
        presented = token_endpoint.credentials(given, authorization)
        if presented is None:
            return None
        found = await self._clients.find(presented.client_id, address=address)
        client = token_endpoint.authenticate(found, presented, now_ms=self._floor.clock())
        await self._floor.rates.of_client(what, client.client_id)
        return client

    async def _known(self, token: str) -> _Known | None:
        """What a token of ours is; None for one that is none, or is over."""
        if token.startswith(_REFRESH_PREFIX):
            kept = await self._floor.grants.get("refresh", hashed(token))
            record = None if kept is None else loads(RefreshToken, kept.record)
            if record is None or record.used or record.expires_at <= self._floor.clock():
                return None
            consent = record.consent
            said = {"exp": record.expires_at // 1000, "scope": " ".join(consent.scope), "aud": consent.resource}
            return _Known(consent.family, consent.client_id, said)
        try:
            claims = self._floor.tokens.read(token)
        except Unauthenticated:
            return None
        said = {name: getattr(claims, name) for name in ("iss", "aud", "jti", "iat", "nbf", "exp", "scope")}
        return _Known(claims.jti, claims.client_id, {**said, "token_type": "Bearer"})

    async def _kill(self, family: str) -> None:
        try:
            await self._floor.revoke(family)
        except NotFound:
            # Its agent was taken out of the configuration. Nothing of it may come back with the agent.
            await self._floor.liveness.revoke([family])


@dataclass(frozen=True, slots=True)
class _Known:
    token_id: str
    client_id: str
    said: Mapping[str, JSON]


def _present(client: Client | None) -> Client:
    if client is None:
        raise InvalidClient("Parameter 'client_id' is missing.")
    return client
