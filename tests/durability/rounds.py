"""Rounds of a soak: some random programs at once, faults all around them, calm, and then every invariant.

Programs that wait for somebody are answered by `_attend`: always the same, so that the oracle's get the same answers.
"""

from __future__ import annotations

import asyncio
import functools
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.engine import chain
from gateway.engine.replay import UNSAFE, Call, History, read
from gateway.errors import NotFound
from gateway.sandbox.pool import ProcessPool
from gateway.service.work import SENDS
from gateway.store import keys
from gateway.store.journal import Journal
from gateway.store.modules import Modules
from tests.durability import checks
from tests.durability.programs import NEVER, Program, make
from tests.durability.world import UNREACHED, Seat, World
from tests.live import Replica
from tests.live import call as call_tool

TROUBLE_SECONDS = 5.0
"""How long faults go off in a round."""
LOST_SECONDS = 45.0
"""A run of which nothing has changed for so long, with everything up and its questions answered, is lost."""
LATE_SECONDS = 0.3
"""A call that was sent before a revocation may be seen so long after it, on a machine that is busy."""
LIVE = (b"running", b"waiting")

INSIST_SECONDS = 60
"""However often gateways die, one of them answers within this."""

_KILLS = ("kill", "kill_store", "kill_deno", "stop")
_APPENDS = ("intent", "sent", "done", "waiting", "terminal")
_OTHERS = ("blob", "open", "claim", "renew", "due", "take", "pack", "deliver", "state", "inbox")
POINTS: list[tuple[str, str, str]] = [
    *((at, when, do) for at in _APPENDS for when in ("before", "after") for do in (*_KILLS, "slow", "clock")),
    *((at, "after", do) for at in _APPENDS for do in ("lose", "lose", "stale")),
    *((at, when, do) for at in _OTHERS for when in ("before", "after") for do in _KILLS),
    *((at, "after", "lose") for at in ("blob", "open", "claim", "renew", "state", "inbox")),
    *(("send", "before", do) for do in _KILLS),
    *(("receive", "after", do) for do in (*_KILLS, "slow")),
    *((at, "before", "cut") for at in (*_APPENDS, "renew", "claim", "due")),
    *((at, "after", "slow") for at in ("due", "claim")),
]  # fmt: skip
"""Every fault inside a gateway: where, when, what."""


@dataclass(slots=True)
class Running:
    program: Program
    token: str | None = None
    run_id: str | None = None
    status: bytes = b"running"
    samples: list[tuple[int, bytes]] = field(default_factory=list)
    answered: dict[int, float] = field(default_factory=dict)
    changed: float = 0.0
    """When its journal was last seen to grow."""

    @property
    def live(self) -> bool:
        return self.run_id is not None and self.status in LIVE


