"""Who was shut off, as one replica knows it: in memory, and in a file that outlives whatever happens to the store.

One JSON object a line, `{"id", "shut", "open", "until"}`: an entry of the store's own list (keys.revocations), by its
id there. What is `shut` stays so until a later entry opens it, or until the time `until` (ms), when its tokens have
expired anyway. The file only grows, and is written anew without what no longer matters when most of it does not.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from gateway.errors import ConfigError, StoreError

REVOCATIONS = "revocations.jsonl"
"""The file in the data folder."""
SPARE_LINES = 1_000
"""The file is not written anew before it has so many lines more than twice what matters."""


@dataclass(frozen=True, slots=True)
class Entry:
    """`id` is the entry's in the store's list; `until` None: for ever; `note` is what it is acknowledged by."""

    id: str
    shut: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    until: int | None = None
    note: str = ""


class Ledger:
    """`shut` are the identities that are shut off, each with the time (ms) after which nobody needs to know; `last` is
    the id of the latest entry, "" when there is none. Without a path it is in memory only."""

    def __init__(self, path: Path | None = None) -> None:
        """Raises `ConfigError` for a file that cannot be read: to go on without it could bring somebody back."""
        self.shut: dict[str, int | None] = {}
        self.last = ""
        self._path = path
        self._lines = 0
        self._unwritten: list[Entry] = []
        if path is not None and path.exists():
            self._load(path)

    def _load(self, path: Path) -> None:
        # What follows the last line feed is half an entry that a crash left: nobody was told that it was written.
        whole, _, torn = path.read_bytes().rpartition(b"\n")
        try:
            self._take([_read(line) for line in whole.splitlines()])
        except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError) as error:
            raise ConfigError(
                f"{path} is damaged, so it is not known who was shut off: {error}.",
                fix="Put it back from a copy. Without one, remove it and revoke again what has to be.",
            ) from error
        if torn:
            self._rewrite(path)

    def take(self, entries: Sequence[Entry]) -> None:
        """From now on it is so in memory; `write` makes it durable."""
        self._take(entries)
        self._unwritten += entries

    def replace(self, entries: Sequence[Entry]) -> None:
        """These are all entries that there are."""
        self.shut.clear()
        self.last, self._lines = "", 0
        self.take(entries)

    def forget(self, now: int) -> None:
        """Let go of what has expired."""
        for identity in [one for one, until in self.shut.items() if until is not None and until < now]:
            del self.shut[identity]

    def write(self) -> None:
        """Make everything taken durable: it is on the disk when this returns. Blocks. Raises `StoreError`."""
        entries, path = self._unwritten, self._path
        if path is None or not entries:
            self._unwritten = []
            return
        try:
            if not self._lines or self._lines + len(entries) > 2 * len(self.shut) + SPARE_LINES:
                self._rewrite(path)
            else:
                _append(path, entries)
                self._lines += len(entries)
        except OSError as error:
            raise StoreError(
                f"The revocation was not written to {path}: {error.strerror}.",
                fix="It holds as long as the store does. Mend the data folder, and revoke again.",
            ) from error
        del self._unwritten[: len(entries)]

    def _take(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self.shut |= dict.fromkeys(entry.shut, entry.until)
            for identity in entry.open:
                self.shut.pop(identity, None)
            self.last = entry.id

    def _rewrite(self, path: Path) -> None:
        kept: dict[int | None, list[str]] = {}
        for identity, until in self.shut.items():
            kept.setdefault(until, []).append(identity)
        entries = [Entry(self.last, tuple(shut), (), until) for until, shut in kept.items()] or [Entry(self.last)]
        fresh = path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        _append(fresh, entries)
        fresh.rename(path)
        _sync_folder(path.parent)
        self._lines = len(entries)


def _append(path: Path, entries: Iterable[Entry]) -> None:
    lines = b"".join(orjson.dumps(_line(entry)) + b"\n" for entry in entries)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        try:
            if os.write(descriptor, lines) < len(lines):
                raise OSError(None, "the disk is full")
            os.fsync(descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)


def _line(entry: Entry) -> dict[str, object]:
    return {name: value for name, value in asdict(entry).items() if value and name != "note"}


def _read(line: bytes) -> Entry:
    fields = orjson.loads(line)
    return Entry(str(fields["id"]), tuple(fields.get("shut", ())), tuple(fields.get("open", ())), fields.get("until"))


def _sync_folder(folder: Path) -> None:
    """A new name in a folder is durable when the folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
