"""Bytes become messages whatever their chunks, and no message makes the memory grow past the cap."""

from __future__ import annotations

import json
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream.framing import Event, Events, Lines, Oversized, parse


def cut(data: bytes, places: list[int]) -> list[bytes]:
    bounds = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(bounds)]


@given(st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b""))), st.lists(st.integers(0, 10_000)))
def test_lines_do_not_depend_on_chunks(lines: list[bytes], places: list[int]) -> None:
    splitter = Lines(100)
    out = [line for chunk in cut(b"".join(line + b"\n" for line in lines), places) for line in splitter.feed(chunk)]
    assert out == lines


@pytest.mark.parametrize(
    "message",
    [
        '{"jsonrpc":"2.0","id":1073741824,"result":{"text":"%s"}}',
        '{"id": 1073741824, "jsonrpc": "2.0", "result": {"text": "%s"}}',
        '{"result":{"text":"%s"},"jsonrpc":"2.0","id":1073741824}',
        '{"jsonrpc": "2.0", "result": {"text": "%s"}, "id": 1073741824}',
        '{"result": {"text": "%s"}, "id": 1073741824, "jsonrpc": "2.0"}',
    ],
)
@given(places=st.lists(st.integers(0, 10_000), max_size=30))
def test_an_oversized_line_is_dropped_and_names_its_request(message: str, places: list[int]) -> None:
    line = (message % ("x" * 5_000)).encode()
    splitter = Lines(1_000)
    out = [each for chunk in cut(line + b"\n" + b"{}\n", places) for each in splitter.feed(chunk)]
    assert out == [Oversized(2**30), b"{}"]


def test_an_oversized_line_that_hides_its_id_says_so() -> None:
    nested = b'{"jsonrpc":"2.0","result":{"a":{"id":7},"b":"' + b"x" * 5_000 + b'"}}\n'
    assert Lines(1_000).feed(nested) == [Oversized(None)]


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    splitter, chunk = Lines(1_000), b"x" * 10_000
    tracemalloc.start()
    try:
        for _ in range(1_000):
            assert splitter.feed(chunk) == []
        assert tracemalloc.get_traced_memory()[1] < 200_000
    finally:
        tracemalloc.stop()
    assert splitter.unfinished == 10_000_000


STREAM = (
    ": hello\r\n\r\n"
    "id: 1\r\nevent: endpoint\r\ndata: /messages?x=1\r\n\r\n"
    "retry: 250\n\n"
    'data: {"a": "é",\ndata:"b": 1}\n\n'
    "id: 7\ndata:\n\n"
    "data: last\r\r"
)


@given(st.lists(st.integers(0, 10_000), max_size=40))
def test_events_do_not_depend_on_chunks(places: list[int]) -> None:
    parser = Events(1_000)
    out = [event for chunk in cut(STREAM.encode() + b"\n", places) for event in parser.feed(chunk)]
    assert out == [
        Event("endpoint", b"/messages?x=1"),
        Event("message", '{"a": "é",\n"b": 1}'.encode()),
        Event("message", b"last"),
    ]
    assert (parser.last_id, parser.retry_seconds) == ("7", 0.25)


def test_a_torn_event_is_forgotten_and_not_counted_as_heard() -> None:
    parser = Events(1_000)
    assert parser.feed(b"id: 1\ndata: one\n\nid: 2\ndata: tw") == [Event("message", b"one")]
    assert parser.last_id == "1"
    parser.restart()
    assert parser.feed(b"id: 2\ndata: two\n\n") == [Event("message", b"two")]
    assert parser.last_id == "2"


def test_an_oversized_event_comes_out_as_that_and_the_next_is_whole() -> None:
    parser = Events(1_000)
    big = json.dumps({"result": {"text": "x" * 5_000}, "jsonrpc": "2.0", "id": 2**30}).encode()
    many = b"".join(b"data: %d\n" % number for number in range(1_000))
    assert parser.feed(b"data: " + big + b"\n\n") == [Event("message", Oversized(2**30))]
    assert parser.feed(many + b"\n") == [Event("message", Oversized(None))]
    assert parser.feed(b"data: fine\n\n") == [Event("message", b"fine")]


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), st.lists, max_leaves=20))
def test_json_is_read_as_it_is(value: object) -> None:
    assert parse(json.dumps(value).encode()) == value


def test_what_servers_send_that_is_not_quite_json() -> None:
    assert parse(b'{"mean": NaN, "max": Infinity, "text": "cut \\ud83d"}') == {
        "mean": None,
        "max": None,
        "text": "cut ?",
    }


@pytest.mark.parametrize("raw", [b"", b"Listening on 8080", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(raw)
