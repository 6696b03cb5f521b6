"""The part of `/api/v1` that is about the audit record."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from gateway.clock import now_ms
from gateway.config.quantities import seconds
from gateway.engine.record import Filter
from gateway.model import JSON
from gateway.web.operations import Call, Input, Operation


def moment(value: object) -> int:
    """Ms of a time: `2026-11-17` and `2026-11-17T09:00` (UTC unless it says otherwise), or how long ago: `90m`,
    `2 days`. Raises ValueError for anything else."""
    text = str(value).strip()
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        pass
    else:
        return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    try:
        return now_ms() - int(seconds(text) * 1000)
    except ValueError as error:
        raise ValueError("expected a time such as 2026-11-17 or 2026-11-17T09:00, or how long ago: 2h") from error


Moment = Annotated[int, BeforeValidator(moment), WithJsonSchema({"type": "string"})]


class AuditQuery(Input):
    """`event`, `server` and `tool` are globs. `last` asks for the last so many; else the first, from `since` or
    `cursor` on."""

    agent: str | None = None
    server: str | None = None
    tool: str | None = None
    run: str | None = None
    event: str | None = None
    since: Moment | None = None
    until: Moment | None = None
    cursor: str | None = None
    limit: int = Field(default=250, ge=1, le=1_000)
    last: int | None = Field(default=None, ge=1, le=1_000)


class Verification(Input):
    """`checkpoints`: some that were exported."""

    checkpoints: list[dict[str, Any]] = Field(default=[], max_length=100_000)


async def read_audit(call: Call) -> JSON:
    """`{"records", "cursor", "more", "gaps"}`"""
    query: AuditQuery = call.query
    wanted = Filter(query.agent, query.server, query.tool, query.run, query.event, query.since, query.until)
    desk = call.services.audit
    if query.last is not None:
        return (await desk.latest(wanted, limit=query.last)).as_dict()
    return (await desk.page(wanted, query.cursor, limit=query.limit)).as_dict()


async def verify_audit(call: Call) -> JSON:
    body: Verification = call.body
    return await call.services.audit.verify(body.checkpoints)


async def sign_audit(call: Call) -> JSON:
    return await call.services.audit.checkpoint()


OPERATIONS = (
    Operation("GET", "/audit/records", "Who did what, page by page", read_audit, query=AuditQuery),
    Operation("POST", "/audit/verify", "Prove the audit record unbroken", verify_audit, Verification),
    Operation("POST", "/audit/checkpoint", "Sign the audit record's end, and take it along", sign_audit),
)
