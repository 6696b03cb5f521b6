"""Tests of the corpus of real servers, which is not in the repository, are skipped where there is none."""

from __future__ import annotations

import pytest

from tests.codegen.corpus import FOLDER


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if FOLDER.is_dir():
        return
    for item in items:
        if item.get_closest_marker("corpus"):
            item.add_marker(pytest.mark.skip(reason="There is no ../shared/corpus here."))
