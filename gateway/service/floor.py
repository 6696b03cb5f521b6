"""What the use cases stand on: the adapters, built once by app.py and handed to whoever needs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from gateway.clock import Clock
from gateway.config import Config
from gateway.model import JSON, Diagnostic, Principal
from gateway.sandbox.checker import Checker
from gateway.sandbox.pool import ProcessPool
from gateway.service.audit import Audit
from gateway.service.drift import Drift
from gateway.service.learn import Learner
from gateway.store.bus import Bus
from gateway.store.client import Client
from gateway.store.journal import Journal
from gateway.store.liveness import Liveness
from gateway.store.modules import Modules
from gateway.store.sessions import Sessions
from gateway.store.timers import Timers
from gateway.store.usage import Usage
from gateway.upstream.pool import Upstreams


@dataclass(slots=True)
class Floor:
    config: Config
    clock: Clock
    client: Client
    bus: Bus
    journal: Journal
    timers: Timers
    liveness: Liveness
    sessions: Sessions
    modules: Modules
    usage: Usage
    pool: ProcessPool
    checker: Checker
    upstreams: Upstreams
    learner: Learner
    drift: Drift
    audit: Audit


@dataclass(frozen=True, slots=True)
class RuntimeModule:
    """What a run needs of the module it was checked against: it keeps it over hot reloads and on other replicas.
    `tools` is namespace → function → [server, tool]; `wrapped` the tools whose results come inside `{result: …}`."""

    hash: str
    tools: Mapping[str, Mapping[str, tuple[str, str]]]
    wrapped: frozenset[str]

    def as_json(self) -> JSON:
        return {"tools": self.tools, "wrapped": sorted(self.wrapped)}

    @classmethod
    def from_json(cls, digest: str, stored: JSON) -> RuntimeModule:
        return cls(digest, stored["tools"], frozenset(stored["wrapped"]))


@dataclass(frozen=True, slots=True)
class Job:
    """One run as the drive loop needs it."""

    run_id: str
    principal: Principal
    session: str
    run_text: str
    module: RuntimeModule
    created_at: int
    warnings: tuple[Diagnostic, ...] = ()
    links: Mapping[str, JSON] = field(default_factory=dict)
    """Other runs that it comes from: `continues` and `first`, the legs before; `forked_from`, `retry_of`."""
    continued: Mapping[str, JSON] | None = None
    """What the leg before gave to `continueWith`, as `{"v": state}`."""


def tool_key(server: str, tool: str) -> str:
    """The name of a tool in commands, journals and messages."""
    return f"{server}:{tool}"


def compact(value: JSON) -> str:
    return orjson.dumps(value).decode()
