"""Logs and metrics: what an operator's tools collect. Nothing here knows what a run is; callers bring the words.

Logs go to stderr, one line each, for people or (`json_logs`) as one JSON object; fields come from `extra=`.
Metrics are Prometheus's, in a registry of our own, and `exposition()` is the body of `/metrics`.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from gateway.engine.scrub import Scrubber
from gateway.engine.text import legible

# --- metrics -----------------------------------------------------------------------------------------------------

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

RUNS = Counter("gateway_runs", "Runs that ended, by status.", ["status"], registry=REGISTRY)
RUN_SECONDS = Histogram("gateway_run_seconds", "Run from start to end.", buckets=_SECONDS, registry=REGISTRY)
CHECK_SECONDS = Histogram("gateway_check_seconds", "Type checks.", buckets=_SECONDS, registry=REGISTRY)
CALLS = Counter("gateway_tool_calls", "Upstream tool calls.", ["server", "outcome"], registry=REGISTRY)
CALL_SECONDS = Histogram(
    "gateway_tool_call_seconds", "Upstream tool calls.", ["server"], buckets=_SECONDS, registry=REGISTRY
)
ACTIVE_RUNS = Gauge("gateway_active_runs", "Runs with a process now.", registry=REGISTRY)
POOL_READY = Gauge("gateway_pool_ready", "Processes started and waiting for a program.", registry=REGISTRY)
STORE_UP = Gauge("gateway_store_up", "1 while the store answers.", registry=REGISTRY)
UPSTREAM_READY = Gauge("gateway_upstream_ready", "1 while a server is connected.", ["server"], registry=REGISTRY)


def run_ended(status: str, seconds: float) -> None:
    """Time asleep counts too: it is what the one who asked for the run has waited."""
    RUNS.labels(status).inc()
    RUN_SECONDS.observe(seconds)


def call_ended(server: str, outcome: str, seconds: float) -> None:
    """`outcome` is ok, or the code of the error."""
    CALLS.labels(server, outcome).inc()
    CALL_SECONDS.labels(server).observe(seconds)


def parts(*, store: bool, upstreams: Mapping[str, bool]) -> None:
    """What is up at this moment: the store, and each server by its name."""
    STORE_UP.set(store)
    UPSTREAM_READY.clear()
    for server, ready in upstreams.items():
        UPSTREAM_READY.labels(server).set(ready)


def exposition() -> tuple[bytes, str]:
    """The body of `/metrics` and its content type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST


# --- logs --------------------------------------------------------------------------------------------------------

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
_LONGEST_LINE = 20_000
_SHORTEST_SECRET = 4
"""Characters: anything shorter would be blanked out of ordinary words."""

SECRETS = Scrubber(shortest=_SHORTEST_SECRET)
"""What is blanked in every line: what the configuration names, and tokens as they come."""


class _Formatter(logging.Formatter):
    """Blanks the secrets out of whatever a line has become, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        return SECRETS.text(self.line(record, at))

    def line(self, record: logging.LogRecord, at: str) -> str:
        fields = "".join(f" {name}={value}" for name, value in _fields(record).items())
        text = f"{at[11:23]} {record.levelname.lower():7} {record.name}: {record.getMessage()}{fields}"
        # What servers and clients sent may be in it: no line of their own, and nothing that a terminal obeys.
        text = legible(text.replace("\n", "\\n"), _LONGEST_LINE)
        trace = self._trace(record)
        return f"{text}\n{trace}" if trace else text

    def _trace(self, record: logging.LogRecord) -> str:
        return self.formatException(record.exc_info) if record.exc_info else ""


class _JsonFormatter(_Formatter):
    def line(self, record: logging.LogRecord, at: str) -> str:
        event: dict[str, Any] = {
            "time": at,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if trace := self._trace(record):
            event["trace"] = trace
        return orjson.dumps(event, default=str).decode()


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """What the caller gave as `extra=`."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def configure_logs(level: str, *, json_logs: bool, secrets: Iterable[str] = ()) -> None:
    """Send the gateway's messages from `level` up to stderr, and of its libraries only the warnings.

    Called again (a changed configuration), it replaces what it set before.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if json_logs else _Formatter())
    SECRETS.blank(secrets)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if level == "debug" else logging.WARNING)
    logging.getLogger("gateway").setLevel(level.upper())
