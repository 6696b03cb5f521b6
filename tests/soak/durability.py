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
from pathlib import Path

from gateway.config import Limits
from gateway.sandbox.pool import ProcessPool
from tests.durability.rounds import Round
from tests.durability.world import world

MOST_SECONDS = 1_200.0
WIDTH = 12
"""Programs at once."""


async def soak(folder: Path, seed: int, seconds: float, *, rounds: int | None = None, width: int = WIDTH) -> list[str]:
    """Rounds for so long, or so many. Prints what was done; returns the violations."""
    number, violations = 0, []
    pool = ProcessPool(limits=Limits(), data_dir=folder / "replays", size=1, max_active=2, mode="off")
    async with world(folder, random.Random(seed)) as made:
        await pool.start()
        began = time.monotonic()
        try:
            while time.monotonic() - began < seconds and (rounds is None or number < rounds):
                one, since = Round(made, pool, number, width), time.monotonic()
                await one.play()
                number += 1
                print(f"round {number}: {time.monotonic() - since:.0f} s, {len(one.violations)} violations", flush=True)
                violations += one.violations
                for text in one.violations:
                    print(f"violation in round {number} of seed {seed}: {text}", flush=True)
        finally:
            await pool.close()
        print(f"\nseed {seed}: {number * width} programs in {number} rounds, {time.monotonic() - began:.0f} s")
        print(f"{sum(made.fired.values())} faults and {sum(s.restarts for s in made.seats)} restarts of gateways:")
        for name, count in sorted(made.fired.items()):
            print(f"  {name:32} {count:5}")
    print(f"violations: {len(violations)}")
    return violations


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=MOST_SECONDS)
    parser.add_argument("--seed", type=int, default=None, help="default: a random one, which is printed")
    args = parser.parse_args()
    seed = secrets.randbelow(2**32) if args.seed is None else args.seed
    with tempfile.TemporaryDirectory() as folder:
        violations = asyncio.run(soak(Path(folder), seed, min(args.seconds, MOST_SECONDS)))
    if violations:
        print(f"again with: scripts/soak durability --seed {seed}", file=sys.stderr)
    return bool(violations)


if __name__ == "__main__":
    sys.exit(main())
