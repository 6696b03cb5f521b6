"""The hash chain over a run's journal. An element is 32 bytes of SHA-256 followed by the entry's JSON;
the hash covers the previous hash and that JSON, so that no entry can be changed, dropped, inserted or moved
without breaking every later one.

A run that sleeps has many elements in one, `packed`: the last hash, then the entries, compressed. Of each hash before
it 8 bytes are kept, enough to name the first entry that is not as it was written."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence

import orjson

from gateway.errors import StoreCorrupt
from gateway.model import JSON, Entry

DIGEST = 32
GENESIS = bytes(DIGEST)
_PACKED = b"z"
"""Where a single element has the brace of its JSON."""
_PREFIX = 8
_COUNT = 4


def seal(head: bytes, entries: Iterable[Entry]) -> tuple[bytes, list[bytes]]:
    """Chain `entries` after `head`. Returns the new head and the elements to append."""
    elements = []
    for entry in entries:
        body = orjson.dumps({"seq": entry.seq, "k": entry.kind, "at": entry.at, **entry.data})
        head = hashlib.sha256(head + body).digest()
        elements.append(head + body)
    return head, elements


def pack(elements: Sequence[bytes]) -> bytes:
    """Several elements, in their order, as one."""
    bodies = zlib.compress(b"\n".join(element[DIGEST:] for element in elements))
    prefixes = b"".join(element[:_PREFIX] for element in elements)
    return elements[-1][:DIGEST] + _PACKED + len(elements).to_bytes(_COUNT, "big") + prefixes + bodies


def unpack(elements: Iterable[bytes], head: bytes = GENESIS) -> Iterator[bytes]:
    """The elements that follow `head` one by one, whether or not they were packed. Proves nothing: what is broken stays
    broken."""
    for said, body in _said(elements):
        head = said if len(said) == DIGEST else said + hashlib.sha256(head + body).digest()[_PREFIX:]
        yield head + body


def packed(elements: Sequence[bytes], length: int) -> tuple[int, bytes]:
    """How many of a journal's `length` entries are in packed elements, and the hash after them."""
    loose = next((i for i, e in enumerate(reversed(elements)) if e[DIGEST : DIGEST + 1] == _PACKED), None)
    return (0, GENESIS) if loose is None else (length - loose, elements[-1 - loose][:DIGEST])


def _said(elements: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Of each entry its hash, or what was kept of it, and its JSON."""
    for element in elements:
        if element[DIGEST : DIGEST + 1] == _PACKED:
            yield from _unpacked(element)
        else:
            yield element[:DIGEST], element[DIGEST:]


def _unpacked(element: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = DIGEST + len(_PACKED) + _COUNT
    count = int.from_bytes(element[at - _COUNT : at], "big")
    prefixes, packed = element[at : at + _PREFIX * count], element[at + _PREFIX * count :]
    try:
        bodies = zlib.decompress(packed).split(b"\n")
    except zlib.error:
        bodies = [packed]
    # What was kept of fewer hashes than there are entries fits none of the others.
    prefixes = prefixes.ljust(_PREFIX * len(bodies), b"\0")
    for start, body in zip(range(0, len(prefixes), _PREFIX), bodies[:-1], strict=False):
        yield prefixes[start : start + _PREFIX], body
    yield element[:DIGEST], bodies[-1]


def open_sealed(elements: Iterable[bytes], head: bytes = GENESIS, first: int = 0) -> tuple[bytes, list[Entry]]:
    """Check and read elements that follow `head`, numbered from `first`. Returns the new head and the entries.

    Raises `StoreCorrupt` with `seq` and `reason` of the first bad element."""
    entries = []
    for seq, (said, body) in enumerate(_said(elements), first):
        head = hashlib.sha256(head + body).digest()
        if not head.startswith(said):
            raise _bad(seq, "its hash does not follow from the one before")
        entries.append(_entry(seq, body))
    return head, entries


def entry(element: bytes) -> Entry:
    """One element for itself, unchecked but for its form. Raises `StoreCorrupt`."""
    try:
        seq = int(orjson.loads(element[DIGEST:])["seq"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise _bad(0, "it is not a journal entry") from error
    return _entry(seq, element[DIGEST:])


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
