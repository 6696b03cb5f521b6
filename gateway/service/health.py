"""Whether everything is in order: in one line for `/readyz`, at length for `gateway doctor`."""

from __future__ import annotations

from collections.abc import Mapping

from gateway import clock
from gateway.errors import StoreError
from gateway.model import JSON
from gateway.service.audit_export import Exporters
from gateway.service.floor import Floor

Check = Mapping[str, JSON]
"""`{"name", "ok", "detail", "fix"}`"""
MOST_SECONDS_APART = 5
"""What clocks may differ before it is worth a word: tokens of others are judged by the store's."""


async def problems(floor: Floor) -> dict[str, str | None]:
    """What requests cannot be answered without: each part's problem, None where it has none."""
    return {"store": await _store_problem(floor), "checker": floor.checker.problem()}


async def doctor(floor: Floor, exporters: Exporters, *, embedded: bool) -> list[Check]:
    store = await _store_problem(floor)
    return [
        check("store", store is None, store or f"{_store_name(embedded)} answers", "See the store's log."),
        _clocks(floor),
        *floor.checker.doctor(),
        *floor.pool.doctor(),
        _servers(floor),
        _audit(exporters),
    ]


def check(name: str, ok: bool, detail: str, fix: str) -> Check:
    return {"name": name, "ok": ok, "detail": detail, "fix": "" if ok else fix}


async def _store_problem(floor: Floor) -> str | None:
    try:
        await floor.client.send("PING")
    except StoreError as error:
        return str(error)
    return None


def _store_name(embedded: bool) -> str:
    return "embedded Valkey" if embedded else "redis_url"


def _clocks(floor: Floor) -> Check:
    seconds = (floor.clock() - clock.now_ms()) / 1000
    apart = f"{abs(seconds):,.0f} s {'ahead of' if seconds > 0 else 'behind'}"
    agree = abs(seconds) < MOST_SECONDS_APART
    told = "the store's clock and this machine's agree" if agree else f"the store's clock is {apart} this machine's"
    return check("clock", agree, told, "All replicas go by the store's clock. Set both by a time server.")


def _servers(floor: Floor) -> Check:
    servers = floor.upstreams.status()
    bad = [server for server in servers if server.state == "failed"]
    told = f"{len(servers) - len(bad)} of {len(servers)} ready"
    told += "".join(f"; {server.name}: {server.error}" for server in bad)
    return check("servers", not bad, told, "See `gateway servers check`.")


def _audit(exporters: Exporters) -> Check:
    told = "; ".join(f"{sink}: {problem}" for sink, problem in exporters.problems.items())
    fix = "The record itself goes on; what is missing there is sent as soon as it can be."
    return check("audit", not told, told or "every receiver of the audit record has what there is", fix)
