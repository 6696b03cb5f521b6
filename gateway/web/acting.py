"""For whom a request of `/api/v1` acts."""

from __future__ import annotations

from gateway.errors import Forbidden, UsageError
from gateway.model import Principal
from gateway.web.operations import Call, Input


class AgentQuery(Input):
    agent: str | None = None


async def acting(call: Call, agent: str | None) -> Principal:
    """For whom a request acts: a token for its own agent; an administrator for the one named, or the only one."""
    if not call.principal.admin:
        if agent not in (None, call.principal.agent):
            raise Forbidden(f"This token belongs to agent '{call.principal.agent}'.", fix="Leave the agent out.")
        return call.principal
    agents = list(call.services.config.agents)
    if agent is None and len(agents) != 1:
        raise UsageError("Which agent?", fix=f"Name one of: {', '.join(agents) or '(none is configured)'}.")
    return await call.services.tokens.principal_for_agent(agent or agents[0])
