"""What sleeping and waking cost: 10,000 hibernated runs, wake-ups by journal length, and the journal itself.

    python -m benchmarks.durability [--runs N] [--json FILE]

Ratios are to a cold `deno run` of a trivial file, measured in the same process and minute. The sleeping runs are copies
of one real run with 20 steps behind it (a journal names no run, so a copy is a run).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.end_to_end import ROOT, bare_deno
from gateway.model import Entry
from gateway.store import keys
from gateway.store.client import Client
from gateway.store.journal import Journal
from tests.live import Live, agent, live, stdio

FAR = 4_102_444_800_000
STEPS = (10, 100, 1_000, 10_000)
BATCH = 500
POOL = 4


def program(steps: int) -> str:
    step = "s += (await tools.fast.add({ a: i, b: 1 })).sum"
    return f'let s = 0; for (let i = 0; i < {steps}; i++) {step}; await waitFor("go"); return s'


async def sleeping(gateway: Live, steps: int) -> str:
    run = await gateway.execute(program(steps), wait_seconds=600)
    if run["status"] != "waiting":
        raise SystemExit(f"the run did not go to sleep: {run}")
    return str(run["run_id"])


async def copies(client: Client, run_id: str, count: int, label: str) -> list[str]:
    """`count` further runs like a sleeping one."""
    record, journal = await client.batch([("HGETALL", keys.run(run_id)), ("LRANGE", keys.journal(run_id), 0, -1)])
    pairs = record.items() if isinstance(record, dict) else zip(record[::2], record[1::2], strict=True)
    fields = [part for pair in pairs for part in pair]
    made = [f"run_{label}{number:08d}" for number in range(count)]
    for first in range(0, count, BATCH):
        commands: list[tuple[Any, ...]] = []
        for one in made[first : first + BATCH]:
            commands.append(("HSET", keys.run(one), *fields))
            commands.append(("RPUSH", keys.journal(one), *journal))
            commands.append(("ZADD", keys.alive(keys.shard(one)), FAR, one))
        await client.batch(commands)
    return made


async def wake(gateway: Live, run_id: str, *, alone: bool = False) -> float:
    """From the event to the run's end, in ms; `alone`: once the processes that wakes before it used are replaced."""
    principal = await gateway.principal()
    pool = gateway.services.floor.pool
    while alone and (pool.active or pool.idle < POOL):
        await asyncio.sleep(0.01)
    began = time.perf_counter()
    await gateway.services.runs.signal(principal, run_id, "go", None)
    view = await gateway.services.runs.result(principal, run_id, wait_seconds=60)
    if view.status != "completed":
        raise SystemExit(f"the run did not complete: {view.as_dict()}")
    return (time.perf_counter() - began) * 1000


async def store_bytes(client: Client) -> int:
    info = await client.send("INFO", "memory")
    text = info.decode() if isinstance(info, bytes) else "\n".join(f"{k}:{v}" for k, v in info.items())
    return int(next(line.split(":")[1] for line in text.splitlines() if line.startswith("used_memory:")))


def own_bytes() -> int:
    """Resident memory of the gateway (this process) now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


async def idle_cost(gateway: Live, count: int) -> dict[str, Any]:
    client = gateway.services.floor.client
    template = await sleeping(gateway, 20)
    stored, own = await store_bytes(client), own_bytes()
    made = await copies(client, template, count, "idle")
    await asyncio.sleep(3)  # several rounds of the wake-up loop over a full queue
    per_run = (await store_bytes(client) - stored) / count
    growth = (own_bytes() - own) / count
    active = gateway.services.floor.pool.active
    woken = await asyncio.gather(*(wake(gateway, run_id) for run_id in made[:100]))
    return {
        "runs": count,
        "processes_of_sleeping_runs": active,
        "store_bytes_per_run": round(per_run),
        "gateway_bytes_per_run": round(growth),
        "woken_at_once": 100,
        "woken_p50_ms": statistics.median(woken),
        "woken_max_ms": max(woken),
    }


async def wakes(gateway: Live, rounds: int, folder: Path) -> dict[str, Any]:
    client = gateway.services.floor.client
    found: dict[str, Any] = {}
    cold = statistics.median(bare_deno(folder) for _ in range(rounds))
    for steps in STEPS:
        template = await sleeping(gateway, steps)
        few = max(3, rounds // (10 if steps == STEPS[-1] else 1))
        times = sorted(
            [await wake(gateway, one, alone=True) for one in await copies(client, template, few, f"w{steps}x")]
        )
        p50 = statistics.median(times)
        found[str(steps)] = {"p50_ms": p50, "p99_ms": times[int(len(times) * 0.99)], "to_cold_deno": p50 / cold}
    return {"cold_deno_ms": cold, "by_steps": found}


async def appends(client: Client, policy: str, seconds: float = 3.0, writers: int = 32) -> float:
    """Journal events per second with so many runs at work."""
    await client.send("CONFIG", "SET", "appendfsync", policy)
    journal = Journal(client, owner="benchmark")
    until, count = time.monotonic() + seconds, 0

    async def write(number: int) -> None:
        nonlocal count
        first = [Entry(0, "started", 0, {})]
        writer, _ = await journal.open(f"run_{policy}{number}", {"status": "running"}, first, tenant="benchmark", now=0)
        while time.monotonic() < until:
            at = writer.length
            await journal.append(writer, [Entry(at, "done", 0, {"cid": at}), Entry(at + 1, "call", 0, {"cid": at})])
            count += 2

    await asyncio.gather(*(write(number) for number in range(writers)))
    return count / seconds


async def measure(count: int, rounds: int, folder: Path) -> dict[str, Any]:
    limits = {"run_active_seconds": 600, "run_tool_calls": 100_000}
    config = {
        "mcpServers": {"fast": stdio("fast.py")},
        "agents": {"tester": agent("fast")},
        "gateway": {"pool_size": POOL, "limits": limits},
    }
    async with live(folder, config) as gateway:
        # As `gateway serve` does once it has started.
        gc.collect()
        gc.freeze()
        found = {"wake": await wakes(gateway, rounds, folder), "idle": await idle_cost(gateway, count)}
        client = gateway.services.floor.client
        found["journal_events_per_s"] = {policy: await appends(client, policy) for policy in ("always", "everysec")}
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--json", type=Path, default=ROOT / "benchmarks/out/durability.json")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(args.runs, args.rounds, Path(folder)))
    print(f"cold deno run of a trivial file: {found['wake']['cold_deno_ms']:.1f} ms\n")
    for steps, row in found["wake"]["by_steps"].items():
        told = f"p50 {row['p50_ms']:8.1f} ms   p99 {row['p99_ms']:8.1f} ms   {row['to_cold_deno']:6.2f} of cold deno"
        print(f"wake with {steps:>6} steps behind it   {told}")
    print()
    for section in ("idle", "journal_events_per_s"):
        for name, value in found[section].items():
            print(f"{name:32} {value:12.1f}")
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
