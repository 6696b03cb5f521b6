"""The real servers' tool lists in ../shared/corpus, as specs and as raw tools."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from codegen import Module, ServerSpec, generate, load_dump

FOLDER = Path(__file__).parents[3] / "shared" / "corpus"


@functools.cache
def specs() -> tuple[ServerSpec, ...]:
    return tuple(spec for file in sorted(FOLDER.glob("*.json")) for spec in load_dump(json.loads(file.read_text())))


@functools.cache
def module() -> Module:
    """All servers in one module."""
    return generate(specs())


def tools() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each server's name with each of its tools."""
    for spec in specs():
        for tool in spec.tools:
            yield spec.name, tool
