"""Messages for a run from people and other programs: events, approvals, answers, resolutions, cancellation.

Anybody may post (unfenced); the owner of the run moves each message into the journal, once, by its id."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from gateway.engine.replay import Call, History
from gateway.model import JSON
from gateway.service.open import in_doubt
from gateway.service.pen import Pen
from gateway.service.work import Work

log = logging.getLogger(__name__)

Message = Mapping[str, Any]


def take_in(messages: Sequence[Message], pen: Pen, work: Work, now: int) -> bool:
    """Write what was posted for the run. True when it was cancelled. The inbox may be cleared after the next flush."""
    seen, read = pen.history.seen, work.mail_read
    fresh = [message for message in messages if message["id"] not in seen and message["id"] not in read]
    work.mail_read.update(message["id"] for message in fresh)
    for message in fresh:
        if message["type"] != "cancel":
            _HANDLERS[message["type"]](message, pen, work, now)
    return any(message["type"] == "cancel" for message in fresh)


def catch_up(messages: Sequence[Message], pen: Pen, work: Work, now: int) -> bool:
    """`take_in` for a run that nobody has driven for a while, and the end of the waits whose time has run out
    meanwhile: but what was posted before that had come in time."""
    due = deque(sorted(((c.until, c) for c in pen.history.open_calls() if c.until is not None), key=itemgetter(0)))

    def expire(at: int) -> None:
        while due and due[0][0] <= at:
            call = due.popleft()[1]
            # One that was approved by an earlier message waits for nobody.
            if call.until is not None:
                work.write_expired(call, now)

    cancelled = False
    for message in messages:
        expire(min(now, message.get("at", now)))
        cancelled |= take_in([message], pen, work, now)
    expire(now)
    return cancelled


def _event(message: Message, pen: Pen, work: Work, now: int) -> None:
    stored, blobs = pen.value({"v": message["payload"]})
    pen.write("event", {"id": message["id"], "name": message["name"], **stored}, blobs)
    work.give_events(now)


def _approval(message: Message, pen: Pen, work: Work, now: int) -> None:
    call = _wanted(pen.history, message, lambda c: c.kind == "approve" or c.approval is not None)
    if call is None:
        return
    agreed, by, comment = bool(message["approved"]), message.get("by"), message.get("comment")
    pen.write("approval", {"id": message["id"], "cid": call.cid, "approved": agreed, "by": by, "comment": comment})
    if call.kind == "approve":
        work.finish(call.cid, {"v": {"approved": agreed, "by": by, "comment": comment}}, now)
    elif agreed:
        work.again(call.cid)
    else:
        text = f"{by or 'Somebody'} did not approve {call.name}" + (f": {comment}" if comment else ".")
        work.finish(call.cid, {"e": {"name": "PolicyError", "code": "policy_denied", "message": text}}, now)


def _answer(message: Message, pen: Pen, work: Work, now: int) -> None:
    call = _wanted(pen.history, message, lambda c: c.kind == "ask")
    if call is None:
        return
    pen.write("answer", {"id": message["id"], "cid": call.cid, "by": message.get("by")})
    work.finish(call.cid, {"v": message.get("value")}, now)


def _resolve(message: Message, pen: Pen, work: Work, now: int) -> None:
    call = _wanted(pen.history, message, lambda c: c.attempts > 0)
    choice = message["choice"]
    if call is None:
        # A run whose replay diverged waits for no call: it is replayed once more.
        work.stirred = work.stirred or choice == "retry"
        return
    pen.write("resolved", {"id": message["id"], "cid": call.cid, "choice": choice, "by": message.get("by")})
    if choice == "retry":
        work.again(call.cid)
    elif choice == "supply":
        work.finish(call.cid, {"v": message.get("value")}, now)
    else:
        work.finish(call.cid, in_doubt(call.name), now)


def _wanted(history: History, message: Message, fits: Callable[[Call], bool]) -> Call | None:
    """The open command that a message is for: the one it names, else the oldest that fits."""
    cid: JSON = message.get("cid")
    found = next((c for c in history.open_calls() if fits(c) and cid in (None, c.cid)), None)
    if found is None:
        log.info("a message of type %s came too late or for nothing", message["type"])
    return found


_HANDLERS: Mapping[str, Callable[[Message, Pen, Work, int], None]] = {
    "event": _event,
    "approval": _approval,
    "answer": _answer,
    "resolve": _resolve,
}
