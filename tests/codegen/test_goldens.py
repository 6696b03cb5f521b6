"""What is generated is what was read and found good: `scripts/goldens` writes the files anew."""

from __future__ import annotations

import pytest

from tests.codegen import goldens


@pytest.mark.corpus
def test_the_goldens_are_as_they_were() -> None:
    wanted = goldens.goldens()
    assert {file.name for file in goldens.FOLDER.iterdir()} == set(wanted)
    for name, content in wanted.items():
        assert (goldens.FOLDER / name).read_text(encoding="utf-8") == content, f"{name} differs: run scripts/goldens"
