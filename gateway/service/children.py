"""Tokens that an agent makes out of its own, for what it hands work to: narrower, shorter, dead when it is dead."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.errors import Forbidden
from gateway.model import JSON, Grant, Principal
from gateway.service.rates import Rates
from gateway.service.tokens import Tokens


class Children:
    def __init__(self, tokens: Tokens, rates: Rates) -> None:
        self._tokens = tokens
        self._rates = rates

    async def issue(
        self,
        principal: Principal,
        *,
        agent: str | None,
        ttl_seconds: int | None,
        grants: Sequence[Grant],
        parent: str | None,
    ) -> dict[str, JSON]:
        """A child of the principal's own token, as `Tokens.issue` gives it; without a lifetime, it lives as long as its
        parent. Raises `Forbidden` for another agent or parent, `Busy` for too many, and what `Tokens.issue` raises."""
        if agent not in (None, principal.agent) or parent not in (None, principal.token_id):
            raise Forbidden(
                f"A token of {principal.agent} makes children of its own alone.", fix="Leave agent and parent out."
            )
        await self._rates.of_client("child", principal.token_id)
        return await self._tokens.issue(
            principal.agent, ttl_seconds=ttl_seconds, grants=grants, parent=principal.token_id
        )
