"""The host's end of the pipes against a program that writes whatever it likes."""

from __future__ import annotations

import asyncio
import json
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from gateway.engine.frames import Deliver, Done, Log, Ready, Turn
from gateway.errors import BadFrame, LimitExceeded, ProcessDied
from gateway.sandbox.channel import Channel


@dataclass(slots=True)
class Far:
    """The program's ends of the pipes."""

    reader: int
    writer: int

    def write(self, data: bytes) -> None:
        os.write(self.writer, data)

    def frame(self, message: object) -> None:
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.write(struct.pack(">I", len(body)) + body)

    def close_writer(self) -> None:
        os.close(self.writer)
        self.writer = -1


@pytest.fixture
async def ends() -> Iterator[tuple[Channel, Far]]:  # type: ignore[misc]
    program_in, to_program = os.pipe()
    from_program, program_out = os.pipe()
    channel = Channel(from_program, to_program, max_frame_mb=1)
    far = Far(program_in, program_out)
    yield channel, far
    channel.close()
    for descriptor in (far.reader, far.writer):
        if descriptor >= 0:
            os.close(descriptor)


Ends = tuple[Channel, Far]
TURN = {"t": "turn", "emitted": [[]]}

FORGED: dict[str, object] = {
    "not JSON": b"{",
    "not UTF-8": b'{"t":"log","level":"log","text":"\xff"}',
    "empty": b"",
    "not an object": [],
    "no type": {},
    "an unknown type": {"t": "admin"},
    "the type of a host frame": {"t": "start", "run": "r", "code": "x"},
    "emitted is no list": {"t": "turn", "emitted": {}},
    "a list of no lists": {"t": "turn", "emitted": [1]},
    "a command of no object": {"t": "turn", "emitted": [["x"]]},
    "a command of an unknown kind": {"t": "turn", "emitted": [[{"cid": 1, "kind": "exec", "name": "x", "args": {}}]]},
    "a cid of zero": {"t": "turn", "emitted": [[{"cid": 0, "kind": "tool", "name": "x", "args": {}}]]},
    "a cid that is a text": {"t": "turn", "emitted": [[{"cid": "1", "kind": "tool", "name": "x", "args": {}}]]},
    "a cid that is a bool": {"t": "turn", "emitted": [[{"cid": True, "kind": "tool", "name": "x", "args": {}}]]},
    "a cid that is a fraction": {"t": "turn", "emitted": [[{"cid": 1.5, "kind": "tool", "name": "x", "args": {}}]]},
    "a name that is no text": {"t": "turn", "emitted": [[{"cid": 1, "kind": "tool", "name": 5, "args": {}}]]},
    "a line that is no number": {
        "t": "turn",
        "emitted": [[{"cid": 1, "kind": "tool", "name": "x", "args": {}, "line": {}}]],
    },
    "cleared is no list": {"t": "turn", "emitted": [[]], "cleared": 5},
    "an end that is no object": {"t": "turn", "emitted": [[]], "end": "done"},
    "an error that is no object": {"t": "turn", "emitted": [[]], "end": {"error": "bad"}},
    "a log without a text": {"t": "log", "level": "log"},
    "a log of a number": {"t": "log", "level": "log", "text": 5},
    "progress of a text": {"t": "progress", "done": "half", "message": ""},
    "progress of infinity": b'{"t":"progress","done":Infinity,"message":""}',
    "a block that is a list": {"t": "emit", "block": []},
    "nesting without end": b"[" * 50_000,
}


@pytest.mark.parametrize("name", FORGED)
async def test_a_forged_frame_is_refused_and_nothing_else_happens(ends: Ends, name: str) -> None:
    channel, far = ends
    far.frame(FORGED[name])
    with pytest.raises(BadFrame):
        await channel.receive()


async def test_extra_fields_mean_nothing(ends: Ends) -> None:
    channel, far = ends
    far.frame({**TURN, "authorized": True, "run": "another", "policy": {}})
    assert await channel.receive() == Turn(((),))


async def test_frames_may_come_in_pieces_or_together(ends: Ends) -> None:
    channel, far = ends
    body = json.dumps({"t": "log", "level": "log", "text": "ä"}).encode()
    frame = struct.pack(">I", len(body)) + body
    waiting = asyncio.ensure_future(channel.receive())
    for index in range(len(frame)):
        far.write(frame[index : index + 1])
        await asyncio.sleep(0)
    assert await waiting == Log("log", "ä")
    far.write(frame * 3)
    assert [await channel.receive() for _ in range(3)] == [Log("log", "ä")] * 3


async def test_a_frame_over_the_cap_is_refused_by_its_header(ends: Ends) -> None:
    channel, far = ends
    far.write(struct.pack(">I", 2**20 + 1))
    with pytest.raises(LimitExceeded, match="result_mb") as raised:
        await channel.receive()
    assert raised.value.details["limit"] == "result_mb"


async def test_a_frame_as_large_as_the_cap_comes_through(ends: Ends) -> None:
    channel, far = ends
    text = "x" * (2**20 - 100)
    writing = asyncio.to_thread(_write_all, far.writer, {"t": "log", "level": "log", "text": text})
    received, _ = await asyncio.gather(channel.receive(), writing)
    assert received == Log("log", text)


def _write_all(descriptor: int, message: object) -> None:
    body = json.dumps(message).encode()
    rest = struct.pack(">I", len(body)) + body
    while rest:
        rest = rest[os.write(descriptor, rest) :]


async def test_the_end_is_told_after_what_came_before_it(ends: Ends) -> None:
    channel, far = ends
    far.frame({"t": "ready", "runtime": "x"})
    far.write(b"\0\0\0\7half")
    far.close_writer()
    assert await channel.receive() == Ready("x")
    with pytest.raises(ProcessDied):
        await channel.receive()
    with pytest.raises(ProcessDied):
        await channel.receive()


async def test_closing_wakes_who_waits(ends: Ends) -> None:
    channel, _ = ends
    receiving = asyncio.ensure_future(channel.receive())
    sending = asyncio.ensure_future(channel.send(Deliver((Done(1, 0, "x" * 1_000_000),))))
    for _ in range(3):
        await asyncio.sleep(0)
    assert not receiving.done() and not sending.done()
    channel.close()
    for task in (receiving, sending):
        with pytest.raises(ProcessDied):
            await task
    with pytest.raises(ProcessDied):
        await channel.send(Deliver(()))


async def test_a_value_without_a_json_form_is_not_sent(ends: Ends) -> None:
    channel, _ = ends
    with pytest.raises(BadFrame):
        await channel.send(Deliver((Done(1, 0, object()),)))


async def test_a_flood_waits_until_it_is_taken(ends: Ends) -> None:
    """The program cannot fill the host's memory: its writes block."""
    channel, far = ends
    os.set_blocking(far.writer, False)
    body = json.dumps({"t": "log", "level": "log", "text": "x" * 1_000}).encode()
    frame, sent = struct.pack(">I", len(body)) + body, 0
    for _ in range(10_000):
        try:
            sent += os.write(far.writer, frame)
        except BlockingIOError:
            await asyncio.sleep(0)
    assert sent < 2_500_000
    count = 0
    while count < sent // len(frame):
        assert isinstance(await channel.receive(), Log)
        count += 1


async def test_death_is_seen_without_reading(ends: Ends) -> None:
    channel, far = ends
    assert not channel.is_hung_up()
    far.frame(TURN)
    far.close_writer()
    assert channel.is_hung_up()
