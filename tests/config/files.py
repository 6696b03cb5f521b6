"""A configuration file for a test, and what loading it says."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from gateway.config import Config, load
from gateway.errors import ConfigError


class Files:
    """Writes `gateway.yaml` into a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "gateway.yaml"

    def load(self, text: str, environ: dict[str, str] | None = None, **given: Any) -> Config:
        self.path.write_text(dedent(text), encoding="utf-8")
        return load(self.path, environ=environ or {}, **given)

    def refuse(self, text: str, environ: dict[str, str] | None = None, **given: Any) -> ConfigError:
        with pytest.raises(ConfigError) as refused:
            self.load(text, environ, **given)
        return refused.value

    def problems(self, text: str, environ: dict[str, str] | None = None, **given: Any) -> list[tuple[int, str, str]]:
        """(line, key, message and fix) of each problem."""
        rows = self.refuse(text, environ, **given).details["problems"]
        return [(row["line"], row["key"], f"{row['message']}. {row['fix']}") for row in rows]
