"""Bytes → messages for the two stream formats of MCP, under a size cap. Pure: no I/O.

`Lines` splits stdio's newline-delimited JSON, `Events` reads `text/event-stream` (WHATWG HTML, 9.2.6).
Both hold at most about `cap` bytes, whatever the peer sends.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import orjson

from gateway.model import JSON

KEPT = 256
"""Bytes of each end of a message that is dropped."""
_ID_FIRST = re.compile(rb'(?:data:)?\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d{1,18})\s*,')
_ID_LAST = re.compile(rb',\s*"id"\s*:\s*(\d{1,18})\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$')


def parse(raw: bytes) -> JSON:
    """The JSON value of `raw`. Raises ValueError.

    What servers do send though it is not quite JSON is accepted: `NaN` and infinities become null, a lone surrogate
    (a text that was cut in the middle of an emoji) becomes "?".
    """
    try:
        return orjson.loads(raw)
    except ValueError as strict:
        try:
            value = json.loads(raw, parse_constant=lambda _: None)
            return orjson.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
        except (ValueError, RecursionError):
            raise strict from None


def answered(first: bytes, last: bytes) -> int | None:
    """The id of the request that a message answers which cannot be read as a whole, if its two ends tell."""
    found = _ID_FIRST.match(first) or _ID_LAST.search(last)
    return int(found[1]) if found else None


@dataclass(frozen=True, slots=True)
class Oversized:
    """A message over the cap, dropped. `id` is the request that it answers, if its beginning or its end tells."""

    id: int | None


class Lines:
    """Splits a byte stream at newlines. A line over `cap` bytes is dropped as it comes in, and ends as `Oversized`."""

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._parts: list[bytes] = []
        self._size = 0

    @property
    def unfinished(self) -> int:
        """Bytes received of the current line, dropped ones included."""
        return self._size

    def feed(self, data: bytes) -> list[bytes | Oversized]:
        """The lines that `data` completes, without their newlines."""
        *ended, rest = data.split(b"\n")
        lines = []
        for part in ended:
            self._add(part)
            lines.append(self._take())
        self._add(rest)
        return lines

    def _add(self, part: bytes) -> None:
        self._size += len(part)
        if self._size <= self._cap:
            self._parts.append(part)
        else:
            both_ends = b"".join((*self._parts, part))
            self._parts = [both_ends[:KEPT], both_ends[-KEPT:]]

    def _take(self) -> bytes | Oversized:
        parts, size = self._parts, self._size
        self._parts, self._size = [], 0
        if size <= self._cap:
            return parts[0] if len(parts) == 1 else b"".join(parts)
        return Oversized(answered(parts[0], parts[-1]))


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event that has data."""

    type: str
    data: bytes | Oversized


class Events:
    """Incremental parser of an event stream. An event whose data is over `cap` bytes comes out as `Oversized`."""

    def __init__(self, cap: int) -> None:
        self.last_id: str | None = None
        """What `Last-Event-ID` is to say when the stream is taken up again."""
        self.retry_seconds: float | None = None
        self._cap = cap
        self.restart()

    def restart(self) -> None:
        """Forget what came of an event that was torn off: another stream goes on after `last_id`."""
        self._lines = Lines(self._cap + len("data: "))
        self._held = b""
        self._id = self.last_id
        self._begin()

    def _begin(self) -> None:
        self._type = "message"
        self._data: list[bytes] = []
        self._size = 0
        self._oversized: Oversized | None = None

    @property
    def unfinished(self) -> int:
        """Bytes received of the current event, dropped ones included."""
        return self._size + self._lines.unfinished

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that `chunk` completes."""
        data = self._held + chunk
        # A CR at the very end may be half of a CRLF.
        self._held = b"\r" if data.endswith(b"\r") else b""
        data = data.removesuffix(b"\r").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return [event for line in self._lines.feed(data) if (event := self._line(line)) is not None]

    def _line(self, line: bytes | Oversized) -> Event | None:
        if isinstance(line, Oversized):
            self._oversized = line
            return None
        if not line:
            return self._dispatch()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match field:
            case b"data":
                self._add(value)
            case b"event":
                self._type = value.decode("utf-8", "replace")
            case b"id" if b"\0" not in value:
                self._id = value.decode("utf-8", "replace")
            case b"retry" if value.isdigit():
                self.retry_seconds = int(value[:9]) / 1000
        return None

    def _add(self, value: bytes) -> None:
        self._size += len(value) + 1
        if self._size > self._cap + 1:
            self._oversized = self._oversized or Oversized(None)
            self._data.clear()
        else:
            self._data.append(value)

    def _dispatch(self) -> Event | None:
        data = self._oversized or b"\n".join(self._data)
        event = Event(self._type, data) if data else None
        self.last_id = self._id
        self._begin()
        return event
