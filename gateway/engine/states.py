"""The states of a run, and which may follow which. One screen, one table.

    ┌────────── running ◄──────────┐
    │             │                │ claimed (timer due, event, answer, call done, restart)
    │             └───► waiting ───┘
    ▼                      │
completed  failed  cancelled  revoked          (rejected: never ran; a run is born in it)
"""

from __future__ import annotations

from gateway.model import RunStatus

TERMINAL = frozenset(
    {RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.REJECTED, RunStatus.CANCELLED, RunStatus.REVOKED}
)

FOLLOWS: dict[RunStatus, frozenset[RunStatus]] = {
    RunStatus.RUNNING: frozenset(RunStatus) - {RunStatus.REJECTED},
    RunStatus.WAITING: frozenset({RunStatus.RUNNING, RunStatus.WAITING, RunStatus.FAILED})
    | {
        RunStatus.CANCELLED,
        RunStatus.REVOKED,
    },
    **dict.fromkeys(TERMINAL, frozenset()),
}


def may_follow(old: RunStatus, new: RunStatus) -> bool:
    return new in FOLLOWS[old]
