"""A tenant's audit chain in the store: appended by any replica, at its end or not at all (engine/record.py)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from gateway.engine import record
from gateway.engine.chain import DIGEST, GENESIS, unpack
from gateway.model import JSON
from gateway.store import keys
from gateway.store.client import Client
from gateway.store.scripts import AUDIT

PAGE = 250
"""Records read in one round trip."""
LEASE_SECONDS = 30

Appended = Literal["ok", "stale", "torn"]


@dataclass(frozen=True, slots=True)
class State:
    """Where a chain stands: `length` records were written, the last hash is `head`, those before `first` were trimmed,
    the last checkpoint is number `checkpoint` (-1: none yet), made at `checkpoint_at` (ms)."""

    length: int
    head: bytes
    first: int
    checkpoint: int
    checkpoint_at: int


@dataclass(frozen=True, slots=True)
class Append:
    """Sealed records for the chain as it stood in `after`, and what goes with them in the same step: the sequence
    number and time of a checkpoint among them, runs that are open (with their context) or no longer (None), and the
    first record to keep from now on."""

    after: State
    head: bytes
    elements: Sequence[bytes]
    checkpoint: tuple[int, int] | None
    runs: Sequence[tuple[str, Mapping[str, JSON] | None]]
    keep_from: int | None


class AuditStore:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._first: dict[str, int] = {}

    # --- writing -----------------------------------------------------------------------------------------------

    async def state(self, tenant: str) -> State:
        fields = ("length", "head", "first", "checkpoint", "checkpoint_at")
        return _state([part or b"" for part in await self._client.send("HMGET", keys.audit(tenant), *fields)])

    async def append(self, tenant: str, append: Append) -> tuple[Appended, State]:
        """What became of it, and how the chain stands. `stale`: somebody else was first. `torn`: the end that the
        records were sealed for is nowhere in the chain, which was cut or rewritten; nothing was written either.
        Raises `StoreUnavailable`: then they are in it, or not, as a whole."""
        number, at = append.checkpoint or ("", "")
        runs = [part for run, context in append.runs for part in (run, orjson.dumps(context) if context else "")]
        after = append.after
        word, *stands = await self._client.run(
            AUDIT,
            [keys.audit(tenant), keys.audit_records(tenant), keys.audit_checkpoints(tenant), keys.audit_open(tenant)],
            [
                after.length,
                b"" if after.head == GENESIS else after.head,
                append.head,
                number,
                at,
                "" if append.keep_from is None else append.keep_from,
                len(append.runs),
                *runs,
                *append.elements,
            ],
        )
        return word.decode(), _state(stands)

    async def register(self, tenant: str) -> None:
        """Before its first record: the tenant has a chain."""
        await self._client.send("SADD", keys.audit_tenants(), tenant)

    # --- reading -----------------------------------------------------------------------------------------------

    async def tenants(self) -> list[str]:
        return sorted(tenant.decode() for tenant in await self._client.send("SMEMBERS", keys.audit_tenants()))

    async def elements(self, tenant: str, start: int, count: int) -> tuple[int, list[bytes]]:
        """Up to `count` sealed records from number `start` on, or from the first that is kept; with its number."""
        while True:
            first = self._first.get(tenant, 0)
            begin = max(start, first) - first
            found, now = await self._client.batch(
                [
                    ("LRANGE", keys.audit_records(tenant), begin, begin + count - 1),
                    ("HGET", keys.audit(tenant), "first"),
                ]
            )
            # Asked after the records: if it is what we thought, it was so when they were read.
            self._first[tenant] = int(now or 0)
            if self._first[tenant] == first:
                return max(start, first), found

    async def pages(self, tenant: str, start: int) -> AsyncIterator[tuple[int, list[bytes]]]:
        """The sealed records from number `start` up to the chain's end, in pages: (number of the first, records)."""
        seq, page = await self.elements(tenant, start, PAGE)
        while page:
            yield seq, page
            seq, page = await self.elements(tenant, seq + len(page), PAGE)

    async def hash_before(self, tenant: str, seq: int) -> bytes:
        """The chain's hash before record `seq`: of the one before it, or as the first kept one says: a checkpoint."""
        number, found = await self.elements(tenant, max(seq - 1, 0), 1)
        if seq == 0 or not found:
            return GENESIS
        return found[0][:DIGEST] if number == seq - 1 else record.base(found[0]) or GENESIS

    async def first_since(self, tenant: str, state: State, at: int) -> int:
        """The number of a record with none before it that is as late as `at` (ms): records are written in the order of
        time, give or take what the clocks of the replicas differ."""
        low, high = state.first, state.length
        while low < high:
            middle = (low + high) // 2
            _, found = await self.elements(tenant, middle, 1)
            if found and record.time_of(found[0]) < at:
                low = middle + 1
            else:
                high = middle
        return low

    async def checkpoints(self, tenant: str, *, since: int = 0, until: int | None = None) -> list[bytes]:
        """The sealed checkpoints made in `[since, until]` (ms), oldest first."""
        highest = "+inf" if until is None else until
        found: list[bytes] = await self._client.send(
            "ZRANGE", keys.audit_checkpoints(tenant), since, highest, "BYSCORE"
        )
        return found

    async def last_checkpoint(self, tenant: str, until: int) -> bytes | None:
        """The latest sealed checkpoint that is not after `until` (ms)."""
        options = ("BYSCORE", "REV", "LIMIT", 0, 1)
        found = await self._client.send("ZRANGE", keys.audit_checkpoints(tenant), until, "-inf", *options)
        return found[0] if found else None

    # --- runs --------------------------------------------------------------------------------------------------

    async def open_run(self, tenant: str, run_id: str) -> dict[str, Any] | None:
        """The context of a run whose end is not anchored yet."""
        raw = await self._client.send("HGET", keys.audit_open(tenant), run_id)
        return None if raw is None else orjson.loads(raw)

    async def open_runs(self, tenant: str) -> AsyncIterator[dict[str, dict[str, Any]]]:
        """All of them, some at a time."""
        cursor = 0
        while True:
            reply = await self._client.send("HSCAN", keys.audit_open(tenant), cursor, "COUNT", PAGE)
            cursor, found = int(reply[0]), reply[1]
            pairs = found.items() if isinstance(found, dict) else zip(found[::2], found[1::2], strict=True)
            yield {run_id.decode(): orjson.loads(context) for run_id, context in pairs}
            if not cursor:
                return

    async def run_states(self, run_ids: Sequence[str]) -> list[dict[str, Any] | None]:
        """Of each run `status`, its journal's `length` and `head` (hex), `updated`, `lease_until`, and `ttl_ms`
        (negative without); None for one that is gone."""
        names = ("status", "length", "head", "updated", "lease_until")
        commands: list[tuple[Any, ...]] = []
        for run_id in run_ids:
            commands += [("HMGET", keys.run(run_id), *names), ("PTTL", keys.run(run_id))]
        replies = await self._client.batch(commands) if commands else []
        return [_run_state(*pair) for pair in zip(replies[::2], replies[1::2], strict=True)]

    async def journals(self, run_ids: Sequence[str]) -> list[tuple[int, list[bytes]]]:
        """Of each run how many entries its record promises, and its sealed journal; nothing of one that is gone."""
        commands: list[tuple[Any, ...]] = []
        for run_id in run_ids:
            commands += [("HGET", keys.run(run_id), "length"), ("LRANGE", keys.journal(run_id), 0, -1)]
        replies = await self._client.batch(commands) if commands else []
        return [
            (int(length or 0), list(unpack(found))) for length, found in zip(replies[::2], replies[1::2], strict=True)
        ]

    # --- exporters ---------------------------------------------------------------------------------------------

    async def lead(self, sink: str, node: str) -> bool:
        """Whether `node` feeds the exporter `sink` for the next `LEASE_SECONDS`."""
        key = keys.audit_exporter(sink)
        await self._client.send("SET", key, node, "NX", "EX", LEASE_SECONDS)
        if await self._client.send("GET", key) != node.encode():
            return False
        await self._client.send("EXPIRE", key, LEASE_SECONDS)
        return True

    async def give_up(self, sink: str) -> None:
        """Let another replica feed the exporter at once."""
        await self._client.send("DEL", keys.audit_exporter(sink))

    async def position(self, sink: str) -> str | None:
        raw = await self._client.send("GET", keys.audit_position(sink))
        return None if raw is None else raw.decode()

    async def set_position(self, sink: str, position: str) -> None:
        await self._client.send("SET", keys.audit_position(sink), position)


def _state(parts: Sequence[bytes]) -> State:
    length, head, first, checkpoint, at = parts
    return State(int(length or 0), head or GENESIS, int(first or 0), int(checkpoint or -1), int(at or 0))


def _run_state(fields: Sequence[bytes | None], ttl_ms: int) -> dict[str, Any] | None:
    status, length, head, updated, lease_until = fields
    if status is None or head is None:
        return None
    numbers = {"length": length, "updated": updated, "lease_until": lease_until}
    read = {name: int(value or 0) for name, value in numbers.items()}
    return {"status": status.decode(), "head": head.hex(), "ttl_ms": ttl_ms, **read}
