"""The gateway as OAuth server and the sign-in of people, put together for app.py."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.clock import Clock
from gateway.identity.fetch import Fetcher
from gateway.service.approvals import Approvals
from gateway.service.authorize import Authorizations
from gateway.service.children import Children
from gateway.service.connect import Connect
from gateway.service.exchange import Exchange
from gateway.service.issuers import Issuers
from gateway.service.oauth import OAuthFloor, Record, Revoke, log_only
from gateway.service.oauth_clients import Clients
from gateway.service.oauth_tokens import TokenEndpoint
from gateway.service.rates import Rates
from gateway.service.signin import SignIn
from gateway.service.tokens import Tokens
from gateway.store.client import Client
from gateway.store.grants import Grants
from gateway.store.liveness import Liveness


@dataclass(frozen=True, slots=True)
class GettingIn:
    floor: OAuthFloor
    rates: Rates
    children: Children
    sign_in: SignIn
    clients: Clients
    authorizations: Authorizations
    endpoint: TokenEndpoint
    connect: Connect | None
    approvals: Approvals | None

    @classmethod
    def build(
        cls,
        *,
        tokens: Tokens,
        store: Client,
        liveness: Liveness,
        clock: Clock,
        revoke: Revoke,
        record: Record = log_only,
        fetcher: Fetcher | None = None,
        connect: Connect | None = None,
        approvals: Approvals | None = None,
    ) -> GettingIn:
        """All use cases on one store. They follow the configuration that `tokens` has taken over."""
        fetcher = fetcher or Fetcher()
        grants = Grants(store)
        rates = Rates(grants)
        issuers = Issuers(fetcher, clock)
        floor = OAuthFloor(tokens, grants, liveness, fetcher, issuers, rates, clock, revoke, record)
        clients = Clients(floor)
        return cls(
            floor=floor,
            rates=rates,
            children=Children(tokens, rates),
            sign_in=SignIn(floor),
            clients=clients,
            authorizations=Authorizations(floor, clients),
            endpoint=TokenEndpoint(floor, clients, Exchange(floor)),
            connect=connect,
            approvals=approvals,
        )
