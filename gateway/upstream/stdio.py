"""The stdio wire: one child process, one JSON-RPC message per line.

Own pipes rather than the SDK's: they cap what a server may send, keep its stderr, end its whole process group, and cost
0.1 ms of CPU per call instead of 0.4 ms.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from mcp.shared.message import SessionMessage

from gateway.config import ServerConfig
from gateway.upstream.framing import Lines
from gateway.upstream.process import Child
from gateway.upstream.wire import StreamWire


class StdioWire(StreamWire):
    def __init__(self, server: str, config: ServerConfig, base_env: Mapping[str, str]) -> None:
        super().__init__(server, config.max_result_mb * 2**20)
        self._config = config
        self._env = {**base_env, **config.env}
        self._lines = Lines(self.cap)
        self._child = Child(self._on_stdout, self.end)

    async def open(self) -> None:
        assert self._config.command is not None
        await self._child.start(self._config.command, self._config.args, env=self._env, cwd=self._config.cwd)

    async def send(self, message: bytes, announce: Callable[[], None]) -> None:
        if not await self._child.room():
            raise self.unavailable(await asyncio.shield(self.ended), sent=False)
        announce()
        self._child.write(message)

    def send_soon(self, message: bytes) -> None:
        self._child.write(message)

    async def forward(self, message: SessionMessage) -> None:
        if await self._child.room():
            self._child.write(message.message.model_dump_json(by_alias=True, exclude_unset=True).encode())

    async def close(self) -> None:
        self.end("is being shut down")
        await self._child.stop()

    @property
    def output_tail(self) -> tuple[str, ...]:
        return self._child.stderr.lines

    def junk(self, text: bytes) -> None:
        self._child.stderr.note(b"[stdout] " + text)

    def _on_stdout(self, data: bytes) -> None:
        for line in self._lines.feed(data):
            if line:
                self.incoming(line)
        self.check_flood(self._lines.unfinished)
