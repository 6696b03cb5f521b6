"""Regular expressions over keys that a template literal type says as well: a fixed start, a fixed end, or anything."""

from __future__ import annotations

import re

_ANYTHING = re.compile(r"\^?(\.[*+]\??)?\$?|\^?\[\\s\\S\][*+]\$?")
_FIXED = re.compile(r"(?P<start>\^)?(?P<text>(?:[A-Za-z0-9_ :/@#~%&=,;!<>-]|\\[./^*+?()|-])+)(?P<end>\$)?")


def template_of(pattern: str) -> tuple[str, str] | None:
    """(prefix, suffix) of the keys that `pattern` matches, both empty for every key; None when there is no such
    template. Neither holds a character that means something in a template literal.
    The pattern is read, never run: some that servers might send take exponential time."""
    if len(pattern) > 200:
        return None
    if _ANYTHING.fullmatch(pattern):
        return "", ""
    body = re.sub(r"\.\*\$?$", "", pattern) if pattern.startswith("^") else re.sub(r"^\.\*", "", pattern)
    found = _FIXED.fullmatch(body)
    if found is None or bool(found["start"]) == bool(found["end"]):
        return None
    text = found["text"].replace("\\", "")
    return (text, "") if found["start"] else ("", text)
