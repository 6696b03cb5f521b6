"""Tool calls to one server: its slots, its timeout, and one more try where it is certain that nothing was sent."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from gateway.engine.fairness import Owner
from gateway.engine.scrub import Scrubber
from gateway.errors import UnknownTool, UpstreamTimeout, UpstreamUnavailable
from gateway.model import JSON, ToolResult
from gateway.places import Places
from gateway.upstream.connection import Connection
from gateway.upstream.session import Session

SHARE = 7
"""One caller has at most seven slots for each that is free: all of a few, and of many not the last eighth."""


class Calls:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._slots = Places(connection.config.max_concurrency, share=SHARE)

    async def call(
        self,
        tool: str,
        args: Mapping[str, JSON],
        *,
        caller: Owner,
        meta: Mapping[str, JSON] | None,
        timeout: float | None,
        on_sent: Callable[[], None] | None,
        before_send: Callable[[], Awaitable[None]] | None,
    ) -> ToolResult:
        """See `Upstreams.call`."""
        seconds = self._connection.config.timeout_seconds if timeout is None else timeout
        await self._slots.take(caller)
        try:
            return await self._call(tool, args, meta, seconds, on_sent, before_send)
        finally:
            self._slots.give_back(caller)

    async def _call(
        self,
        tool: str,
        args: Mapping[str, JSON],
        meta: Mapping[str, JSON] | None,
        seconds: float,
        on_sent: Callable[[], None] | None,
        before_send: Callable[[], Awaitable[None]] | None,
    ) -> ToolResult:
        tried = False
        while True:
            session = await self._connection.connected()
            self._check_known(tool)
            if before_send is not None:
                await before_send()
            try:
                return await self._call_on(session, tool, args, meta, seconds, on_sent)
            except UpstreamUnavailable as error:
                if tried or error.details["sent"] or session.is_live:
                    raise
            # The connection turned out to be dead before the server saw the call: it may go over the next one.
            tried = True

    async def _call_on(
        self,
        session: Session,
        tool: str,
        args: Mapping[str, JSON],
        meta: Mapping[str, JSON] | None,
        seconds: float,
        on_sent: Callable[[], None] | None,
    ) -> ToolResult:
        sent = False

        def note_sent() -> None:
            nonlocal sent
            sent = True
            if on_sent is not None:
                on_sent()

        try:
            async with asyncio.timeout(seconds):
                return _without_secrets(await session.call(tool, args, meta, note_sent), self._connection.scrubber)
        except TimeoutError:
            raise UpstreamTimeout(
                f"{self._connection.name}:{tool} did not answer within {seconds:g} s.",
                fix="Ask for less, or raise timeout_seconds of this server."
                + (" The call may have had its effect." if sent else " The call was not sent."),
                server=self._connection.name,
                tool=tool,
                sent=sent,
            ) from None

    def _check_known(self, tool: str) -> None:
        names = self._connection.tool_names
        if tool in names:
            return
        near = difflib.get_close_matches(tool, sorted(names), n=3, cutoff=0.5)
        raise UnknownTool(
            f"Server {self._connection.name!r} has no tool {tool!r}.",
            fix=f"Did you mean {' or '.join(map(repr, near))}?" if near else "`search` shows the tools there are.",
            server=self._connection.name,
            tool=tool,
            nearest=near,
            sent=False,
        )


def _without_secrets(result: ToolResult, scrubber: Scrubber) -> ToolResult:
    given = [result.content, result.structured, result.meta]
    content, structured, meta = cleaned = scrubber.value(given)
    if cleaned is given:
        return result
    return replace(result, content=tuple(content), structured=structured, meta=meta)
