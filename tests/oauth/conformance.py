"""The MCP conformance suite, run by the bundled Deno. `python -m tests.oauth.conformance` runs every scenario for
clients of protected servers that applies to the gateway's way to its upstreams."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from deno import find_deno_bin

SUITE = "npm:@modelcontextprotocol/conformance@0.2.0-alpha.12"
DENO = (find_deno_bin(), "run", "--quiet", "--no-lock", "--no-config", "--allow-all", SUITE)
VERDICT = "OVERALL:"
MOST_SECONDS = 90
OLD = ("auth/2025-03-26-oauth-metadata-backcompat", "auth/2025-03-26-oauth-endpoint-fallback")
SAMPLE = (
    "auth/scope-step-up",
    "auth/basic-cimd",
    "auth/authorization-server-migration",
    "auth/iss-wrong-issuer",
    "auth/client-credentials-basic",
)
"""What is worth its seconds in every test run."""
OTHERS = (
    *(f"auth/metadata-{name}" for name in ("default", "var1", "var2", "var3", "issuer-mismatch")),
    *(f"auth/scope-{name}" for name in ("from-www-authenticate", "from-scopes-supported", "omitted-when-undefined")),
    *("auth/scope-retry-limit", "auth/pre-registration", "auth/resource-mismatch"),
    *(f"auth/token-endpoint-auth-{name}" for name in ("basic", "post", "none")),
    *("auth/offline-access-scope", "auth/offline-access-not-supported"),
    *(f"auth/iss-{name}" for name in ("supported", "not-advertised", "supported-missing", "unexpected", "normalized")),
    *OLD,
)


async def client_scenario(name: str) -> tuple[bool, str]:
    """Whether the scenario passes, and what the suite said."""
    version = ("--spec-version", "2025-03-26") if name in OLD else ()
    command = ("--command", f"{sys.executable} -m tests.oauth.upstream_client", "--timeout", "120000")
    process = await asyncio.create_subprocess_exec(
        *(*DENO, "client", *command, "--scenario", name, *version),
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    told: list[str] = []
    try:
        async with asyncio.timeout(MOST_SECONDS):
            while (line := (await process.stdout.readline()).decode()) and VERDICT not in line:
                told.append(line)
            told.append(line or "It ended without a verdict.")
    except TimeoutError:
        told.append(f"It came to no verdict within {MOST_SECONDS} s.")
    # With the verdict there, nothing else is wanted: its servers may wait for connections that nobody closes.
    if process.returncode is None:
        process.kill()
    await process.wait()
    return f"{VERDICT} PASSED" in told[-1], "".join(told)


async def main() -> int:
    failed = 0
    for name in (*SAMPLE, *OTHERS):
        passed, told = await client_scenario(name)
        failed += not passed
        print(
            f"{'passed' if passed else 'FAILED'} {name}", *(() if passed else (told,)), sep="\n" if not passed else " "
        )
    print(f"{len(SAMPLE) + len(OTHERS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
