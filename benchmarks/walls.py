"""What the kernel's walls cost a program's process: `python -m benchmarks.walls [--rounds N]`.

Starts processes behind walls and without, in turns, and tells the medians of the time until each is ready. Exits with 1
when the walls make it more than twice as long.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from gateway.config import Limits
from gateway.sandbox.pool import Mode, ProcessPool

MODES: tuple[Mode, ...] = ("auto", "off")
WORST = 2.0


async def measure(rounds: int) -> dict[Mode, list[float]]:
    took: dict[Mode, list[float]] = {mode: [] for mode in MODES}
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        pools = {
            mode: ProcessPool(limits=Limits(), data_dir=folder / mode, size=0, max_active=1, mode=mode)
            for mode in MODES
        }
        for mode, pool in pools.items():
            (folder / mode).mkdir()
            await pool.start()
            stack.push_async_callback(pool.close)
            # The one that it began with.
            await (await pool.acquire()).kill()
        for _ in range(rounds):
            for mode, pool in pools.items():
                began = time.perf_counter()
                process = await pool.acquire()
                took[mode].append(time.perf_counter() - began)
                await process.kill()
    return took


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=30)
    took = asyncio.run(measure(options.parse_args().rounds))
    walled, bare = (statistics.median(took[mode]) for mode in MODES)
    print(f"ready behind walls after {walled * 1000:.1f} ms, without after {bare * 1000:.1f} ms: {walled / bare:.2f} ×")
    return 1 if walled > WORST * bare else 0


if __name__ == "__main__":
    raise SystemExit(main())
