from __future__ import annotations

from typing import Any

import pytest

from gateway.config.quantities import seconds


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        (90, 90),
        (0.5, 0.5),
        ("90", 90),
        ("90s", 90),
        ("250 ms", 0.25),
        ("10m", 600),
        ("1.5h", 5_400),
        ("1h30m", 5_400),
        ("1h 30 min", 5_400),
        ("3 days", 259_200),
        ("1 Day", 86_400),
        ("2 weeks", 1_209_600),
    ],
)
def test_durations(written: Any, wanted: float) -> None:
    assert seconds(written) == wanted


@pytest.mark.parametrize("written", ["", " ", "soon", "10 x", "m", "-5s", "1h-", "5 months", True, None, [], "1e9s"])
def test_what_is_no_duration(written: Any) -> None:
    with pytest.raises(ValueError, match="expected a duration such as"):
        seconds(written)
