"""The MCP conformance suite, run by the bundled Deno. `python -m tests.oauth.conformance` runs every scenario for
clients of protected servers that applies to the gateway's way to its upstreams."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from deno import find_deno_bin

SUITE = "npm:@modelcontextprotocol/conformance@0.2.0-alpha.12"
DENO = (find_deno_bin(), "run", "--quiet", "--no-lock", "--no-config", "--allow-all", SUITE)
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
    told, _ = await process.communicate()
    return process.returncode == 0 and b"OVERALL: PASSED" in told, told.decode()


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
