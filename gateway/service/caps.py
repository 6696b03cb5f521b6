"""The limits of a run that the host keeps: asked for each command that is new to the journal."""

from __future__ import annotations

from gateway.engine.frames import Command
from gateway.errors import LimitExceeded
from gateway.service.floor import Floor, Job
from gateway.service.pen import Pen

DAY_MS = 86_400_000


def check(floor: Floor, job: Job, pen: Pen, command: Command, under_way: int) -> None:
    """Whether a run may ask for `command` beside the `under_way` that it waits for. Another leg it may always ask for.
    Raises `LimitExceeded` that names the limit."""
    limits = floor.config.gateway.limits
    if command.kind == "continue":
        return
    if under_way >= limits.run_concurrent_calls:
        raise _over("run_concurrent_calls", limits.run_concurrent_calls, "calls under way at once", command.line)
    if command.cid > limits.run_steps:
        raise _over("run_steps", limits.run_steps, "calls, timers and other commands", command.line)
    if command.kind == "tool" and pen.history.tool_calls >= limits.run_tool_calls:
        raise _over("run_tool_calls", limits.run_tool_calls, "tool calls", command.line)
    if pen.writer.size >= limits.run_journal_mb * 2**20:
        raise _over("run_journal_mb", limits.run_journal_mb, "MB in its journal", command.line)
    if floor.clock() - job.created_at >= limits.run_days * DAY_MS:
        raise _over("run_days", limits.run_days, "days behind it", command.line)


def _over(name: str, cap: int, what: str, line: int) -> LimitExceeded:
    return LimitExceeded(
        f"The program has more than {cap} {what} ({name}).",
        fix="Do it in smaller portions, or in legs with continueWith(state), or raise the limit in the configuration.",
        limit=name,
        line=line or None,
    )
