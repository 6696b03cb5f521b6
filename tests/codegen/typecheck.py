"""Runs of real type checkers over generated modules: `deno check`, and TypeScript 7 where it can be had."""

from __future__ import annotations

import asyncio
import functools
import json
import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import deno

from codegen import Module, text
from gateway.sandbox import typescript

DENO = deno.find_deno_bin()
OPTIONS = {
    "strict": True,
    "noEmit": True,
    "target": "es2022",
    "lib": ["es2022"],
    "types": [],
    "module": "esnext",
    "moduleResolution": "bundler",
    "allowImportingTsExtensions": True,
}

_DENO_PLACE = re.compile(r"at file://\S*?/([\w.-]+\.ts):(\d+):\d+")
_TSC_PLACE = re.compile(r"^(?:.*/)?([\w.-]+\.ts)\((\d+),\d+\): (error TS\d+: .*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Problem:
    file: str
    line: int
    message: str


@functools.cache
def typescript7() -> Path | None:
    """The native compiler that the gateway checks programs with; None where it cannot be had."""
    return typescript.find(typescript.SHARED) or asyncio.run(typescript.ensure(typescript.SHARED))


def deno_check(folder: Path, files: Mapping[str, str], *roots: str) -> list[Problem]:
    """What `deno check` says of `files`, written to `folder`; `roots` are those that are asked for (default: all)."""
    _write(folder, files)
    command = [DENO, "check", "--no-config", "--no-lock", "--no-remote", "--quiet", *(roots or files)]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env={"NO_COLOR": "1", "DENO_DIR": _cache().name}
    )
    problems = []
    for block in re.split(r"^(?=TS\d+ \[ERROR\])", done.stderr, flags=re.MULTILINE):
        place = _DENO_PLACE.search(block)
        if place:
            problems.append(Problem(place[1], int(place[2]), block.split("\n")[0]))
    assert bool(problems) == bool(done.returncode), done.stderr[-3000:]
    return problems


def tsc_check(folder: Path, files: Mapping[str, str], *roots: str) -> list[Problem]:
    """The same with TypeScript 7; with `deno check` where it is not there."""
    compiler = typescript7()
    if compiler is None:
        return deno_check(folder, files, *roots)
    # It takes a value from a declaration file under the name of the file it declares only.
    _write(folder, {name: content.replace('"./tools.d.ts"', '"./tools"') for name, content in files.items()})
    options = {"compilerOptions": OPTIONS, "files": list(roots or files)}
    (folder / "tsconfig.json").write_text(json.dumps(options))
    command = [str(compiler), "-p", ".", "--pretty", "false"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    problems = [Problem(file, int(line), message) for file, line, message in _TSC_PLACE.findall(done.stdout)]
    assert bool(problems) == bool(done.returncode), (done.stdout + done.stderr)[-3000:]
    return problems


def module_files(module: Module) -> dict[str, str]:
    return {"tools.d.ts": module.text}


def json_literal(value: Any) -> str:
    """`value` as a TypeScript expression on one line."""
    if isinstance(value, str):
        return text.literal(value)
    if isinstance(value, list):
        return f"[{', '.join(map(json_literal, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(name)}: {json_literal(item)}" for name, item in value.items()) + "}"
    return json.dumps(value)


def _key(name: str) -> str:
    return '["__proto__"]' if name == "__proto__" else text.literal(name)


@functools.cache
def _cache() -> tempfile.TemporaryDirectory[str]:
    """Kept until the interpreter ends."""
    return tempfile.TemporaryDirectory(prefix="deno-")


def _write(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
