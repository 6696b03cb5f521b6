"""Checkers for tests: both engines, over the declarations in `checker_module.d.ts`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest

from gateway.engine.program import parse
from gateway.sandbox import typescript
from gateway.sandbox.checker import Checker, CheckResult

DECLARATIONS = (Path(__file__).parent / "checker_module.d.ts").read_text(encoding="utf-8")
MODULE = "a" * 64
ENGINES: tuple[Literal["typescript", "deno"], ...] = ("typescript", "deno")


@asynccontextmanager
async def checker(data_dir: Path, engine: Literal["typescript", "deno"], **options: Any) -> AsyncIterator[Checker]:
    """A running checker that knows `MODULE`. Skips the test where TypeScript 7 cannot be had."""
    if engine == "typescript" and await typescript.ensure(typescript.SHARED) is None:
        pytest.skip("TypeScript 7 cannot be brought to this machine")
    running = Checker(data_dir=data_dir, engine=engine, **options)
    try:
        await running.start()
        await running.load(MODULE, DECLARATIONS)
        yield running
    finally:
        await running.close()


async def check(running: Checker, source: str, module: str = MODULE) -> CheckResult:
    return await running.check(parse(source), module)
