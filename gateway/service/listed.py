"""What each server listed last, shared by all replicas: a gateway that starts, or wakes a run, while a server is away
knows its tools all the same. Programs that use them are checked, and their calls wait for the server."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping

import orjson

from gateway.config import ServerConfig
from gateway.errors import StoreError
from gateway.model import JSON, Catalog, ServerTools
from gateway.store.modules import Modules
from gateway.upstream.catalog import build

log = logging.getLogger(__name__)


class Listed:
    def __init__(self, modules: Modules) -> None:
        self._modules = modules
        self._kept: dict[str, ServerTools] = {}

    async def recall(self, servers: Mapping[str, ServerConfig]) -> Mapping[str, ServerTools]:
        """What is known of these servers, as their configuration of today lets it in."""
        digests = {name: _digest(name, config) for name, config in servers.items()}
        try:
            stored = await self._modules.listed(list(digests.values()))
        except StoreError as error:
            log.warning("what the servers listed last could not be read: %s", error)
            return {}
        found = {name: stored[digest] for name, digest in digests.items() if digest in stored}
        known = {name: _read(name, servers[name], listing) for name, listing in found.items()}
        self._kept |= known
        return known

    async def keep(self, catalog: Catalog, servers: Mapping[str, ServerConfig]) -> None:
        """Remember what has been listed anew."""
        for name, server in catalog.servers.items():
            if name not in servers or self._kept.get(name) is server:
                continue
            tools = [tool.raw for tool in server.tools]
            listing = {"title": server.title, "instructions": server.instructions, "tools": tools}
            try:
                await self._modules.put_listed(_digest(name, servers[name]), listing)
            except StoreError as error:
                log.warning("what %s listed could not be kept: %s", name, error)
                return
            self._kept[name] = server


def _digest(name: str, config: ServerConfig) -> str:
    """Whatever is at another address, or another program, is another server."""
    return hashlib.sha256(orjson.dumps([name, *config.endpoint])).hexdigest()


def _read(name: str, config: ServerConfig, listing: JSON) -> ServerTools:
    tools = build(name, config, listing["tools"]).tools
    return ServerTools(name, config.title or listing["title"], listing["instructions"], tools)
