"""What programs ask people to agree to, and who may answer. The answer holds for that very call, once."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from gateway.engine import replay
from gateway.engine.replay import Call
from gateway.errors import Conflict, NotFound
from gateway.identity.people import Person
from gateway.model import JSON, Principal
from gateway.service.execute import Runs
from gateway.service.floor import Floor

_LOOKED_AT = 200
"""Waiting runs, the newest."""
_SHOWN = 20_000
"""Characters of what is asked for. What is longer cannot be judged on a page."""


@dataclass(frozen=True, slots=True)
class Question:
    run_id: str
    cid: int
    agent: str
    owner: str
    title: str
    """The tool that is to be called, or the program's own question."""
    details: str
    """The arguments, or what the program says beside its question: JSON as it stands, nothing hidden."""
    by: str
    """Who may answer: `owner`, `user:NAME` or `role:NAME`."""
    until: int | None
    """ms since the epoch"""
    of_program: bool
    """Whether the question is the program's own words."""


class Approvals:
    def __init__(self, floor: Floor, runs: Runs) -> None:
        self._floor = floor
        self._runs = runs

    async def pending(self, person: Person) -> list[Question]:
        """What waits for an answer that the person may give, the newest run first."""
        waiting = await self._runs.list(_as(person), status="waiting", limit=_LOOKED_AT)
        ids = [run.run_id for run in waiting if run.body.get("waiting", {}).get("for") == "approval"]
        return [question for run_id in ids for question in await self._asked(run_id) if may_answer(person, question)]

    async def question(self, run_id: str, cid: int, person: Person) -> Question:
        """Raises `NotFound` for what is not asked, or not asked of this person."""
        for question in await self._asked(run_id):
            if question.cid == cid and may_answer(person, question):
                return question
        raise NotFound("Nothing here waits for your answer.", fix="It may have been answered, or be too late.")

    async def answer(self, run_id: str, cid: int, person: Person, *, approved: bool, comment: str | None) -> None:
        """Raises `NotFound` as `question`, and `Conflict` for a run that waits for something else by now."""
        await self.question(run_id, cid, person)
        await self._runs.approve(_as(person), run_id, approved=approved, comment=comment, cid=cid)

    async def _asked(self, run_id: str) -> list[Question]:
        record = await self._floor.journal.record(run_id)
        if record is None:
            return []
        agent = self._floor.config.agents.get(record["agent"])
        owner = agent.owner if agent is not None else ""
        history = replay.read(await self._floor.journal.entries(run_id))
        calls = [call for call in history.open_calls() if call.kind == "approve" or _is_held(call)]
        return [await self._as_question(run_id, call, record["agent"], owner) for call in calls]

    async def _as_question(self, run_id: str, call: Call, agent: str, owner: str) -> Question:
        data = call.data
        args: JSON = data["args"] if "args" in data else await self._floor.journal.blob(run_id, str(data["blob"]))
        if call.kind == "approve":
            title, details = str(args.get("question")), args.get("details")
            by, until = args.get("by"), call.until
        else:
            approval = call.approval or {}
            title, details, by, until = call.name, args, approval.get("by"), approval.get("until")
        return Question(
            run_id=run_id,
            cid=call.cid,
            agent=agent,
            owner=owner,
            title=visible(title),
            details="" if details is None else visible(json.dumps(details, indent=2, ensure_ascii=False)),
            by=by if isinstance(by, str) and by else "owner",
            until=until,
            of_program=call.kind == "approve",
        )


def may_answer(person: Person, question: Question) -> bool:
    """Whether the answer is the person's to give; an administrator may give any."""
    kind, _, name = question.by.partition(":")
    answers: dict[str, Callable[[], bool]] = {
        "owner": lambda: person.id == question.owner,
        "user": lambda: person.id == name,
        "role": lambda: name in person.roles,
    }
    return person.admin or (kind in answers and answers[kind]())


def visible(text: str) -> str:
    """The text with nothing in it that hides or reorders the rest: control and format characters are spelt out. Raises
    `Conflict` for what is too long to be read."""
    if len(text) > _SHOWN:
        raise Conflict(
            f"What is asked for has {len(text):,} characters, too many to judge on a page.",
            fix="Look at it with `gateway runs show RUN --json`, and answer with `gateway runs approve` or `deny`.",
        )
    return "".join(
        char if char == "\n" or unicodedata.category(char)[0] != "C" else f"\\u{ord(char):04x}" for char in text
    )


def _is_held(call: Call) -> bool:
    return call.approval is not None and not call.approved and not call.denied


def _as(person: Person) -> Principal:
    """Who answers, as the runs know it."""
    return Principal("person", "person", person.id, "default", "", (), ((),), admin=True)
