"""A gateway with fault points and short times: `python -m tests.durability.serve CONFIG`.

It takes orders as JSON lines on stdin: `{"arm": fault}` and `{"disarm": true}`, see `points`, and `{"dump": true}`.
What fired is told on stdout. Type checks are left out: they are not what is tested here, and a gateway that is killed
all the time has to be back soon."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from gateway.app import Services, serve
from gateway.config.load import load
from gateway.sandbox.checker import Checker, CheckResult
from gateway.sandbox.process import Process
from gateway.upstream import connection
from tests.durability.points import Points, replace

SHORT = {
    "LEASE_MS": 1_500,
    "HIDDEN_MS": 1_500,
    "STAY_MS": 400,
    "LOOK_SECONDS": 0.1,
    "FAR_MS": 5_000,
    "SWEEP_SECONDS": 1.0,
}
"""The gateway's own times, in short: a soak has to see many leases run out."""
PATIENCE_SECONDS = 60.0
"""An upstream is back soon, but on a machine as busy as this one that may take a while."""


def shorten() -> None:
    for name, module in list(sys.modules.items()):
        if name.startswith("gateway."):
            for constant, value in SHORT.items():
                if hasattr(module, constant):
                    setattr(module, constant, value)


def skip_checks() -> None:
    async def nothing(*_: Any) -> None:
        return

    async def passes(*_: Any) -> CheckResult:
        return CheckResult((), ())

    for name, instead in (("start", nothing), ("load", nothing), ("check", passes)):
        replace(Checker, name, instead)


def upgrade_runtime() -> None:
    """Each process of this program runs on another runtime than those before it, by what it says."""
    greet = Process._greet

    async def greeted(process: Process) -> None:
        await greet(process)
        process.runtime += f"+{os.getpid()}"

    replace(Process, "_greet", greeted)


async def _obey(points: Points) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        order = json.loads(line)
        if "arm" in order:
            points.arm(order["arm"])
        elif "dump" in order:
            _dump()
        else:
            points.disarm()


def _dump() -> None:
    """Where every run, call and loop stands, on stderr."""
    for task in asyncio.all_tasks():
        waits: Any = task.get_coro()
        stack = []
        while waits is not None:
            frame = getattr(waits, "cr_frame", None)
            stack.append(f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}" if frame else str(waits)[:80])
            waits = getattr(waits, "cr_await", None)
        print(task.get_name(), " > ".join(stack), file=sys.stderr, flush=True)


def main() -> None:
    path = Path(sys.argv[1])
    config = load(path)
    points = Points(str(config.gateway.redis_url))
    points.lay()
    if config.gateway.redis_url:
        shorten()
    vars(connection)["_CALL_WAITS_SECONDS"] = PATIENCE_SECONDS
    skip_checks()
    upgrade_runtime()
    obeying: list[asyncio.Task[None]] = []

    async def ready(services: Services) -> str:
        obeying.append(asyncio.get_running_loop().create_task(_obey(points)))
        agent = next(iter(services.config.agents))
        issued = await services.tokens.issue(agent, ttl_seconds=86_400)
        url = f"http://{services.config.gateway.listen}"
        return json.dumps({"url": url, "token": issued["token"], "admin": services.admin_key})

    raise SystemExit(serve(config, config_path=path, watch=False, json_logs=False, banner=ready))


if __name__ == "__main__":
    main()
