"""Tokens' records, sessions and their state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import orjson

from gateway.config import Limits
from gateway.errors import StaleWriter, UsageError
from gateway.model import JSON, Grant, Token
from gateway.store import keys
from gateway.store.client import Client, Command
from gateway.store.scripts import STATE

DAY = 86_400
PAGE = 250
"""Tokens that are read in one round trip."""
STATE_KEY_BYTES = 1_024
WRITERS_SECONDS = 3_600
"""For so long after a run has gone on elsewhere, what its former owner still sends changes no state."""
Author = tuple[str, int]
"""A run, and the epoch in which it is written."""


class Sessions:
    def __init__(self, client: Client) -> None:
        self._client = client

    # --- tokens ------------------------------------------------------------------------------------------------

    async def put_token(self, token: Token, *, now: int) -> None:
        """Keep a token's record until 30 days past its expiry."""
        ttl = max(1, (token.expires_at - now) // 1000) + 30 * DAY
        await self._client.batch(
            [
                ("SET", keys.token(token.id), orjson.dumps(asdict(token)), "EX", ttl),
                ("ZADD", keys.tokens(token.tenant), token.expires_at, token.id),
                ("ZREMRANGEBYSCORE", keys.tokens(token.tenant), "-inf", now - 30 * DAY * 1000),
            ]
        )

    async def token(self, token_id: str) -> Token | None:
        raw = await self._client.send("GET", keys.token(token_id))
        return None if raw is None else _token(raw)

    async def token_with(self, token_id: str, command: Command) -> tuple[Token | None, Any]:
        """A token's record, and the reply to a command of the same round trip."""
        raw, reply = await self._client.batch([("GET", keys.token(token_id)), command])
        return None if raw is None else _token(raw), reply

    async def tokens(self, tenant: str) -> list[Token]:
        """All tokens on record, soonest expiry first. Read in pages: between them others get a turn."""
        ids = await self._client.send("ZRANGE", keys.tokens(tenant), 0, -1)
        found: list[Token] = []
        for first in range(0, len(ids), PAGE):
            page = ids[first : first + PAGE]
            raw = await self._client.batch([("GET", keys.token(token_id.decode())) for token_id in page])
            found += [_token(one) for one in raw if one is not None]
        return found

    # --- sessions ----------------------------------------------------------------------------------------------

    @staticmethod
    def touch(sid: str, name: str, run_id: str, now: int) -> list[Command]:
        """The commands that note that a session exists and owns a run."""
        return [("HSETNX", keys.sessions(sid), name, now), ("ZADD", keys.session_runs(sid, name), now, run_id)]

    async def all_names(self, sids: Sequence[str]) -> list[dict[str, int]]:
        """The sessions of each token: name → created (ms)."""
        return [
            {name.decode(): int(created) for name, created in _pairs(raw)}
            for raw in await self._client.batch([("HGETALL", keys.sessions(sid)) for sid in sids])
        ]

    async def room(self, sid: str, name: str) -> tuple[bool, int]:
        """Whether a token has a session of this name, and how many it has."""
        known, count = await self._client.batch([("HEXISTS", keys.sessions(sid), name), ("HLEN", keys.sessions(sid))])
        return bool(known), int(count)

    async def sizes(self, sessions: Sequence[tuple[str, str]]) -> list[dict[str, int]]:
        """Of each session (sid, name), key → bytes of its value."""
        found = await self._client.batch([("HKEYS", keys.state(*one)) for one in sessions])
        every = [(one, key) for one, some in zip(sessions, found, strict=True) for key in some]
        lengths = iter(await self._client.batch([("HSTRLEN", keys.state(*one), key) for one, key in every]))
        return [{key.decode("utf-8", "replace"): int(next(lengths)) for key in some} for some in found]

    async def run_counts(self, sessions: Sequence[tuple[str, str]]) -> list[int]:
        """How many runs each session (sid, name) is known to have had."""
        return [int(n) for n in await self._client.batch([("ZCARD", keys.session_runs(*one)) for one in sessions])]

    async def runs(self, sid: str, name: str, limit: int) -> list[str]:
        found = await self._client.send("ZRANGE", keys.session_runs(sid, name), 0, limit - 1, "REV")
        return [run_id.decode() for run_id in found]

    async def delete(self, sid: str, name: str) -> bool:
        """Forget a session's state and its list of runs (the runs themselves stay until their retention ends)."""
        gone = await self._client.batch(
            [
                ("HDEL", keys.sessions(sid), name),
                ("DEL", keys.state(sid, name)),
                ("DEL", keys.state_writers(sid, name)),
                ("DEL", keys.session_runs(sid, name)),
            ]
        )
        return bool(gone[0])

    # --- state -------------------------------------------------------------------------------------------------

    async def get(self, sid: str, name: str, key: str) -> JSON:
        raw = await self._client.send("HGET", keys.state(sid, name), key)
        return None if raw is None else orjson.loads(raw)

    async def set(self, sid: str, name: str, key: str, value: JSON, caps: Limits, by: Author) -> None:
        """Keep a value. Raises `UsageError` that names the cap which is in the way, or `StaleWriter`: then nothing has
        changed."""
        if len(key.encode("utf-8", "replace")) > STATE_KEY_BYTES:
            raise UsageError(f"state.set: a key has at most {STATE_KEY_BYTES} bytes.", fix="Choose a shorter one.")
        body = orjson.dumps(value)
        if len(body) > caps.state_value_kb * 1024:
            raise _over(
                key,
                f"the value has {len(body)} bytes",
                f"state_value_kb = {caps.state_value_kb}",
                "Return large data as the result and read it by its handle, or store it through a tool.",
            )
        word, count = await self._write(sid, name, by, key, body, caps.state_keys, caps.state_mb * 2**20)
        fix = "Delete some with state.delete(key), or use another session."
        if word == b"keys":
            raise _over(key, f"the session has {count} keys", f"state_keys = {caps.state_keys}", fix)
        if word == b"bytes":
            raise _over(key, f"the session would hold {count} bytes", f"state_mb = {caps.state_mb}", fix)

    async def unset(self, sid: str, name: str, key: str, by: Author) -> bool:
        """Whether there was a value. Raises `StaleWriter`: then it is still there."""
        return bool((await self._write(sid, name, by, key))[1])

    async def _write(self, sid: str, name: str, by: Author, *arguments: str | bytes | int) -> tuple[bytes, int]:
        word, count = await self._client.run(
            STATE, [keys.state(sid, name), keys.state_writers(sid, name)], [*by, WRITERS_SECONDS, *arguments]
        )
        if word == b"stale":
            raise StaleWriter(f"{by[0]} writes its session's state in epoch {count} by now, not in {by[1]}.")
        return word, count

    async def keys(self, sid: str, name: str) -> list[str]:
        return sorted(key.decode() for key in await self._client.send("HKEYS", keys.state(sid, name)))


def _pairs(raw: Any) -> Iterable[tuple[bytes, bytes]]:
    return raw.items() if isinstance(raw, dict) else zip(raw[::2], raw[1::2], strict=True)


def _over(key: str, what: str, cap: str, fix: str) -> UsageError:
    return UsageError(f"state.set({key!r}): {what}, over {cap}.", fix=fix, limit=cap.partition(" ")[0])


def _token(raw: bytes) -> Token:
    fields = orjson.loads(raw)
    grants = fields.pop("grants")
    chain: Sequence[str] = fields.pop("chain")
    return Token(**fields, chain=tuple(chain), grants=None if grants is None else tuple(_grant(g) for g in grants))


def _grant(fields: dict[str, JSON]) -> Grant:
    return Grant(**{**fields, "tools": tuple(fields["tools"])})
