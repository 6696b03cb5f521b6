"""Hostile text made harmless: string literals and comments that nothing can break out of.

Whatever a server wrote ends up in one of two places, so these two functions are the whole defence:
`literal` for values and keys (lossless), `comment` for prose (invisible and control characters go).
"""

from __future__ import annotations

import json
import re

COMMENT_LIMIT = 20_000
"""Characters of one description that are kept. The longest one seen in 7,777 real tools had 18,920."""

_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff0-\ufffb\U000e0000-\U000e0fff"
)
_UNSAFE = re.compile(f"[\u007f-\u009f\ud800-\udfff{_INVISIBLE}]")
_UNSAFE_IN_COMMENT = re.compile(f"[\u0000-\u0009\u000b-\u001f\u007f-\u009f\ud800-\udfff{_INVISIBLE}]")
_JOINER_IN_EMOJI = re.compile("(?<=[\ufe0f\U0001f000-\U0001faff])\u200d(?=[\u2600-\u27bf\U0001f000-\U0001faff])")
_TAGS = ("read-only", "destructive", "needs-", "observed", "deprecated", "default", "example")
"""Words that this generator puts behind an `@` itself."""
_DIRECTIVES = ("ts-", "deno-", "jsx", "import", "reference")
"""Words behind an `@` by which compilers take orders."""
_AT_WORD = re.compile(f"(?<!@)@+(?={'|'.join((*_TAGS, *_DIRECTIVES))})", re.IGNORECASE)


def literal(value: str) -> str:
    """`value` as a double-quoted TypeScript string literal that evaluates to exactly `value`."""
    written = json.dumps(value, ensure_ascii=False)
    return written if written.isascii() and written.isprintable() else _UNSAFE.sub(_escape, written)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\u{{{code:x}}}"


def comment(text: str) -> str:
    """`text` for the inside of a block comment: no end of comment, no control, bidi or invisible character, and none
    of the `@` words by which compilers or this generator give orders (`@ts-expect-error`, `@destructive`)."""
    text = text[:COMMENT_LIMIT] + "…" if len(text) > COMMENT_LIMIT else text
    if not (text.isascii() and text.isprintable()):
        text = _visible(text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "  "))
    if "@" in text:
        text = _AT_WORD.sub("", text)
    return text.replace("*/", "*\\/").strip()


def tag(words: str) -> str:
    """`words` as one tag (`needs-approval`); empty if nothing of them can be in one, or compilers would obey it."""
    name = "-".join(re.findall(r"[a-z0-9]+", words.lower()))
    return "" if not name or name.startswith(_DIRECTIVES) else name


def _visible(text: str) -> str:
    return _UNSAFE_IN_COMMENT.sub(lambda found: found[0] if _JOINER_IN_EMOJI.match(text, found.start()) else "", text)
