"""The hash chain over a run's journal. An element is 32 bytes of SHA-256 followed by the entry's JSON;
the hash covers the previous hash and that JSON, so that no entry can be changed, dropped, inserted or moved
without breaking every later one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import orjson

from gateway.errors import StoreCorrupt
from gateway.model import JSON, Entry

DIGEST = 32
GENESIS = bytes(DIGEST)


def seal(head: bytes, entries: Iterable[Entry]) -> tuple[bytes, list[bytes]]:
    """Chain `entries` after `head`. Returns the new head and the elements to append."""
    elements = []
    for entry in entries:
        body = orjson.dumps({"seq": entry.seq, "k": entry.kind, "at": entry.at, **entry.data})
        head = hashlib.sha256(head + body).digest()
        elements.append(head + body)
    return head, elements


def open_sealed(elements: Iterable[bytes], head: bytes = GENESIS, first: int = 0) -> tuple[bytes, list[Entry]]:
    """Check and read elements that follow `head`, numbered from `first`. Returns the new head and the entries.

    Raises `StoreCorrupt` with `seq` and `reason` of the first bad element."""
    entries = []
    for seq, element in enumerate(elements, first):
        body = element[DIGEST:]
        head = hashlib.sha256(head + body).digest()
        if element[:DIGEST] != head:
            raise _bad(seq, "its hash does not follow from the one before")
        entries.append(_entry(seq, body))
    return head, entries


def _entry(seq: int, body: bytes) -> Entry:
    try:
        data: dict[str, JSON] = orjson.loads(body)
        number, kind, at = data.pop("seq"), data.pop("k"), data.pop("at")
    except (orjson.JSONDecodeError, KeyError, AttributeError) as error:
        raise _bad(seq, "it is not a journal entry") from error
    if number != seq:
        raise _bad(seq, f"it calls itself number {number}")
    return Entry(seq, kind, at, data)


def _bad(seq: int, reason: str) -> StoreCorrupt:
    return StoreCorrupt(f"Journal entry {seq} is not what was written: {reason}.", seq=seq, reason=reason)
