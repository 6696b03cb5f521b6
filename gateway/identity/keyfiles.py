"""A folder of private files: written atomically, readable by their owner alone, or refused."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gateway.errors import ConfigError

FOLDER_MODE = 0o700
FILE_MODE = 0o600


class PrivateFolder:
    """One folder (0700) of small files (0600). One writer at a time, across threads and processes.

    Every method raises `ConfigError` for what the file system refuses, and for a folder or file that is open
    to other users: a secret that others may have read is no secret, so it is never used silently.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, name: str) -> bytes | None:
        """The file's content; None when there is none."""
        with _explained(self.path / name):
            return self._read(name)

    def stamp(self, name: str) -> tuple[int, int] | None:
        """What changes when the file is written; None when there is none."""
        with _explained(self.path / name):
            try:
                found = (self.path / name).stat()
            except FileNotFoundError:
                return None
            return found.st_mtime_ns, found.st_ino

    def create(self, name: str, make: Callable[[], bytes]) -> bytes:
        """The file's content, which is made by whichever process comes first."""
        content = self.read(name)
        if content is not None:
            return content
        return self.update(name, lambda present: make() if present is None else present)

    def update(self, name: str, change: Callable[[bytes | None], bytes]) -> bytes:
        """Replace the file's content (None: no file) by `change` of it. A crash leaves the old or the new content."""
        with _explained(self.path / name), self._locked() as folder:
            before = self._read(name)
            after = change(before)
            if after != before:
                self._write(name, after, folder)
            return after

    def _read(self, name: str) -> bytes | None:
        try:
            folder = self.path.stat()
            with (self.path / name).open("rb") as file:
                _refuse_shared(self.path, folder.st_mode, FOLDER_MODE)
                _refuse_shared(self.path / name, os.fstat(file.fileno()).st_mode, FILE_MODE)
                return file.read()
        except FileNotFoundError:
            return None

    def _write(self, name: str, content: bytes, folder: int) -> None:
        handle, temporary = tempfile.mkstemp(dir=self.path, prefix=f".{name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.path / name)
            os.fsync(folder)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
            raise

    @contextmanager
    def _locked(self) -> Iterator[int]:
        self.path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            _refuse_shared(self.path, os.fstat(folder).st_mode, FOLDER_MODE)
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield folder
        finally:
            os.close(folder)


def _refuse_shared(path: Path, mode: int, wanted: int) -> None:
    if mode & 0o077:
        raise ConfigError(
            f"{path} holds secrets, and other users have access to it (mode {mode & 0o777:04o}).",
            fix=f"Run `chmod {wanted:o} {path}`, and replace what others may have read.",
        )


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"The key file {path} cannot be used: {error.strerror or error}.",
            fix="Check gateway.data_dir or gateway.keyring.folder: the gateway's own user must be able to write there, "
            "and the file system must have locks.",
        ) from error
