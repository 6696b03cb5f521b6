"""Limits of long runs: they warn before they bite, and another leg is the way on."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.config import Limits
from tests.live import Live

pytestmark = pytest.mark.asyncio(loop_scope="package")

CALLS = "for (let i = 0; i < {n}; i++) await tools.fast.echo({{ text: '{text}' }}); return await waitFor('go')"
DAY_MS = 86_400_000


def told(run: dict[str, Any]) -> str:
    return " ".join(warning["message"] for warning in run.get("warnings", ()))


async def end(gateway: Live, run: dict[str, Any]) -> None:
    await gateway.services.runs.cancel(await gateway.principal(), run["run_id"])


@pytest.mark.parametrize(
    ("limits", "calls", "text", "name"),
    [
        ({"run_tool_calls": 10}, 8, "x", "run_tool_calls = 10"),
        ({"run_steps": 10}, 7, "x", "run_steps = 10"),
        ({"run_journal_mb": 1}, 10, "x" * 45_000, "run_journal_mb = 1"),
    ],
)
async def test_four_fifths_of_a_limit_are_a_warning(
    gateway: Live, monkeypatch: pytest.MonkeyPatch, limits: dict[str, int], calls: int, text: str, name: str
) -> None:
    gateway.configure(monkeypatch, limits=Limits(**limits))
    few = await gateway.execute(CALLS.format(n=calls - 2, text=text))
    near = await gateway.execute(CALLS.format(n=calls, text=text))
    assert "warnings" not in few and name in told(near), near
    record = (await gateway.services.runs.result(await gateway.principal(), near["run_id"])).as_dict()
    assert name in told(record), "the warning outlasts the process"
    await end(gateway, few)
    await end(gateway, near)


async def test_a_journal_over_its_limit_ends_the_run_and_names_it(
    gateway: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.configure(monkeypatch, limits=Limits(run_journal_mb=1))
    run = await gateway.execute(CALLS.format(n=100, text="x" * 45_000))
    assert run["status"] == "failed" and run["error"]["limit"] == "run_journal_mb", run
    assert "continueWith" in run["error"]["message"]


async def test_an_old_run_is_warned_and_may_do_nothing_but_go_on_as_another(
    gateway: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.configure(monkeypatch, limits=Limits(run_days=10))
    principal, runs = await gateway.principal(), gateway.services.runs
    code = "await waitFor('go'); await waitFor('on'); return await tools.fast.echo({ text: 'x' })"
    old, goes = await gateway.execute(code), await gateway.execute("await waitFor('go'); return continueWith(1)")
    clock = gateway.services.floor.clock
    monkeypatch.setattr(gateway.services.floor, "clock", lambda: clock() + 9 * DAY_MS)
    await runs.signal(principal, old["run_id"], "go", None)
    run = (await runs.result(principal, old["run_id"], wait_seconds=20)).as_dict()
    assert "9 days of run_days = 10" in told(run), run
    monkeypatch.setattr(gateway.services.floor, "clock", lambda: clock() + 11 * DAY_MS)
    await runs.signal(principal, old["run_id"], "on", None)
    run = (await runs.result(principal, old["run_id"], wait_seconds=20)).as_dict()
    assert run["status"] == "failed" and run["error"]["limit"] == "run_days", run
    await runs.signal(principal, goes["run_id"], "go", None)
    leg = (await runs.result(principal, goes["run_id"], wait_seconds=20)).as_dict()
    assert leg["continues"] == goes["run_id"], leg
    await end(gateway, leg)
