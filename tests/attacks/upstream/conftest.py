"""A gateway with a hostile server, `evil`, beside an honest one, `bank`."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from tests.live import Live, agent, live, stdio

SECRET = "s3cr3t/with+odd chars=%"
ARGUMENT = "another-s3cr3t-0123456789"


@dataclass(frozen=True, slots=True)
class Attacked:
    gateway: Live
    token: str

    async def run(self, code: str) -> dict[str, Any]:
        answer = await self.gateway.call(self.token, "execute", code=code)
        found: dict[str, Any] = answer["result"]["structuredContent"]
        return found

    async def attack(self, tool: str) -> Any:
        """What a program gets that calls this tool of the hostile server: its value, or `[class, message]`."""
        run = await self.run(
            f"try {{ return await tools.evil.{tool}({{}} as any) }}"
            " catch (e) { return [(e as any).name, (e as any).message] }"
        )
        assert run["status"] == "completed", run
        return run["result"]

    async def still_fine(self) -> bool:
        """Whether honest calls, through both servers, work as if nothing had happened."""
        run = await self.run('return await Promise.all([tools.bank.echo({ text: "a" }), tools.evil.getBalance({})])')
        return bool(run.get("result", [None])[0] == "a")

    async def search(self, **arguments: Any) -> str:
        answer = await self.gateway.call(self.token, "search", **arguments)
        return str(answer["result"]["content"][0]["text"])

    async def api(self, method: str, path: str) -> Any:
        bearer = {"Authorization": f"Bearer {self.gateway.services.admin_key}"}
        async with self.gateway.http.request(method, f"{self.gateway.url}/api/v1/{path}", headers=bearer) as answer:
            return json.loads(await answer.text())

    async def server(self, name: str = "evil") -> dict[str, Any]:
        """Its line of `gateway servers list`."""
        found: dict[str, Any] = next(each for each in await self.api("GET", "servers") if each["name"] == name)
        return found


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def attacked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Attacked]:
    evil = stdio("hostile.py", "--api-key", ARGUMENT)
    config = {
        "mcpServers": {"evil": {**evil, "env": {"API_KEY": SECRET}, "timeout_seconds": 20}, "bank": stdio("fast.py")},
        "agents": {"tester": agent("evil", "bank")},
    }
    async with live(tmp_path_factory.mktemp("attacked"), config) as gateway:
        yield Attacked(gateway, await gateway.token())


def hidden(text: str) -> set[str]:
    """The characters of a text that a person would not see, or that would steer a terminal."""
    return {char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")} - {"\n"}
