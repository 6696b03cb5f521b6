"""Programs end to end over HTTP, next to a bare `deno run` and to the same calls through a plain SDK client.

    python -m benchmarks.end_to_end [--rounds N] [--json FILE]

One run measures all of it, interleaved, since only ratios taken in one run mean anything on a shared machine. The
gateway and the upstream are processes of their own; the driver is one keep-alive connection, so that its cost stays
out. Times are wall-clock milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deno import find_deno_bin
from mcp import Client

ROOT = Path(__file__).resolve().parents[1]
PROTOCOL = "2026-07-28"
ECHO = 'await tools.fast.echo({ text: "x" });'
PROGRAMS = {
    "trivial": "return 1",
    "1 call": f"{ECHO} return 1",
    "10 calls in sequence": f"for (let i = 0; i < 10; i++) {ECHO} return 1",
    "100 in sequence": f"for (let i = 0; i < 100; i++) {ECHO} return 1",
    "100 in parallel": 'await Promise.all(Array.from({ length: 100 }, () => tools.fast.echo({ text: "x" }))); return 1',
}
CALLS = {"1 call": (1, False), "10 calls in sequence": (10, False), "100 in sequence": (100, False)}
CALLS["100 in parallel"] = (100, True)


class Gateway:
    """A keep-alive connection to `/mcp`."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port)
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json",
            "MCP-Protocol-Version": PROTOCOL,
            "Mcp-Method": "tools/call",
            "Mcp-Name": "execute",
        }

    def execute(self, code: str) -> dict[str, Any]:
        meta = {
            "io.modelcontextprotocol/protocolVersion": PROTOCOL,
            "io.modelcontextprotocol/clientInfo": {"name": "benchmark", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        params = {"name": "execute", "arguments": {"code": code}, "_meta": meta}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
        self._connection.request("POST", "/mcp", body, self._headers)
        response = self._connection.getresponse()
        text = response.read().decode()
        if response.headers.get_content_type() == "text/event-stream":
            text = next(line[5:] for line in reversed(text.splitlines()) if line.startswith("data:"))
        run: dict[str, Any] = json.loads(text)["result"]["structuredContent"]
        if run.get("status") != "completed":
            raise SystemExit(f"the program did not complete: {json.dumps(run)[:800]}")
        return run


@contextlib.contextmanager
def processes(folder: Path) -> Iterator[tuple[str, str, str]]:
    """The upstream and the gateway. Yields the upstream's URL, the gateway's, and a token."""
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(_process(["-m", "benchmarks.upstream"]))
        assert upstream.stdout
        upstream_url = upstream.stdout.readline().strip()
        config = folder / "gateway.json"
        grants = [{"server": "fast", "tools": ["*"]}]
        settings = {"listen": "127.0.0.1:0", "data_dir": str(folder / "data"), "pool_size": 4}
        document = {
            "mcpServers": {"fast": {"url": upstream_url}},
            "agents": {"bench": {"owner": "bench@example.com", "grants": grants}},
            "gateway": settings,
        }
        config.write_text(json.dumps(document))
        gateway = stack.enter_context(_process(["-m", "benchmarks.serve", str(config)]))
        assert gateway.stdout
        ready = json.loads(gateway.stdout.readline())
        yield upstream_url, ready["url"], ready["token"]


@contextlib.contextmanager
def _process(arguments: list[str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


@contextlib.asynccontextmanager
async def plain_client(url: str) -> AsyncIterator[Callable[[int, bool], Any]]:
    async with Client(url) as client:

        async def one() -> None:
            await client.call_tool("echo", {"text": "x"})

        async def calls(count: int, parallel: bool) -> None:
            if parallel:
                await asyncio.gather(*(one() for _ in range(count)))
                return
            for _ in range(count):
                await one()

        yield calls


def bare_deno(folder: Path) -> float:
    """A trivial file through a process of its own: what running each program afresh costs at least."""
    file = folder / "trivial.ts"
    file.write_text("console.log(1);\n")
    environment = {"DENO_DIR": str(folder / "deno"), "PATH": os.defpath, "NO_COLOR": "1"}
    began = time.perf_counter()
    subprocess.run(
        [find_deno_bin(), "run", "--quiet", str(file)], env=environment, stdout=subprocess.DEVNULL, check=True
    )
    return (time.perf_counter() - began) * 1000


async def measure(rounds: int, folder: Path) -> dict[str, Any]:
    times: dict[str, list[float]] = {}
    with processes(folder) as (upstream_url, url, token):
        gateway = Gateway(url, token)
        async with plain_client(upstream_url) as plain:
            for number in range(-3, rounds):
                for name, code in PROGRAMS.items():
                    began = time.perf_counter()
                    gateway.execute(code)
                    _note(times, f"gateway: {name}", began, number)
                for name, (count, parallel) in CALLS.items():
                    began = time.perf_counter()
                    await plain(count, parallel)
                    _note(times, f"plain SDK client: {name}", began, number)
                if number >= 0:
                    times.setdefault("bare deno run", []).append(bare_deno(folder))
                else:
                    bare_deno(folder)
    return _summary(times)


def _note(times: dict[str, list[float]], name: str, began: float, number: int) -> None:
    if number >= 0:
        times.setdefault(name, []).append((time.perf_counter() - began) * 1000)


def _summary(times: dict[str, list[float]]) -> dict[str, Any]:
    p50 = {name: statistics.median(values) for name, values in times.items()}
    p99 = {name: sorted(values)[int(len(values) * 0.99)] for name, values in times.items()}
    inner = (p50["gateway: 100 in sequence"] - p50["gateway: trivial"]) / 100
    plain = p50["plain SDK client: 100 in sequence"] / 100
    ratios = {
        "trivial program : bare deno run": p50["gateway: trivial"] / p50["bare deno run"],
        "inner call : plain SDK client's call": inner / plain,
        "100 in sequence : plain SDK client": p50["gateway: 100 in sequence"]
        / p50["plain SDK client: 100 in sequence"],
        "100 in parallel : plain SDK client": p50["gateway: 100 in parallel"]
        / p50["plain SDK client: 100 in parallel"],
    }
    return {"p50_ms": p50, "p99_ms": p99, "inner_call_ms": inner, "plain_call_ms": plain, "ratios": ratios}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--json", type=Path, default=ROOT / "benchmarks/out/end_to_end.json")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(args.rounds, Path(folder)))
    for name, value in found["p50_ms"].items():
        print(f"{name:42} p50 {value:8.2f} ms   p99 {found['p99_ms'][name]:8.2f} ms")
    print(
        f"\n{'inner call':42} {found['inner_call_ms']:12.2f} ms\n{'plain call':42} {found['plain_call_ms']:12.2f} ms\n"
    )
    for name, value in found["ratios"].items():
        print(f"{name:42} {value:12.2f}")
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
