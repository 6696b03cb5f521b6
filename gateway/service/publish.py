"""Catalog → modules: what each principal may call, as TypeScript for the checker and as a table for its runs."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from codegen import Module, ServerSpec, generate
from gateway.engine import policy
from gateway.model import Catalog, Grant, Principal, ServerTools
from gateway.service.floor import RuntimeModule, tool_key
from gateway.service.learn import Learner

KEPT = 64
"""Modules and principals remembered; the least recently used go first."""

Visible = frozenset[tuple[str, str]]
_K = TypeVar("_K")
_V = TypeVar("_V")


@dataclass(frozen=True, slots=True)
class Published:
    """One module: `module` for the checker and for search, `runtime` for runs."""

    module: Module
    runtime: RuntimeModule


@dataclass(frozen=True, slots=True)
class Offer:
    """What a module depends on beside the catalog: the tools in it, and those of them that a person must approve."""

    visible: Visible
    asking: Visible = frozenset()


@dataclass(frozen=True, slots=True)
class _Seen:
    version: int
    policies: tuple[tuple[Grant, ...], ...]
    deny: tuple[Grant, ...]
    offer: Offer


class Publisher:
    """The current catalog in the forms that requests need, made when first asked for, beside the event loop. Runs under
    way keep what they started with: they hold their `RuntimeModule` themselves."""

    def __init__(self, learner: Learner) -> None:
        self._catalog = Catalog(0, {})
        self._learner = learner
        self._seen: OrderedDict[str, _Seen] = OrderedDict()
        self._published: OrderedDict[Offer, Published] = OrderedDict()
        self._generating = asyncio.Lock()

    @property
    def catalog(self) -> Catalog:
        return self._catalog

    async def take(self, catalog: Catalog) -> Module:
        """A new catalog, in force once the module of all its tools is there: that is returned, for search. Until then
        the one before serves."""
        every = Offer(frozenset((t.server, t.name) for server in catalog.servers.values() for t in server.tools))
        async with self._generating:
            made = await self._generate(catalog, every)
            self._catalog = catalog
            self._published.clear()
            self._published[every] = made
        return made.module

    def visible(self, principal: Principal) -> Visible:
        """The tools that some arguments would let this principal call; the others do not exist for it."""
        return self._offer(principal).visible

    def _offer(self, principal: Principal) -> Offer:
        seen = self._seen.get(principal.token_id)
        current = (self._catalog.version, principal.policies, principal.deny)
        if seen is None or (seen.version, seen.policies, seen.deny) != current:
            tools = [t for s in self._catalog.servers.values() for t in s.tools if policy.may_see(principal, t)]
            asking = frozenset((t.server, t.name) for t in tools if policy.always_asks(principal, t))
            seen = _Seen(*current, Offer(frozenset((t.server, t.name) for t in tools), asking))
        _remember(self._seen, principal.token_id, seen)
        return seen.offer

    async def module_for(self, principal: Principal) -> Module:
        return (await self.published_for(principal)).module

    async def published_for(self, principal: Principal) -> Published:
        return await self.publish(self._offer(principal))

    async def publish(self, offer: Offer) -> Published:
        """The module of just these tools."""
        published = self._published.get(offer)
        if published is None:
            async with self._generating:  # one at a time: who asks for the same meanwhile finds it
                published = self._published.get(offer) or await self._generate(self._catalog, offer)
                self._published[offer] = published
        _remember(self._published, offer, published)
        return published

    async def _generate(self, catalog: Catalog, offer: Offer) -> Published:
        specs = [spec for server in catalog.servers.values() for spec in self._spec(server, offer)]
        return await asyncio.to_thread(_generated, specs)

    def _spec(self, offered: ServerTools, offer: Offer) -> list[ServerSpec]:
        tools = {tool.name: tool for tool in offered.tools if (offered.name, tool.name) in offer.visible}
        if not tools:
            return []
        raw, observed = [tool.raw for tool in tools.values()], self._learner.observed(tools)
        notes = {name: ("needs approval",) for name in tools if (offered.name, name) in offer.asking}
        return [ServerSpec(offered.name, raw, offered.title, offered.instructions, observed, notes)]


def _generated(specs: Sequence[ServerSpec]) -> Published:
    module = generate(specs)
    table: dict[str, dict[str, tuple[str, str]]] = {}
    for (server, tool), decl in module.tools.items():
        table.setdefault(decl.namespace, {})[decl.function] = (server, tool)
    wrapped = frozenset(tool_key(server, tool) for (server, tool), d in module.tools.items() if d.wrapped)
    return Published(module, RuntimeModule(module.hash, table, wrapped))


def _remember(kept: OrderedDict[_K, _V], key: _K, value: _V) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > KEPT:
        kept.popitem(last=False)
