"""What the OAuth server and the sign-in of people keep: records with an end, under a kind and a name; and the rates at
which strangers may ask. The same on all replicas."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Literal

from gateway.store import keys
from gateway.store.client import Client
from gateway.store.scripts import RATE, SWAP

Kind = Literal[
    "client",
    "request",
    "code",
    "refresh",
    "consent",
    "device",
    "user_code",
    "sign_in_code",
    "sign_in",
    "person",
    "connect",
    "credential",
    "upstream_client",
    "upstream_owner",
    "upstream_scope",
    "renewal",
]

_STAMP = 16
"""Hex digits before each record: no two writes are equal, so that a repeated one is told from another's."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A record as it was read, for `swap`."""

    record: bytes
    stored: bytes


class Grants:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def put(self, kind: Kind, name: str, record: bytes, *, ttl_ms: int) -> None:
        """Keep a record for `ttl_ms`, which is at least 1."""
        await self._client.send("SET", keys.record(kind, name), _stamped(record), "PX", max(1, ttl_ms))

    async def get(self, kind: Kind, name: str) -> Kept | None:
        stored = await self._client.send("GET", keys.record(kind, name))
        return None if stored is None else Kept(stored[_STAMP:], stored)

    async def claim(self, kind: Kind, name: str, *, ttl_ms: int) -> Kept | None:
        """Keep an empty record, if there is none: for whoever came first, until it is given up or over."""
        stamped = _stamped(b"")
        taken = await self._client.send("SET", keys.record(kind, name), stamped, "PX", ttl_ms, "NX")
        return Kept(b"", stamped) if taken else None

    async def take(self, kind: Kind, name: str) -> bytes | None:
        """The record, for one caller alone: it is gone now."""
        stored = await self._client.send("GETDEL", keys.record(kind, name))
        return None if stored is None else stored[_STAMP:]

    async def swap(self, kind: Kind, name: str, before: Kept, record: bytes) -> bool:
        """Replace the record that was read as `before`. False: another came first."""
        done = await self._client.run(SWAP, [keys.record(kind, name)], [before.stored, _stamped(record)])
        return bool(done)

    async def drop(self, kind: Kind, name: str) -> None:
        await self._client.send("DEL", keys.record(kind, name))

    async def list_consent(self, person: str, name: str, *, ends_at: int, now: int) -> None:
        """Note that the consent of this name is one of the person's."""
        key = keys.consents(person)
        await self._client.batch(
            [
                ("ZADD", key, ends_at, name),
                ("ZREMRANGEBYSCORE", key, "-inf", now),
                ("PEXPIREAT", key, ends_at, "NX"),
                ("PEXPIREAT", key, ends_at, "GT"),
            ]
        )

    async def consents(self, person: str, *, now: int, limit: int) -> list[bytes]:
        """The records of the person's consents that have not ended by themselves, those that last longest first."""
        names = await self._client.send(
            "ZRANGE", keys.consents(person), "+inf", f"({now}", "BYSCORE", "REV", "LIMIT", 0, limit
        )
        stored = await self._client.batch([("GET", keys.record("consent", n.decode())) for n in names]) if names else []
        return [one[_STAMP:] for one in stored if one is not None]

    async def wait_ms(self, what: str, who: str, *, per_minute: int, burst: int) -> int:
        """Count one request of `who`, unless it comes too early: then how many ms to wait."""
        each = 60_000 // per_minute
        return int(await self._client.run(RATE, [keys.rate(what, who)], [each, each * burst]))


def _stamped(record: bytes) -> bytes:
    return secrets.token_hex(_STAMP // 2).encode() + record
