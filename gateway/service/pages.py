"""Text for models that fits a budget of tokens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, takewhile

_BYTES_PER_TOKEN = 3.0
"""What is printed here has more with o200k_base (TypeScript about 3.7), so that the estimate errs on the safe side."""


def tokens(text: str) -> int:
    """About as many tokens as `text` has with o200k_base, rather more than fewer."""
    return int(len(text.encode("utf-8", "replace")) / _BYTES_PER_TOKEN) + 1


def listed(words: Sequence[str], budget: int) -> str:
    """As many of `words` as there is room for, with a count of the others; nothing when there is room for none."""
    kept = _fitting((f"{word}, " for word in words), budget - tokens(f"… and {len(words)} more"))
    if kept in (0, len(words)):
        return ", ".join(words[:kept])
    return f"{', '.join(words[:kept])}, … and {len(words) - kept} more"


def cut(text: str, budget: int) -> str:
    """The first lines of `text` for which there is room, and a mark when there are more."""
    lines = text.splitlines()
    mark = "// … too large to show whole"
    kept = _fitting(lines, budget - tokens(mark))
    return text if kept == len(lines) else "\n".join([*lines[:kept], mark])


def _fitting(texts: Iterable[str], budget: int) -> int:
    """How many of `texts`, from the first, fit together."""
    spent = accumulate(map(tokens, texts))
    return sum(1 for _ in takewhile(lambda total: total <= budget, spent))
