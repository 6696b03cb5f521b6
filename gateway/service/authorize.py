"""Authorization and device requests, and what the person who is asked says to them.

A request that is in order is kept until the person answers it, once. The answer is a `Consent`: a new token of the
agent that the person has chosen, which no client ever sees, and of which the client gets short-lived forms.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.config import AgentConfig
from gateway.errors import Forbidden, NotFound
from gateway.identity.authorize import AuthorizationRequest, authorization_request, reply_to
from gateway.identity.clients import Client
from gateway.identity.grants import Consent, DeviceCode, decide_device_code, hashed, issue_code, user_code_hash
from gateway.identity.oauth import InvalidClient, OAuthError, Parameters, required
from gateway.identity.people import Person
from gateway.identity.records import dumps, loads
from gateway.service.doors import closed, doors
from gateway.service.oauth import OAuthFloor
from gateway.service.oauth_clients import Clients
from gateway.store.grants import Kept

REQUEST_LIFETIME_MS = 15 * 60_000
CONSENTS_SHOWN = 100
CONSENT_PATH = "/oauth/consent"
DAY_S = 86_400
LIFETIMES_S = (DAY_S, 7 * DAY_S, 30 * DAY_S, 90 * DAY_S)
DEFAULT_LIFETIME_S = 30 * DAY_S


@dataclass(frozen=True, slots=True)
class Choice:
    """An agent that the person may let the client act as."""

    agent: str
    description: str
    owner: str
    doors: tuple[str, ...]
    closed: tuple[str, ...]
    lifetimes_s: tuple[int, ...]
    """For how long: what may be chosen."""

    @property
    def default_s(self) -> int:
        return DEFAULT_LIFETIME_S if DEFAULT_LIFETIME_S in self.lifetimes_s else self.lifetimes_s[-1]


@dataclass(frozen=True, slots=True)
class Question:
    """What the person is asked."""

    client: Client
    choices: tuple[Choice, ...]
    redirect_uri: str | None
    """Where the answer goes; None: to a device that asks for it."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """The person says yes: the client acts as `agent` for so long."""

    agent: str
    lifetime_s: int


class Authorizations:
    def __init__(self, floor: OAuthFloor, clients: Clients) -> None:
        self._floor = floor
        self._clients = clients

    # --- authorization code --------------------------------------------------------------------------------------

    async def begin(self, given: Parameters, *, address: str) -> str:
        """Take an authorization request. Returns where to send the browser: to the page that asks the person, or back
        to the client with its mistake.

        Raises `OAuthError` for what is the person's to see: an unknown client, or one that asks to be answered at a
        place that is not its own."""
        server = self._floor.server
        client = await self._known(required(given, "client_id"), address)
        reply = reply_to(given, client, server)
        try:
            request = authorization_request(given, client, server, reply)
        except OAuthError as error:
            return reply.refused(error)
        request_id = secrets.token_urlsafe(24)
        await self._floor.grants.put("request", hashed(request_id), dumps(request), ttl_ms=REQUEST_LIFETIME_MS)
        return f"{CONSENT_PATH}/{request_id}"

    async def asked(self, request_id: str, person: Person, *, address: str) -> Question:
        """What a request that waits asks of this person. Raises `NotFound`, `OAuthError`."""
        kept = await self._floor.grants.get("request", hashed(request_id))
        if kept is None:
            raise _gone()
        request = loads(AuthorizationRequest, kept.record)
        return self._question(await self._known(request.client_id, address), person, request.reply.redirect_uri)

    async def answer(self, request_id: str, person: Person, allowed: Allowed | None, *, address: str) -> str:
        """The person's answer, once; None is a refusal. Returns the URL that brings it to the client.

        Raises `NotFound` for a request that has been answered or has expired, `Forbidden` for an agent that is not
        the person's to give."""
        if allowed is not None:
            await self._check(person, allowed)
        record = await self._floor.grants.take("request", hashed(request_id))
        if record is None:
            raise _gone()
        request = loads(AuthorizationRequest, record)
        if allowed is None:
            await self._floor.record("consent.refused", person=person.id, client=request.client_id)
            return request.reply.refused(OAuthError("access_denied", "The person has refused."))
        client = await self._known(request.client_id, address)
        consent = await self._consent(person, allowed, client, request.scope, request.resource)
        code, stored = issue_code(
            consent,
            redirect_uri=request.reply.redirect_uri,
            code_challenge=request.code_challenge,
            now_ms=consent.given_at,
        )
        ttl_ms = stored.expires_at - consent.given_at
        await self._floor.grants.put("code", stored.hash, dumps(stored), ttl_ms=ttl_ms)
        return request.reply.granted(code)

    # --- devices -------------------------------------------------------------------------------------------------

    async def asked_by_device(self, typed: str, person: Person, *, address: str) -> Question:
        """What the device that shows this code asks of this person. Raises `NotFound`, `OAuthError`, and `Busy` for
        who guesses."""
        _, device = await self._device(typed, address)
        return self._question(await self._known(device.client_id, address), person, None)

    async def answer_device(self, typed: str, person: Person, allowed: Allowed | None, *, address: str) -> None:
        """The person's answer to it, once. Raises as `answer` and `asked_by_device`."""
        kept, device = await self._device(typed, address)
        now = self._floor.clock()
        consent = None
        if allowed is None:
            await self._floor.record("consent.refused", person=person.id, client=device.client_id)
        else:
            await self._check(person, allowed)
            client = await self._known(device.client_id, address)
            consent = await self._consent(person, allowed, client, device.scope, device.resource)
        decided = decide_device_code(device, consent, now_ms=now)
        if not await self._floor.grants.swap("device", device.hash, kept, dumps(decided)):
            if consent is not None:
                await self._floor.revoke(consent.family)
            raise _gone()

    async def _device(self, typed: str, address: str) -> tuple[Kept, DeviceCode]:
        await self._floor.rates.of_address("guess", address)
        name = user_code_hash(typed)
        pointer = None if name is None else await self._floor.grants.get("user_code", name)
        kept = None if pointer is None else await self._floor.grants.get("device", pointer.record.decode())
        device = None if kept is None else loads(DeviceCode, kept.record)
        if kept is None or device is None or device.state != "pending" or device.expires_at <= self._floor.clock():
            raise NotFound(
                "This code is not known here, has been answered, or has expired.",
                fix="Compare it with what the device shows.",
            )
        return kept, device

    # --- both ----------------------------------------------------------------------------------------------------

    async def _known(self, client_id: str, address: str) -> Client:
        client = await self._clients.find(client_id, address=address)
        if client is None:
            raise InvalidClient("The client is not known here, or its registration has expired. Connect it anew.")
        return client

    def _question(self, client: Client, person: Person, redirect_uri: str | None) -> Question:
        config = self._floor.tokens.config
        choices = tuple(
            Choice(
                agent=name,
                description=agent.description,
                owner=agent.owner,
                doors=doors(agent.policy),
                closed=closed(config.denied),
                lifetimes_s=_lifetimes(agent),
            )
            for name, agent in _agents_of(person, config.agents).items()
        )
        return Question(client, choices, redirect_uri)

    async def _check(self, person: Person, allowed: Allowed) -> None:
        agent = _agents_of(person, self._floor.tokens.config.agents).get(allowed.agent)
        if agent is None or allowed.lifetime_s not in _lifetimes(agent):
            raise Forbidden("This agent is not yours to give, or not for so long.", fix="Choose one of those shown.")
        await self._floor.refuse_if_shut_off(allowed.agent)

    async def _consent(
        self, person: Person, allowed: Allowed, client: Client, scope: tuple[str, ...], resource: str
    ) -> Consent:
        now = self._floor.clock()
        await self._floor.record(
            "consent.given",
            tenant=self._floor.tokens.agent(allowed.agent).tenant,
            person=person.id,
            client=client.client_id,
            agent=allowed.agent,
            seconds=allowed.lifetime_s,
        )
        issued = await self._floor.tokens.issue(allowed.agent, ttl_seconds=allowed.lifetime_s)
        consent = Consent(
            family=issued["id"],
            client_id=client.client_id,
            client_name=client.name,
            subject=person.id,
            agent=allowed.agent,
            scope=scope,
            resource=resource,
            given_at=now,
            ends_at=now + allowed.lifetime_s * 1000,
        )
        whose = hashed(person.id)
        await self._floor.grants.put("consent", consent.family, dumps(consent), ttl_ms=allowed.lifetime_s * 1000)
        await self._floor.grants.list_consent(whose, consent.family, ends_at=consent.ends_at, now=now)
        return consent

    async def given(self, person: Person) -> list[Consent]:
        """What the person has let clients do and has not ended, for as long as it lasts."""
        now = self._floor.clock()
        records = await self._floor.grants.consents(hashed(person.id), now=now, limit=CONSENTS_SHOWN)
        consents = [loads(Consent, record) for record in records]
        alive = await asyncio.gather(*(self._floor.liveness.is_alive([consent.family]) for consent in consents))
        return [consent for consent, living in zip(consents, alive, strict=True) if living]

    async def end(self, person: Person, family: str) -> None:
        """Shut off what the person has consented to. Raises `NotFound` for what is not theirs, or has ended."""
        if all(consent.family != family for consent in await self.given(person)):
            raise NotFound("This is not connected, or not by you.", fix="Reload the page to see what is.")
        await self._floor.revoke(family)
        await self._floor.record("consent.ended", person=person.id, jti=family)


def _agents_of(person: Person, agents: Mapping[str, AgentConfig]) -> Mapping[str, AgentConfig]:
    return {name: agent for name, agent in agents.items() if person.may_act_as(agent.owner)}


def _lifetimes(agent: AgentConfig) -> tuple[int, ...]:
    """Those that the agent's `max_ttl` allows, or else that itself."""
    return tuple(seconds for seconds in LIFETIMES_S if seconds <= agent.max_ttl) or (agent.max_ttl,)


def _gone() -> NotFound:
    return NotFound("This request has been answered, or has expired.", fix="Connect again from your client.")
