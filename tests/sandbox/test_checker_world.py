"""The checker's world is the sandbox's: what a program may name is what it will find, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sandbox.checkers import ENGINES, check, checker
from tests.sandbox.test_world import GLOBALS, GONE


@pytest.mark.parametrize("engine", ENGINES)
async def test_it_declares_what_the_sandbox_has(tmp_path: Path, engine: str) -> None:
    async with checker(tmp_path, engine) as running:  # type: ignore[arg-type]  # from ENGINES
        names = sorted(GLOBALS)
        found = (await check(running, f"return [{', '.join(names)}];")).diagnostics
        assert [one.message for one in found] == []
        gone = GONE.split()
        found = (await check(running, "\n".join(f"[{name}];" for name in gone[:25]) + "\nreturn 1;")).diagnostics
        assert [one.line for one in found] == list(range(1, 26))
        for name in gone[25:]:
            assert (await check(running, f"return [{name}];")).diagnostics, name
