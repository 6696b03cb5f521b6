"""Runs in the store: the record (a hash) and its journal (a sealed list), written by one owner at a time."""

from __future__ import annotations

import hashlib
import secrets
import time
import uuid
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import orjson

from gateway.engine import chain
from gateway.errors import NotFound, StaleWriter, StoreCorrupt
from gateway.model import JSON, Entry, Lease
from gateway.store import keys
from gateway.store.client import Client, Command
from gateway.store.clock import StoreClock
from gateway.store.scripts import APPEND, CLAIM, OPEN, PACK, RENEW

LEASE_MS = 10_000
WORTH_PACKING = 8
"""Entries: fewer gain nothing."""
BLOB_FROM = 64 * 1024
"""Values whose JSON is longer than this (bytes) are kept beside the journal."""

Fields = Mapping[str, str | int | bytes]
Record = dict[str, str]


@dataclass(slots=True)
class Writer:
    """The pen of one run: valid for one epoch. `length` and `head` follow each append."""

    run_id: str
    lease: Lease
    length: int
    head: bytes
    entries: list[Entry] = field(default_factory=list)
    record: Record = field(default_factory=dict)
    """The fields of the run as they were when it was claimed."""
    inbox: list[dict[str, Any]] = field(default_factory=list)
    """What had been posted for the run when it was claimed, oldest first."""
    packed: tuple[int, bytes] = (0, chain.GENESIS)
    """How many entries are in packed elements, and the hash after them."""
    size: int = 0
    """Bytes of the journal, as it lay in the store when it was claimed and has grown since."""


@dataclass(frozen=True, slots=True)
class Append:
    command: Command
    head: bytes
    entries: tuple[Entry, ...]
    size: int


@dataclass(frozen=True, slots=True)
class Claim:
    """What the store said to whoever wants to be the owner of a run; `asked` when (monotonic)."""

    run_id: str
    asked: float
    replies: list[Any]

    @property
    def told_ms(self) -> int | None:
        """The store's clock at the claim, if the run is ours now."""
        return int(self.replies[0][2]) if self.replies[0][0] == b"ok" else None

    @property
    def is_held(self) -> bool:
        """Whether somebody else is the owner."""
        held: bool = self.replies[0][0] == b"held"
        return held


