"""Hostile programs beside honest ones: `scripts/soak hostile [--seconds N] [--clients N] [--seed S]`.

A third of the clients, with an agent of their own, run attacks, one after the other, the rest honest programs at a
steady pace. Told are the honest programs' times with and without attackers, how the attacks ended, and what is left
over at the end: processes, files, sockets, and keys in the store that nobody will ever delete. Exits with 1 when
anything is left over, or an honest program did not get its result.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp

from gateway.store import keys
from gateway.store.client import Client
from gateway.store.embedded import Embedded
from tests import live, processes
from tests.attacks.program import bombs
from tests.live import Replica

HONEST = """
const numbers = await Promise.all([1, 2, 3].map(async (n) => (await tools.fast.add({ a: n, b: n })).sum));
return (await tools.fast.echo({ text: numbers.join(" ") })).length;
"""
HONEST_RESULT = 5
EVERY_SECONDS = 0.5
"""How often each honest client begins a program."""
SETTLES_SECONDS = 30.0
_KEPT = re.compile(r"/(store|checker)/")
"""The store's own, and the declarations of tools, which change when a result's type has been learnt: both bounded."""

_G = "const g: any = globalThis; "
ATTACKS = {
    "a loop": "while (true) {}",
    "a loop after a call": "await tools.fast.echo({ text: 'x' }); while (true) {}",
    "endless microtasks": "while (true) await null;",
    "a regular expression": "return /^(a+)+$/.test('a'.repeat(40) + 'b');",
    "a heap": "const all: unknown[] = []; while (true) all.push({ a: [1, 2, 3], b: 'x' + all.length });",
    "ArrayBuffers": "const all: unknown[] = []; while (true) all.push(new Uint8Array(8e6).fill(1));",
    "one long string": "let s = 'abc'; while (true) { s += s; s.charCodeAt(s.length - 1); JSON.stringify(s); }",
    "the stack": "const f = (n: number): number => f(n + 1) + 1; return f(0);",
    "promises": "const all: unknown[] = []; while (true) all.push(new Promise(() => {}));",
    "timers": "for (let i = 0; i < 1e6; i++) setTimeout(() => {}, 1e6); await new Promise(() => {});",
    "a flood of logs": "for (;;) console.log('x'.repeat(10_000));",
    "a flood of progress": "for (;;) progress(1);",
    "a flood of blocks": "for (;;) emit({ type: 'text', text: 'x'.repeat(1_000) });",
    "10,000 calls at once": (
        "return Promise.all(Array.from({ length: 10_000 }, (_, n) => tools.fast.add({ a: n, b: n })));"
    ),
    "calls without end": "for (;;) await tools.fast.add({ a: 1, b: 2 });",
    "a large argument": "return tools.fast.echo({ text: 'x'.repeat(40_000_000) });",
    "a large result": "return 'x'.repeat(60_000_000);",
    "a deep result": "let a: unknown = 1; for (let i = 0; i < 1e5; i++) a = [a]; return a;",
    "a result that never settles": _G + "return g.Object.assign({}, { then() {} });",
    "raw frames": _G
    + "g.Deno?.stdout.writeSync(new TextEncoder().encode('\\0\\0\\0\\x02{}')); await new Promise(() => {});",
    "Object.prototype": (
        _G
        + "for (const k of ['authorized', 'cid', 'kind', 'then', 'toJSON']) Object.defineProperty(Object.prototype, k, "
        "{ get() { throw 1 }, set() { throw 2 } }); return tools.fast.echo({ text: 'x' });"
    ),
    "JSON and Promise": (
        _G + "g.JSON.stringify = () => 'forged'; g.Promise.prototype.then = () => { throw 1; }; "
        "return tools.fast.echo({ text: 'x' });"
    ),
    "files": _G + "return [g.Deno?.readTextFileSync('/etc/passwd'), g.process?.env, g.require?.('fs')];",
    "a subprocess": _G + "return new g.Deno.Command('/bin/sh').outputSync();",
    "a socket": _G + "return (await g.fetch('http://127.0.0.1:1/')).status;",
    "a worker": _G + "return new g.Worker('data:text/javascript,while(true){}', { type: 'module' });",
    "eval": _G + "return g.eval('1 + 1') + new g.Function('return 1')();",
    "sleeping for ever": "await sleep('30 days'); return 1;",
    "waiting for ever": "await waitFor('never');",
    **bombs.ENDLESS,
    "odd throws": "throw new Proxy({}, { get() { throw null; }, getPrototypeOf() { throw 1; } });",
}
LIMITS = {
    **{"run_memory_mb": 128, "run_cpu_seconds": 2, "run_active_seconds": 4, "run_tool_calls": 500, "result_mb": 2},
    **{"run_log_kb": 64},
}


@dataclass
class Findings:
    """Times of honest programs in seconds, ends of attacks, what is left over, and what went wrong."""

    alone: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    attacks: dict[str, Counter[str]] = field(default_factory=dict)
    left: dict[str, list[str]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        return _at(self.beside, 99) / _at(self.alone, 99)

    def lines(self) -> list[str]:
        ends: Counter[str] = sum(self.attacks.values(), Counter())
        return [
            f"honest without attackers: {_told(self.alone)}",
            f"honest beside attackers:  {_told(self.beside)}",
            f"p99 with attackers / without: {self.ratio:.2f}",
            f"{ends.total()} attacks of {len(self.attacks)} kinds ended as {dict(ends.most_common(8))}",
            *(f"left over, {what}: {len(found)} {found[:5] or ''}" for what, found in self.left.items()),
            *(f"wrong: {line}" for line in self.wrong[:20]),
        ]


def _at(seconds: Sequence[float], percent: int) -> float:
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def _told(seconds: Sequence[float]) -> str:
    return f"p50 {_at(seconds, 50) * 1000:.0f} ms, p99 {_at(seconds, 99) * 1000:.0f} ms (n={len(seconds)})"


class Soak:
    def __init__(self, gateway: Replica, store_url: str, folder: Path, chance: random.Random) -> None:
        self._gateway = self._attacker = gateway
        self._store_url = store_url
        self._folder = folder
        self._chance = chance
        self.found = Findings()

    async def run(self, seconds: float, clients: int) -> None:
        hostile = max(1, clients // 3)
        await self._honest(time.monotonic() + 1, [])
        before = await self._standing()
        self._attacker = replace(self._gateway, token=await self._attackers_token())
        await self._phase(min(seconds, max(10.0, seconds / 4)), clients - hostile, 0, self.found.alone)
        await self._phase(seconds, clients - hostile, hostile, self.found.beside)
        await self._tidied(before)

    async def _phase(self, seconds: float, honest: int, hostile: int, times: list[float]) -> None:
        until = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            for _ in range(honest):
                group.create_task(self._honest(until, times))
            for _ in range(hostile):
                group.create_task(self._attack(until))

    async def _honest(self, until: float, times: list[float]) -> None:
        await asyncio.sleep(self._chance.uniform(0, EVERY_SECONDS))
        while (began := time.monotonic()) < until:
            run = await self._gateway.call("execute", code=HONEST, wait_seconds=60)
            if run.get("result") != HONEST_RESULT:
                self.found.wrong.append(f"an honest program got {run.get('status')} {run.get('error')}")
            times.append(time.monotonic() - began)
            await asyncio.sleep(max(0.0, began + EVERY_SECONDS - time.monotonic()))

    async def _attack(self, until: float) -> None:
        order: list[str] = []
        while time.monotonic() < until:
            order = order or self._chance.sample(sorted(ATTACKS), len(ATTACKS))
            name = order.pop()
            run = await self._attacker.call("execute", code=ATTACKS[name], wait_seconds=20)
            error = run.get("error", {})
            status = run.get("status", "refused")
            how = error.get("limit") or error.get("code") or status
            self.found.attacks.setdefault(name, Counter())[how] += 1
            if how == "internal" or (status == "refused" and not error):
                self.found.wrong.append(f"{name} was answered with {run}")
            if status == "rejected" and name not in bombs.ENDLESS:
                self.found.wrong.append(f"{name} was rejected, so it attacked nothing: {run.get('diagnostics')}")
            if status in ("waiting", "running"):
                await self._attacker.call("cancel", run_id=run["run_id"])

    async def _attackers_token(self) -> str:
        key = (self._folder / "gateway" / "data" / "keys" / "admin.key").read_text().strip()
        headers = {"Authorization": f"Bearer {key}"}
        async with self._gateway.http.post(
            f"{self._gateway.url}/api/v1/tokens", json={"agent": "attacker"}, headers=headers
        ) as answer:
            return str((await answer.json())["token"])

    # --- what is left over -------------------------------------------------------------------------------------

    async def _standing(self) -> dict[str, list[str]]:
        """What there is now, by kind; sockets without those to the store, which are kept for the next command, and
        without our own."""
        await self._gateway.http.close()
        self._gateway.http = aiohttp.ClientSession()
        # A new one each time: it has one connection, always.
        store = Client(self._store_url)
        lasting, clients = await _keys_for_ever(store), await store.send("CLIENT", "LIST", "TYPE", "normal")
        gateway = self._gateway.process.pid
        below = processes.below(gateway)
        links = [link for pid in (gateway, *below) for link in _open_files(pid)]
        # Each has two ends, since the store is a child of the gateway.
        to_store = 2 * len(clients.splitlines())
        known = _sockets()
        sockets = [known.get(link, link) for link in links if link.startswith("socket:")]
        await store.close()
        return {
            "processes": [f"{pid} {processes.command(pid)[:80]}" for pid in below],
            "sockets": sockets[to_store:],
            "open files": [link for link in links if link.startswith("/") and not link.startswith("/dev")],
            "files": [str(path) for path in self._folder.rglob("*") if path.is_file() and not _KEPT.search(str(path))],
            "keys": lasting,
        }

    async def _tidied(self, before: dict[str, list[str]]) -> None:
        """Until there is no more than before, or it takes too long."""
        until = time.monotonic() + SETTLES_SECONDS
        while True:
            now = await self._standing()
            self.found.left = {what: _more(before[what], now[what]) for what in now}
            if not any(self.found.left.values()) or time.monotonic() > until:
                break
            await asyncio.sleep(0.2)
        self.found.wrong += [f"{what} are left over" for what, found in self.found.left.items() if found]


def _more(before: Sequence[str], now: Sequence[str]) -> list[str]:
    """As many as there are more than before: those that were not there then."""
    fresh = [one for one in now if one not in before]
    return fresh[: max(0, len(now) - len(before))]


def _open_files(pid: int) -> list[str]:
    found: list[str] = []
    try:
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            found.append(os.readlink(f"/proc/{pid}/fd/{descriptor}"))
    except OSError:
        pass
    return found


async def _keys_for_ever(store: Client) -> list[str]:
    """Runs that are neither ended nor cancelled, and keys without an end that nobody will look for."""
    names = [name.decode() for name in await store.send("KEYS", f"{keys.PREFIX}*")]
    ttls = await store.batch([("PTTL", name) for name in names])
    lasting = tuple(one for one in keys.LASTING if one != "run:")
    found = [
        name
        for name, ttl in zip(names, ttls, strict=True)
        if ttl < 0 and not name.removeprefix(keys.PREFIX).startswith(lasting)
    ]
    for shard in range(keys.SHARDS):
        found += [f"alive {one.decode()}" for one in await store.send("ZRANGE", keys.alive(shard), 0, -1)]
    unanchored = await store.send("HKEYS", keys.audit_open("default"))
    return found + [f"audit {one.decode()}" for one in unanchored]


def _sockets() -> dict[str, str]:
    """What the kernel tells of its sockets, by the text that stands for each among a process's files."""
    found: dict[str, str] = {}
    for kind, column in (("unix", 6), ("tcp", 9), ("tcp6", 9)):
        for line in Path(f"/proc/net/{kind}").read_text().splitlines()[1:]:
            fields = line.split()
            found[f"socket:[{fields[column]}]"] = f"{kind} {' '.join(fields[1:4])} {' '.join(fields[column:][:2])}"
    return found


async def soak(folder: Path, *, seconds: float, clients: int, seed: int) -> Findings:
    config: dict[str, Any] = {
        "mcpServers": {"fast": {**live.stdio("fast.py"), "max_concurrency": 64}},
        "agents": {"tester": live.agent("fast"), "attacker": live.agent("fast")},
        "gateway": {"pool_size": 2, "max_active_runs": 2 * clients, "limits": LIMITS},
    }
    store = Embedded(folder / "gateway" / "data").url
    async with live.replica(folder / "gateway", config) as gateway:
        work = Soak(gateway, store, folder, random.Random(seed))
        await work.run(seconds, clients)
        await gateway.http.close()
    return work.found


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=600, help="with attackers; a quarter of it without")
    options.add_argument("--clients", type=int, default=6)
    options.add_argument("--seed", type=int, default=1)
    flags = options.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(soak(Path(folder), seconds=flags.seconds, clients=flags.clients, seed=flags.seed))
    print(*found.lines(), sep="\n")
    return 1 if found.wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
