"""One upstream and the owner task that keeps it connected.

    starting ──> ready ──(wire ends)──> failed ──(back-off)──> starting …

The owner alone enters and leaves the SDK's client (it may be left only by the task that entered it). Calls go past the
client, straight to the wire, from whatever task makes them.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from mcp import Client, MCPError

from gateway.config import ServerConfig
from gateway.engine.scrub import Scrubber
from gateway.engine.text import one_line
from gateway.errors import GatewayError, UpstreamError, UpstreamUnavailable
from gateway.model import ServerStatus, ServerTools
from gateway.upstream import bridge, catalog
from gateway.upstream.credentials import Bearer
from gateway.upstream.http import HttpWire
from gateway.upstream.session import CLIENT_INFO, Session
from gateway.upstream.sse import SseWire
from gateway.upstream.stdio import StdioWire
from gateway.upstream.watch import Watch

log = logging.getLogger(__name__)

_CALL_WAITS_SECONDS = 5.0
_FIRST_DELAY, _LONGEST_DELAY, _HURRIED_DELAY = 0.1, 30.0, 1.0
_STABLE_SECONDS = 30.0
"""A session that lived this long does not count as one more failure when it ends."""
_PATIENCE = 4
"""Attempts that failed in a row after which a call waits for one more only; one that never came up gets no patience."""
_SKIPPED_SHOWN = 100
_SAID = 2_000
"""Characters of one thing that a server said."""


Confine = Callable[[str, ServerConfig, Mapping[str, str]], tuple[ServerConfig, Mapping[str, str]]]
"""Name, configuration and environment of a server → those with which it is really started."""


class Connection:
    def __init__(
        self,
        name: str,
        config: ServerConfig,
        base_env: Mapping[str, str],
        on_change: Callable[[], None],
        scrubber: Scrubber,
        confine: Confine,
        bearer: Bearer | None = None,
    ) -> None:
        """`on_change` is called whenever `offered` is another than before."""
        self._bearer = bearer
        self.name = name
        self.config = config
        self.offered: ServerTools | None = None
        """The tools as last listed, None before the first time. May be stale while the server is away."""
        self.tool_names: frozenset[str] = frozenset()
        self._base_env = base_env
        self._on_change = on_change
        self.scrubber = scrubber if bearer is None else Scrubber(beside=(scrubber, bearer.scrubber))
        self._confine = confine
        self._owner: asyncio.Task[None] | None = None
        self._closed = False
        self._session: Session | None = None
        self._state = "starting"
        self._error: str | None = None
        self._latency_ms: float | None = None
        self._skipped: tuple[str, ...] = ()
        self._output_tail: tuple[str, ...] = ()
        self._failures = 0
        """Ends in a row, of attempts and of short sessions: what the back-off grows with."""
        self._attempts_failed = 0
        self._for_people = False
        """Whether it failed for what only a person can mend."""
        self._legacy = config.transport == "sse"
        self._outcome = asyncio.Event()
        """Set, and replaced, when an attempt to connect has come out one way or the other."""
        self._hurry = asyncio.Event()

    # --- for calls -------------------------------------------------------------------------------------------------

    async def connected(self) -> Session:
        """The live session; while there is none, the one that comes about within 5 s. Raises UpstreamUnavailable."""
        patient = self._attempts_failed < (_PATIENCE if self.offered is not None else 1)
        try:
            async with asyncio.timeout(_CALL_WAITS_SECONDS):
                while (session := self._live()) is None:
                    self._hurry.set()
                    await self._outcome.wait()
                    if (self._for_people or not patient) and self._live() is None:
                        break
        except TimeoutError:
            session = None
        if session is None:
            raise self._unavailable()
        return session

    def _live(self) -> Session | None:
        session = self._session
        return session if session is not None and session.is_live else None

    def _unavailable(self) -> UpstreamUnavailable:
        return UpstreamUnavailable(
            f"Upstream {self.name!r} is not connected: {self._error or 'it is still starting'}",
            fix="The call was not sent. `gateway servers check` shows the server's state.",
            server=self.name,
            sent=False,
        )

    # --- state -----------------------------------------------------------------------------------------------------

    def status(self) -> ServerStatus:
        session = self._session
        return ServerStatus(
            name=self.name,
            state=self._state,
            tools=len(self.offered.tools) if self.offered is not None else 0,
            error=self._error,
            transport=self.config.transport,
            protocol=session.protocol if session is not None else None,
            latency_ms=self._latency_ms,
            stderr_tail=tuple(map(self._clean, session.wire.output_tail if session is not None else self._output_tail)),
            skipped=tuple(map(self._clean, self._skipped)),
        )

    def _clean(self, text: str) -> str:
        """What a server said, fit for people: in one line, without secrets."""
        return one_line(self.scrubber.text(text), _SAID)

    async def settled(self) -> None:
        """Until the first attempt has come out, one way or the other."""
        if self._state == "starting":
            await self._outcome.wait()

    async def check(self) -> ServerStatus:
        """Ask the server for its tools now; connect first if need be."""
        limit = self.config.connect_timeout_seconds
        try:
            async with asyncio.timeout(limit):
                if (session := self._live()) is not None:
                    await self._list(session)
                else:
                    self._hurry.set()
                    await self._outcome.wait()
        except UpstreamError as error:
            return replace(self.status(), state="failed", error=str(error))
        except TimeoutError:
            return replace(self.status(), state="failed", error=f"It did not answer within {limit:g} s.")
        return self.status()

    def offer(self, offered: ServerTools) -> None:
        """These are its tools, as far as is known. Calls wait for it as for one that has gone away for a while."""
        self.offered = offered
        self.tool_names = frozenset(tool.name for tool in offered.tools)

    # --- the owner task --------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Connect, serve until the connection ends, wait, and again, until `close`."""
        self._owner = asyncio.current_task()
        while not self._closed:
            self._hurry.clear()
            began = time.monotonic()
            try:
                await self._serve()
            except Exception as error:  # noqa: BLE001 - the task's boundary: whatever a server provokes is its state
                self._failed(error, lived=time.monotonic() - began)
            if not self._closed:
                await self._pause()

    async def close(self) -> None:
        """End the connection and the owner task, whatever state they are in."""
        # Before Python 3.13 a cancellation gets lost in a task group that is failing just then: hence the flag.
        self._closed = True
        if self._owner is not None:
            self._owner.cancel()
            await asyncio.wait((self._owner,))

    async def _serve(self) -> None:
        """One connection from beginning to end. Always raises."""
        if self._bearer is not None:
            # The handshake would hide why there is no credential.
            await self._bearer.headers()
        wire = self._wire()
        wire.clean = self._clean
        watch = Watch(self._list, seconds=self.config.connect_timeout_seconds)
        try:
            async with asyncio.timeout(self.config.connect_timeout_seconds) as deadline:
                await wire.open()
                async with Client(
                    bridge.transport(wire),
                    mode="legacy" if self._legacy else "auto",
                    client_info=CLIENT_INFO,
                    message_handler=watch.hear,
                    cache=None,
                ) as client:
                    session = Session(wire, client)
                    if not session.modern:
                        await wire.initialized.wait()
                    await self._list(session)
                    deadline.reschedule(None)
                    self._ready(session)
                    await watch.run(session, client)
        except TimeoutError:
            limit = self.config.connect_timeout_seconds
            raise wire.unavailable(f"did not finish its handshake within {limit:g} s", sent=False) from None
        except Exception as error:
            if wire.ended.done():
                raise wire.unavailable(wire.ended.result(), sent=False) from error
            raise
        finally:
            self._session = None
            self._output_tail = wire.output_tail
            await wire.close()

    def _wire(self) -> StdioWire | HttpWire | SseWire:
        config, environment = self._confine(self.name, self.config, self._base_env)
        match config.transport:
            case "stdio":
                return StdioWire(self.name, config, environment)
            case "sse":
                return SseWire(self.name, config, environment, self._bearer)
        return HttpWire(self.name, config, environment, self._bearer)

    def hurry(self) -> None:
        """Try again soon: something has changed that it failed for."""
        self._hurry.set()

    def _ready(self, session: Session) -> None:
        self._session = session
        self._state = "ready"
        self._error = None
        self._for_people = False
        self._attempts_failed = 0
        self._came_out()

    def _failed(self, error: Exception, *, lived: float) -> None:
        cause = _leaf(error)
        if self._state != "ready":
            self._attempts_failed += 1
            if self.config.transport == "stdio":
                # Some servers exit on anything before `initialize`, such as the modern era's probe: take turns.
                self._legacy = not self._legacy
        self._failures = 1 if lived > _STABLE_SECONDS else self._failures + 1
        self._state = "failed"
        self._error = self._clean(_in_words(cause))
        self._for_people = isinstance(cause, UpstreamError) and "connect" in cause.details
        if not isinstance(cause, GatewayError | MCPError):
            log.warning("upstream %s: %s", self.name, self._error, exc_info=error)
        self._came_out()

    def _came_out(self) -> None:
        outcome, self._outcome = self._outcome, asyncio.Event()
        outcome.set()

    async def _pause(self) -> None:
        """Exponential back-off with jitter. Somebody who waits for the server shortens it, though not to nothing."""
        delay = min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** min(self._failures, 16)) * random.uniform(0.5, 1)
        try:
            async with asyncio.timeout(delay):
                await asyncio.sleep(min(delay, _HURRIED_DELAY))
                await self._hurry.wait()
        except TimeoutError:
            pass

    async def _list(self, session: Session) -> None:
        began = time.monotonic()
        raw_tools, cut = await session.list_tools()
        self._latency_ms = round((time.monotonic() - began) * 1000, 1)
        listing = catalog.build(self.name, self.config, self.scrubber.value(raw_tools))
        session.listed(listing.tools)
        skipped = [*listing.skipped[:_SKIPPED_SHOWN], *([cut] if cut is not None else [])]
        if (more := len(listing.skipped) - _SKIPPED_SHOWN) > 0:
            skipped.append(f"and {more} more")
        self._skipped = tuple(skipped)
        title, instructions = map(self.scrubber.text, (session.title, session.instructions))
        offered = ServerTools(self.name, self.config.title or title, instructions, listing.tools)
        if offered != self.offered:
            self.offer(offered)
            self._on_change()


def _leaf(error: BaseException) -> BaseException:
    """The first cause inside the groups in which task groups hand errors on."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _in_words(error: BaseException) -> str:
    match error:
        case GatewayError():
            return error.message
        case MCPError():
            return f"The handshake failed: {error.error.message}"
        case _:
            return f"{type(error).__name__}: {error}"
