"""Writing a tenant's audit chain from this replica: records gather while an append is under way, and the next one takes
them all. Whoever must not go on without its record waits for it; nobody else does."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from gateway.clock import Clock
from gateway.engine import record
from gateway.engine.record import Body
from gateway.errors import StoreError
from gateway.identity.keys import KeyRing
from gateway.model import JSON
from gateway.store.audit import Append, AuditStore, State
from gateway.tasks import Tasks

log = logging.getLogger(__name__)

LINGER_SECONDS = 0.05
"""How long records that nobody waits for may gather before they are written."""
RETRY_SECONDS = 0.25
BATCH = 100
"""Records in one append."""
CHECKPOINT_RECORDS = 1_000
"""A checkpoint signs at most so many records."""
CHECKPOINT_MS = 60_000


@dataclass(slots=True, eq=False)
class Draft:
    """A record on its way. One that is `kept` is tried until it is written; another one that somebody waits for is
    given up with an error, since what it was to record does not happen then."""

    body: Body
    run: tuple[str, Mapping[str, JSON] | None] | None = None
    keep_from: int | None = None
    kept: bool = True
    written: bool = False
    waiter: asyncio.Future[None] | None = None

    def settle(self, error: StoreError | None = None) -> None:
        self.written = error is None
        waiter, self.waiter = self.waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None) if error is None else waiter.set_exception(error)


async def within(event: asyncio.Event, seconds: float) -> None:
    """Until the event comes, or the time is over."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


class ChainWriter:
    """The chain of one tenant, as one replica (`node`) writes it."""

    def __init__(self, store: AuditStore, tenant: str, *, node: str, keys: KeyRing, clock: Clock, tasks: Tasks) -> None:
        self._store = store
        self._tenant = tenant
        self._node = node
        self._keys = keys
        self._clock = clock
        self._tasks = tasks
        self._state: State | None = None
        """As we last knew it."""
        self._pending: list[Draft] = []
        self._latest: Draft | None = None
        """Records are written in their order: when this one is, all are."""
        self._timer: asyncio.TimerHandle | None = None
        self._work: asyncio.Task[None] | None = None
        self._closing = self._failing = False
        self._appending = asyncio.Lock()

    def body(self, event: str, fields: Mapping[str, JSON]) -> Body:
        """A record of now; what is None is left out."""
        known = {name: value for name, value in fields.items() if value is not None}
        stamp = {"v": record.VERSION, "tenant": self._tenant, "ts": self._clock(), "node": self._node, "event": event}
        return {**known, **stamp}

    def add(self, draft: Draft) -> Draft:
        """Write it soon."""
        self._pending.append(draft)
        self._latest = draft
        if self._timer is None and not self._busy:
            self._timer = asyncio.get_running_loop().call_later(LINGER_SECONDS, self._start)
        return draft

    async def durable(self, draft: Draft) -> None:
        """Until the record is in the chain. Raises `StoreError` when it cannot be written now."""
        if draft.written:
            return
        if draft.waiter is None:
            draft.waiter = asyncio.get_running_loop().create_future()
        self.hurry()
        await asyncio.shield(draft.waiter)

    def hurry(self) -> None:
        """Do not let what is there wait for more."""
        if self._timer is not None:
            self._timer.cancel()
            self._start()

    def on_its_way(self, run_id: str) -> Mapping[str, JSON] | None:
        """The latest context of a run in the records that are not written yet."""
        found = (draft.run for draft in reversed(self._pending) if draft.run is not None)
        return next((context for run, context in found if run == run_id), None)

    async def flush(self) -> None:
        """Until everything so far is in the chain. Raises `StoreError`."""
        if self._latest is not None:
            await self.durable(self._latest)

    async def checkpoint(self, *, now: bool = False) -> None:
        """Sign the chain's end if that is due; with `now`, if there is anything new."""
        async with self._appending:
            stands = await self._store.state(self._tenant)
            if self._is_due(stands, stands.length, now):
                await self._append([], sign=True)

    async def close(self) -> None:
        """Write what is left, and sign it. Without a store it is lost: what a run left unsaid is found again."""
        self._closing = True
        self.hurry()
        if self._work is not None:
            await asyncio.wait([self._work])
        try:
            await self.checkpoint(now=True)
        except StoreError as error:
            log.warning("the audit chain of tenant %s ends without a checkpoint: %s", self._tenant, error)

    def _start(self) -> None:
        self._timer = None
        if not self._busy and self._pending:
            self._work = self._tasks.start(self._write(), name=f"audit {self._tenant}")

    @property
    def _busy(self) -> bool:
        return self._work is not None and not self._work.done()

    async def _write(self) -> None:
        while self._pending:
            batch = self._pending[:BATCH]
            try:
                async with self._appending:
                    await self._append(batch)
            except StoreError as error:
                self._failed(batch, error)
                if self._closing:
                    return
                await asyncio.sleep(RETRY_SECONDS)
            else:
                self._failing = False
                del self._pending[: len(batch)]

    def _failed(self, batch: Sequence[Draft], error: StoreError) -> None:
        if not self._failing:
            log.error("the audit chain of tenant %s cannot be written: %s", self._tenant, error)
        self._failing = True
        self._pending[: len(batch)] = [draft for draft in batch if draft.kept]
        for draft in batch:
            draft.settle(error)

    async def _append(self, batch: Sequence[Draft], *, sign: bool = False) -> None:
        state = await self._begin()
        drafts = list(batch)
        while True:
            append = self._sealed(state, drafts, sign)
            if not append.elements:
                return
            word, stands = await self._store.append(self._tenant, append)
            if word == "ok":
                break
            if word == "torn":
                drafts.insert(0, self._torn(state))
                await self._store.register(self._tenant)
            state = stands
        self._state = stands
        for draft in drafts:
            draft.settle()

    async def _begin(self) -> State:
        if self._state is None:
            await self._store.register(self._tenant)
            self._state = await self._store.state(self._tenant)
        return self._state

    def _torn(self, had: State) -> Draft:
        """What this replica has seen written is no longer there: that becomes part of the record."""
        log.error(
            "the audit chain of tenant %s was cut or rewritten in the store: record %d is gone",
            self._tenant,
            had.length - 1,
        )
        return Draft(self.body(record.TORN, {"length": had.length, "head": had.head.hex()}))

    def _sealed(self, state: State, drafts: Sequence[Draft], sign: bool) -> Append:
        head, elements = record.seal(state.head, state.length, [draft.body for draft in drafts])
        length, checkpoint = state.length + len(elements), None
        if self._is_due(state, length, sign):
            body = self._signed(head, length)
            head, signed = record.seal(head, length, [body])
            elements, checkpoint = [*elements, *signed], (length, body["ts"])
        runs = [draft.run for draft in drafts if draft.run is not None]
        keep_from = max((draft.keep_from for draft in drafts if draft.keep_from is not None), default=None)
        return Append(state, head, elements, checkpoint, runs, keep_from)

    def _is_due(self, state: State, length: int, sign: bool) -> bool:
        unsigned = length - state.checkpoint - 1
        if unsigned == 0:
            return False
        return sign or unsigned > CHECKPOINT_RECORDS - BATCH or self._clock() - state.checkpoint_at >= CHECKPOINT_MS

    def _signed(self, head: bytes, length: int) -> Body:
        body = self.body(record.CHECKPOINT, {"head": head.hex(), "kid": self._keys.kid})
        signature = self._keys.sign(record.signed_text({**body, "seq": length}))
        return {**body, "signature": base64.b64encode(signature).decode()}
