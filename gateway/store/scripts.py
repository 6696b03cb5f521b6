"""The Lua scripts: text and hash of each file in `lua/`. Their keys and arguments stand in each file's header."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent / "lua"


@dataclass(frozen=True, slots=True)
class Script:
    name: str
    text: str
    sha: str


def _read(name: str) -> Script:
    text = (_FOLDER / f"{name}.lua").read_text()
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


OPEN = _read("open")
CLAIM = _read("claim")
RENEW = _read("renew")
APPEND = _read("append")
PACK = _read("pack")
DUE = _read("due")
TAKE = _read("take")
COUNT = _read("count")
SWAP = _read("swap")
RATE = _read("rate")
AUDIT = _read("audit")
PINS = _read("pins")
STATE = _read("state")
BEAT = _read("beat")

SCRIPTS = (OPEN, CLAIM, RENEW, APPEND, PACK, DUE, TAKE, COUNT, SWAP, RATE, AUDIT, PINS, STATE, BEAT)
