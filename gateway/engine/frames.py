"""Messages between the host and a program process, and their codec. Pure: bytes in, frames out.

Wire: a 4-byte big-endian length, then that many bytes of UTF-8 JSON. The host believes nothing in a frame:
`decode` checks shape and types of every field and raises `BadFrame`; who may call what is decided elsewhere.

Order of a conversation::

    program → Ready                      once, when the bridge stands and the world is closed
    host    → Start                      once: the program is compiled
    host    → Go                         once: it runs
    program → Turn                       the commands emitted until the program was quiescent
    host    → Deliver [Done, …]          completions, delivered one at a time in this order
    program → Turn                       one reply for each Deliver, with one list of commands per completion; what the
                                         journal holds already is delivered without waiting for the replies before
    …                                    until a Turn carries `end`
    program → Log | Progress | Emit      at any time in between

A `cid` numbers the commands of a run from 1 in the order in which the *program* emitted them. That order depends
only on the code, the seed and the order of deliveries, so a replay gives every command the same cid.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.errors import BadFrame
from gateway.model import JSON

HEADER = struct.Struct(">I")
KINDS = frozenset({"tool", "sleep", "timer", "approve", "ask", "event", "state", "results", "continue"})
MAX_DEPTH = 200
"""Levels that a value of a program's may nest: the bridge refuses more by name, and the store writes 254 at most."""
_ENVELOPE_LEVELS = 8
_STORE_LEVELS = 254
_MAX_NAME, _MAX_MESSAGE = 1_000, 1_000
_LEVELS = frozenset({"log", "info", "debug", "warn", "error"})
_LONE_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


