"""Fault points inside a gateway process: laid around the store's and the upstreams' boundaries from outside, so that
nothing of them is in the gateway itself.

Labels of what goes to the store: `open claim renew due take pack intent sent done waiting terminal blob state inbox`;
of the upstream: `send` (the last moment before a request goes out), `receive`; of the process: `deliver`.
A fault is `{"at": label, "when": "before" | "after", "nth": n, "do": action, "ms": duration}`; actions:

    kill         kill -9 of this gateway                  kill_store   kill -9 of the store
    kill_deno    kill -9 of every program at work         stop         SIGSTOP of this gateway
    lose         the reply is lost (and the retry's, with `twice`)     cut    every exchange fails, for `ms`
    slow         it takes `ms` longer                     stale        the same append again, with another id or epoch
    clock        what the gateway takes for the store's clock jumps by `ms`, until it hears the store again
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError

from gateway.errors import UpstreamUnavailable
from gateway.sandbox.pool import ProcessPool
from gateway.service.talk import Talk
from gateway.store.client import Client
from gateway.store.clock import StoreClock
from gateway.store.scripts import APPEND, CLAIM, DUE, OPEN, PACK, RENEW, TAKE
from gateway.upstream.pool import Upstreams
from tests.durability.upstream import META

_KIND = re.compile(rb'^[\s\S]{32}\{"seq":\d+,"k":"(\w+)"')
_LABELS = {"call": "intent", "sent": "sent", "done": "done", "waiting": "waiting", "ended": "terminal"}
_SCRIPTS = {
    OPEN.sha: "open",
    CLAIM.sha: "claim",
    RENEW.sha: "renew",
    DUE.sha: "due",
    TAKE.sha: "take",
    PACK.sha: "pack",
}
_KEYS = ((":blob:", "SET", "blob"), (":state:", "HSET", "state"), (":inbox", "RPUSH", "inbox"))


def labels(commands: Any) -> set[str]:
    """What a batch of commands is about."""
    return {label for command in commands for label in _labels(command)}


def _labels(command: Any) -> set[str]:
    name = str(command[0])
    if name == "EVALSHA":
        kinds = {match[1].decode() for arg in command if isinstance(arg, bytes) and (match := _KIND.match(arg))}
        found = {_LABELS[kind] for kind in kinds if kind in _LABELS}
        return found | ({_SCRIPTS[command[1]]} if command[1] in _SCRIPTS else set())
    key = str(command[1]) if len(command) > 1 else ""
    return {label for part, verb, label in _KEYS if part in key and name == verb}


def replace(owner: type, method: str, instead: Any) -> None:
    """Lay `instead` over a method, for the life of this process."""
    setattr(owner, method, instead)


def store_pid(url: str) -> int:
    """The process at the other end of the store's socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.connect(url.removeprefix("unix://"))
        return int.from_bytes(probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)[:4], sys.byteorder)


