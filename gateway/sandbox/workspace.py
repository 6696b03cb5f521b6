"""The folder that a type checker works in: the program's world, and a folder for each module. One for each gateway."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import CheckerUnavailable
from gateway.sandbox.engines import Engine

_WORLD = Path(__file__).with_name("world.d.ts")


@dataclass(frozen=True, slots=True)
class ModuleFolder:
    """The tools that programs are checked against, as a language server finds them on disk."""

    path: Path
    declarations: str

    def write(self, engine: Engine) -> None:
        """Everything that this engine looks for. Raises `CheckerUnavailable` when the disk takes no more files."""
        try:
            self.path.mkdir(exist_ok=True)
            for name, text in engine.files(self.declarations).items():
                (self.path / name).write_text(text, encoding="utf-8")
        except OSError as error:
            raise CheckerUnavailable(
                f"The tools' declarations cannot be written: {error}.", fix="Free disk."
            ) from error

    def remove(self) -> list[str]:
        """Returns the addresses of the files that are no more."""
        gone = [entry.as_uri() for entry in self.path.iterdir()]
        shutil.rmtree(self.path, ignore_errors=True)
        return gone


class Workspace:
    """Made under `data_dir`; what killed gateways left there is cleared away. Raises OSError."""

    def __init__(self, data_dir: Path) -> None:
        home = data_dir / "checker"
        home.mkdir(parents=True, exist_ok=True)
        for left in home.iterdir():
            if not _is_running(left.name.partition("-")[0]):
                shutil.rmtree(left, ignore_errors=True)
        self.path = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=home)).resolve()
        self._made = 0
        shutil.copyfile(_WORLD, self.path / _WORLD.name)

    def module(self, declarations: str, engine: Engine) -> ModuleFolder:
        """A new module, for programs to be checked against. Raises `CheckerUnavailable`."""
        self._made += 1
        folder = ModuleFolder(self.path / f"module{self._made}", declarations)
        folder.write(engine)
        return folder

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def _is_running(pid: str) -> bool:
    with contextlib.suppress(PermissionError):
        try:
            os.kill(int(pid), 0)
        except (ProcessLookupError, ValueError):
            return False
    return True
