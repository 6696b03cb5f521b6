"""A wire as a transport of the SDK's client, which does the handshake, subscriptions and what the server asks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCNotification, jsonrpc_message_adapter
from pydantic import ValidationError

from gateway.upstream.wire import Wire

Streams = tuple[MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage]]

_WAITING = 256
"""Messages of the server that may wait for the SDK. A server that floods it loses what is over."""


@asynccontextmanager
async def transport(wire: Wire) -> AsyncIterator[Streams]:
    """The two streams for `mcp.Client`, over a wire that is open. They end when the wire does."""
    inbox, for_client = anyio.create_memory_object_stream[SessionMessage | Exception](_WAITING)
    by_client, outbox = anyio.create_memory_object_stream[SessionMessage]()

    def deliver(message: dict[str, Any]) -> None:
        # A message that is no JSON-RPC helps nobody; the request that it may have been meant for runs into its timeout.
        with suppress(ValidationError, anyio.WouldBlock, anyio.ClosedResourceError, anyio.BrokenResourceError):
            inbox.send_nowait(SessionMessage(jsonrpc_message_adapter.validate_python(message, by_name=False)))

    wire.deliver = deliver
    wire.ended.add_done_callback(lambda _: inbox.close())
    async with inbox, for_client, by_client, outbox, anyio.create_task_group() as tasks:
        tasks.start_soon(_pump, outbox, wire)
        try:
            yield for_client, by_client
        finally:
            tasks.cancel_scope.cancel()


async def _pump(outbox: MemoryObjectReceiveStream[SessionMessage], wire: Wire) -> None:
    async for message in outbox:
        await wire.forward(message)
        if isinstance(message.message, JSONRPCNotification) and message.message.method == "notifications/initialized":
            wire.initialized.set()
