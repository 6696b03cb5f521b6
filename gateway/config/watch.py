"""Noticing that the configuration file has changed."""

from __future__ import annotations

import asyncio
from pathlib import Path

WATCH_SECONDS = 1.0


async def watch_file(path: Path, changed: asyncio.Event) -> None:
    """Set `changed` whenever the file is another than a moment ago."""
    last = _stamp(path)
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        now = _stamp(path)
        if now != last:
            last = now
            changed.set()


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
