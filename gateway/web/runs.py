"""The part of `/api/v1` that is about programs and their runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Literal

from pydantic import Field

from gateway.model import JSON
from gateway.web.acting import AgentQuery, acting
from gateway.web.operations import Call, Input, Operation
from gateway.web.tools import LONGEST_WAIT_SECONDS

_DONE = {"ok": True}
_Wait = Field(default=0, ge=0, le=LONGEST_WAIT_SECONDS)


class Program(Input):
    code: str = Field(min_length=1)
    agent: str | None = None


class StartRun(Program):
    session: str = "default"
    wait_seconds: float = _Wait


class RunsQuery(AgentQuery):
    status: Literal["completed", "failed", "rejected", "running", "waiting", "cancelled", "revoked"] | None = None
    session: str | None = None
    limit: int = Field(default=50, ge=1, le=1_000)


class WaitQuery(Input):
    wait_seconds: float = _Wait


async def check_program(call: Call) -> JSON:
    body: Program = call.body
    return await call.services.runs.check(await acting(call, body.agent), body.code)


async def start_run(call: Call) -> JSON:
    body: StartRun = call.body
    principal = await acting(call, body.agent)
    run = await call.services.runs.execute(principal, body.code, session=body.session, wait_seconds=body.wait_seconds)
    return run.as_dict()


async def list_runs(call: Call) -> JSON:
    query: RunsQuery = call.query
    found = await call.services.runs.list(
        call.principal, status=query.status, session=query.session, agent=query.agent, limit=query.limit
    )
    return [run.for_people() for run in found]


async def show_run(call: Call) -> JSON:
    """With its `steps`."""
    return (await call.services.runs.show(call.principal, call.path["run"])).for_people()


async def await_run(call: Call) -> JSON:
    wait: float = call.query.wait_seconds
    run = await call.services.runs.result(call.principal, call.path["run"], wait_seconds=wait)
    return run.as_dict()


async def cancel_run(call: Call) -> JSON:
    return (await call.services.runs.cancel(call.principal, call.path["run"])).as_dict()


async def signal_run(call: Call) -> JSON:
    await call.services.runs.signal(call.principal, call.path["run"], call.path["event"], call.body)
    return _DONE


class Fork(Input):
    """`at`: the command (its `cid`) that is the first to go another way. `code`: absent, the same program."""

    at: int = Field(ge=1)
    code: str | None = Field(default=None, min_length=1)
    session: str | None = None
    wait_seconds: float = _Wait


class Retry(Input):
    """`from_start`: absent, from where the run stopped."""

    from_start: bool = False
    wait_seconds: float = _Wait


async def fork_run(call: Call) -> JSON:
    body: Fork = call.body
    runs = call.services.runs
    made = await runs.again.fork(call.principal, call.path["run"], body.at, code=body.code, session=body.session)
    return (await runs.result(call.principal, made, wait_seconds=body.wait_seconds)).as_dict()


async def retry_run(call: Call) -> JSON:
    body: Retry = call.body
    runs = call.services.runs
    made = await runs.again.retry(call.principal, call.path["run"], from_start=body.from_start)
    return (await runs.result(call.principal, made, wait_seconds=body.wait_seconds)).as_dict()


async def tail_runs(call: Call) -> AsyncIterator[JSON]:
    return call.services.runs.archive.tail_all(call.principal)


async def tail_run(call: Call) -> AsyncIterator[JSON]:
    return await call.services.runs.archive.tail(call.principal, call.path["run"])


async def export_run(call: Call) -> AsyncIterator[JSON]:
    return await call.services.runs.archive.export(call.principal, call.path["run"])


# --- what people decide about a run ------------------------------------------------------------------------------


class Answer(Input):
    """`cid`: which of the run's commands is meant, where it waits for several; absent: the oldest."""

    value: Any
    cid: int | None = None


class Approval(Input):
    approved: bool
    comment: str | None = Field(default=None, max_length=2_000)
    cid: int | None = None


class Resolution(Input):
    choice: Literal["retry", "supply", "fail"]
    value: Any = None
    cid: int | None = None


async def answer_run(call: Call) -> JSON:
    body: Answer = call.body
    await call.services.runs.answer(call.principal, call.path["run"], body.value, cid=body.cid)
    return _DONE


async def approve_run(call: Call) -> JSON:
    body: Approval = call.body
    await call.services.runs.approve(
        call.principal, call.path["run"], approved=body.approved, comment=body.comment, cid=body.cid
    )
    return _DONE


async def resolve_run(call: Call) -> JSON:
    body: Resolution = call.body
    await call.services.runs.resolve(call.principal, call.path["run"], body.choice, value=body.value, cid=body.cid)
    return _DONE


OPERATIONS = (
    Operation("POST", "/check", "Type-check a program", check_program, Program, open_to="token"),
    Operation("GET", "/runs", "Runs, the latest first", list_runs, query=RunsQuery, open_to="token"),
    Operation("POST", "/runs", "Run a program", start_run, StartRun, open_to="token"),
    Operation("GET", "/runs/tail", "What all runs write into their journals, as it comes", tail_runs, open_to="token"),
    Operation("GET", "/runs/{run}", "A run with its steps", show_run, open_to="token"),
    Operation("GET", "/runs/{run}/result", "A run, when it ends", await_run, query=WaitQuery, open_to="token"),
    Operation("POST", "/runs/{run}/cancel", "Stop a run", cancel_run, open_to="token"),
    Operation("GET", "/runs/{run}/tail", "A run's journal, as it grows", tail_run, open_to="token"),
    Operation("GET", "/runs/{run}/export", "A run's journal, to replay it elsewhere", export_run, open_to="token"),
    Operation("POST", "/runs/{run}/fork", "A new run with the beginning of this one", fork_run, Fork, open_to="token"),
    Operation("POST", "/runs/{run}/retry", "A run that failed, again", retry_run, Retry, open_to="token"),
    Operation("POST", "/runs/{run}/events/{event:path}", "Send an event to a run", signal_run, Any, open_to="token"),
    Operation("POST", "/runs/{run}/approval", "Agree, or not, to what a run asks for", approve_run, Approval),
    Operation("POST", "/runs/{run}/answer", "Answer what a run asks", answer_run, Answer),
    Operation(
        "POST", "/runs/{run}/resolution", "Decide about a call whose outcome is unknown", resolve_run, Resolution
    ),
)
