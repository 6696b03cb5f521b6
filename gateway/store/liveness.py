"""Who may act: one key per identity (tenant, agent, token) that must exist. Absent means dead, so that a flushed store
lets nobody in. Whoever is shut off is in a list besides, of which each replica keeps a copy on its own disk
(ledger.py), so that a restored snapshot brings nobody back."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gateway.clock import Clock, now_ms
from gateway.errors import Forbidden, StoreError, StoreUnavailable
from gateway.store import keys
from gateway.store.client import Client, Command
from gateway.store.ledger import Entry, Ledger
from gateway.store.scripts import BEAT

log = logging.getLogger(__name__)

CHECK_HOLDS_SECONDS = 0.25
"""A request goes out within this long of the liveness check that allowed it, or the check is made again."""
SETTLE_SECONDS = CHECK_HOLDS_SECONDS + 0.05
"""After this long nobody sends on a check from before a revocation, whether it was heard of or not."""
TIDY_SECONDS = 3_600


class Liveness:
    """`on_shut` is called with the identities of each revocation that this replica learns of, before it is
    acknowledged: nothing of theirs may be sent after that."""

    def __init__(self, client: Client, ledger: Ledger | None = None, *, clock: Clock = now_ms) -> None:
        self._client = client
        self._ledger = ledger or Ledger()
        self._clock = clock
        self._name = secrets.token_hex(8)
        self._reading = asyncio.Lock()
        self._has_read = False
        self._tidy_at = 0.0
        self._problem: StoreError | None = None
        self.on_shut: Callable[[frozenset[str]], object] = lambda identities: None

    # --- asking ------------------------------------------------------------------------------------------------

    @staticmethod
    def check(chain: Sequence[str]) -> Command:
        """The command whose reply `alive` reads, to be sent along with others."""
        return ("MGET", *(keys.live(identity) for identity in chain))

    @staticmethod
    def alive(reply: Sequence[bytes | None]) -> bool:
        return None not in reply

    def is_shut(self, chain: Sequence[str]) -> bool:
        """Whether somebody of the chain was shut off, as far as this replica knows: whatever the store says."""
        return not self._ledger.shut.keys().isdisjoint(chain)

    async def is_alive(self, chain: Sequence[str]) -> bool:
        """Whether every identity of the chain may act, asked now and of the store itself."""
        return await self.holds(await self._client.send(*self.check(chain)), chain)

    async def are_alive(self, chains: Sequence[Sequence[str]]) -> list[bool]:
        """`is_alive` for each of several, in one round trip."""
        replies = await self._client.batch([self.check(chain) for chain in chains])
        return [await self.holds(reply, chain) for reply, chain in zip(replies, chains, strict=True)]

    async def holds(self, reply: Sequence[bytes | None], chain: Sequence[str]) -> bool:
        """Whether a chain is alive by this reply to its `check`, and by what this replica knows."""
        if self.alive(reply) and self.is_shut(chain):
            # Another replica may have opened it again a moment ago; or the store has lost that it was shut.
            await self.catch_up()
        return self.alive(reply) and not self.is_shut(chain)

    async def revoked(self) -> set[str]:
        """Every identity that is shut off."""
        await self.catch_up()
        return set(self._ledger.shut)

    # --- changing ----------------------------------------------------------------------------------------------

    async def admit_all(self, identities: Iterable[tuple[str, int | None]], *, reopen: bool = False) -> None:
        """Let identities act, each for so many seconds or until it is revoked. Raises `Forbidden` when one was shut
        off, unless it is to be opened again."""
        known = list(identities)
        commands: list[Command] = [
            ("SET", keys.live(identity), "1", *(("EX", ttl) if ttl is not None else ())) for identity, ttl in known
        ]
        if not reopen and self.is_shut([identity for identity, _ in known]):
            await self.catch_up()
        shut = [identity for identity, _ in known if identity in self._ledger.shut]
        if shut and not reopen:
            raise Forbidden(f"{shut[0]} was shut off.", fix="Issuing the agent a token opens it again.")
        if shut:
            commands.insert(0, ("XADD", keys.revocations(), "*", "open", " ".join(shut)))
        if shut:
            await self._announced(commands, "opened")
            await self.catch_up()
        else:
            await self._client.batch(commands)

    async def revoke(self, identities: Sequence[str], until: int | None = None) -> None:
        """Durably dead, and known to every replica: returns when each has written it down, stopped what is theirs and
        said so, or after `SETTLE_SECONDS`. `until` (ms) is when all of them would have expired.

        A replica that does not answer in time is harmless: it sends nothing on an older liveness check. Raises
        `StoreError` when it could not be written, to the store or here."""
        note = secrets.token_hex(8)
        said = ("note", note, "shut", " ".join(identities), "until", until or "")
        commands: list[Command] = [
            self._beat(),
            ("XADD", keys.revocations(), "*", *said),
            *(("DEL", keys.live(identity)) for identity in identities),
        ]
        replicas, *_ = await self._announced(commands, " ".join(["revoked", *identities]))
        since = time.monotonic()
        await self.catch_up()
        if self._problem is not None:
            raise self._problem
        waited_for = {name.decode() for name in replicas} - {self._name}
        while waited_for and (left := since + SETTLE_SECONDS - time.monotonic()) > 0:
            reply = await self._client.send("BLPOP", keys.acknowledgements(note), max(0.01, round(left, 3)))
            waited_for.discard(reply[1].decode() if reply else "")

    async def _announced(self, commands: list[Command], words: str) -> list[Any]:
        """The replies to `commands`, after which the replicas are told at once. Nothing depends on that: a user of
        Redis may not even be allowed to publish."""
        try:
            return await self._client.batch([*commands, ("PUBLISH", keys.channel(), words)])
        except StoreUnavailable:
            raise
        except StoreError as error:
            log.warning("revocations cannot be announced, so replicas find them by asking: %s", error)
            return await self._client.batch(commands)

    # --- following ---------------------------------------------------------------------------------------------

    async def catch_up(self) -> None:
        """Take in what was revoked since the last time, by whomever: stop it, write it down, acknowledge it. A store
        that has lost some of it (a restored snapshot, a flush, a failover) is told again. Raises `StoreError`."""
        async with self._reading:
            last = self._ledger.last
            raw, _ = await self._client.batch([("XRANGE", keys.revocations(), last or "-", "+"), self._beat()])
            entries = [_entry(id, fields) for id, fields in raw]
            if last and (not entries or entries[0].id != last):
                await self._tell_again()
            else:
                await self._take(entries[1:] if last else entries)
            if time.monotonic() >= self._tidy_at:
                await self._tidy()

    async def leave(self) -> None:
        """Nobody needs to wait for this replica any more."""
        await self._client.send("ZREM", keys.replicas(), self._name)

    async def _take(self, entries: Sequence[Entry]) -> None:
        self._ledger.take(entries)
        if dead := frozenset(identity for entry in entries for identity in entry.shut):
            self.on_shut(dead)
        if not await self._written():
            return
        notes = [keys.acknowledgements(entry.note) for entry in entries if entry.note and self._has_read]
        self._has_read = True
        if notes:
            told = [[("RPUSH", key, self._name), ("EXPIRE", key, 10)] for key in notes]
            await self._client.batch([command for pair in told for command in pair])

    async def _tell_again(self) -> None:
        kept = Ledger()
        kept.take(await self._all())
        lost = {one: until for one, until in self._ledger.shut.items() if one not in kept.shut}
        log.warning("the store has lost revocations: %d identities are shut off again", len(lost))
        again = [("XADD", keys.revocations(), "*", "shut", one, "until", until or "") for one, until in lost.items()]
        await self._client.batch([*again, *(("DEL", keys.live(one)) for one in self._ledger.shut)])
        entries = await self._all()
        self._ledger.replace(entries)
        self.on_shut(frozenset(self._ledger.shut))
        await self._written()

    async def _written(self) -> bool:
        """Write down what was taken in, also what could not be written before. What fails is told to who revokes."""
        try:
            await asyncio.to_thread(self._ledger.write)
        except StoreError as error:
            self._problem = error
            log.error("%s", error)
        else:
            self._problem = None
        return self._problem is None

    async def _tidy(self) -> None:
        """Drop what has expired, here and in the store; never its last entry, by which a loss is noticed."""
        now = self._clock()
        self._ledger.forget(now)
        stale = [one.id for one in (await self._all())[:-1] if one.until is not None and one.until < now]
        if stale:
            await self._client.send("XDEL", keys.revocations(), *stale)
        self._tidy_at = time.monotonic() + TIDY_SECONDS

    async def _all(self) -> list[Entry]:
        return [_entry(id, fields) for id, fields in await self._client.send("XRANGE", keys.revocations(), "-", "+")]

    def _beat(self) -> Command:
        """Say that this replica is there; the reply names all that are."""
        return self._client.call(BEAT, [keys.replicas()], [self._name])


def _entry(id: bytes, fields: Any) -> Entry:
    pairs = fields.items() if isinstance(fields, dict) else zip(fields[::2], fields[1::2], strict=True)
    said = {name.decode(): value.decode() for name, value in pairs}
    until = said.get("until")
    return Entry(
        id.decode(),
        tuple(said.get("shut", "").split()),
        tuple(said.get("open", "").split()),
        int(until) if until else None,
        said.get("note", ""),
    )
