"""All upstream servers: started together, changed one by one, called by name."""

from __future__ import annotations

import asyncio
import difflib
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping

from gateway.config import ServerConfig
from gateway.engine.fairness import Owner
from gateway.engine.scrub import Scrubber
from gateway.errors import UnknownTool
from gateway.model import JSON, Catalog, ServerStatus, ServerTools, ToolResult
from gateway.places import NOBODY
from gateway.tasks import Tasks
from gateway.upstream.calls import Calls
from gateway.upstream.catalog import assemble
from gateway.upstream.connection import Confine, Connection
from gateway.upstream.credentials import Bearers, no_bearers

log = logging.getLogger(__name__)

_MOST_OWNED = 256
"""Connections of owners that are kept open."""

OnChange = Callable[[Catalog], Awaitable[None]]
Recall = Callable[[Mapping[str, ServerConfig]], Awaitable[Mapping[str, ServerTools]]]


async def _nothing_known(servers: Mapping[str, ServerConfig]) -> Mapping[str, ServerTools]:
    return {}


def _as_configured(
    name: str, config: ServerConfig, base_env: Mapping[str, str]
) -> tuple[ServerConfig, Mapping[str, str]]:
    return config, base_env


class Upstreams:
    def __init__(
        self,
        servers: Mapping[str, ServerConfig],
        *,
        base_env: Mapping[str, str],
        on_change: OnChange | None = None,
        bearers: Bearers = no_bearers,
        scrubber: Scrubber | None = None,
        confine: Confine = _as_configured,
        recall: Recall = _nothing_known,
    ) -> None:
        """`base_env` is what every child process starts with, and where proxies are named.

        `on_change` is awaited with each new catalog, one at a time, once `start` is through: what changes while it
        works is told in one later call. What it raises is logged. `scrubber` blanks secrets in all that servers send,
        `confine` says how a command is really started, `recall` what servers listed before.
        """
        self._servers = _enabled(servers)
        self._base_env = base_env
        self._on_change = on_change
        self.scrubber = scrubber or Scrubber()
        self._confine = confine
        self._recall = recall
        self._connections: dict[str, Connection] = {}
        self._calls: dict[str, Calls] = {}
        self._owned: dict[tuple[str, str], tuple[Connection, Calls]] = {}
        """(server, owner) → for servers that each owner has an account of their own at; the last used at the end."""
        self._bearers = bearers
        self._tasks = Tasks()
        self._catalog = assemble(0, ())
        self._dirty = asyncio.Event()

    @property
    def catalog(self) -> Catalog:
        """The tools of all servers now. Servers of which nothing is known yet are not in it."""
        return self._catalog

    def status(self) -> list[ServerStatus]:
        return [self._connections[name].status() for name in sorted(self._connections)]

    async def start(self, *, settle: float = 30.0) -> None:
        """Start all servers at once. Returns when each is ready or has failed once, or after `settle` seconds; a server
        that does not come up is a matter of `status` and goes on being tried."""
        await self._open_all(self._servers, await self._recall(self._servers), settle)
        if self._on_change is not None:
            self._tasks.start(self._publish(self._on_change, self._catalog), name="publish upstream tools")

    async def apply(self, servers: Mapping[str, ServerConfig], *, settle: float = 30.0) -> None:
        """Go over to a new configuration. Servers whose own part is unchanged notice nothing; calls in flight on those
        that changed or went fail as on any lost connection."""
        wanted = _enabled(servers)
        stale = [name for name in self._connections if wanted.get(name) != self._servers[name]]
        kept = self._connections.keys() - stale
        fresh = {name: config for name, config in wanted.items() if name not in kept}
        known = await self._recall(fresh)
        self._servers = wanted
        await asyncio.gather(*(self._close(name) for name in stale))
        await self._open_all(fresh, known, settle)
        self._reassemble()

    async def check(self) -> list[ServerStatus]:
        """Ask every server for its tools now, all at once; those that are away are tried again."""
        return await asyncio.gather(*(self._connections[name].check() for name in sorted(self._connections)))

    async def call(
        self,
        server: str,
        tool: str,
        args: Mapping[str, JSON],
        *,
        owner: str = "",
        caller: Owner = NOBODY,
        meta: Mapping[str, JSON] | None = None,
        timeout: float | None = None,
        on_sent: Callable[[], None] | None = None,
        before_send: Callable[[], Awaitable[None]] | None = None,
    ) -> ToolResult:
        """Call a tool. What the tool itself reports as an error comes back as a result with `is_error`.

        `owner` is for whom: where the server's `credentials` are `per_owner`, the call goes out with theirs.
        `caller`, a tenant's agent, has its share of the server's slots, and its turn among those who wait for one.
        `timeout` is in seconds (default: the server's own) and counts from the moment the server has a free slot.
        Cancelling the awaiting task cancels the request at the server. `on_sent` is called at the last moment at which
        it is certain that the server has not seen the request, again if that attempt did not come to anything.
        `before_send` is awaited once a slot and a connection are there; what either of them raises stops the call.

        Raises UnknownTool, UpstreamUnavailable, UpstreamTimeout or UpstreamProtocolError; `details["sent"]` says
        whether the server may have seen the request: if not, it is safe to repeat.
        """
        calls = self._calls.get(server)
        if calls is None:
            raise self._unknown_server(server, tool)
        if self._servers[server].credentials == "per_owner":
            calls = self._calls_of(server, owner)
        return await calls.call(
            tool, args, caller=caller, meta=meta, timeout=timeout, on_sent=on_sent, before_send=before_send
        )

    async def close(self) -> None:
        """End every connection and every child process, within 5 s."""
        await asyncio.gather(*(self._close(name) for name in list(self._connections)))
        await self._tasks.close()

    async def credentials_changed(self, server: str, owner: str) -> None:
        """Somebody has connected the server, or no longer wants to be."""
        if (found := self._owned.pop((server, owner), None)) is not None:
            await found[0].close()
        if (connection := self._connections.get(server)) is not None:
            connection.hurry()

    def _calls_of(self, server: str, owner: str) -> Calls:
        found = self._owned.pop((server, owner), None)
        if found is None:
            while len(self._owned) >= _MOST_OWNED:
                oldest, _ = self._owned.pop(next(iter(self._owned)))
                self._tasks.start(oldest.close(), name=f"close {oldest.name}")
            config = self._servers[server]
            connection = self._connection(server, config, owner, _ignore)
            self._tasks.start(connection.run(), name=f"upstream {server} of an owner")
            found = connection, Calls(connection)
        self._owned[server, owner] = found
        return found[1]

    def _connection(
        self, name: str, config: ServerConfig, owner: str | None, on_change: Callable[[], None]
    ) -> Connection:
        bearer = self._bearers(name, config, owner)
        return Connection(name, config, self._base_env, on_change, self.scrubber, self._confine, bearer)

    async def _open_all(
        self, servers: Mapping[str, ServerConfig], known: Mapping[str, ServerTools], settle: float
    ) -> None:
        opened = [self._open(name, config) for name, config in servers.items()]
        for connection in opened:
            if connection.name in known:
                connection.offer(known[connection.name])
        self._reassemble()
        await self._settle(opened, settle)

    def _open(self, name: str, config: ServerConfig) -> Connection:
        connection = self._connection(name, config, None, self._reassemble)
        self._connections[name] = connection
        self._calls[name] = Calls(connection)
        self._tasks.start(connection.run(), name=f"upstream {name}")
        return connection

    async def _close(self, name: str) -> None:
        del self._calls[name]
        owned = [self._owned.pop(key)[0] for key in list(self._owned) if key[0] == name]
        await asyncio.gather(*(connection.close() for connection in (self._connections.pop(name), *owned)))

    async def _settle(self, connections: Iterable[Connection], seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await asyncio.gather(*(connection.settled() for connection in connections))
        except TimeoutError:
            late = [status.name for status in self.status() if status.state == "starting"]
            log.warning("upstream servers still starting after %g s: %s", seconds, ", ".join(late))

    def _reassemble(self) -> None:
        offered = [each.offered for each in self._connections.values() if each.offered is not None]
        catalog = assemble(self._catalog.version + 1, offered)
        if catalog.servers != self._catalog.servers:
            self._catalog = catalog
            self._dirty.set()

    async def _publish(self, on_change: OnChange, known: Catalog) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            if self._catalog.version == known.version:
                continue
            known = self._catalog
            try:
                await on_change(known)
            except Exception:
                log.exception("the new tools of the upstream servers could not be published")

    def _unknown_server(self, server: str, tool: str) -> UnknownTool:
        near = difflib.get_close_matches(server, self._connections, n=3, cutoff=0.5)
        fix = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"Servers: {', '.join(self._connections)}."
        return UnknownTool(
            f"There is no server {server!r}.", fix=fix, server=server, tool=tool, nearest=near, sent=False
        )


def _ignore() -> None:
    """The tools that are shown are those of the server's own connection."""


def _enabled(servers: Mapping[str, ServerConfig]) -> dict[str, ServerConfig]:
    return {name: config for name, config in servers.items() if config.enabled}
