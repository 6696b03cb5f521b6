"""Issuing, listing and resolving tokens. Grants stay here: a token only names who it is for."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import asdict, replace

import orjson

from gateway.clock import Clock
from gateway.config import AgentConfig, Config
from gateway.errors import Conflict, Forbidden, NotFound, Unauthenticated, UsageError
from gateway.identity.keys import KeyRing
from gateway.identity.tokens import Claims, mint, verify
from gateway.model import JSON, Grant, Principal, Token
from gateway.service.audit import Audit
from gateway.service.views import iso
from gateway.store.liveness import Liveness
from gateway.store.sessions import PAGE, Sessions

SCOPE = "mcp"
LOCAL = "local"
NARROWINGS_KEPT = 10_000


class Tokens:
    def __init__(
        self,
        config: Config,
        keys: KeyRing,
        sessions: Sessions,
        liveness: Liveness,
        clock: Clock,
        audit: Audit | None = None,
    ) -> None:
        self.reload(config)
        self._audit = audit
        self._keys = keys
        self._sessions = sessions
        self._liveness = liveness
        self._clock = clock

    def reload(self, config: Config) -> None:
        """Another configuration is in force."""
        self.config = config
        self._narrowed: dict[str, tuple[Grant, ...] | None] = {}

    @property
    def audience(self) -> str:
        return f"{self.config.gateway.base_url}/mcp"

    async def issue(
        self, agent: str, *, ttl_seconds: int | None, grants: Sequence[Grant] = (), parent: str | None = None
    ) -> dict[str, JSON]:
        """A new token, shown this once: `{"id", "token", "agent", "session", "expires_at"}`.

        Raises `NotFound` for an unknown agent or parent, `UsageError` for a lifetime that is too long, `Conflict` for
        a parent that is dead."""
        entitled = self.agent(agent)
        now = self._clock()
        default = min(self.config.gateway.default_ttl, entitled.max_ttl)
        ttl = default if ttl_seconds is None else ttl_seconds
        if not 0 < ttl <= entitled.max_ttl:
            raise UsageError(
                f"A token of {agent} may live for 1 to {entitled.max_ttl} s, not {ttl}.",
                fix=f"Ask for less with --ttl, or raise agents.{agent}.max_ttl.",
            )
        expires_at = now + ttl * 1000
        above = await self._parent(parent, agent, now) if parent else None
        if above is not None:
            expires_at = min(expires_at, above.expires_at)
        token_id = f"tok_{secrets.token_hex(8)}"
        base = above.chain if above else identities(entitled.tenant, agent)
        token = Token(
            token_id,
            agent,
            entitled.owner,
            entitled.tenant,
            f"sid_{secrets.token_hex(8)}",
            (*base, token_id),
            now,
            expires_at,
            parent,
            tuple(grants) or None,
        )
        minted = mint(self._claims(token), self._keys)
        if self._audit is not None:
            await self._audit.record(
                "token.issued",
                tenant=entitled.tenant,
                agent=agent,
                jti=token_id,
                parent=parent,
                expires_at=expires_at,
                narrowed=bool(grants),
            )
        await self._admit(token, now, reopen=True)
        return {**_shown(token), "token": minted}

    async def last_end(self) -> int:
        """When the last token that is signed by now has ended, at the latest (ms)."""
        longest = max((agent.max_ttl for agent in self.config.agents.values()), default=0)
        return max([self._clock() + longest * 1000, *(token.expires_at for token in await self.all())])

    async def tenants(self) -> list[str]:
        """Those of the configuration, and all that have ever had a token."""
        configured = {agent.tenant for agent in self.config.agents.values()}
        return sorted({"default", *configured, *(await self._audit.tenants() if self._audit is not None else ())})

    async def all(self) -> Sequence[Token]:
        """Every token on record, soonest expiry first within its tenant."""
        return [token for tenant in await self.tenants() for token in await self._sessions.tokens(tenant)]

    async def list(self, *, below: str | None = None) -> list[dict[str, JSON]]:
        """All tokens on record, or those below one, each with its state: live, revoked or expired."""
        tokens = [token for token in await self.all() if _is_below(token, below)]
        pages = (tokens[first : first + PAGE] for first in range(0, len(tokens), PAGE))
        return [shown for page in pages for shown in await self._with_states(page)]

    async def show(self, token_id: str, *, below: str | None = None) -> dict[str, JSON]:
        """Raises `NotFound`, also for one that is not `below` the other."""
        token = await self._record(token_id)
        if not _is_below(token, below):
            raise self._unknown(token_id)
        narrowed = None if token.grants is None else [asdict(grant) for grant in token.grants]
        more = {"owner": token.owner, "parent": token.parent, "issued_at": iso(token.issued_at), "grants": narrowed}
        [shown] = await self._with_states([token])
        return {**shown, **more}

    async def resolve(self, token: str) -> Principal:
        """Who a bearer token stands for. Raises `Unauthenticated` when it is not valid, or somebody of its chain is
        not live, which is asked of the store each time; `Forbidden` when its scope is not enough."""
        claims = self.read(token)
        if SCOPE not in claims.scope.split():
            raise Forbidden("This token does not open this gateway.", fix="Ask for more scope.", scope=SCOPE)
        return await self.principal(claims.jti, claims.chain)

    def read(self, token: str) -> Claims:
        """What a bearer token says, proved; whether it is alive is not asked. Raises `Unauthenticated`."""
        issuer, now_s = self.config.gateway.base_url, self._clock() // 1000
        return verify(token, self._keys, issuer=issuer, audience=self.audience, now_s=now_s)

    async def access(self, token_id: str, *, client_id: str, scope: str, lifetime_s: int) -> tuple[str, int]:
        """A bearer that stands for a token on record, for the OAuth client that acts by it, and in how many seconds it
        ends: after `lifetime_s`, or with the token. Raises `Unauthenticated` when the token is dead, or its agent is
        not its owner's any more."""
        token = await self._sessions.token(token_id)
        entitled = self.config.agents.get(token.agent) if token else None
        if token is None or entitled is None or entitled.owner != token.owner:
            raise Unauthenticated("The token's agent is not its owner's any more.", fix="Ask for a new one.")
        if not await self._liveness.is_alive(token.chain):
            raise Unauthenticated("The token was revoked.", fix="Ask for a new one.")
        now_s = self._clock() // 1000
        exp = min(now_s + lifetime_s, token.expires_at // 1000)
        claims = replace(self._claims(token), client_id=client_id, scope=scope, iat=now_s, nbf=now_s, exp=exp)
        return mint(claims, self._keys), exp - now_s

    async def principal(self, token_id: str, chain: tuple[str, ...] = ()) -> Principal:
        """The principal of a token on record, if it is live. Raises `Unauthenticated`. `chain` is what its chain should
        be: then both questions go in one round trip."""
        token, reply = await self._sessions.token_with(token_id, Liveness.check(chain or (token_id,)))
        alive = await self._liveness.holds(reply, chain)
        if token is not None and token.chain != chain:
            alive = await self._liveness.is_alive(token.chain)
        if token is None or not alive:
            raise Unauthenticated("The token was revoked.", fix="Ask for a new one.", error="invalid_token")
        return await self._principal(token)

    async def principal_for_agent(self, agent: str) -> Principal:
        """An administrator acting as an agent, on the gateway's own machine: one lasting session space for each.

        Raises `Forbidden` for an agent that was shut off: that it opens again has to be said, by issuing it a token."""
        token = self._local(agent)
        await self._admit(token, token.issued_at)
        return await self._principal(token)

    async def entitled(self, agent: str) -> Principal:
        """What an agent may do, for questions about it: nobody is let in by asking. Raises `NotFound`."""
        return await self._principal(self._local(agent))

    def _local(self, agent: str) -> Token:
        entitled = self.agent(agent)
        now, name = self._clock(), f"{LOCAL}_{entitled.tenant}_{agent}"
        chain = (*identities(entitled.tenant, agent), local_token(entitled.tenant, agent))
        expires_at = now + entitled.max_ttl * 1000
        return Token(chain[-1], agent, entitled.owner, entitled.tenant, f"sid_{name}", chain, now, expires_at)

    async def _admit(self, token: Token, now: int, *, reopen: bool = False) -> None:
        ttl = max(1, (token.expires_at - now) // 1000)
        await self._sessions.put_token(token, now=now)
        tenant, agent = identities(token.tenant, token.agent)
        admitted = [(tenant, None), (agent, None), (token.id, ttl)]
        local = local_token(token.tenant, token.agent)
        if reopen and self._liveness.is_shut([local]):
            admitted.append((local, ttl))
        await self._liveness.admit_all(admitted, reopen=reopen)

    async def _parent(self, token_id: str, agent: str, now: int) -> Token:
        above = await self._record(token_id)
        if above.agent != agent:
            whose = f"{token_id} is a token of {above.agent}, so its children are too."
            raise UsageError(whose, fix=f"Issue it for {above.agent}.")
        if above.expires_at <= now or not await self._liveness.is_alive(above.chain):
            raise Conflict(f"{token_id} is no longer live, so it cannot have children.")
        return above

    async def _record(self, token_id: str) -> Token:
        token = await self._sessions.token(token_id)
        if token is None:
            raise self._unknown(token_id)
        return token

    @staticmethod
    def _unknown(token_id: str) -> NotFound:
        return NotFound(f"There is no token {token_id}.", fix="See `gateway token list`.")

    async def _principal(self, token: Token) -> Principal:
        # An agent that was taken out of the configuration has no grants; its tokens open nothing.
        entitled = self.config.agents.get(token.agent)
        own = entitled.policy if entitled else ()
        narrowed = [await self._narrowing(token_id, token) for token_id in token.chain[2:]]
        return Principal(
            token.id,
            token.agent,
            token.owner,
            token.tenant,
            token.session,
            token.chain,
            (own, *(grants for grants in narrowed if grants is not None)),
            self.config.denied,
            token.expires_at,
        )

    async def _narrowing(self, token_id: str, self_token: Token) -> tuple[Grant, ...] | None:
        """What `--grant` left of the agent's grants, at one token of a chain; a record that is gone leaves nothing."""
        if token_id not in self._narrowed:
            record = self_token if token_id == self_token.id else await self._sessions.token(token_id)
            if len(self._narrowed) >= NARROWINGS_KEPT:
                self._narrowed.clear()
            self._narrowed[token_id] = record.grants if record else ()
        return self._narrowed[token_id]

    async def _with_states(self, tokens: Sequence[Token]) -> Sequence[dict[str, JSON]]:
        now = self._clock()
        states = dict.fromkeys((token.id for token in tokens), "expired")
        current = [token for token in tokens if token.expires_at > now]
        alive = await self._liveness.are_alive([token.chain for token in current])
        states |= {token.id: "live" if lives else "revoked" for token, lives in zip(current, alive, strict=True)}
        return [{**_shown(token), "state": states[token.id]} for token in tokens]

    def _claims(self, token: Token) -> Claims:
        issued = token.issued_at // 1000
        return Claims(
            iss=self.config.gateway.base_url,
            aud=self.audience,
            sub=token.agent,
            client_id=token.agent,
            jti=token.id,
            iat=issued,
            nbf=issued,
            exp=token.expires_at // 1000,
            sid=token.session,
            tid=token.tenant,
            scope=SCOPE,
            pol=_policy_hash(token.grants),
            chain=token.chain,
        )

    def agent(self, agent: str) -> AgentConfig:
        """The agent of this name. Raises `NotFound`."""
        found = self.config.agents.get(agent)
        if found is None:
            known = ", ".join(self.config.agents) or "none"
            raise NotFound(f"There is no agent {agent!r}.", fix=f"The configuration has: {known}.")
        return found


def identities(tenant: str, agent: str) -> tuple[str, str]:
    """The identities above every token of an agent, as liveness knows them."""
    return f"tenant:{tenant}", f"agent:{tenant}/{agent}"


def local_token(tenant: str, agent: str) -> str:
    """The token by which an administrator acts as an agent."""
    return f"tok_{LOCAL}_{tenant}_{agent}"


def _is_below(token: Token, above: str | None) -> bool:
    return above is None or above in token.chain[:-1]


def _shown(token: Token) -> dict[str, JSON]:
    return {"id": token.id, "agent": token.agent, "session": token.session, "expires_at": iso(token.expires_at)}


def _policy_hash(grants: tuple[Grant, ...] | None) -> str:
    return hashlib.sha256(orjson.dumps([asdict(grant) for grant in grants or ()])).hexdigest()[:16]
