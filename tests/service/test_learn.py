"""Result types learnt from results: shown, kept, never a reason to reject, and off where a server says so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.live import Live, agent, live, stdio

TOOLS = [{"name": name, "description": "Does it.", "inputSchema": {"type": "object"}} for name in ("read", "write")]
READ = "return await tools.up.read({});"


@asynccontextmanager
async def gateway(folder: Path, **server: Any) -> AsyncIterator[Live]:
    (folder / "tools.json").write_text(json.dumps(TOOLS))
    up = {**stdio("changing.py", str(folder / "tools.json")), **server}
    config = {"mcpServers": {"up": up}, "agents": {"tester": agent("up")}, "gateway": {"pool_size": 1}}
    async with live(folder, config) as running:
        yield running


async def full(gateway: Live) -> str:
    answer = await gateway.call(await gateway.token(), "search", server="up", detail="full")
    return str(answer["result"]["content"][0]["text"])


async def learnt(gateway: Live) -> str:
    """What search says once it says something that was learnt."""
    async with asyncio.timeout(10):
        while "Observed<" not in (text := await full(gateway)):
            pass
    return text


async def test_a_type_is_learnt_and_shown_with_the_number_of_calls(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running:
        assert "Observed" not in await full(running)
        assert (await running.execute(READ))["status"] == "completed"
        text = await learnt(running)
        assert "@observed in 1 calls" in text
        assert "read(args?: Record<string, unknown>): Promise<Observed<{ name: string }>>;" in text
        assert "write(args?: Record<string, unknown>): Promise<any>;" in text
        unseen = await running.execute(
            "const found = await tools.up.read({}); return [found.name, found.other ?? null];"
        )
        assert unseen["result"] == ["read", None]
        wrong = await running.execute("const found = await tools.up.read({}); return found.name.lenght;")
        assert wrong["status"] == "rejected"


async def test_what_was_learnt_is_there_after_a_restart_unless_it_is_switched_off(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running:
        await running.execute(READ)
        await learnt(running)
    async with gateway(tmp_path) as running:
        assert "Observed<{ name: string }>" in await full(running)
    async with gateway(tmp_path, learn=False) as running:
        assert (await running.execute(READ))["status"] == "completed"
        assert "Observed" not in await full(running)


async def test_learning_is_switched_off_and_on_by_a_reload(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running:
        await running.execute(READ)
        await learnt(running)
        config = running.services.config
        silent = config.servers["up"].model_copy(update={"learn": False})
        await running.services.reload(config.model_copy(update={"servers": {"up": silent}}))
        assert "Observed" not in await full(running)
        await running.services.reload(config)
        assert "Observed<{ name: string }>" in await full(running)