class Points:
    """The faults that are armed in this process, and how they are done."""

    def __init__(self, store_url: str) -> None:
        self.store_url = store_url
        self._clocks: list[StoreClock] = []
        self._armed: list[dict[str, Any]] = []
        self._cut_until = 0.0
        self._pool: ProcessPool | None = None
        self._lost: Counter[str] = Counter()
        """How often a call's answer did not come, by its idempotency key."""

    def arm(self, fault: dict[str, Any]) -> None:
        self._armed.append(fault)

    def disarm(self) -> None:
        self._armed.clear()
        self._cut_until = 0.0

    def take(self, found: set[str], when: str) -> list[dict[str, Any]]:
        """The faults that go off now."""
        due = []
        for fault in self._armed:
            if fault["at"] in found and fault["when"] == when:
                fault["nth"] -= 1
                if fault["nth"] == 0:
                    due.append(fault)
        self._armed = [fault for fault in self._armed if fault["nth"] > 0]
        return due

    def now(self, fault: dict[str, Any]) -> None:
        """The part of a fault that takes no time. Each is told just before: two stops that were told together would be
        followed by one going on."""
        say({"fired": fault})
        match fault["do"]:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "stop":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "kill_store":
                self._kill_store()
            case "kill_deno":
                for process in tuple(self._pool._active) if self._pool else ():
                    os.kill(process.pid, signal.SIGKILL)
            case "clock":
                for clock in self._clocks:
                    clock.heard(clock() + fault["ms"], time.monotonic())
            case "cut":
                self._cut_until = time.monotonic() + fault["ms"] / 1000

    def _kill_store(self) -> None:
        try:
            os.kill(store_pid(self.store_url), signal.SIGKILL)
        except (OSError, ProcessLookupError):
            say({"note": "the store was away already"})

    async def hit(self, found: set[str], when: str) -> list[dict[str, Any]]:
        due = self.take(found, when)
        for fault in due:
            self.now(fault)
            if fault["do"] == "slow":
                await asyncio.sleep(fault["ms"] / 1000)
        return due

    # --- where they are ----------------------------------------------------------------------------------------

    def lay(self) -> None:
        """Around the boundaries of a gateway that is about to start in this process."""
        self._around_store()
        self._around_clock()
        self._around_upstreams()
        self._around_programs()

    def _around_store(self) -> None:
        exchange = Client._exchange
        lost: set[int] = set()

        async def troubled(client: Client, pool: Any, commands: Any) -> list[Any]:
            found = labels(commands)
            await self.hit(found, "before")
            if time.monotonic() < self._cut_until:
                raise RedisConnectionError("cut")
            replies = await exchange(client, pool, commands)
            if id(commands) in lost:
                lost.discard(id(commands))
                raise RedisConnectionError("the second reply is lost too")
            for fault in await self.hit(found, "after"):
                if fault["do"] == "lose":
                    if fault.get("twice"):
                        lost.add(id(commands))
                    raise RedisConnectionError("the reply is lost")
                if fault["do"] == "stale":
                    taken = [c for c, reply in zip(commands, replies, strict=True) if _is_acknowledged(reply)]
                    await _probe(lambda again: exchange(client, pool, again), taken)
            return replies

        replace(Client, "_exchange", troubled)

    def _around_clock(self) -> None:
        begin = StoreClock.__init__

        def known(clock: StoreClock) -> None:
            begin(clock)
            self._clocks.append(clock)

        replace(StoreClock, "__init__", known)

    def _around_upstreams(self) -> None:
        call = Upstreams.call

        async def troubled(upstreams: Upstreams, server: str, tool: str, args: Any, **more: Any) -> Any:
            told = more.pop("on_sent")

            def on_sent() -> None:
                told()
                for fault in self.take({"send"}, "before"):
                    self.now(fault)

            try:
                result = await call(upstreams, server, tool, args, on_sent=on_sent, **more)
            except UpstreamUnavailable as error:
                if error.details["sent"]:
                    key = str(more["meta"][META])
                    self._lost[key] += 1
                    say({"lost": key, "times": self._lost[key]})
                raise
            await self.hit({"receive"}, "after")
            return result

        replace(Upstreams, "call", troubled)

    def _around_programs(self) -> None:
        deliver, start = Talk.deliver, ProcessPool.start

        async def troubled(talk: Talk, items: Any) -> Any:
            await self.hit({"deliver"}, "before")
            turn = await deliver(talk, items)
            await self.hit({"deliver"}, "after")
            return turn

        async def started(pool: ProcessPool) -> None:
            self._pool = pool
            await start(pool)

        replace(Talk, "deliver", troubled)
        replace(ProcessPool, "start", started)


def _is_acknowledged(reply: Any) -> bool:
    """One that the store had no memory for is not."""
    return isinstance(reply, list) and bool(reply) and reply[0] == b"ok"


async def _probe(exchange: Callable[[Any], Awaitable[list[Any]]], commands: Any) -> None:
    """An append that was acknowledged, once more under another id, and in another epoch: both have to be refused."""
    for command in commands:
        if command[0] != "EVALSHA" or command[1] != APPEND.sha:
            continue
        head, args = list(command[: 3 + command[2]]), list(command[3 + command[2] :])
        for epoch, name in ((args[0], "stale length"), (int(args[0]) - 1, "stale epoch")):
            reply = (await exchange([(*head, epoch, args[1], os.urandom(8).hex(), *args[3:])]))[0]
            if not isinstance(reply, list) or reply[0] == b"ok":
                say({"violation": f"an append with a {name} was answered {reply!r}"})


def say(message: dict[str, Any]) -> None:
    """A line for whoever ordered the faults. Written at once: the process may be gone in the next moment."""
    os.write(1, json.dumps(message, default=str).encode() + b"\n")
