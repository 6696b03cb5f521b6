"""A fuzzer for codegen: no random schema crashes it, takes exponential time, or gives text that does not compile.

    python -m tests.codegen.fuzz --seconds 600 --seed 1

Prints the seed of each batch that failed and what was wrong; exit code 1 when there was any.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from codegen import ServerSpec, generate
from tests.codegen.random_schemas import RandomSchemas
from tests.codegen.typecheck import module_files, tsc_check

BATCH = 150
"""Tools in one module, so in one run of the compiler."""
SLOWEST = 2.0
"""Seconds of CPU that generating one batch may take."""


def tools_of(seed: int) -> list[dict[str, Any]]:
    """The batch that belongs to `seed`: odd ones are malformed here and there."""
    source = RandomSchemas(seed, malformed=bool(seed % 2))
    return [source.tool(f"tool_{position}") for position in range(BATCH)]


def problems_of(seed: int, folder: Path) -> list[str]:
    """What is wrong with the module of batch `seed`, nothing if all is well."""
    tools = tools_of(seed)
    gc.freeze()  # what is remembered of thousands of batches is not what a collection should count against this one
    start = time.process_time()
    module = generate([ServerSpec("fuzz", tools)])
    spent = time.process_time() - start
    problems = [f"seed {seed}: {p.file}:{p.line} {p.message}" for p in tsc_check(folder, module_files(module))]
    if len(module.tools) != len(tools):
        problems.append(f"seed {seed}: {len(tools) - len(module.tools)} tools are missing")
    if spent > SLOWEST:
        problems.append(f"seed {seed}: generating took {spent:.1f} s")
    if generate([ServerSpec("fuzz", tools[::-1])]).text != module.text:
        problems.append(f"seed {seed}: the order of the tools shows")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    end = time.monotonic() + options.seconds
    seed, failures = options.seed, 0
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < end:
            for problem in problems_of(seed, Path(folder)):
                failures += 1
                print(problem, flush=True)
            seed += 1
    print(f"{seed - options.seed} batches of {BATCH} tools from seed {options.seed}: {failures} problems")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