# --- host → program --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Start:
    """The program, as it is in every process of its run. `code` is a TypeScript module whose default export is the
    async function to run; `tools` maps namespace → function → [server, tool]; `limits` has caps under their names in
    the configuration."""

    run: str
    code: str
    tools: Mapping[str, Mapping[str, tuple[str, str]]]
    limits: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Go:
    """Nothing of the program runs before this. `seed` is 32 hex digits; `now` is the clock (ms). Commands up to the cid
    `replayed` come without their lines. `continued` is `{"v": state}` in a leg that another one has continued with."""

    seed: str
    now: int
    replayed: int = 0
    continued: Mapping[str, JSON] | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The completion of one command: a value, or an error `{name, code, message, …}`; `now` moves the clock."""

    cid: int
    now: int
    value: JSON = None
    error: Mapping[str, JSON] | None = None


@dataclass(frozen=True, slots=True)
class Deliver:
    items: tuple[Done, ...]


# --- program → host --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ready:
    runtime: str
    """Version of the bridge and of Deno: journaled, so that an upgrade in mid-sleep is seen."""


@dataclass(frozen=True, slots=True)
class Command:
    """Something that the program asks for. `name` is `server:tool` for a tool, else the kind's own name;
    `line` is the author's line of the call (0: unknown); `options` is a tool call's second argument, if it has one."""

    cid: int
    kind: str
    name: str
    args: JSON
    line: int = 0
    options: JSON = None


@dataclass(frozen=True, slots=True)
class End:
    """How the program ended: with a value, or an error `{name, message, line, column, code, path, stack}`."""

    value: JSON = None
    error: Mapping[str, JSON] | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """What one delivery led to: `emitted[i]` are the commands after the i-th completion (for Start: one list).
    `cleared` are cids of timers that the program no longer wants. `end` is set when the program has settled."""

    emitted: tuple[tuple[Command, ...], ...]
    cleared: tuple[int, ...] = ()
    end: End | None = None


@dataclass(frozen=True, slots=True)
class Log:
    level: str
    text: str


@dataclass(frozen=True, slots=True)
class Progress:
    done: float
    total: float | None
    message: str


@dataclass(frozen=True, slots=True)
class Emit:
    block: Mapping[str, JSON] = field(default_factory=dict)
    """An MCP content block for the client."""


HostFrame = Start | Go | Deliver
ProgramFrame = Ready | Turn | Log | Progress | Emit


def encode(frame: HostFrame) -> bytes:
    """The wire form, header included. Raises `BadFrame` for a value that has no JSON form."""
    try:
        body = orjson.dumps(_wire(frame))
    except (TypeError, ValueError, RecursionError) as error:
        raise BadFrame(f"A value for the program has no JSON form: {error}.") from error
    return HEADER.pack(len(body)) + body


def _wire(frame: HostFrame) -> dict[str, Any]:
    match frame:
        case Start():
            return {"t": "start", "run": frame.run, "code": frame.code, "tools": frame.tools, "limits": frame.limits}
        case Go():
            leg = {} if frame.continued is None else {"continued": frame.continued["v"]}
            return {"t": "go", "seed": frame.seed, "now": frame.now, "replayed": frame.replayed, **leg}
        case Deliver():
            return {"t": "deliver", "items": [_done(item) for item in frame.items]}


def _done(item: Done) -> dict[str, Any]:
    outcome = {"value": item.value} if item.error is None else {"error": item.error}
    return {"cid": item.cid, "now": item.now, **outcome}


def decode(body: bytes) -> ProgramFrame:
    """One frame from the program, every field checked. Raises `BadFrame` and nothing else."""
    message = _parse(body)
    if not isinstance(message, dict):
        raise BadFrame("A frame from the program is not a JSON object.")
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _too_deep(message):
        raise BadFrame(f"A frame from the program is nested deeper than {MAX_DEPTH} levels.")
    try:
        return _frame(message)
    except (KeyError, TypeError, ValueError) as error:
        raise BadFrame(f"A frame from the program is malformed ({type(error).__name__}: {error}).") from error


def _parse(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        # JSON.stringify writes a lone surrogate as an escape, which has no UTF-8 form. Replace what cannot be said.
        return orjson.loads(_LONE_SURROGATE.sub(rb"\\ufffd", body))
    except orjson.JSONDecodeError as error:
        raise BadFrame(f"A frame from the program is not JSON: {error}.") from error


def _too_deep(message: Any) -> bool:
    """Told by the encoder, which is faster than any walk: it refuses more than `_STORE_LEVELS`."""
    for _ in range(_STORE_LEVELS - MAX_DEPTH - _ENVELOPE_LEVELS):
        message = [message]
    try:
        orjson.dumps(message)
    except TypeError:
        return True
    return False


def _frame(message: dict[str, Any]) -> ProgramFrame:
    match message.get("t"):
        case "turn":
            return Turn(
                emitted=tuple(tuple(_command(c) for c in _list(calls)) for calls in _list(message["emitted"])),
                cleared=tuple(_int(cid) for cid in _list(message.get("cleared", []))),
                end=_end(message["end"]) if message.get("end") is not None else None,
            )
        case "log":
            return Log(_one_of(_LEVELS, message["level"]), _str(message["text"]))
        case "progress":
            total = message.get("total")
            bound = None if total is None else _number(total)
            return Progress(_number(message["done"]), bound, _str(message["message"])[:_MAX_MESSAGE])
        case "emit":
            return Emit(_dict(message["block"]))
        case "ready":
            return Ready(_str(message["runtime"])[:_MAX_NAME])
    raise ValueError("unknown type")


def _command(raw: Any) -> Command:
    message = _dict(raw)
    kind = _one_of(KINDS, message["kind"])
    name = _str(message["name"])
    if len(name) > _MAX_NAME:
        raise ValueError(f"a name of {len(name)} characters")
    cid = _int(message["cid"])
    if cid < 1:
        raise ValueError("cid below 1")
    line, options = _int(message.get("line", 0)), message.get("options")
    return Command(cid, kind, name, message.get("args"), line, options)


def _end(raw: Any) -> End:
    message = _dict(raw)
    error = message.get("error")
    return End(message.get("value"), None if error is None else _dict(error))


def _dict(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("expected an object")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("expected an array")
    return value


def _str(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("expected a string")
    return value


def _one_of(known: frozenset[str], value: Any) -> str:
    text = _str(value)
    if text not in known:
        raise ValueError("an unknown kind or level")
    return text


def _int(value: Any) -> int:
    if type(value) is not int:
        raise TypeError("expected an integer")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("expected a number")
    return float(value)
