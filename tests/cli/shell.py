"""The command line against a gateway that runs in the test's own process."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from click.testing import CliRunner

from gateway.cli.main import gateway as command
from tests.live import Live


class Shell:
    """`await shell("token", "list")` → exit code, stdout, stderr. In a thread: the gateway answers in this one."""

    def __init__(self, gateway: Live) -> None:
        self.environment = {"GATEWAY_URL": gateway.url, "GATEWAY_ADMIN_TOKEN": gateway.services.admin_key}

    async def __call__(self, *arguments: str) -> tuple[int, str, str]:
        runner = CliRunner(env=self.environment)
        done = await asyncio.to_thread(runner.invoke, command, arguments, catch_exceptions=False)
        return done.exit_code, done.stdout, done.stderr

    async def json(self, *arguments: str) -> Any:
        code, out, err = await self(*arguments, "--json")
        assert (code, err) == (0, "")
        return json.loads(out)
