"""Frames over the two pipes of a program's process, with a cap each way.

Written on the event loop's readers and writers and not on its streams: one read and one wake-up for each frame.
Whatever the program sends, the host holds no more of it than one frame, or `_HIGH_WATER`, and one read.
"""

from __future__ import annotations

import asyncio
import os
import select

from gateway.engine.frames import HEADER, HostFrame, ProgramFrame, decode, encode
from gateway.errors import LimitExceeded, ProcessDied

_READ_BYTES = 256 * 1024
_HIGH_WATER = 1024 * 1024
"""Bytes held before the program has to wait, unless a single frame needs more."""


class Channel:
    """The host's ends of the pipes. Owns both descriptors, which become non-blocking, until `close`."""

    def __init__(self, reader: int, writer: int, *, max_frame_mb: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._reader = reader
        self._writer = writer
        self._max_frame_mb = max_frame_mb
        self._buffer = bytearray()
        self._wanted = _HIGH_WATER
        self._arrived = asyncio.Event()
        self._writable: asyncio.Future[None] | None = None
        self._ended = False
        self._closed = False
        self._reading = False
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        self._resume()

    async def send(self, frame: HostFrame) -> None:
        """Write one frame, waiting while the program does not read. Raises `ProcessDied`, `BadFrame`."""
        rest = memoryview(encode(frame))
        while rest:
            if self._closed:
                raise _gone()
            try:
                rest = rest[os.write(self._writer, rest) :]
            except BlockingIOError:
                await self._wait_writable()
            except OSError as error:
                raise _gone() from error

    async def receive(self) -> ProgramFrame:
        """The next frame. Raises `ProcessDied` at the end, `BadFrame`, or `LimitExceeded` for one over the cap."""
        while (body := self._take()) is None:
            if self._ended:
                raise _gone()
            self._resume()
            self._arrived.clear()
            await self._arrived.wait()
        return decode(body)

    def is_hung_up(self) -> bool:
        """Whether the program's end is closed: its process has died."""
        if self._ended:
            return True
        poll = select.poll()
        poll.register(self._reader, 0)
        return bool(poll.poll(0))

    def close(self) -> None:
        """Close both ends. Who waits in `send` or `receive` gets `ProcessDied`. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._end()
        if self._writable is not None:
            self._loop.remove_writer(self._writer)
            self._writable.set_result(None)
        os.close(self._reader)
        os.close(self._writer)

    def _take(self) -> bytes | None:
        """The body of a frame that has arrived whole, or None."""
        if len(self._buffer) < HEADER.size:
            return None
        (size,) = HEADER.unpack_from(self._buffer)
        if size > self._max_frame_mb * 1024 * 1024:
            raise LimitExceeded(
                f"The program sent {size} bytes at once, more than the {self._max_frame_mb} MB that a frame may have.",
                fix="Return or pass less, or raise `limits.result_mb`.",
                limit="result_mb",
            )
        end = HEADER.size + size
        if len(self._buffer) < end:
            self._wanted = max(end, _HIGH_WATER)
            return None
        body = bytes(self._buffer[HEADER.size : end])
        del self._buffer[:end]
        self._wanted = _HIGH_WATER
        return body

    def _on_readable(self) -> None:
        try:
            data = os.read(self._reader, _READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._end()
            return
        self._buffer += data
        if len(self._buffer) >= self._wanted:
            self._pause()
        self._arrived.set()

    def _resume(self) -> None:
        if not self._reading and not self._ended:
            self._loop.add_reader(self._reader, self._on_readable)
            self._reading = True

    def _pause(self) -> None:
        if self._reading:
            self._loop.remove_reader(self._reader)
            self._reading = False

    def _end(self) -> None:
        self._pause()
        self._ended = True
        self._arrived.set()

    async def _wait_writable(self) -> None:
        waiter = self._loop.create_future()
        self._writable = waiter
        self._loop.add_writer(self._writer, _wake, waiter)
        try:
            await waiter
        finally:
            self._writable = None
            if not self._closed:
                self._loop.remove_writer(self._writer)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _gone() -> ProcessDied:
    return ProcessDied("The program's process is gone.")
