"""A store whose master is found by Sentinels: `redis+sentinel://[user:password@]host[:port],…[/service[/database]]`.

The credentials are the store's; those of the Sentinels are `?sentinel_username=…&sentinel_password=…`. With
`rediss+sentinel` all of them are spoken to over TLS.
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import redis.asyncio as redis
from redis.asyncio.sentinel import Sentinel

PORT = 26_379


def master(url: SplitResult, options: dict[str, Any]) -> redis.Redis:
    """A client that always speaks to the master of the day. Raises `ValueError` if the URL has another form."""
    if url.scheme == "rediss+sentinel":
        options = {**options, "ssl": True}
    credentials, _, hosts = url.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    service, _, database = url.path.strip("/").partition("/")
    chosen: dict[str, Any] = {"db": int(database or 0), **_login(unquote(username), unquote(password))}
    own = dict(parse_qsl(url.query, strict_parsing=bool(url.query)))
    if not own.keys() <= {"sentinel_username", "sentinel_password"}:
        raise ValueError("an option that is not known")
    asking = _login(own.get("sentinel_username", ""), own.get("sentinel_password", ""))
    all_of_them = _Sentinels([_node(host) for host in hosts.split(",")], {**options, **asking})
    found: redis.Redis = all_of_them.master_for(service or "mymaster", **options, **chosen)
    return found


class _Sentinels(Sentinel):
    def __init__(self, nodes: list[tuple[str, int]], options: dict[str, Any]) -> None:
        # Without options of their own redis-py tries one that is away for longer than anybody waits for the store.
        super().__init__(nodes, sentinel_kwargs=options)  # type: ignore[no-untyped-call]  # redis-py gives it no types
        self._asking = asyncio.Lock()

    async def discover_master(self, service_name: str) -> Any:
        # redis-py puts the one that answered at the head of its list by an index which is stale when two ask at once:
        # one Sentinel is then there twice, and another is never asked again, nor closed.
        async with self._asking:
            return await super().discover_master(service_name)


def _node(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError("a host is missing")
    return parts.hostname, parts.port or PORT


def _login(username: str, password: str) -> dict[str, str]:
    return {name: value for name, value in (("username", username), ("password", password)) if value}
