"""README.md beside this file says which test tries what: those tests are there."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent


def test_every_test_of_the_map_exists() -> None:
    named = re.findall(r"`([\w./]+\.py)::(\w+)`", (HERE / "README.md").read_text(encoding="utf-8"))
    assert len(named) > 40
    missing = [test for file, test in named if f"def {test}(" not in (HERE / file).read_text(encoding="utf-8")]
    assert missing == []


def test_there_are_as_many_attacks_as_were_promised() -> None:
    """Counted are tests, and the lines of their tables, each of which is a variant."""
    for folder, least in {"program": 60, "upstream": 20, "client": 20}.items():
        texts = [file.read_text(encoding="utf-8") for file in (HERE / folder).glob("test_*.py")]
        tests = sum(len(re.findall(r"^(?:async )?def test_", text, re.MULTILINE)) for text in texts)
        variants = sum(len(re.findall(r'^    "[^"]+": ', text, re.MULTILINE)) for text in texts)
        assert tests + variants >= least, folder
