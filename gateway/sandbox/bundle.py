"""The bridge as one JavaScript file, made from `bridge/*.ts` when a gateway starts with a new Deno or a new bridge.

A process that loads one plain file starts with 20 ms less CPU than one that loads and transpiles the sources (see
flags.py). Deno's own `bundle` would fetch esbuild from the network, so the modules go through `deno transpile` and are
joined here. What makes joining this simple is a rule that the bridge keeps: top-level names are unique across its
files, imports are named and not renamed, and there are no cycles. A breach does not load, which the pool's start
reports.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from gateway.errors import GatewayError
from gateway.sandbox import deno_binary
from gateway.sandbox.flags import import_map

SOURCES = Path(__file__).parent / "bridge"

_IMPORT = re.compile(r'^import\b[^;"]*"\./([\w.]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=const|let|function|class|async)", re.MULTILINE)
_BLOCK_COMMENT = re.compile(r"^([ \t]*)/\*\*.*?\*/\s*", re.MULTILINE | re.DOTALL)
_LINE_COMMENT = re.compile(r"^[ \t]*//.*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Bundle:
    """The two files that every program process reads."""

    bridge: Path
    import_map: Path


def bundle(deno: Path, folder: Path) -> Bundle:
    """Write both into `folder`, under names made of a hash of all that they follow from, unless they are there.
    Raises `GatewayError` when Deno cannot be run or the sources do not join.
    """
    sources = {path.name: path.read_text("utf-8") for path in sorted(SOURCES.glob("*.ts"))}
    recipe = (deno_binary.version(deno), Path(__file__).read_text("utf-8"), *sources.values())
    digest = hashlib.sha256("\0".join(recipe).encode()).hexdigest()[:16]
    made = Bundle(folder / f"bridge-{digest}.js", folder / f"imports-{digest}.json")
    folder.mkdir(parents=True, exist_ok=True)
    if not made.import_map.exists():
        _write(made.import_map, import_map(deno_binary.builtin_modules(deno)))
    if not made.bridge.exists():
        _write(made.bridge, join(transpile(deno, sources)))
    return made


def transpile(deno: Path, sources: Mapping[str, str]) -> dict[str, str]:
    """File name → JavaScript, for TypeScript given as file name → text."""
    with tempfile.TemporaryDirectory(prefix="gateway-bridge-") as folder:
        for name, text in sources.items():
            Path(folder, name).write_text(text, "utf-8")
        out = Path(folder, "out")
        deno_binary.run([str(deno), "transpile", "--quiet", "--outdir", str(out), *sources], cwd=folder)
        return {name: (out / name).with_suffix(".js").read_text("utf-8") for name in sources}


def join(modules: Mapping[str, str]) -> str:
    """One module of many, each after those it imports. Raises `GatewayError` for a cycle."""
    bare = {name: _LINE_COMMENT.sub("", _BLOCK_COMMENT.sub(r"\1", text)) for name, text in modules.items()}
    imports = {name: [found[1] for found in _IMPORT.finditer(text)] for name, text in bare.items()}
    try:
        order = list(TopologicalSorter(imports).static_order())
    except CycleError as error:
        raise GatewayError(f"The bridge's modules import each other in a circle: {error.args[1]}.") from error
    return "".join(_EXPORT.sub("", _IMPORT.sub("", bare[name])) for name in order)


def _write(path: Path, text: str) -> None:
    """Whole or not at all: another gateway may be starting on the same folder."""
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(text, "utf-8")
    draft.replace(path)
