"""The nouns of the gateway, as frozen dataclasses. No behaviour beyond derived properties, no I/O.

Times are integer milliseconds since the epoch (UTC) unless a name says otherwise. `None` means absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

JSON = Any
"""Any JSON value as Python has it: dict, list, str, int, float, bool, None."""


# --- tools -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Annotations:
    """A tool's hints with MCP's defaults for what is absent: untrusted unless the operator set them."""

    read_only: bool = False
    destructive: bool = True
    idempotent: bool = False
    open_world: bool = True


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool of one upstream, as pinned: `raw` is the definition as the server sent it."""

    server: str
    name: str
    raw: Mapping[str, JSON]
    annotations: Annotations
    pin: str
    """SHA-256 (hex) of the RFC 8785 form of `raw` and the server's endpoint."""

    @property
    def description(self) -> str:
        text = self.raw.get("description")
        return text if isinstance(text, str) else ""

    @property
    def output_schema(self) -> JSON | None:
        return self.raw.get("outputSchema")


@dataclass(frozen=True, slots=True)
class ServerTools:
    """What one upstream offers now. `tools` is in the server's own order and may be stale while it reconnects."""

    name: str
    title: str
    instructions: str
    tools: tuple[Tool, ...]


@dataclass(frozen=True, slots=True)
class Catalog:
    """An immutable snapshot of all upstreams' tools. `version` grows by one with each change."""

    version: int
    servers: Mapping[str, ServerTools]

    def find(self, server: str, tool: str) -> Tool | None:
        offered = self.servers.get(server)
        if offered is None:
            return None
        return next((t for t in offered.tools if t.name == tool), None)


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """One line of `gateway servers check`. `latency_ms` is how long the server last took to list its tools."""

    name: str
    state: str
    """ready | starting | failed"""
    tools: int
    error: str | None
    transport: str
    protocol: str | None = None
    latency_ms: float | None = None
    stderr_tail: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    """Tools that the server listed but that are broken, each as `name: reason`."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What an upstream answered to `tools/call`: content blocks as plain JSON, `structured` absent = `None`."""

    content: tuple[JSON, ...]
    structured: JSON | None
    has_structured: bool
    is_error: bool
    meta: Mapping[str, JSON] | None = None
    bytes: int = 0


# --- who -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Grant:
    """One door: tools of a server, and under which conditions. Globs match whole names, case-sensitively."""

    server: str
    tools: tuple[str, ...] = ("*",)
    when: Mapping[str, bool] = field(default_factory=dict)
    args: Mapping[str, Mapping[str, JSON]] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=dict)
    hours: Mapping[str, JSON] | None = None
    approval: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """The stored record of an issued token (never the token itself). Live while every id of `chain` is live."""

    id: str
    agent: str
    owner: str
    tenant: str
    session: str
    """`sid`: the session space that belongs to this token."""
    chain: tuple[str, ...]
    """tenant, agent, parents…, self: liveness is checked for each."""
    issued_at: int
    expires_at: int
    parent: str | None = None
    grants: tuple[Grant, ...] | None = None
    """Narrowing given with `--grant` (evaluated *and*ed with the agent's own); None: the agent's grants as they are."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a request or a run acts as, resolved from a verified token. `policies` must all allow a call:
    the agent's grants, then one set for each narrowing along the token's chain."""

    token_id: str
    agent: str
    owner: str
    tenant: str
    sid: str
    chain: tuple[str, ...]
    policies: tuple[tuple[Grant, ...], ...]
    deny: tuple[Grant, ...] = ()
    expires_at: int = 0
    admin: bool = False


# --- runs ------------------------------------------------------------------------------------------------------


class RunStatus(StrEnum):
    RUNNING = "running"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a run has no process now: `for_` is sleep | approval | event | input | tool | in_doubt."""

    for_: str
    since: int
    until: int | None
    detail: str
    cids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding of the type checker, in the author's own 1-based line and column."""

    line: int
    column: int
    message: str
    code: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of a run's journal: `seq` from 0, `kind` and `data` as in docs/journal.md, `at` the host's clock."""

    seq: int
    kind: str
    at: int
    data: Mapping[str, JSON]


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write one run's journal: appends need this epoch and the journal's exact length."""

    run_id: str
    epoch: int
    expires_at_monotonic: float
