"""Drift: tools that are not what they were when their server was first seen, or when an operator last approved them.

Pins are trusted on first use: what a server lists when it is first seen counts as approved. From then on a tool that
is another, or was not there, is *drift*, until `gateway servers approve`. It is recorded and shown; with `on_drift:
block` such a tool is also held: it is in no types and no search result, and calls to it are refused.
"""

from __future__ import annotations

import asyncio
import difflib
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from gateway.config import Config
from gateway.engine.canonical import canonical
from gateway.errors import Conflict, NotFound, PolicyDenied, StoreError
from gateway.model import JSON, Catalog, ServerTools, Tool
from gateway.store.bus import Bus
from gateway.store.pins import Pins
from gateway.tasks import Tasks
from gateway.upstream.catalog import Difference, diff, is_wanted, parts

log = logging.getLogger(__name__)

MOST_NAMES, MOST_CHARS = 100, 100
"""Of a list of tools in one record, and of a name in it."""
NOTHING = Difference((), (), ())
ENDPOINT = "endpoint"
DIGEST = 12
"""Hexadecimal digits that name a difference."""


class Drift:
    """`changed` is awaited when other tools are held than before, by us or by another replica's approval."""

    def __init__(
        self,
        config: Config,
        pins: Pins,
        bus: Bus,
        *,
        record: Callable[..., Awaitable[None]],
        changed: Callable[[], Awaitable[None]],
    ) -> None:
        self.config = config
        self._pins = pins
        self._bus = bus
        self._record = record
        self._changed = changed
        self._catalog = Catalog(0, {})
        self._approved: dict[str, Mapping[str, JSON]] = {}
        self._listed: dict[str, ServerTools] = {}
        """What was last compared, by server: what has not changed since is not compared again."""
        self._found: dict[str, Difference] = {}
        self._versions = count(1)
        self._offered: tuple[object, Catalog] = (None, Catalog(0, {}))
        self._tasks = Tasks()
        self._one_at_a_time = asyncio.Lock()

    def start(self) -> None:
        self._tasks.start(self._hear(), name="approved tools")

    async def close(self) -> None:
        await self._tasks.close()

    # --- what is held ------------------------------------------------------------------------------------------

    def blocks(self, server: str) -> bool:
        config = self.config.servers.get(server)
        setting = config.on_drift if config is not None else None
        return (setting or self.config.gateway.on_drift) == "block"

    def is_held(self, tool: Tool) -> bool:
        """Whether a tool must not be used. What was never compared with its pin counts as drift."""
        return self.blocks(tool.server) and not self._is_approved(tool)

    def check(self, tool: Tool) -> None:
        """Raises `PolicyDenied` for a tool that is held."""
        if self.is_held(tool):
            raise PolicyDenied(
                f"{tool.server}:{tool.name} is held: its definition is not the one that was approved.",
                fix="Whoever runs the gateway can look at it with `gateway servers check` and let it through with "
                f"`gateway servers approve {tool.server} {tool.name[:MOST_CHARS]}`.",
                server=tool.server,
                tool=tool.name,
                rule=f"mcpServers.{tool.server}.on_drift",
            )

    def offered(self, catalog: Catalog) -> Catalog:
        """The catalog without the tools that are held. Its version is its own, and grows when it is another."""
        held = frozenset((t.server, t.name) for s in catalog.servers.values() for t in s.tools if self.is_held(t))
        key = (catalog, held)
        if self._offered[0] != key:
            servers = {name: _without(server, held) for name, server in catalog.servers.items()} if held else None
            self._offered = (key, Catalog(next(self._versions), servers or catalog.servers))
        return self._offered[1]

    def report(self, server: str) -> dict[str, JSON]:
        """`{"on_drift", "added", "removed", "changed", "parts", "held", "digest"}`: names of tools; `parts` says which
        parts of each changed definition are others now, `digest` names this very difference ("": none)."""
        found = self._found.get(server, NOTHING)
        held = [*found.added, *found.changed] if self.blocks(server) else []
        return {
            "on_drift": "block" if self.blocks(server) else "warn",
            "added": list(found.added),
            "removed": list(found.removed),
            "changed": list(found.changed),
            "parts": {name: self._changed_parts(server, name) for name in found.changed},
            "held": held,
            "digest": self._digest(server),
        }

    # --- comparing and approving -------------------------------------------------------------------------------

    async def compare(self, catalog: Catalog) -> None:
        """Hold a catalog against the pins, and record what is news. Without a store that waits until there is one."""
        self._catalog = catalog
        try:
            async with self._one_at_a_time:
                for name, server in catalog.servers.items():
                    if server.tools and self._listed.get(name) is not server:
                        await self._compare(server)
        except StoreError as error:
            log.warning("the tools of the servers could not be held against their pins: %s", error)

    async def approve(self, server: str, tools: Sequence[str] = (), *, seen: str | None = None) -> dict[str, JSON]:
        """Take what a server lists now as approved: these tools, or all that drifted. `seen` is the digest of what the
        operator has looked at. Returns what that changed, as `{"server", "added", "removed", "changed"}`.

        Raises `NotFound` for what has not drifted, `Conflict` when it is another difference by now, `StoreError`."""
        async with self._one_at_a_time:
            chosen = self._chosen(server, tools)
            if seen is not None and seen != self._digest(server):
                raise Conflict(
                    f"The tools of {server} have changed again since you looked.", fix="See `gateway servers check`."
                )
            listed = {tool.name: tool for tool in self._catalog.servers[server].tools}
            fields = _told(chosen)
            await self._record("drift.approved", server=server, **fields)
            pinned = {name: _pinned(listed[name]) for name in (*chosen.added, *chosen.changed)}
            await self._pins.approve(server, pinned, chosen.removed)
        await self._bus.say("pins", server)
        await self.again()
        return {"server": server, **fields}

    async def again(self) -> None:
        """Compare everything anew: settings are others, or another replica has approved something."""
        before = self._offered[1]
        self._listed.clear()
        await self.compare(self._catalog)
        if self.offered(self._catalog) is not before:
            await self._changed()

    async def _compare(self, server: ServerTools) -> None:
        listed = {tool.name: tool for tool in server.tools}
        pinned = {name: _pinned(tool) for name, tool in listed.items()}
        first, approved = await self._pins.first_seen(server.name, pinned)
        config = self.config.servers.get(server.name)
        # What the operator has excluded since is not what the server changed.
        expected = {name: value["pin"] for name, value in approved.items() if config is None or is_wanted(config, name)}
        found = diff(expected, {name: tool.pin for name, tool in listed.items()})
        self._approved[server.name], self._listed[server.name] = approved, server
        self._found[server.name] = found
        news = await self._pins.is_news(server.name, self._digest(server.name))
        if first:
            await self._record("drift.first_seen", server=server.name, tools=len(listed))
        elif found != NOTHING and news:
            await self._tell(server.name, found)

    async def _tell(self, server: str, found: Difference) -> None:
        fields = _told(found)
        held = self.blocks(server)
        log.warning(
            "upstream %s: its tools are not what was approved (%d added, %d removed, %d changed)%s",
            *(server, len(found.added), len(found.removed), len(found.changed)),
            "; new and changed ones are held until `gateway servers approve`" if held else "",
        )
        parts_of = {name[:MOST_CHARS]: self._changed_parts(server, name) for name in found.changed[:MOST_NAMES]}
        await self._record("tool.drift", server=server, **fields, parts=parts_of, decision="deny" if held else "allow")

    async def _hear(self) -> None:
        async for kind, _ in self._bus.listen():
            if kind in ("pins", "connected"):
                await self.again()

    def _is_approved(self, tool: Tool) -> bool:
        value = self._approved.get(tool.server, {}).get(tool.name)
        return value is not None and value["pin"] == tool.pin

    def _changed_parts(self, server: str, name: str) -> list[str]:
        """An endpoint that has changed shows in the pin alone."""
        tool = self._catalog.find(server, name)
        if tool is None:
            return []
        was, now = self._approved[server][name]["parts"], parts(tool)
        return sorted(key for key in {*was, *now} if was.get(key) != now.get(key)) or [ENDPOINT]

    def _digest(self, server: str) -> str:
        """Names a difference, with the very definitions that differ; "" for none."""
        found, listed = self._found.get(server, NOTHING), self._listed.get(server)
        if found == NOTHING or listed is None:
            return ""
        pins = {tool.name: tool.pin for tool in listed.tools}
        differing = [[name, pins[name]] for name in (*found.added, *found.changed)]
        return hashlib.sha256(canonical([list(found.removed), differing])).hexdigest()[:DIGEST]

    def _chosen(self, server: str, tools: Sequence[str]) -> Difference:
        found = self._found.get(server)
        if found is None:
            near = difflib.get_close_matches(server, self._found, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(self._found) or '(none)'}."
            raise NotFound(f"No server {server!r} has been seen here.", fix=hint)
        drifted = {*found.added, *found.removed, *found.changed}
        for tool in tools:
            if tool not in drifted:
                raise NotFound(
                    f"{server}:{tool} has not drifted.",
                    fix=f"`gateway servers check` shows what has: {', '.join(sorted(drifted)[:5]) or 'nothing'}.",
                )
        wanted = drifted if not tools else set(tools)
        return Difference(
            *(tuple(name for name in names if name in wanted) for names in (found.added, found.removed, found.changed))
        )


def _without(server: ServerTools, held: frozenset[tuple[str, str]]) -> ServerTools:
    return replace(server, tools=tuple(tool for tool in server.tools if (server.name, tool.name) not in held))


def _pinned(tool: Tool) -> dict[str, JSON]:
    return {"pin": tool.pin, "parts": parts(tool)}


def _told(found: Difference) -> dict[str, Any]:
    """A difference for the record and for people: names cut, long lists too."""

    def some(names: Sequence[str]) -> list[str]:
        shown = [name[:MOST_CHARS] for name in names[:MOST_NAMES]]
        return shown + ([f"… and {len(names) - MOST_NAMES} more"] if len(names) > MOST_NAMES else [])

    return {"added": some(found.added), "removed": some(found.removed), "changed": some(found.changed)}
