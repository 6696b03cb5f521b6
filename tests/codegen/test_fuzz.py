"""A short run of the fuzzer, and every seed that once found something."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.codegen import fuzz

FOUND = {
    1: "`type A = [(A | number)?]` is circular for TypeScript: labels are not",
    11: "an optional `constructor` beside an index signature",
}
"""Seeds that failed once, and on what."""


@pytest.mark.parametrize("seed", [*FOUND, 100, 101])
def test_random_schemas_generate_and_compile(seed: int, tmp_path: Path) -> None:
    assert fuzz.problems_of(seed, tmp_path) == []
