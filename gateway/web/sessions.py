"""The part of `/api/v1` that is about sessions."""

from __future__ import annotations

from gateway.model import JSON
from gateway.web.acting import AgentQuery
from gateway.web.operations import Call, Operation


class SessionsQuery(AgentQuery):
    """Only sessions of this agent, or of this token."""

    token: str | None = None


class DeletionQuery(SessionsQuery):
    """`cancel`: the session's runs that go on; without it they are in the way."""

    cancel: bool = False


async def list_sessions(call: Call) -> JSON:
    query: SessionsQuery = call.query
    return await call.services.runs.sessions.list(call.principal, agent=query.agent, token=query.token)


async def show_session(call: Call) -> JSON:
    query: SessionsQuery = call.query
    desk, name = call.services.runs.sessions, call.path["session"]
    return await desk.show(call.principal, name, agent=query.agent, token=query.token)


async def delete_session(call: Call) -> JSON:
    query: DeletionQuery = call.query
    desk, name = call.services.runs.sessions, call.path["session"]
    return await desk.delete(call.principal, name, agent=query.agent, token=query.token, cancel=query.cancel)


OPERATIONS = (
    Operation("GET", "/sessions", "Sessions, the latest first", list_sessions, query=SessionsQuery, open_to="token"),
    Operation(
        "GET", "/sessions/{session}", "A session's keys and runs", show_session, query=SessionsQuery, open_to="token"
    ),
    Operation(
        "DELETE",
        "/sessions/{session}",
        "Forget a session's state",
        delete_session,
        query=DeletionQuery,
        open_to="token",
    ),
)
