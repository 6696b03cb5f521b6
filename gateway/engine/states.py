"""The states of a run.

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
