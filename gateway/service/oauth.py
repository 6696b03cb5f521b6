"""What the use cases of getting in stand on: the gateway as OAuth server, and the sign-in of people.

signin         people: the code of the start, OpenID Connect, their sessions
oauth_clients  MCP clients: metadata documents and registration
authorize      authorization and device requests, and the person's answer to them
doors          what an agent may do, in plain words
oauth_tokens   the token endpoint, revocation, introspection
exchange       machines that bring a token of their own issuer
issuers        those issuers' documents and keys
rates          how often anybody may ask
getting_in     all of it, put together
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.clock import Clock
from gateway.config import GatewaySettings
from gateway.errors import Forbidden
from gateway.identity.fetch import Fetcher
from gateway.identity.oauth import AuthorizationServer
from gateway.model import JSON
from gateway.service.issuers import Issuers
from gateway.service.rates import Rates
from gateway.service.tokens import SCOPE, Tokens, identities
from gateway.store.grants import Grants
from gateway.store.liveness import Liveness

log = logging.getLogger(__name__)

DEFAULT_TENANT = "default"

Revoke = Callable[[str], Awaitable[object]]
"""Kill the token of this id, with its children and its runs, on every replica."""


class Record(Protocol):
    """Write an event into the audit record, durably, before what it tells of happens. Raises `StoreUnavailable`."""

    async def __call__(self, event: str, *, tenant: str = DEFAULT_TENANT, **fields: JSON) -> None: ...


async def log_only(event: str, *, tenant: str = DEFAULT_TENANT, **fields: JSON) -> None:
    """For where there is no audit record."""
    log.info(event, extra={"tenant": tenant, **fields})


@dataclass(frozen=True, slots=True)
class OAuthFloor:
    tokens: Tokens
    grants: Grants
    liveness: Liveness
    fetcher: Fetcher
    issuers: Issuers
    rates: Rates
    clock: Clock
    revoke: Revoke
    record: Record

    @property
    def settings(self) -> GatewaySettings:
        return self.tokens.config.gateway

    @property
    def server(self) -> AuthorizationServer:
        return AuthorizationServer(
            issuer=self.settings.base_url,
            resource=self.tokens.audience,
            scopes=(SCOPE,),
            registration=self.settings.registration,
            documents=self.settings.client_documents,
        )

    async def refuse_if_shut_off(self, agent: str) -> None:
        """Nobody gets in as an agent that an administrator has revoked, until the administrator issues it a token.

        Raises `Forbidden`, `NotFound`."""
        above = identities(self.tokens.agent(agent).tenant, agent)
        if not await self.liveness.is_alive(above) and not (await self.liveness.revoked()).isdisjoint(above):
            raise Forbidden(
                f"The agent {agent} was shut off.",
                fix=f"An administrator opens it again: `gateway token issue {agent}`.",
            )