class Round:
    """One round. `violations` are in words, with the program's label."""

    def __init__(self, world: World, pool: ProcessPool, number: int, width: int) -> None:
        self.violations: list[str] = []
        self._world = world
        self._pool = pool
        self._rng = random.Random(world.rng.random())
        self._calm = False
        self.runs = [Running(make(self._rng, f"p{number}x{index}")) for index in range(width)]
        self._oracle: dict[str, dict[str, Any]] = {}
        self._revoked: list[tuple[str, float]] = []

    async def play(self) -> None:
        trouble = asyncio.get_running_loop().create_task(self._trouble())
        oracle = asyncio.get_running_loop().create_task(self._ask_oracle())
        attending = asyncio.get_running_loop().create_task(self._attend())
        try:
            await asyncio.gather(self._revoke(), *(self._start(run) for run in self.runs))
            await trouble
            await self._settled()
            await oracle
        finally:
            for task in (trouble, oracle, attending):
                task.cancel()
            await asyncio.wait([trouble, oracle, attending])
        for run_id, at in self._revoked:
            self.violations += await self._check_revoked(run_id, at)
        self.violations += [f"5 {found}" for found in self._world.found]
        self._world.found.clear()
        for run in self.runs:
            self.violations += [f"{run.program.label}: {wrong}" for wrong in await self._check(run)]

    # --- running the programs ----------------------------------------------------------------------------------

    def standing(self) -> list[str]:
        """What has not ended."""
        return [f"{run.program.label}: {run.run_id} is {run.status.decode()}" for run in self.runs if run.live]

    async def _start(self, run: Running) -> None:
        """As a client would: again, when it got no answer and there is no such run."""
        await asyncio.sleep(self._rng.random() * 0.5)
        while run.run_id is None:
            gateway = self._world.any_gateway()
            if gateway is not None:
                run.run_id = await self._executed(gateway, run.program) or await self._known(run.program.label)
            if run.run_id is None:
                await asyncio.sleep(0.2)

    @staticmethod
    async def _executed(gateway: Replica, program: Program) -> str | None:
        try:
            async with asyncio.timeout(10):
                found = await gateway.call("execute", code=program.code, session=program.label, wait_seconds=0)
        except UNREACHED:
            return None
        run_id = found.get("run_id")
        return str(run_id) if run_id else None

    async def _known(self, label: str) -> str | None:
        (recent,) = await self._world.ask_store(("ZRANGE", keys.runs("default"), 0, 99, "REV"))
        ids = [one.decode() for one in recent]
        sessions = await self._world.ask_store(*(("HGET", keys.run(one), "session") for one in ids)) if ids else []
        return next((one for one, name in zip(ids, sessions, strict=True) if name == label.encode()), None)

    async def _revoke(self) -> None:
        """A program of a token of its own, which is revoked while it calls and calls."""
        issued = await self._insist("/tokens", {"agent": "tester", "ttl": "1h"})
        site = '{ label: "revoked", site: "s" }'
        code = f"for (let i = 0; i < 2000; i++) await tools.rec.act({site});"
        gateway = self._world.any_gateway()
        if gateway is None:
            return
        with suppress(*UNREACHED):
            async with asyncio.timeout(10):
                answer = await call_tool(
                    gateway.http, gateway.url, issued["token"], "execute", code=code, wait_seconds=0
                )
            run_id = answer["result"]["structuredContent"]["run_id"]
            await asyncio.sleep(self._rng.random() * 2)
            await self._insist("/tokens/revoke", {"token": issued["id"]})
            self._revoked.append((run_id, time.monotonic()))
            self._world.fired["revoked at work"] += 1

    async def _insist(self, path: str, body: Any) -> Any:
        until = time.monotonic() + INSIST_SECONDS
        while (answer := await self._world.post(self._world.any_gateway(), path, body)) is None:
            if time.monotonic() > until:
                raise TimeoutError(f"no gateway takes {path}: {self._world.refusal}")
            await asyncio.sleep(0.1)
        return answer

    async def _check_revoked(self, run_id: str, at: float) -> list[str]:
        late = [one for one in self._world.upstream.calls() if one["run"] == run_id and one["t"] > at + LATE_SECONDS]
        # One may have been on its way: it waits at the upstream's door while that is started again.
        found = [f"revoked: 8 {len(late)} calls came after the revocation"] if len(late) > 1 else []
        (status,) = await self._world.ask_store(("HGET", keys.run(run_id), "status"))
        return found if status == b"revoked" else [*found, f"revoked: 8, 9 {run_id} is {status}"]

    async def _ask_oracle(self) -> None:
        await asyncio.gather(*(self._oracle_of(run.program) for run in self.runs))

    async def _oracle_of(self, program: Program) -> None:
        gateway = self._world.oracle.gateway
        assert gateway is not None
        found = await gateway.call("execute", code=program.code, session=program.label, wait_seconds=0)
        while found["status"] in ("running", "waiting"):
            if found.get("waiting", {}).get("for") in ("event", "input", "approval"):
                await self._answer_oracle(gateway, found["run_id"])
            found = await gateway.call("result", run_id=found["run_id"], wait_seconds=0.2)
            if found["status"] == "waiting":
                await asyncio.sleep(0.1)
        self._oracle[program.label] = found

    async def _answer_oracle(self, gateway: Replica, run_id: str) -> None:
        elements = await self._world.oracle_client.send("LRANGE", keys.journal(run_id), 0, -1)
        for call in read(chain.open_sealed(elements)[1]).open_calls():
            if reply := _reply(run_id, call):
                await self._world.post(gateway, *reply)
            elif _is_awaited(call):
                name = call.data["args"]["event"]
                await self._world.post(gateway, f"/runs/{run_id}/events/{name}", _payload(name))

    # --- faults ------------------------------------------------------------------------------------------------

    async def _trouble(self) -> None:
        outside: list[Callable[[], Any]] = [
            self._flush_scripts, self._fill_memory, self._world.upstream.kill, self._world.store.tear,
            self._world.store.fill_disk, self._wake_twice, *[functools.partial(self._misbehave, what) for what in
            ("drop", "exit", "refuse")], *[functools.partial(seat.kill) for seat in self._world.seats],
            self._late_event, self._early_events,
        ]  # fmt: skip
        for seat in self._world.seats:
            for _ in range(self._rng.randint(3, 6)):
                self._arm(seat)
        for _ in range(self._rng.randint(1, 4)):
            await asyncio.sleep(self._rng.random() * TROUBLE_SECONDS / 3)
            work = self._rng.choice(outside)
            name = getattr(work, "func", work).__name__ + "".join(f" {arg}" for arg in getattr(work, "args", ()))
            self._world.fired[name.strip("_")] += 1
            done = work()
            if done is not None:
                await done
        await asyncio.sleep(TROUBLE_SECONDS / 3)
        await self._calm_down()

    def _arm(self, seat: Seat) -> None:
        at, when, do = self._rng.choice(POINTS)
        ms = self._rng.choice([-20_000, -700, 700, 40_000]) if do == "clock" else self._rng.randint(100, 900)
        nth = self._rng.randint(1, 4 if at in ("open", "claim", "blob", "terminal", "state", "inbox") else 8)
        fault = {"at": at, "when": when, "nth": nth, "do": do, "ms": ms, "twice": self._rng.random() < 0.5}
        seat.order({"arm": fault})

    async def _calm_down(self) -> None:
        self._world.upstream.forget_orders()
        for seat in self._world.seats:
            seat.order({"disarm": True})
        await self._world.ask_store(("CONFIG", "SET", "maxmemory", 0))
        await self._world.all_up()
        for seat in self._world.seats:
            # A fault may have fired in the very moment.
            seat.order({"disarm": True})
        self._calm = True

    async def _flush_scripts(self) -> None:
        await self._world.ask_store(("SCRIPT", "FLUSH"))

    async def _fill_memory(self) -> None:
        await self._world.ask_store(("CONFIG", "SET", "maxmemory", 1))
        await asyncio.sleep(0.3)
        await self._world.ask_store(("CONFIG", "SET", "maxmemory", 0))

    async def _wake_twice(self) -> None:
        """Every sleeping run is due now, and both replicas are poked."""
        sleeping = [run for run in self.runs if run.status == b"waiting" and run.run_id]
        wakes = [("ZADD", keys.alive(keys.shard(run.run_id)), 1, run.run_id) for run in sleeping if run.run_id]
        if wakes:
            await self._world.ask_store(*wakes)
        for run in sleeping:
            posts = (self._world.post(s.gateway, f"/runs/{run.run_id}/events/noise", 1) for s in self._world.seats)
            await asyncio.gather(*posts)

    async def _late_event(self) -> None:
        """For a run that has ended, straight into its inbox."""
        ended = [run for run in self.runs if run.run_id and not run.live]
        for run in ended:
            message = orjson.dumps({"type": "event", "name": "late", "payload": 1, "id": f"late{run.run_id}"})
            await self._world.ask_store(("RPUSH", keys.inbox(str(run.run_id)), message))

    async def _early_events(self) -> None:
        """All that runs under way will ever wait for, in any order, straight into their inboxes."""
        for run in self.runs:
            names = run.program.events
            if run.live and names:
                self._rng.shuffle(names)
                messages = [{"type": "event", "name": n, "payload": _payload(n), "id": f"early-{n}"} for n in names]
                posts = [("RPUSH", keys.inbox(str(run.run_id)), orjson.dumps(message)) for message in messages]
                await self._world.ask_store(*posts)

    def _misbehave(self, what: str) -> None:
        # As often as one call may lose its answer and be sent again. Once more (the upstream is killed meanwhile) is an
        # honest failure: the program is told.
        self._world.upstream.forget_orders()
        for _ in range(self._rng.randint(1, SENDS - 1)):
            self._world.upstream.order(what)

    # --- people ------------------------------------------------------------------------------------------------

    async def _attend(self) -> None:
        """See how the runs stand, and answer what they ask for, until they have all ended."""
        while True:
            for run in self.runs:
                if run.live:
                    await self._look_at(run)
            await asyncio.sleep(0.1)

    async def _look_at(self, run: Running) -> None:
        run_id = str(run.run_id)
        key = keys.run(run_id)
        before, queued, now = await self._world.ask_store(
            ("HMGET", key, "status", "length", "head"),
            ("ZSCORE", keys.alive(keys.shard(run_id)), run_id),
            ("HGET", key, "status"),
        )
        if before[0] in LIVE and now in LIVE and queued is None:
            self.violations.append(f"{run.program.label}: 9 it is {now.decode()} and in no queue")
        run.status = now
        if not run.samples or run.samples[-1][1] != before[2]:
            run.changed = time.monotonic()
        run.samples.append((int(before[1]), before[2]))
        if now == b"waiting" or self._rng.random() < 0.1:
            await self._answer(run, await self._history(run_id))

    async def _history(self, run_id: str) -> History:
        (elements,) = await self._world.ask_store(("LRANGE", keys.journal(run_id), 0, -1))
        return read(chain.open_sealed(elements)[1])

    async def _answer(self, run: Running, history: History) -> None:
        for call in history.open_calls():
            if time.monotonic() - run.answered.get(call.cid, 0) < 1.5:
                continue
            gateway = self._world.any_gateway()
            if _is_awaited(call):
                run.answered[call.cid] = time.monotonic()
                await self._send_event(gateway, run, call.data["args"]["event"])
            elif reply := _reply(str(run.run_id), call):
                run.answered[call.cid] = time.monotonic()
                await self._world.post(gateway, *reply)
            elif call.kind == "tool" and call.attempts and self._calm and call.data["class"] == UNSAFE:
                run.answered[call.cid] = time.monotonic()
                await self._resolve(gateway, run, call)

    async def _send_event(self, gateway: Replica | None, run: Running, name: str) -> None:
        """Mostly once; now and then twice, in the midst of others."""
        run_id = str(run.run_id)
        if self._rng.random() < 0.7:
            await self._world.post(gateway, f"/runs/{run_id}/events/{name}", _payload(name))
            return
        self._world.fired["event posted twice"] += 1
        one = {"type": "event", "name": name, "payload": _payload(name), "id": f"{run.program.label}-{name}"}
        other = {"type": "event", "name": "noise", "payload": None, "id": f"noise-{name}"}
        posts = [("RPUSH", keys.inbox(run_id), orjson.dumps(message)) for message in (one, other, one)]
        await self._world.ask_store(*posts)
        await self._world.post(gateway, f"/runs/{run_id}/events/noise", None)

    async def _resolve(self, gateway: Replica | None, run: Running, call: Call) -> None:
        """What a person would do who can see what the upstream did: supply what it answered, or let it be sent."""
        seen = [one for one in self._world.upstream.calls() if (one["run"], one["cid"]) == (run.run_id, call.cid)]
        if seen:
            got = "/".join(str(seen[0][key]) for key in ("label", "site", "i") if seen[0][key] is not None)
            body = {"choice": "supply", "value": {"got": got, "pad": ""}, "cid": call.cid}
        else:
            body = {"choice": "retry", "cid": call.cid}
        if await self._world.post(gateway, f"/runs/{run.run_id}/resolution", body) is not None:
            self._world.fired[f"in doubt, a person said {body['choice']}"] += 1

    # --- afterwards --------------------------------------------------------------------------------------------

    async def _settled(self) -> None:
        calm = time.monotonic()
        while live := [run for run in self.runs if run.live]:
            if time.monotonic() - max(calm, *(run.changed for run in live)) > LOST_SECONDS:
                break
            await asyncio.sleep(0.05)
        for run in self.runs:
            if run.live:
                history = await self._history(str(run.run_id))
                asked = [(c.cid, c.name, c.attempts, c.until) for c in history.open_calls()]
                score, view, lease, epoch, inbox = await self._world.ask_store(
                    ("ZSCORE", keys.alive(keys.shard(str(run.run_id))), run.run_id),
                    ("HGET", keys.run(str(run.run_id)), "view"),
                    ("HGET", keys.run(str(run.run_id)), "lease_until"),
                    ("HGET", keys.run(str(run.run_id)), "epoch"),
                    ("LRANGE", keys.inbox(str(run.run_id)), 0, -1),
                )
                waits = orjson.loads(view or b"{}").get("body", {}).get("waiting")
                self.violations.append(
                    f"{run.program.label}: 9 {run.run_id} is {run.status.decode()} for ever: {asked}, "
                    f"due {score}, lease {lease}, epoch {epoch}, inbox {inbox}, it says {waits}"
                )

    async def _check(self, run: Running) -> list[str]:
        if run.run_id is None or run.live:
            return []
        ended = await self._ended(run.run_id, run)
        if ended.unanswered:
            self._world.fired["an upstream's silence told to a program"] += 1
        found = [text for check in checks.AT_ONCE for text in check(ended)]
        for slowly in (False, True):
            found += await checks.of_replay(ended, self._pool, slowly=slowly)
        return found

    async def _ended(self, run_id: str, run: Running) -> checks.Ended:
        journal, label = Journal(self._world.client, owner="soak"), run.program.label
        (elements,) = await self._world.ask_store(("LRANGE", keys.journal(run_id), 0, -1))
        record = await journal.record(run_id)
        if record is None:
            raise NotFound(f"{run_id} is gone")
        entries = chain.open_sealed(elements)[1]
        named = {entry.data["blob"] for entry in entries if "blob" in entry.data}
        module = await Modules(self._world.client).get(record["module"])
        calls = [one for one in self._world.upstream.calls() if one["run"] == run_id]
        return checks.Ended(
            run_id,
            label,
            record,
            entries,
            calls,
            self._oracle[label],
            [one for one in self._world.oracle_calls() if one["label"] == label],
            run.samples,
            [element[: chain.DIGEST] for element in chain.unpack(elements)],
            {digest: await journal.blob(run_id, digest) for digest in named},
            module["tools"] if module else {},
            self._world.lost,
        )


def _is_awaited(call: Call) -> bool:
    return call.kind == "event" and not call.data["args"]["event"].startswith(NEVER)


def _payload(event: str) -> dict[str, Any]:
    return {"event": event, "size": len(event)}


def _reply(run_id: str, call: Call) -> tuple[str, Any] | None:
    """What a person says to a question: it depends on nothing but its text."""
    match call.kind:
        case "ask":
            return f"/runs/{run_id}/answer", {"value": {"to": call.data["args"]["message"]}, "cid": call.cid}
        case "approve":
            agreed = len(call.data["args"]["question"]) % 2 == 0
            return f"/runs/{run_id}/approval", {"approved": agreed, "cid": call.cid}
    return None
