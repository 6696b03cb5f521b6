"""Fuzzers of everything that strangers write: `scripts/soak fuzz [--seconds 600] [--seed N] [TARGET …]`.

    frames   the host's side of the pipe: bytes → frames, or `BadFrame`
    config   the configuration file: text → settings, or `ConfigError`
    schemas  tools of an upstream: any JSON → TypeScript that compiles
    tokens   bearer tokens: any text → claims that were signed, or `Unauthenticated`
    http     `/api/v1` of a whole gateway, from its own OpenAPI document, with schemathesis

Each target runs for that long and prints its seed; the same seed makes the same inputs. Exit code 1 when anything was
raised that is not an error of ours, took longer than `SLOWEST` seconds, or answered with a 500.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from gateway.config.load import load
from gateway.engine.frames import KINDS, decode
from gateway.errors import BadFrame, ConfigError
from tests.live import agent, live, stdio

SLOWEST = 2.0
"""CPU seconds that one input may take."""
SCHEMATHESIS = "schemathesis==4.32.5"
ROOT = Path(__file__).parents[2]

Fuzzer = Callable[[random.Random, Path], str]
"""One input: makes it, feeds it, and returns what became of it. What it raises is a finding."""

_ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 1.5, 2**53, 2**63, 2**64 - 1, 1e308, "", "x", "\0", "é", "\u2028", "𝒳"),
    *("turn", "ready", "log", "__proto__", "run_1", [], {}, [[]], [None], {"t": "turn"}, {"": {}}, "9" * 400),
)


def _odd(chance: random.Random, depth: int = 0) -> Any:
    if depth < 5 and chance.random() < 0.4:
        inner = _odd(chance, depth + 1)
        return chance.choice([[inner], {"value": inner}, {"error": inner}, [inner, inner]])
    return chance.choice(_ODD)


def _damaged(chance: random.Random, text: bytes) -> bytes:
    """A few bytes replaced, put in or taken out, or a piece of it over and over."""
    damaged = bytearray(text)
    for _ in range(chance.randint(0, 4)):
        at = chance.randrange(len(damaged) + 1)
        damaged[at : at + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
    if chance.random() < 0.1:
        at = chance.randrange(len(damaged) + 1)
        damaged[at:at] = bytes(damaged[at : at + chance.randint(1, 20)]) * chance.choice([10, 300, 3_000])
    return bytes(damaged)


# --- frames --------------------------------------------------------------------------------------------------------


def _frame(chance: random.Random) -> dict[str, Any]:
    command = {"cid": 1, "kind": chance.choice(sorted(KINDS)), "name": "a:b", "args": {"x": [1]}, "line": 3}
    return chance.choice(
        [
            {"t": "turn", "emitted": [[command]], "cleared": [1], "end": None},
            {"t": "turn", "emitted": [[]], "end": {"value": {"a": 1}}},
            {"t": "turn", "emitted": [[]], "end": {"error": {"name": "E", "message": "m", "line": 1, "column": 2}}},
            {"t": "log", "level": "log", "text": "x"},
            {"t": "progress", "done": 1, "total": 2, "message": "m"},
            {"t": "emit", "block": {"type": "text", "text": "x"}},
            {"t": "ready", "runtime": "bridge 1"},
        ]
    )


def _replace(chance: random.Random, value: Any) -> Any:
    """The same with one part of it, at any depth, made odd."""
    if isinstance(value, dict) and value and chance.random() < 0.8:
        key = chance.choice(sorted(value))
        return {**value, key: _replace(chance, value[key])}
    if isinstance(value, list) and value and chance.random() < 0.8:
        at = chance.randrange(len(value))
        return [*value[:at], _replace(chance, value[at]), *value[at + 1 :]]
    return _odd(chance)


def fuzz_frame(chance: random.Random, folder: Path) -> str:
    body = orjson.dumps(_replace(chance, _frame(chance)) if chance.random() < 0.7 else _frame(chance))
    if chance.random() < 0.5:
        body = _damaged(chance, body)
    try:
        return type(decode(body)).__name__
    except BadFrame:
        return "refused"


# --- configuration -------------------------------------------------------------------------------------------------

_CONFIGS = [path.read_bytes() for path in sorted((ROOT / "configs").glob("*.yaml"))]
_TOKENS = [
    *(
        b"&a",
        b"*a",
        b"<<: *a",
        b"!!python/object:os.system",
        b"!!binary",
        b"? ",
        b"- ",
        b": ",
        b"{",
        b"[",
        b"|\n",
        b">",
    ),
    *(
        b"${X}",
        b"${X:-${Y}}",
        b"${",
        b"\t",
        b"\xff",
        b"\0",
        b"---\n",
        b"...\n",
        b"%YAML 9.9\n",
        b"1e999",
        b".nan",
        b"0x",
    ),
    *(b"'", b'"', b"\r", "\u2028".encode(), b"#", b"null", b"gateway:\n", b"mcpServers:\n", b"agents:\n"),
]


def fuzz_config(chance: random.Random, folder: Path) -> str:
    lines = chance.choice(_CONFIGS).splitlines(keepends=True)
    for _ in range(chance.randint(0, 3)):
        at = chance.randrange(len(lines) + 1)
        lines[at : at + chance.randint(0, 2)] = chance.choices([*lines, *_TOKENS], k=chance.randint(0, 2))
    text = b"".join(lines)
    if chance.random() < 0.5:
        text = _damaged(chance, text)
    file = folder / "gateway.yaml"
    file.write_bytes(text)
    try:
        load(file)
    except ConfigError:
        return "refused"
    return "taken"


# --- running -------------------------------------------------------------------------------------------------------


def fuzz(name: str, one: Fuzzer, seconds: float, seed: int) -> int:
    """Feed inputs until the time is over. Returns the number of findings."""
    findings, number = 0, 0
    outcomes: dict[str, int] = {}
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < end:
            chance = random.Random(f"{seed}/{number}")
            began = time.process_time()
            try:
                outcome = one(chance, Path(folder))
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
                outcome = f"{type(error).__name__}: {error}"[:300]
                findings += 1
                print(f"{name}: seed {seed}, input {number}: {outcome}", flush=True)
            if time.process_time() - began > SLOWEST:
                findings += 1
                print(f"{name}: seed {seed}, input {number}: took {time.process_time() - began:.1f} s", flush=True)
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
            number += 1
    print(f"{name}: {number} inputs from seed {seed}, {findings} findings; {outcomes}", flush=True)
    return findings


def _module(name: str, seconds: float, seed: int) -> int:
    """A fuzzer that lives beside what it fuzzes."""
    command = [sys.executable, "-m", name, "--seconds", str(seconds), "--seed", str(seed)]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


async def _http(seconds: float, seed: int) -> int:
    config = {"mcpServers": {"fast": stdio("fast.py")}, "agents": {"tester": agent("fast")}}
    with tempfile.TemporaryDirectory() as folder:
        async with live(Path(folder), config) as gateway:
            key = gateway.services.admin_key
            command = [sys.executable, "-m", "uv", "tool", "run", "--from", SCHEMATHESIS, "schemathesis", "run"]
            command += [f"{gateway.url}/api/v1/openapi.json", "--header", f"Authorization: Bearer {key}", "--no-color"]
            command += ["--checks", "not_a_server_error,status_code_conformance,content_type_conformance"]
            command += ["--max-time", str(int(seconds)), "--seed", str(seed)]
            # A tail has no end, and says so every few seconds, so that no timeout ends it either.
            command += ["--request-timeout", "30", "--exclude-path-regex", "(/tokens/revoke|/tail)$"]
            process = await asyncio.create_subprocess_exec(*command, cwd=folder)
            return await process.wait()


def main() -> int:
    runners: dict[str, Callable[[float, int], int]] = {
        "frames": lambda seconds, seed: fuzz("frames", fuzz_frame, seconds, seed),
        "config": lambda seconds, seed: fuzz("config", fuzz_config, seconds, seed),
        "schemas": lambda seconds, seed: _module("tests.codegen.fuzz", seconds, seed),
        "tokens": lambda seconds, seed: _module("tests.identity.fuzz", seconds, seed),
        "http": lambda seconds, seed: asyncio.run(_http(seconds, seed)),
    }
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600, help="for each target")
    parser.add_argument("--seed", type=int, default=secrets.randbits(31))
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(runners))
    given = parser.parse_args()
    failed = [name for name in given.targets or runners if runners[name](given.seconds, given.seed)]
    print(f"failed: {', '.join(failed)}" if failed else "nothing found")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
