"""Learning what tools without an output schema return: shapes of results, never values, shared by all replicas."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping

from codegen.observed import Observed, from_json, merge, observe, to_json
from gateway.config import Config
from gateway.errors import StoreError
from gateway.model import JSON, Catalog, Tool
from gateway.store.modules import Modules
from gateway.tasks import Tasks

log = logging.getLogger(__name__)

ALWAYS = 20
"""So many results of a tool are looked at one by one; after that one in `SAMPLE`, as they rarely tell anything new."""
SAMPLE = 16


class Learner:
    """`known` are the shapes by tool pin. `changed` is awaited when types have become different."""

    def __init__(self, config: Config, modules: Modules, changed: Callable[[], Awaitable[None]]) -> None:
        self._config = config
        self._modules = modules
        self._changed = changed
        self._known: dict[str, Observed] = {}
        self._unsaved: dict[str, Observed] = {}
        self._seen: dict[str, int] = {}
        self._tasks = Tasks()
        self._saving = False

    def observed(self, tools: Mapping[str, Tool]) -> dict[str, Observed]:
        """What is known of these tools (by name), of servers that are learnt from."""
        known = {name: self._known.get(tool.pin) for name, tool in tools.items() if self._learns(tool)}
        return {name: shape for name, shape in known.items() if shape is not None}

    async def reload(self, config: Config, catalog: Catalog) -> None:
        """Other servers may be learnt from now than before."""
        before, self._config = self._config, config
        if any(server.learn != _learns(before, name) for name, server in config.servers.items()):
            await self.recall(catalog)
            await self._changed()

    async def recall(self, catalog: Catalog) -> None:
        """Read what replicas have learnt about the tools of a catalog."""
        pins = [t.pin for s in catalog.servers.values() for t in s.tools if self._learns(t)]
        try:
            stored = await self._modules.observed(pins)
        except StoreError as error:
            log.warning("learnt types could not be read: %s", error)
            return
        self._known.update({pin: from_json(shape) for pin, shape in stored.items()})

    def note(self, tool: Tool, value: JSON) -> None:
        """A tool returned `value` to a program."""
        if not self._learns(tool):
            return
        seen = self._seen[tool.pin] = self._seen.get(tool.pin, 0) + 1
        if seen > ALWAYS and seen % SAMPLE:
            return
        self._unsaved[tool.pin] = observe(self._unsaved.get(tool.pin), value)
        before = self._known.get(tool.pin)
        now = self._known[tool.pin] = observe(before, value)
        if (before is None or before.shape != now.shape) and not self._saving:
            self._saving = True
            self._tasks.start(self._save(), name="learnt types")

    async def close(self) -> None:
        await self._tasks.close()

    def _learns(self, tool: Tool) -> bool:
        return tool.output_schema is None and _learns(self._config, tool.server)

    async def _save(self) -> None:
        """One at a time; what is learnt meanwhile goes with the next."""
        try:
            while self._unsaved:
                fresh, self._unsaved = self._unsaved, {}
                stored = await self._modules.observed(list(fresh))
                for pin, one in fresh.items():
                    together = merge(from_json(stored[pin]), one) if pin in stored else one
                    self._known[pin] = together
                    await self._modules.put_observed(pin, to_json(together))
                await self._changed()
        except StoreError as error:
            log.warning("learnt types could not be kept: %s", error)
        finally:
            self._saving = False


def _learns(config: Config, server: str) -> bool:
    found = config.servers.get(server)
    return found is not None and found.learn
