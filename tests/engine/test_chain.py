"""The hash chain: what is packed says the same as what is not, and gives every change away just as exactly."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.engine import chain
from gateway.errors import StoreCorrupt
from gateway.model import Entry

ENTRIES = [Entry(seq, "call", 1_000 + seq, {"cid": seq, "text": f"line\n{seq}"}) for seq in range(30)]
HEAD, ELEMENTS = chain.seal(chain.GENESIS, ENTRIES)
HEADER = chain.DIGEST + 1 + 4 + 8 * len(ENTRIES)


@given(st.lists(st.integers(1, 12), max_size=4))
def test_a_journal_reads_the_same_however_it_is_packed(sizes: list[int]) -> None:
    stored, at = [], 0
    for size in sizes:
        stored += [chain.pack(ELEMENTS[at : at + size])] if ELEMENTS[at : at + size] else []
        at = min(at + size, len(ELEMENTS))
    stored += ELEMENTS[at:]
    assert list(chain.unpack(stored)) == ELEMENTS
    assert chain.open_sealed(stored) == (HEAD, ENTRIES)
    assert chain.packed(stored, len(ENTRIES)) == (at, ELEMENTS[at - 1][: chain.DIGEST] if at else chain.GENESIS)


def _packed_again(bodies: list[bytes]) -> bytes:
    """The packed journal with other entries and the hashes that it had."""
    return chain.pack(ELEMENTS)[:HEADER] + zlib.compress(b"\n".join(bodies))


def _miscounted() -> bytes:
    """The packed journal as if the last but one of its hashes had not been kept."""
    packed = chain.pack(ELEMENTS)
    count = chain.DIGEST + 1
    few = (len(ENTRIES) - 2).to_bytes(4, "big")
    return packed[:count] + few + packed[count + 4 : HEADER - 16] + packed[HEADER:]


BODIES = [element[chain.DIGEST :] for element in ELEMENTS]


@pytest.mark.parametrize(
    ("stored", "seq"),
    [
        (_packed_again([*BODIES[:7], BODIES[7].replace(b"1007", b"1008"), *BODIES[8:]]), 7),
        (_packed_again([*BODIES[:7], *BODIES[8:]]), 7),
        (_packed_again([*BODIES[:7], BODIES[8], BODIES[7], *BODIES[9:]]), 7),
        (_packed_again([*BODIES[:-1], BODIES[-1].replace(b"29", b"28")]), 29),
        (_packed_again(BODIES[:-1]), 28),
        (chain.pack(ELEMENTS)[:-5], 0),
        (_miscounted(), 28),
        (b"?" * chain.DIGEST + chain.pack(ELEMENTS)[chain.DIGEST :], 29),
    ],
    ids=["changed", "dropped", "moved", "last changed", "cut off", "truncated", "miscounted", "another head"],
)
def test_what_was_changed_in_a_packed_journal_is_named(stored: bytes, seq: int) -> None:
    with pytest.raises(StoreCorrupt) as raised:
        chain.open_sealed([stored])
    assert raised.value.details["seq"] == seq
