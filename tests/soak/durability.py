"""Random programs on two gateways, with every fault there is, against a fault-free oracle: `scripts/soak durability`.

Prints counts (programs, faults by kind, violations); exits with 1, and the seed, when an invariant did not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.config import Limits
from gateway.sandbox.pool import ProcessPool
from tests.durability.rounds import Round
from tests.durability.world import World, world

MOST_SECONDS = 1_200.0
WIDTH = 12
"""Programs at once."""
ROUND_SECONDS = 300


async def soak(made: World, pool: ProcessPool, seconds: float, *, rounds: int | None = None, width: int = WIDTH) -> int:
    """Rounds for so long, or so many. Prints what was done; returns the number of violations."""
    began, number, violations = time.monotonic(), 0, 0
    while time.monotonic() - began < seconds and (rounds is None or number < rounds):
        one, since = Round(made, pool, number, width), time.monotonic()
        try:
            async with asyncio.timeout(ROUND_SECONDS):
                await one.play()
        except TimeoutError as error:
            one.violations.append(f"it did not come to its end ({error}): {one.standing()}")
        number += 1
        violations += len(one.violations)
        faults = sum(made.fired.values())
        took = f"{time.monotonic() - since:.0f} s, {faults} faults so far"
        print(f"round {number}: {took}, {len(one.violations)} violations", flush=True)
        for text in one.violations:
            print(f"  {text}", flush=True)
    print(f"\n{number * width} programs in {number} rounds, {time.monotonic() - began:.0f} s")
    print(f"{sum(made.fired.values())} faults and {sum(seat.restarts for seat in made.seats)} restarts of gateways:")
    for name, count in sorted(made.fired.items()):
        print(f"  {name:32} {count:5}")
    print(f"violations: {violations}")
    return violations


async def run(folder: Path, seed: int, seconds: float) -> int:
    print(f"seed {seed}", flush=True)
    async with world(folder, random.Random(seed)) as made, replays(folder) as pool:
        return await soak(made, pool, seconds)


@asynccontextmanager
async def replays(folder: Path) -> AsyncIterator[ProcessPool]:
    """Processes in which journals are played again."""
    pool = ProcessPool(limits=Limits(), data_dir=folder / "replays", size=1, max_active=2, mode="off")
    await pool.start()
    try:
        yield pool
    finally:
        await pool.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=MOST_SECONDS)
    parser.add_argument("--seed", type=int, default=None, help="default: a random one, which is printed")
    args = parser.parse_args()
    seed = secrets.randbelow(2**32) if args.seed is None else args.seed
    with tempfile.TemporaryDirectory() as folder:
        violations = asyncio.run(run(Path(folder), seed, min(args.seconds, MOST_SECONDS)))
    if violations:
        print(f"again with: scripts/soak durability --seed {seed}", file=sys.stderr)
    return bool(violations)


if __name__ == "__main__":
    sys.exit(main())
