"""10,000 runs that are due in the same second: `scripts/soak storm [--seconds N] [--runs N]`.

They drain at the pool's pace, oldest first, while newcomers are served. Prints the pace and how long newcomers took,
and exits with 1 when a run was woken before its turn.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.durability import copies
from gateway.store import keys
from tests.live import Live, agent, live, stdio

DAY = 86_400_000
OWNER = "57025702"
SLEEPER = 'await tools.fast.add({ a: 1, b: 2 }); await sleep("30 days"); return 1'
NEWCOMER = "return (await tools.fast.add({ a: 1, b: 2 })).sum"


async def storm(gateway: Live, count: int, seconds: float) -> int:
    client, floor = gateway.services.floor.client, gateway.services.floor
    template = await gateway.execute(SLEEPER, wait_seconds=1)
    made = await copies(client, str(template["run_id"]), count, OWNER)
    clock = floor.clock
    floor.clock, floor.timers.shift_ms = lambda: clock() + 31 * DAY, 31 * DAY
    for first in range(0, count, 500):
        some = enumerate(made[first : first + 500], first)
        await client.batch([("ZADD", keys.alive(keys.shard(one)), 1 + at, one) for at, one in some])
    began, waited, left = time.monotonic(), [], made
    while left and time.monotonic() - began < seconds:
        since = time.monotonic()
        new = await gateway.execute(NEWCOMER, wait_seconds=60)
        waited.append(time.monotonic() - since)
        if new.get("result") != 3:
            raise SystemExit(f"a newcomer came to nothing: {new}")
        status = await client.batch([("HGET", keys.run(one), "status") for one in left])
        left = [one for one, now in zip(left, status, strict=True) if now != b"completed"]
        await asyncio.sleep(1)
    took, drained = time.monotonic() - began, [one for one in made if one not in set(left)]
    places = floor.config.gateway.max_active_runs
    early = sum(made.index(one) >= len(drained) + 2 * places for one in drained[-4 * places :])
    print(f"{len(drained)} of {count} runs woken and ended in {took:.0f} s: {len(drained) / took:.0f} per second")
    print(f"{len(waited)} newcomers meanwhile: p50 {statistics.median(waited):.2f} s, longest {max(waited):.2f} s")
    print(f"woken before their turn: {early}")
    return early


async def run(count: int, seconds: float) -> int:
    config = {
        "mcpServers": {"fast": stdio("fast.py")},
        "agents": {"tester": agent("fast")},
        "gateway": {"pool_size": 4, "log_level": "error"},
    }
    with tempfile.TemporaryDirectory() as folder:
        async with live(Path(folder), config) as gateway:
            return await storm(gateway, count, seconds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1_200.0)
    parser.add_argument("--seed", type=int, help="there is nothing random here; for all soaks take it")
    parser.add_argument("--runs", type=int, default=10_000)
    args = parser.parse_args()
    return bool(asyncio.run(run(args.runs, args.seconds)))


if __name__ == "__main__":
    sys.exit(main())
