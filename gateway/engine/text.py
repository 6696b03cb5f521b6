"""Text from outside, for people and models: cut, and without what steers a terminal or hides from the eye. Pure."""

from __future__ import annotations

import unicodedata

_READ = 4
"""Characters read for one that is kept, so that megabytes cost nothing."""
_BREAKS = "\n\t"


def _is_hidden(char: str) -> bool:
    """Controls, bidi marks, joiners, tags, private and unpaired characters, other line breaks; and the selectors in
    which a text can be carried unseen."""
    return unicodedata.category(char) in _HIDDEN or "\U000e0000" <= char <= "\U000e0fff"


_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


def one_line(text: str, most: int) -> str:
    """`text` in one line of at most `most` characters, without control and invisible characters; double quotes become
    single, so that it can be quoted."""
    visible = (" " if char.isspace() or _is_hidden(char) else char for char in text[: _READ * most])
    line = " ".join("".join(visible).split()).replace('"', "'")
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def legible(text: str, most: int) -> str:
    """At most `most` characters of `text`, its lines kept, control and invisible characters not."""
    if text.isascii() and text.isprintable() and len(text) <= most:
        return text
    kept = "".join(char for char in text[: _READ * most] if char in _BREAKS or not _is_hidden(char))
    return kept if len(kept) <= most else kept[: most - 1] + "…"
