"""`/metrics`, as a Prometheus server reads it."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.live import Live
from tests.web.test_api import ask

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def scrape(gateway: Live) -> dict[tuple[str, str], float]:
    """The value of each sample, by its name and its labels' values (in the order of the labels' names)."""
    async with gateway.http.get(f"{gateway.url}/metrics") as answer:
        families = text_string_to_metric_families(await answer.text())
    return {(one.name, " ".join(one.labels.values())): one.value for family in families for one in family.samples}


async def test_what_ran_is_counted_and_what_is_up_is_shown(gateway: Live) -> None:
    bearer, before = await gateway.token(), await scrape(gateway)
    works = "return (await tools.fast.add({ a: 1, b: 2 })).sum"
    for code in (works, works.replace("a: 1", "a: 'x'"), "throw new Error('no')"):
        await ask(gateway, "POST", "/runs", {"code": code, "wait_seconds": 10}, bearer=bearer)
    after = await scrape(gateway)

    def more(name: str, labels: str = "") -> float:
        return after[name, labels] - before.get((name, labels), 0)

    assert [more("gateway_runs_total", status) for status in ("completed", "rejected", "failed")] == [1, 1, 1]
    assert more("gateway_run_seconds_count") == 3
    assert more("gateway_check_seconds_count") == 3
    assert more("gateway_tool_calls_total", "ok fast") == 1
    assert more("gateway_tool_call_seconds_count", "fast") == 1
    assert (after["gateway_store_up", ""], after["gateway_upstream_ready", "fast"]) == (1, 1)
    assert after["gateway_pool_ready", ""] + after["gateway_active_runs", ""] >= 0
