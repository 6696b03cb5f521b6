"""Runs any command behind the walls of a pool."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gateway.sandbox.pool import ProcessPool
from gateway.sandbox.starter import Starter


async def outcome(pool: ProcessPool, argv: Sequence[str], *, watch: bool = False, **plan: Any) -> str:
    """Standard output of a command behind the pool's walls, or behind a plan that differs from them."""
    assert pool._order is not None
    order = replace(pool._order, argv=argv, plan=replace(pool._order.plan, **plan))
    starter = Starter(order, lambda: None)
    try:
        stdin, our_stdin = os.pipe()
        our_stdout, stdout = os.pipe()
        started = starter.start(stdin, stdout)
        if watch:
            starter.watch(started)
        os.close(stdin)
        os.close(stdout)
        with os.fdopen(our_stdout) as output:
            text = await asyncio.to_thread(output.read)
        os.close(our_stdin)
        ended = await started.ended
        return text or f"exit {ended.code}{' over its memory' * ended.over_memory}: {ended.stderr}"
    finally:
        await starter.close()
