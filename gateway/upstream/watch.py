"""While a session lives: hear that the server's tools have changed, and that the session is over."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable

from mcp import Client, MCPError
from mcp.client.session import IncomingMessage
from mcp.client.subscriptions import SubscriptionLost
from mcp_types import METHOD_NOT_FOUND, ToolListChangedNotification

from gateway.errors import UpstreamError, UpstreamUnavailable
from gateway.upstream.session import Session
from gateway.upstream.wire import Wire

log = logging.getLogger(__name__)

_FIRST_DELAY, _LONGEST_DELAY = 1.0, 30.0
_FIRST_PAUSE = 0.1


class Watch:
    def __init__(self, relist: Callable[[Session], Awaitable[None]], *, seconds: float) -> None:
        """`relist` is awaited, one at a time and for at most `seconds`, after each change that was announced; changes
        announced meanwhile make one more."""
        self._relist = relist
        self._seconds = seconds
        self._changed = asyncio.Event()

    async def hear(self, message: IncomingMessage) -> None:
        """Takes the server's notifications from the SDK's client."""
        if isinstance(message, ToolListChangedNotification):
            self._changed.set()

    async def run(self, session: Session, client: Client) -> None:
        """Until the wire ends: raises UpstreamUnavailable, in an exception group."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._until_ended(session.wire))
            tasks.create_task(self._keep_fresh(session))
            if session.has_subscriptions:
                tasks.create_task(self._subscribe(client))

    async def _until_ended(self, wire: Wire) -> None:
        raise wire.unavailable(await asyncio.shield(wire.ended), sent=False)

    async def _keep_fresh(self, session: Session) -> None:
        pause = _FIRST_PAUSE
        while True:
            await self._changed.wait()
            self._changed.clear()
            began = time.monotonic()
            try:
                async with asyncio.timeout(self._seconds):
                    await self._relist(session)
            except UpstreamUnavailable as error:
                # Another server may be there now, with which nothing is agreed: begin anew.
                session.wire.end(f"does not list its tools any more ({error.message})")
            except (UpstreamError, TimeoutError) as error:
                log.warning("upstream %s: its tools cannot be listed again: %s", session.wire.server, error)
            # A server that announces changes without end gets half of the time at most, and less and less attention:
            # each list that differs is generated, published and recorded.
            await asyncio.sleep(max(time.monotonic() - began, pause))
            pause = min(_LONGEST_DELAY, pause * 2) if self._changed.is_set() else _FIRST_PAUSE

    async def _subscribe(self, client: Client) -> None:
        """The modern era's stream of changes, opened again when it breaks off."""
        delay = _FIRST_DELAY
        while True:
            try:
                async with client.listen(tools_list_changed=True) as changes:
                    # What changed between listing and listening is not told.
                    self._changed.set()
                    async for _ in changes:
                        delay = _FIRST_DELAY
            except MCPError as error:
                self._changed.set()
                if error.code == METHOD_NOT_FOUND:
                    return
            except SubscriptionLost:
                pass
            await asyncio.sleep(delay * random.uniform(0.5, 1))
            delay = min(_LONGEST_DELAY, delay * 2)
