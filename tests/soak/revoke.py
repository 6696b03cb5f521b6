"""Revocation under load: `scripts/soak revoke [--programs N] [--rounds N] [--seed S]`.

Two gateways share one store and one recording upstream. In each round, programs of tokens that will be revoked are
brought into every state there is (`STATES`), with one run of somebody else beside them. At a random moment all of
theirs is revoked through either gateway: by token, parent, agent, session, tenant, or all there is. Every second round
nobody can publish or subscribe. Then it is counted what is left: calls sent after `revoke` had returned (stamped by
the gateways as they go out, checked against what the upstream got), processes, runs that ended in another way, open
requests, wake-ups that were taken, tokens that still open something, calls that the upstream was not told to give up,
and whether the audit record proves itself.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from gateway.identity.keys import CHECKPOINTS, TOKENS, KeyRing
from gateway.sandbox.pool import SHARE
from gateway.store import keys
from gateway.store.client import Client
from gateway.store.embedded import Embedded
from tests import live, processes
from tests.servers import launch
from tests.stamped import SENT

ODD = Path(launch.__file__).parent / "odd.py"
STATES = ("spins", "calls", "in a call", "streams", "hibernated", "queued", "checked")
PROGRAMS = {
    "spins": "while (true) {}",
    "calls": "for (;;) { await tools.odd.pid({}); await sleep(150); }",
    "in a call": "return await tools.odd.slow({ n: NUMBER })",
    "streams": "for (;;) { progress(1); await sleep(200); }",
    "hibernated": 'await waitFor("go"); await tools.odd.pid({}); return 1',
    "queued": "await tools.odd.pid({}); while (true) {}",
    "checked": "await tools.odd.pid({}); while (true) {}",
}
KINDS = ("token", "parent", "agent", "session", "tenant", "all")
PROCESSES = ("spins", "calls", "in a call", "streams")
"""States that hold a process each."""
LATE_SECONDS = 2.0
"""What takes longer is told, with what it was at."""
SETTLES_SECONDS = 15.0
"""No round takes longer to end than this without being a failure."""


@dataclass
class Findings:
    """`reaped`, `returned` and `closed` are seconds from the start of `revoke`, by whether it was pushed."""

    rounds: int = 0
    reaped: dict[bool, list[float]] = field(default_factory=lambda: {True: [], False: []})
    returned: dict[bool, list[float]] = field(default_factory=lambda: {True: [], False: []})
    closed: list[float] = field(default_factory=list)
    sent: int = 0
    runs: int = 0
    late: Counter[str] = field(default_factory=Counter)
    """Runs that had not ended `LATE_SECONDS` after the revocation, by what they were at."""
    wrong: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        names = {True: "pushed", False: "pub/sub cut"}
        told = [f"{self.rounds} rounds, {self.runs} runs revoked, {self.sent} calls seen, wrong: {len(self.wrong)}"]
        for pushed, name in names.items():
            if self.reaped[pushed]:
                told.append(f"{name}: revoke → last process ended {_ms(self.reaped[pushed])}")
                told.append(f"{name}: revoke → returned {_ms(self.returned[pushed])}")
        told += [f"revoke → open request answered {_ms(self.closed)}"] if self.closed else []
        told += [f"not ended after {LATE_SECONDS:g} s: {dict(self.late)}"] if self.late else []
        return told + [f"  {line}" for line in self.wrong[:50]]


def _ms(seconds: Sequence[float]) -> str:
    ordered = sorted(seconds)
    at = {p: ordered[min(len(ordered) - 1, int(len(ordered) * p / 100))] * 1000 for p in (50, 99)}
    return f"p50 {at[50]:.0f} ms, p99 {at[99]:.0f} ms, worst {ordered[-1] * 1000:.0f} ms (n={len(ordered)})"


@dataclass
class Gate:
    """One gateway as an administrator reaches it."""

    replica: live.Replica
    folder: Path
    admin: str

    async def api(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.admin}"}
        async with self.replica.http.request(
            method, f"{self.replica.url}/api/v1{path}", json=body, headers=headers
        ) as answer:
            return answer.status, await answer.json()

    async def execute(self, token: str, code: str, wait: float) -> dict[str, Any]:
        """The run; or the refusal of a token that is dead already."""
        answer = await live.call(self.replica.http, self.replica.url, token, "execute", code=code, wait_seconds=wait)
        if "result" in answer:
            found: dict[str, Any] = answer["result"]["structuredContent"]
            return found
        return answer

    def stamps(self, offset: int) -> tuple[list[tuple[int, str]], int]:
        """(nanoseconds, run id) of what was sent since `offset` in the file."""
        with (self.folder / SENT).open("rb") as file:
            file.seek(offset)
            text = file.read()
        lines = (line.split() for line in text.decode().splitlines())
        return [(int(at), run_id) for at, run_id in lines], offset + len(text)


@dataclass
class Started:
    """One program of a round: `answer` is its open request, if it has one."""

    state: str
    run_id: str = ""
    answer: asyncio.Task[dict[str, Any]] | None = None
    answered: float = 0.0

    def open(self, request: Coroutine[Any, Any, dict[str, Any]]) -> Started:
        self.answer = asyncio.get_running_loop().create_task(request)
        self.answer.add_done_callback(self._note)
        return self

    def _note(self, _: object) -> None:
        self.answered = time.monotonic()


class Soak:
    def __init__(self, gates: list[Gate], store: Client, recorded: Path, chance: random.Random, programs: int) -> None:
        self._gates = gates
        self._store = store
        self._recorded = recorded
        self._chance = chance
        self._programs = programs
        self._numbers = itertools.count(1)
        self._offsets = [0] * len(gates)
        self._read = 0
        self._events: Counter[str] = Counter()
        self.found = Findings()

    async def round(self, kind: str, *, pushed: bool) -> None:
        tokens, target = await self._tokens(kind)
        other = (await self._issue("bystander"))["token"]
        beside = await self._gates[0].execute(other, PROGRAMS["hibernated"], 0.5)
        started = await self._bring_about(tokens)
        await self._listening(pushed)
        async with asyncio.TaskGroup() as group:
            late = [
                group.create_task(self._start("checked", self._chance.choice(tokens), number, delay=True))
                for number in range(self._programs)
            ]
            await asyncio.sleep(self._chance.uniform(0, 0.4))
            watched = [pid for gate in self._gates for pid in processes.programs(gate.replica.process.pid)]
            with processes.Deaths(watched) as deaths:
                began = time.monotonic()
                status, told = await self._chance.choice(self._gates).api("POST", "/tokens/revoke", target)
                returned = time.monotonic()
                self._expect(status == 200, f"{kind}: revoke answered {status} {told}")
                started += await asyncio.gather(*late)
                await self._settled(started, kind, began)
                await self._gone(kind)
        ended = [at - began for at in deaths.at.values() if at >= began]
        self.found.reaped[pushed].append(max(ended, default=0.0))
        self.found.returned[pushed].append(returned - began)
        await self._after(kind, started, tokens, returned)
        await self._bystander(kind, beside["run_id"], other)
        await self._check_upstream(kind)
        await self._listening(True)
        self.found.rounds += 1

    # --- before ------------------------------------------------------------------------------------------------

    async def _issue(self, agent: str, **more: Any) -> dict[str, Any]:
        status, issued = await self._chance.choice(self._gates).api("POST", "/tokens", {"agent": agent, **more})
        assert status == 200, issued
        return dict(issued)

    async def _tokens(self, kind: str) -> tuple[list[str], dict[str, Any]]:
        """Tokens that will be dead, and what to revoke so that they are."""
        first = await self._issue("doomed")
        match kind:
            case "token":
                return [first["token"]], {"token": first["id"]}
            case "session":
                return [first["token"]], {"session": first["session"]}
            case "parent":
                child = await self._issue("doomed", parent=first["id"])
                grandchild = await self._issue("doomed", parent=child["id"])
                return [first["token"], child["token"], grandchild["token"]], {"token": first["id"]}
        more = [first, await self._issue("doomed")]
        if kind == "agent":
            return [one["token"] for one in more], {"agent": "doomed"}
        more.append(await self._issue("doomed-too"))
        return [one["token"] for one in more], {"all": True} if kind == "all" else {"tenant": "acme"}

    async def _bring_about(self, tokens: list[str]) -> list[Started]:
        """All states that can be waited for. Spinning programs last: they take the processors."""
        order = ("hibernated", "in a call", "calls", "streams", "spins", "queued")
        started: list[Started] = []
        for state in order:
            batch = [self._start(state, self._chance.choice(tokens), number) for number in range(self._programs)]
            started += await asyncio.gather(*batch)
            if state == "spins":
                await self._until(self._all_have_processes, "programs did not get their processes")
        return started

    async def _start(self, state: str, token: str, number: int, *, delay: bool = False) -> Started:
        if delay:
            await asyncio.sleep(self._chance.uniform(0, 0.5))
        # Each text is another one, so that nothing is known of it yet.
        code = f"// {next(self._numbers)}\n" + PROGRAMS[state].replace("NUMBER", str(next(self._numbers)))
        gate = self._gates[number % len(self._gates)]
        if state == "streams":
            return Started(state).open(gate.execute(token, code, 120))
        try:
            run = await gate.execute(token, code, 0)
        except aiohttp.ClientError as error:
            return Started(state, f"error {error}")
        return Started(state, run.get("run_id", ""))

    async def _all_have_processes(self) -> bool:
        wanted = len(PROCESSES) * self._programs
        held = sum(len(processes.programs(gate.replica.process.pid)) for gate in self._gates)
        return held >= wanted

    async def _listening(self, allowed: bool) -> None:
        """Whether the gateways may publish and subscribe; without, their subscriptions are cut."""
        await self._store.send("ACL", "SETUSER", "default", "allchannels" if allowed else "resetchannels")

        async def subscribed() -> bool:
            [_, count] = await self._store.send("PUBSUB", "NUMSUB", keys.channel())
            return bool(count >= len(self._gates) if allowed else count == 0)

        await self._until(subscribed, "the gateways did not subscribe again")

    # --- after -------------------------------------------------------------------------------------------------

    async def _settled(self, started: list[Started], kind: str, began: float) -> None:
        """Until each run has ended, and each open request was answered."""
        for one in started:
            if one.answer is not None:
                try:
                    async with asyncio.timeout(SETTLES_SECONDS):
                        run = await one.answer
                except TimeoutError:
                    self._expect(False, f"{kind}: an open request was not answered")
                    continue
                self.found.closed.append(one.answered - began)
                one.run_id = run.get("run_id", "")
        states = {one.run_id: one.state for one in started if one.run_id.startswith("run_")}
        ids, last, late = [*states], Counter[str](), Counter[str]()

        async def ended() -> bool:
            asked = [("HGET", keys.run(run_id), "status") for run_id in ids]
            replies = await self._store.batch(asked)
            last.clear()
            last.update((reply or b"gone").decode() for reply in replies)
            if not late and time.monotonic() > began + LATE_SECONDS:
                left = zip(ids, replies, strict=True)
                late.update(
                    f"{states[run_id]}, {(status or b'gone').decode()}"
                    for run_id, status in left
                    if status != b"revoked"
                )
            return last.keys() == {"revoked"}

        await self._until(ended, lambda: f"{kind}: runs ended as {dict(last)}")
        self.found.late += late
        if last.keys() != {"revoked"}:
            views = [await self._gates[0].api("GET", f"/runs/{run_id}") for run_id in ids]
            odd = [(run["status"], run.get("error")) for _, run in views if run.get("status") != "revoked"]
            self._expect(False, f"{kind}: {odd[:3]}")
        self.found.runs += len(ids)

    async def _gone(self, kind: str) -> None:
        """Until only the processes that wait for a program are left."""

        async def idle() -> bool:
            left = [len(processes.programs(gate.replica.process.pid)) for gate in self._gates]
            # One that waits, and those that were being started for programs that are no more.
            return max(left) <= 1 + (os.cpu_count() or 1)

        await self._until(idle, f"{kind}: processes are left over")

    async def _after(self, kind: str, started: list[Started], tokens: list[str], returned: float) -> None:
        dead = {one.run_id for one in started}
        for index, gate in enumerate(self._gates):
            stamps, self._offsets[index] = gate.stamps(self._offsets[index])
            self.found.sent += len(stamps)
            for at, run_id in stamps:
                late = at / 1e9 - returned
                self._expect(run_id not in dead or late <= 0, f"{kind}: {run_id} sent {late * 1000:.1f} ms too late")
        asleep = [one.run_id for one in started if one.state == "hibernated"]
        for gate in self._gates:
            status, _ = await gate.api("POST", f"/runs/{asleep[0]}/events/go", {})
            self._expect(status == 409, f"{kind}: a wake-up was answered with {status}")
            for token in tokens:
                answer = await gate.execute(token, "return 1", 1)
                self._expect("error" in answer and "run_id" not in answer, f"{kind}: a dead token got {answer}")
        _, verdict = await self._chance.choice(self._gates).api("POST", "/audit/verify", {})
        self._expect(verdict.get("ok"), f"{kind}: the audit record: {verdict}")

    async def _bystander(self, kind: str, run_id: str, token: str) -> None:
        """Somebody else goes on, unless all were revoked."""
        gate = self._chance.choice(self._gates)
        _, run = await gate.api("GET", f"/runs/{run_id}")
        wanted = "revoked" if kind == "all" else "waiting"
        self._expect(run.get("status") == wanted, f"{kind}: the bystander's run is {run.get('status')}")
        if kind != "all":
            after = await gate.execute(token, "return (await tools.odd.pid({})).length > 0", 20)
            self._expect(after.get("result") is True, f"{kind}: the bystander got {after}")
            await gate.api("POST", f"/runs/{run_id}/cancel")

    def _upstream_events(self) -> Counter[str]:
        """What the upstream has seen so far: its events by name, and `tool`, the calls that it got."""
        with self._recorded.open("rb") as file:
            file.seek(self._read)
            whole, newline, _ = file.read().rpartition(b"\n")
        self._read += len(whole + newline)
        for one in map(json.loads, whole.splitlines()):
            self._events.update([one["event"]] if "event" in one else ["tool"] if "tool" in one else [])
        return self._events

    async def _check_upstream(self, kind: str) -> None:
        """The upstream got no more than was stamped, and was told to give up what it was at."""

        async def given_up() -> bool:
            events = self._upstream_events()
            return events["slow began"] == events["slow cancelled"]

        await self._until(given_up, f"{kind}: the upstream was not told to give up its calls")
        for index, gate in enumerate(self._gates):
            stamps, self._offsets[index] = gate.stamps(self._offsets[index])
            self.found.sent += len(stamps)
        got = self._upstream_events()["tool"]
        self._expect(got <= self.found.sent, f"{kind}: the upstream got {got} calls, {self.found.sent} were stamped")

    async def _until(self, true: Any, otherwise: Any) -> None:
        try:
            async with asyncio.timeout(SETTLES_SECONDS + 4 * self._programs):
                while not await true():
                    await asyncio.sleep(0.05)
        except TimeoutError:
            self._expect(False, otherwise if isinstance(otherwise, str) else otherwise())

    def _expect(self, good: Any, otherwise: str) -> None:
        if not good:
            self.found.wrong.append(f"round {self.found.rounds}: {otherwise}")
            print(self.found.wrong[-1], file=sys.stderr)


@asynccontextmanager
async def soaking(folder: Path, chance: random.Random, programs: int) -> AsyncIterator[Soak]:
    """Two gateways on one store, in `folder`."""
    store = Embedded(folder / "shared")
    await store.start()
    client = Client(store.url)
    recorded = folder / "calls.jsonl"
    for name in ("a", "b"):
        (folder / name / "data").mkdir(parents=True, mode=0o700)
    for purpose in (TOKENS, CHECKPOINTS):
        KeyRing.load_or_create(folder / "a" / "data" / "keys", purpose)
    shutil.copytree(folder / "a" / "data" / "keys", folder / "b" / "data" / "keys")
    doomed = {**live.agent("odd"), "tenant": "acme"}
    async with launch.http(ODD, "--record", str(recorded)) as odd:
        settings = {
            "redis_url": store.url,
            "public_url": "http://gateway.test",
            # One agent may have just as many processes as are wanted of it, and one more program is queued.
            "max_active_runs": max(2, len(PROCESSES) * programs // 2 * (SHARE + 1) // SHARE),
            "retention": "2m",
        }
        config = {
            "mcpServers": {"odd": {"url": odd, "max_concurrency": 1_000}},
            "agents": {"bystander": live.agent("odd"), "doomed": doomed, "doomed-too": doomed},
            "gateway": settings,
        }
        async with (
            live.replica(folder / "a", config, module="tests.stamped") as a,
            live.replica(folder / "b", config, module="tests.stamped") as b,
        ):
            gates = [Gate(one, folder / name, _admin_key(folder / name)) for name, one in (("a", a), ("b", b))]
            yield Soak(gates, client, recorded, chance, programs)
    await client.close()
    await store.close()


def _admin_key(folder: Path) -> str:
    return (folder / "data" / "keys" / "admin.key").read_text().strip()


async def soak(folder: Path, *, programs: int, rounds: int, seed: int) -> Findings:
    """So many rounds with so many programs in each state. Whatever goes wrong is in `wrong`."""
    chance = random.Random(seed)
    async with soaking(folder, chance, programs) as work:
        for number in range(rounds):
            await work.round(KINDS[number % len(KINDS)], pushed=number // len(KINDS) % 2 == 0)
            print(f"round {number + 1}", *work.found.lines()[:3], sep="  ", file=sys.stderr)
        return work.found


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--programs", type=int, default=40, help="in each state (even)")
    options.add_argument("--rounds", type=int, default=200)
    options.add_argument("--seed", type=int, default=1)
    flags = options.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(soak(Path(folder), programs=flags.programs, rounds=flags.rounds, seed=flags.seed))
    print(*found.lines(), sep="\n")
    return 1 if found.wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
