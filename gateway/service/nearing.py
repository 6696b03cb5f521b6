"""Warnings before a run's limits bite."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.model import Diagnostic
from gateway.service.caps import DAY_MS
from gateway.service.drive import Drive
from gateway.service.floor import Floor

NEAR = 0.8


def warnings(floor: Floor, drive: Drive) -> list[Diagnostic]:
    """One for each limit of which the run has used four fifths or more."""
    return [
        Diagnostic(1, 1, f"The run has used {used:.{digits}f} {unit} of {name} = {cap}. {advice}")
        for name, used, cap, unit, digits, advice in _used(floor, drive)
        if used >= NEAR * cap
    ]


def _used(floor: Floor, drive: Drive) -> Iterator[tuple[str, float, int, str, int, str]]:
    limits, history = floor.config.gateway.limits, drive.pen.history
    legs = "continueWith(state) goes on with a fresh journal."
    yield "run_tool_calls", history.tool_calls, limits.run_tool_calls, "calls", 0, legs
    yield "run_steps", len(history.calls), limits.run_steps, "steps", 0, legs
    yield "run_journal_mb", drive.pen.writer.size / 2**20, limits.run_journal_mb, "MB", 1, legs
    yield "run_days", (floor.clock() - drive.job.created_at) / DAY_MS, limits.run_days, "days", 0, legs
    active = "Time asleep does not count."
    yield "run_active_seconds", drive.active_ms / 1000, limits.run_active_seconds, "s", 0, active
