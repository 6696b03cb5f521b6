"""The connection to Redis or Valkey: URL forms, batching, scripts, and foreign errors mapped to ours.

Every command that the gateway sends is safe to repeat (reads, idempotent writes, or scripts that carry an id), so a
broken connection is retried once; a store that does not answer at all fails within `TIMEOUT` seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import hiredis
import redis.asyncio as redis
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import (
    ClusterDownError,
    MasterDownError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from gateway.errors import ConfigError, StoreError, StoreUnavailable
from gateway.store import sentinels
from gateway.store.scripts import SCRIPTS, Script

TIMEOUT = 5.0
MOST_CONNECTIONS = 64
_BROKEN = (RedisConnectionError, RedisTimeoutError, RedisClusterException, OSError)
_NOT_NOW = (ClusterDownError, MasterDownError, OutOfMemoryError, ReadOnlyError)
_NOT_NOW_CODES = ("MISCONF", "NOREPLICAS")
"""Refusals that pass; of the first, redis-py makes classes and takes the code off the text."""
Command = tuple[Any, ...]


def connect(url: str) -> redis.Redis | RedisCluster:
    """A client for `redis://`, `rediss://`, `unix://`, `redis+cluster://host:port` or `redis+sentinel://` (its form:
    `gateway.store.sentinels`). Raises `ConfigError` for any other form."""
    try:
        return _connect(url)
    except (ValueError, TypeError, RedisClusterException) as error:
        # Their texts may show a part of the password, if that is what makes the URL unreadable.
        raise ConfigError(
            "gateway.redis_url cannot be read: its scheme, host, port, database, or one of its options.",
            fix="Use redis://user:password@host:6379/0, rediss://…, unix:///path, redis+cluster://host:port or "
            "redis+sentinel://host:port,host:port/service, with / in a password as %2F.",
        ) from error


def _connect(url: str) -> redis.Redis | RedisCluster:
    options: dict[str, Any] = {
        "socket_timeout": TIMEOUT,
        "socket_connect_timeout": 1.0,
        "retry": Retry(NoBackoff(), 0),
    }
    parts = urlsplit(url)
    match parts.scheme:
        case "redis" | "rediss" | "unix":
            client = redis.Redis.from_url(url, **options)
            # What options the URL has is first looked at here.
            _connection(client.connection_pool)
            return client
        case "redis+cluster" | "rediss+cluster":
            return RedisCluster.from_url(url.replace("+cluster", "", 1), **options)
        case "redis+sentinel" | "rediss+sentinel":
            return sentinels.master(parts, options)
        case _:
            raise ValueError("a scheme that is not known")


class Client:
    """One store. Holds no state of its own beyond the connection pool."""

    def __init__(self, url: str) -> None:
        self._redis = connect(url)
        self._places = asyncio.Semaphore(MOST_CONNECTIONS)
        self._idle: list[AbstractConnection] = []

    async def close(self) -> None:
        for connection in self._idle:
            await connection.disconnect()
        if isinstance(self._redis, redis.Redis) and isinstance(self._redis.connection_pool, SentinelConnectionPool):
            await self._redis.connection_pool.sentinel_manager.aclose()
        await self._redis.aclose()

    async def send(self, *command: Any) -> Any:
        """One command, its reply. Raises `StoreUnavailable`, or `StoreError` if Redis refused it."""
        return (await self.batch([command]))[0]

    async def batch(self, commands: Sequence[Command]) -> list[Any]:
        """Several commands in one round trip (on a cluster: one to each node), their replies in order."""
        if not commands:
            return []
        cancelled = _cancellations()
        try:
            replies = await self._once(commands)
        except _BROKEN:
            replies = await self._again(commands)
        if _cancellations() > cancelled:
            # redis-py waits with `asyncio.wait_for`, which on Python 3.11 may swallow a cancellation.
            raise asyncio.CancelledError
        return replies

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """One Lua script; loaded again by itself after `SCRIPT FLUSH` or a restart."""
        return await self.send(*self.call(script, keys, args))

    @staticmethod
    def call(script: Script, keys: Sequence[str], args: Sequence[Any]) -> Command:
        """The command that runs `script`, for use in a `batch`."""
        return ("EVALSHA", script.sha, len(keys), *keys, *args)

    async def _again(self, commands: Sequence[Command]) -> list[Any]:
        # After a restart of the store all of them are broken.
        broken, self._idle = self._idle, []
        for connection in broken:
            await connection.disconnect(nowait=True)
        try:
            return await self._once(commands)
        except _BROKEN as error:
            raise StoreUnavailable(
                f"The store cannot be reached ({type(error).__name__}).",
                fix="Check that it runs and that gateway.redis_url is right; requests work again when it answers.",
            ) from error

    async def _once(self, commands: Sequence[Command]) -> list[Any]:
        replies = await self._round_trip(commands)
        if any(isinstance(reply, NoScriptError) for reply in replies):
            await self._load_scripts()
            # All of them: what was read beside a claim that did not happen may be another's by the time that it does.
            replies = await self._round_trip(commands)
        for reply in replies:
            if isinstance(reply, RedisConnectionError | RedisTimeoutError):
                raise reply
            if isinstance(reply, RedisError):
                raise _refused(reply)
        return replies

    async def _load_scripts(self) -> None:
        """After a restart of the store everybody finds them missing at once: one round trip each, not a connection for
        each script."""
        if isinstance(self._redis, RedisCluster):
            await asyncio.gather(*(self._redis.script_load(script.text) for script in SCRIPTS))
        else:
            await self._round_trip([("SCRIPT", "LOAD", script.text) for script in SCRIPTS])

    async def _round_trip(self, commands: Sequence[Command]) -> list[Any]:
        if isinstance(self._redis, RedisCluster):
            # Its pipeline keeps the order of commands to one node, so of all about one run.
            pipeline = self._redis.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)
            replies: list[Any] = await pipeline.execute(raise_on_error=False)
            return replies
        async with self._places:
            return await self._exchange(self._redis.connection_pool, commands)

    async def _exchange(self, pool: redis.ConnectionPool, commands: Sequence[Command]) -> list[Any]:
        """On a connection directly: redis-py's own pipeline, packing, and timeouts (a task for each write, a timer for
        each reply) cost several times the CPU, on the path of every tool call."""
        connection = self._idle.pop() if self._idle else _connection(pool)
        try:
            async with asyncio.timeout(TIMEOUT):
                if not connection.is_connected:
                    await connection.connect()  # type: ignore[no-untyped-call]  # redis-py gives it no types
                packed = [hiredis.pack_command(command) for command in commands]
                await connection.send_packed_command(packed, check_health=False)
                replies = [await _reply(connection) for _ in commands]
        except BaseException:
            # A reply that nobody has read would be taken for the next command's.
            await connection.disconnect(nowait=True)
            raise
        self._idle.append(connection)
        return replies

    def subscribe(self) -> Any:
        """A pub/sub connection of its own."""
        return self._redis.pubsub()


def _connection(pool: redis.ConnectionPool) -> AbstractConnection:
    """One whose timeouts are ours to keep."""
    # redis-py gives it no types.
    connection: AbstractConnection = pool.make_connection()  # type: ignore[no-untyped-call]
    connection.socket_timeout = None
    return connection


def _cancellations() -> int:
    task = asyncio.current_task()
    return task.cancelling() if task is not None else 0


async def _reply(connection: AbstractConnection) -> Any:
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error


def _refused(error: RedisError) -> StoreError:
    text = str(error)
    if isinstance(error, _NOT_NOW) or text.startswith(_NOT_NOW_CODES):
        return StoreUnavailable(f"The store does not take writes now: {text}", fix="See the store's own log.")
    return StoreError(f"The store refused a command: {text}", fix="Redis 7.2+ or Valkey 8+ is needed.")


def unix_url(socket: Path) -> str:
    return f"unix://{socket}"
