"""Catalog → modules: what each principal may call, as TypeScript for the checker and as a table for its runs."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeVar

from codegen import Module, ServerSpec, generate
from gateway.engine import policy
from gateway.model import Catalog, Grant, Principal
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
class _Seen:
    version: int
    policies: tuple[tuple[Grant, ...], ...]
    deny: tuple[Grant, ...]
    visible: Visible


class Publisher:
    """The current catalog in the forms that requests need, made when first asked for. Runs under way keep what they
    started with: they hold their `RuntimeModule` themselves."""

    def __init__(self, learner: Learner) -> None:
        self._catalog = Catalog(0, {})
        self._learner = learner
        self._seen: OrderedDict[str, _Seen] = OrderedDict()
        self._published: OrderedDict[Visible, Published] = OrderedDict()

    @property
    def catalog(self) -> Catalog:
        return self._catalog

    def take(self, catalog: Catalog) -> Module:
        """A new catalog. Returns the module of all its tools, which search is built on."""
        self._catalog = catalog
        self._published.clear()
        every = frozenset((t.server, t.name) for server in catalog.servers.values() for t in server.tools)
        return self.publish(every).module

    def visible(self, principal: Principal) -> Visible:
        """The tools that some arguments would let this principal call; the others do not exist for it."""
        seen = self._seen.get(principal.token_id)
        current = (self._catalog.version, principal.policies, principal.deny)
        if seen is None or (seen.version, seen.policies, seen.deny) != current:
            tools = (tool for server in self._catalog.servers.values() for tool in server.tools)
            visible = frozenset((t.server, t.name) for t in tools if policy.may_see(principal, t))
            seen = _Seen(*current, visible)
        _remember(self._seen, principal.token_id, seen)
        return seen.visible

    def module_for(self, principal: Principal) -> Module:
        return self.publish(self.visible(principal)).module

    def publish(self, visible: Visible) -> Published:
        """The module of just these tools."""
        published = self._published.get(visible) or self._generate(visible)
        _remember(self._published, visible, published)
        return published

    def _generate(self, visible: Visible) -> Published:
        module = generate([spec for server in self._catalog.servers for spec in self._spec(server, visible)])
        table: dict[str, dict[str, tuple[str, str]]] = {}
        for (server, tool), decl in module.tools.items():
            table.setdefault(decl.namespace, {})[decl.function] = (server, tool)
        wrapped = frozenset(tool_key(server, tool) for (server, tool), d in module.tools.items() if d.wrapped)
        return Published(module, RuntimeModule(module.hash, table, wrapped))

    def _spec(self, server: str, visible: Visible) -> list[ServerSpec]:
        offered = self._catalog.servers[server]
        tools = {tool.name: tool for tool in offered.tools if (server, tool.name) in visible}
        if not tools:
            return []
        raw = [tool.raw for tool in tools.values()]
        return [ServerSpec(server, raw, offered.title, offered.instructions, self._learner.observed(tools))]


def _remember(kept: OrderedDict[_K, _V], key: _K, value: _V) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > KEPT:
        kept.popitem(last=False)
