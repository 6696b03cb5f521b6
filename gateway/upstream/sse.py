"""The HTTP+SSE wire of 2024-11-05: messages are POSTed, everything that comes back is on one GET stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from mcp.shared.message import SessionMessage
from yarl import URL

from gateway.config import ServerConfig
from gateway.errors import UpstreamError
from gateway.tasks import Tasks
from gateway.upstream.credentials import Bearer
from gateway.upstream.framing import Event, Events
from gateway.upstream.http_client import HttpClient, is_event_stream, resolve
from gateway.upstream.wire import StreamWire

_POST_HEADERS = {"Content-Type": "application/json"}


class SseWire(StreamWire):
    def __init__(
        self, server: str, config: ServerConfig, base_env: Mapping[str, str], bearer: Bearer | None = None
    ) -> None:
        super().__init__(server, config.max_result_mb * 2**20)
        self._client = HttpClient(self, config, base_env, bearer)
        self._tasks = Tasks()
        self._endpoint: asyncio.Future[URL] = asyncio.get_running_loop().create_future()

    async def open(self) -> None:
        self._tasks.start(self._read(), name=f"events of {self.server}")
        await asyncio.wait((self._endpoint, self.ended), return_when=asyncio.FIRST_COMPLETED)
        if not self._endpoint.done():
            raise self.unavailable(self.ended.result(), sent=False)

    async def send(self, message: bytes, announce: Callable[[], None]) -> None:
        announce()
        async with self._client.request("POST", _POST_HEADERS, message, url=self._endpoint.result()) as response:
            if not response.ok:
                raise self._client.refused(response, await self._client.refusal(response))

    def send_soon(self, message: bytes) -> None:
        self._tasks.start(self._send_quietly(message), name=f"cancel at {self.server}")

    async def forward(self, message: SessionMessage) -> None:
        await self._send_quietly(message.message.model_dump_json(by_alias=True, exclude_unset=True).encode())

    async def close(self) -> None:
        self.end("is being shut down")
        await self._tasks.close()
        await self._client.close()

    def junk(self, text: bytes) -> None:
        """Nothing is kept: an event stream has no place for stray output that would help to see."""

    async def _send_quietly(self, message: bytes) -> None:
        try:
            await self.send(message, lambda: None)
        except UpstreamError as error:
            self.end(error.message)

    async def _read(self) -> None:
        events = Events(self.cap)
        try:
            async with self._client.request("GET", {"Accept": "text/event-stream"}) as response:
                if not is_event_stream(response):
                    raise self._client.refused(response, await self._client.refusal(response))
                while (batch := await self._client.events(response, events)) is not None:
                    for event in batch:
                        self._take(event)
                    self.check_flood(events.unfinished)
            self.end("closed its event stream")
        except UpstreamError as error:
            self.end(error.message)

    def _take(self, event: Event) -> None:
        if event.type != "endpoint":
            self.incoming(event.data)
        elif isinstance(event.data, bytes) and not self._endpoint.done():
            endpoint = resolve(self._client.url, event.data.decode("utf-8", "replace"))
            if endpoint is None or endpoint.origin() != self._client.url.origin():
                raise self.not_mcp("names an endpoint that is not on its own origin")
            self._endpoint.set_result(endpoint)