class Journal:
    """All runs of the store. `owner` names this replica in leases; `clock` hears what time the store has."""

    def __init__(self, client: Client, *, owner: str, clock: StoreClock | None = None) -> None:
        self._client = client
        self._owner = owner
        self._clock = clock or StoreClock()

    async def open(
        self,
        run_id: str,
        fields: Fields,
        entries: Sequence[Entry],
        *,
        tenant: str,
        now: int,
        look_at: int = 0,
        first: Sequence[Command] = (),
    ) -> tuple[Writer, list[Any]]:
        """Create a run and hold its lease. From `look_at` on (ms, store's clock) somebody should see how it does.
        `first` are commands for the same round trip; their replies come along.

        Raises `StoreUnavailable`: then there is no run, not half of one. `StaleWriter`: somebody has opened it."""
        head, elements = chain.seal(chain.GENESIS, entries)
        asked = time.monotonic()
        pairs = _pairs(fields)
        args = [self._owner, LEASE_MS, head, len(pairs) // 2, *pairs, *elements]
        # The index goes first: an index entry without a run is harmless, a run that nobody looks after is not.
        replies = await self._client.batch(
            [
                *first,
                ("ZADD", keys.runs(tenant), now, run_id),
                ("ZADD", keys.alive(keys.shard(run_id)), look_at, run_id),
                self._client.call(OPEN, [keys.run(run_id), keys.journal(run_id)], args),
            ]
        )
        if not replies[-1]:
            raise StaleWriter(f"Run {run_id} has begun already.")
        size = sum(map(len, elements))
        writer = Writer(run_id, self._lease(run_id, 1, asked), len(entries), head, list(entries), size=size)
        return writer, replies[: len(first)]

    async def claim(self, run_id: str) -> Writer | None:
        """Become the owner, with the whole journal read and checked, and the mail; None if somebody else is, or it has
        ended.

        Raises `NotFound`, `StoreCorrupt`."""
        return self.taken(await self.ask(run_id))

    async def ask(self, run_id: str, first: Sequence[Command] = ()) -> Claim:
        """The round trip of a `claim`, with commands to be sent before it. `taken` reads what came of it."""
        asked = time.monotonic()
        replies = await self._client.batch(
            [
                *first,
                self._client.call(CLAIM, [keys.run(run_id)], [f"{self._owner} {secrets.token_hex(4)}", LEASE_MS]),
                ("HGETALL", keys.run(run_id)),
                ("HGET", keys.run(run_id), "head"),
                ("LRANGE", keys.journal(run_id), 0, -1),
                ("LRANGE", keys.inbox(run_id), 0, -1),
            ]
        )
        claim = Claim(run_id, asked, replies[len(first) :])
        if claim.told_ms is not None:
            # Who finds a run due by the store's clock and takes it may not find it early by its own.
            self._clock.heard(claim.told_ms, asked)
        return claim

    def taken(self, claim: Claim) -> Writer | None:
        """See `claim`."""
        run_id = claim.run_id
        claimed, raw, last, elements, messages = claim.replies
        match claimed[0]:
            case b"gone":
                raise NotFound(f"There is no run {run_id}.")
            case b"ok":
                head, entries = chain.open_sealed(elements)
                if head != last:
                    raise StoreCorrupt(
                        f"The journal of {run_id} ends elsewhere than its record says.", seq=len(entries)
                    )
                lease = self._lease(run_id, int(claimed[1]), claim.asked)
                packed = chain.packed(elements, len(entries))
                inbox = [orjson.loads(one) for one in messages]
                size = sum(map(len, elements))
                return Writer(run_id, lease, len(entries), head, entries, _record(raw), inbox, packed, size)
        return None

    def prepare(self, writer: Writer, entries: Sequence[Entry], fields: Fields | None = None) -> Append:
        """An append that can be sent, and sent again when its reply was lost: it has an id."""
        head, elements = chain.seal(writer.head, entries)
        pairs = _pairs(fields or {})
        args = [writer.lease.epoch, writer.length, uuid.uuid4().hex, head, len(pairs) // 2, *pairs, *elements]
        keys_ = [keys.run(writer.run_id), keys.journal(writer.run_id)]
        return Append(self._client.call(APPEND, keys_, args), head, tuple(entries), sum(map(len, elements)))

    async def commit(
        self, writer: Writer, append: Append, first: Sequence[Command] = (), *, pack: bool = False
    ) -> list[Any]:
        """Append and set record fields in one atomic step. `first` are commands for the same round trip, sent before
        it (blobs, liveness checks); their replies are returned. `pack`: make the journal small, for it will lie long.

        Raises `StaleWriter` when another replica owns the run or it has ended: nothing was written."""
        after = self._pack(writer, append) if pack else []
        replies = await self._client.batch([*first, append.command, *after])
        outcome = replies.pop(len(first))
        if outcome[0] != b"ok":
            raise StaleWriter(
                f"Run {writer.run_id} is no longer ours (epoch, length, status now: {_text(outcome[1:])}).",
                status=outcome[3].decode(),
            )
        writer.head, writer.length = append.head, writer.length + len(append.entries)
        writer.entries.extend(append.entries)
        writer.size += append.size
        if after and replies.pop():
            writer.packed = writer.length, writer.head
        return replies

    def _pack(self, writer: Writer, append: Append) -> list[Command]:
        """The command that packs what is loose after an append, if that is worth it."""
        count, head = writer.packed
        loose = [*writer.entries[count:], *append.entries]
        head, elements = chain.seal(head, loose)
        # A value that JSON does not give back as it was (an integer beyond 64 bits) leaves the journal as it is.
        if len(loose) < WORTH_PACKING or head != append.head:
            return []
        args = [writer.lease.epoch, writer.length + len(append.entries), len(loose), chain.pack(elements)]
        return [self._client.call(PACK, [keys.run(writer.run_id), keys.journal(writer.run_id)], args)]

    async def append(
        self, writer: Writer, entries: Sequence[Entry], fields: Fields | None = None, first: Sequence[Command] = ()
    ) -> list[Any]:
        """`prepare` and `commit`."""
        return await self.commit(writer, self.prepare(writer, entries, fields), first)

    async def renew(self, writer: Writer) -> bool:
        """Keep the lease for another `LEASE_MS`; False when it is lost."""
        asked = time.monotonic()
        key = keys.run(writer.run_id)
        if not await self._client.run(RENEW, [key], [writer.lease.epoch, LEASE_MS]):
            return False
        writer.lease = self._lease(writer.run_id, writer.lease.epoch, asked)
        return True

    def _lease(self, run_id: str, epoch: int, asked: float) -> Lease:
        # Counted from before the request was sent: on our own clock the lease never outlives the store's.
        return Lease(run_id, epoch, asked + LEASE_MS / 1000)

    # --- reading -----------------------------------------------------------------------------------------------

    async def record(self, run_id: str) -> Record | None:
        """The fields of a run as text, without journal; None when there is no such run."""
        raw = await self._client.send("HGETALL", keys.run(run_id))
        return _record(raw) or None

    async def records(self, run_ids: Sequence[str]) -> list[Record | None]:
        raw = await self._client.batch([("HGETALL", keys.run(run_id)) for run_id in run_ids]) if run_ids else []
        return [_record(one) or None for one in raw]

    async def chains(self, run_ids: Sequence[str]) -> list[list[str]]:
        """The token chain of each run; empty for a run that is gone."""
        raw = await self._client.batch([("HGET", keys.run(run_id), "chain") for run_id in run_ids]) if run_ids else []
        return [orjson.loads(one) if one else [] for one in raw]

    async def standing(self, run_ids: Sequence[str]) -> dict[str, tuple[str, bool]]:
        """Of each run its status ("" when it is gone), and whether somebody holds its lease, by the store's clock."""
        asked = [("HMGET", keys.run(run_id), "status", "lease_until") for run_id in run_ids]
        (seconds, _), *found = await self._client.batch([("TIME",), *asked])
        now = int(seconds) * 1000
        return {
            run_id: ((status or b"").decode(), int(lease or 0) > now)
            for run_id, (status, lease) in zip(run_ids, found, strict=True)
        }

    async def entries(self, run_id: str) -> list[Entry]:
        """The whole journal, checked. Raises `StoreCorrupt`."""
        return chain.open_sealed(await self._client.send("LRANGE", keys.journal(run_id), 0, -1))[1]

    async def news(self, run_id: str, head: bytes, first: int) -> tuple[bytes, list[Entry], str | None]:
        """What was written since entry `first`, which `head` is the hash before: the new head, the entries, and the
        status of the run (None: it is gone). Raises `StoreCorrupt`."""
        status, length = await self._client.send("HMGET", keys.run(run_id), "status", "length")
        if status is None or int(length) <= first:
            return head, [], None if status is None else status.decode()
        elements = islice(chain.unpack(await self._client.send("LRANGE", keys.journal(run_id), 0, -1)), first, None)
        head, entries = chain.open_sealed(elements, head, first)
        return head, entries, status.decode()

    async def glance(self, run_ids: Sequence[str], names: Sequence[str]) -> list[Record | None]:
        """Some fields of the record of each run; None for one that is gone."""
        raw = await self._client.batch([("HMGET", keys.run(run_id), *names) for run_id in run_ids]) if run_ids else []
        return [
            None if None in values else {name: value.decode() for name, value in zip(names, values, strict=True)}
            for values in raw
        ]

    async def head(self, run_id: str, length: int) -> bytes:
        """The hash of a journal's first `length` entries."""
        if length == 0:
            return chain.GENESIS
        elements = chain.unpack(await self._client.send("LRANGE", keys.journal(run_id), 0, -1))
        return next(islice(elements, length - 1, None), chain.GENESIS)[: chain.DIGEST]

    async def recent(self, tenant: str, *, limit: int) -> list[str]:
        """Run ids, newest first."""
        found = await self._client.send("ZRANGE", keys.runs(tenant), 0, limit - 1, "REV")
        return [run_id.decode() for run_id in found]

    async def listed(self, tenant: str, first: int, count: int) -> list[str]:
        """A page of the tenant's run ids, oldest first."""
        found = await self._client.send("ZRANGE", keys.runs(tenant), first, first + count - 1)
        return [run_id.decode() for run_id in found]

    async def due(self, run_ids: Sequence[str]) -> dict[str, int]:
        """Of those that have not ended, when somebody should look after each at the latest (ms, store's clock): when it
        is to be woken, now if nobody drives it, or a lease after the lease that somebody has."""
        asked = [("HMGET", keys.run(run_id), "status", "lease_until", "due") for run_id in run_ids]
        raw = await self._client.batch(asked) if asked else []
        return {
            run_id: int(lease) + LEASE_MS if int(lease) else int(due or 0) * (status == b"waiting")
            for run_id, (status, lease, due) in zip(run_ids, raw, strict=True)
            if status in (b"running", b"waiting")
        }

    async def expire(self, run_id: str, seconds: int, *, record: bool = True) -> None:
        """Give an ended run its remaining time to live; without `record`, all but its record."""
        digests = await self._client.send("SMEMBERS", keys.blobs(run_id))
        own = [*([keys.run(run_id)] if record else []), keys.journal(run_id), keys.inbox(run_id), keys.blobs(run_id)]
        own += [keys.blob(run_id, digest.decode()) for digest in digests]
        await self._client.batch(
            [("ZREM", keys.alive(keys.shard(run_id)), run_id), *(("EXPIRE", key, seconds) for key in own)]
        )

    async def expire_record(self, run_id: str, seconds: int) -> None:
        """Give the record of a run its remaining time to live."""
        await self._client.send("EXPIRE", keys.run(run_id), seconds)

    async def point(self, run_id: str, leg: str) -> None:
        """Let an ended run name a later leg than its next."""
        await self._client.send("HSET", keys.run(run_id), "continued_as", leg)

    async def last(self, run_id: str) -> Entry:
        """The last entry of a journal, unchecked. Raises `NotFound`."""
        elements = await self._client.send("LRANGE", keys.journal(run_id), -1, -1)
        if not elements:
            raise NotFound(f"The journal of {run_id} is no longer kept.")
        return chain.entry(elements[0])

    # --- large values ------------------------------------------------------------------------------------------

    @staticmethod
    def offload(run_id: str, value: JSON, over: int = BLOB_FROM) -> tuple[dict[str, JSON], list[Command]]:
        """What to write into the journal for `value`: itself as `{"v": …}`, or, over so many bytes, `{"blob": digest}`
        and the commands that must be durable before the entry that names it."""
        body = orjson.dumps(value)
        if len(body) <= over:
            return {"v": value}, []
        digest = hashlib.sha256(body).hexdigest()
        put = ("SET", keys.blob(run_id, digest), zlib.compress(body, 1))
        return {"blob": digest, "bytes": len(body)}, [put, ("SADD", keys.blobs(run_id), digest)]

    async def blob(self, run_id: str, digest: str) -> JSON:
        """A large value back. Raises `NotFound`, `StoreCorrupt`."""
        raw = await self._client.send("GET", keys.blob(run_id, digest))
        if raw is None:
            raise NotFound(f"The value {digest[:12]} of {run_id} is no longer kept.")
        body = zlib.decompress(raw)
        if hashlib.sha256(body).hexdigest() != digest:
            raise StoreCorrupt(f"The value {digest[:12]} of {run_id} is not what was written.")
        return orjson.loads(body)

    async def copies(self, source: str, run_id: str, digests: Iterable[str]) -> list[Command]:
        """The commands that keep large values of run `source` for `run_id` too. Raises `NotFound`."""
        commands: list[Command] = []
        for digest in sorted(digests):
            raw = await self._client.send("GET", keys.blob(source, digest))
            if raw is None:
                raise NotFound(f"The value {digest[:12]} of {source} is no longer kept.")
            commands += [("SET", keys.blob(run_id, digest), raw), ("SADD", keys.blobs(run_id), digest)]
        return commands

    # --- inbox -------------------------------------------------------------------------------------------------

    @staticmethod
    def post(run_id: str, message: Mapping[str, JSON]) -> Command:
        """The command that puts a message for the run's owner; whoever that is moves it into the journal."""
        return ("RPUSH", keys.inbox(run_id), orjson.dumps(message))

    async def inbox(self, run_id: str) -> list[dict[str, JSON]]:
        """All messages so far, oldest first. They stay until `clear_inbox`."""
        return [orjson.loads(one) for one in await self._client.send("LRANGE", keys.inbox(run_id), 0, -1)]

    async def clear_inbox(self, run_id: str, count: int) -> None:
        """Drop the oldest `count` messages, after what they said is in the journal."""
        await self._client.send("LTRIM", keys.inbox(run_id), count, -1)


def _pairs(fields: Fields) -> list[str | int | bytes]:
    return [part for pair in fields.items() for part in pair]


def _record(raw: Any) -> Record:
    pairs = raw.items() if isinstance(raw, dict) else zip(raw[::2], raw[1::2], strict=True)
    return {key.decode(): value.decode("utf-8", "replace") for key, value in pairs}


def _text(parts: Sequence[bytes]) -> str:
    return ", ".join(part.decode() or "-" for part in parts)
