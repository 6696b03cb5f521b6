"""Tools that change after they were first seen: noticed, recorded, held where that is wanted, and approved."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.config import ServerConfig
from gateway.engine.record import Filter
from gateway.errors import NotFound
from gateway.model import Catalog, ServerTools, Tool
from gateway.service.drift import Drift
from gateway.store.bus import Bus
from gateway.store.pins import Pins
from gateway.upstream.catalog import build
from tests.live import Live, agent, live, stdio

CONFIG = ServerConfig(command="other")
ASKING = {"server": "up", "tools": ["*"], "approval": {"by": "owner"}}
CALL = "return await tools.up.{}({{}});"


def tool(name: str, description: str = "Does it.", **more: Any) -> dict[str, Any]:
    return {"name": name, "description": description, "inputSchema": {"type": "object"}, **more}


@asynccontextmanager
async def gateway(folder: Path, **server: Any) -> AsyncIterator[Live]:
    file = folder / "tools.json"
    if not file.exists():
        file.write_text(json.dumps([tool("read"), tool("write")]))
    config = {
        "mcpServers": {"up": {**stdio("changing.py", str(file)), **server}},
        "agents": {"tester": agent("up"), "asking": {**agent(), "grants": [ASKING]}},
        "gateway": {"pool_size": 1},
    }
    async with live(folder, config) as running:
        yield running


async def lists(gateway: Live, folder: Path, *definitions: Any) -> dict[str, Any]:
    """The server lists something else from now on. What `servers check` says of it."""
    (folder / "tools.json").write_text(json.dumps(definitions))
    return await api(gateway, "servers/check")


async def api(gateway: Live, path: str, **body: Any) -> dict[str, Any]:
    bearer = {"Authorization": f"Bearer {gateway.services.admin_key}"}
    async with gateway.http.post(f"{gateway.url}/api/v1/{path}", json=body, headers=bearer) as answer:
        told = await answer.json()
        return dict(told[0]["drift"]) if isinstance(told, list) else dict(told)


async def recorded(gateway: Live, event: str) -> list[dict[str, Any]]:
    return (await gateway.services.audit.page(Filter(event=event), limit=1_000)).records


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def offers(gateway: Live, *names: str) -> None:
    """Until programs and search have just these tools."""
    principal = await gateway.principal()
    await until(lambda: {name for _, name in gateway.services.publisher.visible(principal)} == set(names))
    text = gateway.services.search.search(visible=gateway.services.publisher.visible(principal), server="up").text
    assert all(f"{name}(" in text for name in names)


async def test_a_change_is_told_once_and_the_tools_go_on_with_warn(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running:
        assert (await recorded(running, "drift.first_seen"))[0]["tools"] == 2
        for _ in range(2):
            told = await lists(running, tmp_path, tool("read", "Now with a twist."), tool("extra"))
            assert told == {
                "on_drift": "warn",
                "added": ["extra"],
                "removed": ["write"],
                "changed": ["read"],
                "parts": {"read": ["description"]},
                "held": [],
                "digest": told["digest"],
            }
            assert len(told["digest"]) == 12
        [event] = await recorded(running, "tool.drift")
        assert (event["server"], event["added"], event["removed"]) == ("up", ["extra"], ["write"])
        assert event["parts"] == {"read": ["description"]}
        assert (event["changed"], event["decision"]) == (["read"], "allow")
        await offers(running, "read", "extra")
        assert (await running.execute(CALL.format("extra")))["result"] == {"name": "extra"}
    async with gateway(tmp_path) as running:
        assert (await api(running, "servers/check"))["changed"] == ["read"], "the first definition is forgotten"
        assert len(await recorded(running, "tool.drift")) == 1, "a restart is no news"
        assert await api(running, "servers/up/approve") == {
            "server": "up",
            "added": ["extra"],
            "removed": ["write"],
            "changed": ["read"],
        }
        assert (await api(running, "servers/check"))["changed"] == []
        [approved] = await recorded(running, "drift.approved")
        assert (approved["server"], approved["changed"]) == ("up", ["read"])


async def test_block_holds_new_and_changed_tools_until_they_are_approved(tmp_path: Path) -> None:
    async with gateway(tmp_path, on_drift="block") as running:
        waiting = await running.execute(
            'await waitFor("go"); const good = await tools.up.write({});'
            "try { await tools.up.read({}); } catch (e) { return [good, e.name, e.message]; }"
        )
        told = await lists(running, tmp_path, tool("read", "Also mails it away."), tool("write"), tool("extra"))
        assert (told["on_drift"], told["held"]) == ("block", ["extra", "read"])
        await offers(running, "write")
        rejected = await running.execute(CALL.format("read"))
        assert rejected["status"] == "rejected"
        # A run in flight has its old module, and is told what is the matter.
        await running.services.runs.signal(await running.principal(), waiting["run_id"], "go", None)
        run = await running.services.runs.result(await running.principal(), waiting["run_id"], wait_seconds=20)
        good, name, message = run.as_dict()["result"]
        assert (good, name) == ({"name": "write"}, "PolicyError")
        assert message == "up:read is held: its definition is not the one that was approved."
        [denied] = await recorded(running, "tool.denied")
        assert (denied["tool"], denied["rule"]) == ("read", "mcpServers.up.on_drift")

        # What is approved is what was looked at, not what the server makes of it meanwhile.
        looked_at = told["digest"]
        await lists(running, tmp_path, tool("read", "Mails it to somebody else."), tool("write"), tool("extra"))
        refused = await api(running, "servers/up/approve", tools=["read"], seen=looked_at)
        assert refused["error"]["code"] == "conflict"
        now = (await lists(running, tmp_path, tool("read", "Also mails it away."), tool("write"), tool("extra")))[
            "digest"
        ]
        assert now == looked_at
        await api(running, "servers/up/approve", tools=["read"], seen=now)
        await offers(running, "read", "write")
        assert (await running.execute(CALL.format("read")))["result"] == {"name": "read"}
        assert (await api(running, "servers/check"))["held"] == ["extra"]


async def test_an_approval_is_for_the_definition_that_was_looked_at(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running:
        code = "try { return await tools.up.write({}) } catch (e) { return [e.name, e.message] }"
        run = await running.execute(code, agent="asking", wait_seconds=20)
        assert run["status"] == "waiting", run
        await lists(running, tmp_path, tool("read"), tool("write", "Also mails it away."))
        admin = replace(await running.principal("asking"), admin=True)
        await running.services.runs.approve(admin, run["run_id"], approved=True)
        ended = await running.services.runs.result(admin, run["run_id"], wait_seconds=20)
        name, message = ended.as_dict()["result"]
        assert name == "PolicyError" and message.startswith("up:write is not what it was"), message
        [denied] = await recorded(running, "tool.denied")
        assert (denied["tool"], denied["rule"]) == ("write", "agents.asking.grants[0]")


async def test_block_holds_over_a_restart_and_while_a_tool_was_away(tmp_path: Path) -> None:
    async with gateway(tmp_path, on_drift="block") as running:
        assert (await lists(running, tmp_path, tool("write")))["removed"] == ["read"]
        assert (await lists(running, tmp_path, tool("write"), tool("read")))["held"] == [], "it is the same again"
        assert (await lists(running, tmp_path, tool("write")))["removed"] == ["read"]
        told = await lists(running, tmp_path, tool("write"), tool("read", annotations={"readOnlyHint": True}))
        assert (told["held"], told["parts"]) == (["read"], {"read": ["annotations"]})
    async with gateway(tmp_path, on_drift="block") as running:
        await offers(running, "write")
    # Another command behind the same name is another server.
    moved = [*stdio("changing.py")["args"], str(tmp_path / "tools.json"), "--more"]
    async with gateway(tmp_path, on_drift="block", args=moved) as running:
        told = await api(running, "servers/check")
        assert (told["held"], told["parts"]["write"]) == (["write", "read"], ["endpoint"])
        answer = await running.execute("return Object.keys(tools).length")
        assert answer["status"] == "rejected" or answer["result"] == 0


@pytest.mark.parametrize(
    ("server", "tools", "message"),
    [("upp", [], "Did you mean 'up'?"), ("up", ["write"], "up:write has not drifted. `gateway servers check` shows")],
)
async def test_what_has_not_drifted_cannot_be_approved(
    gateway_once: Live, server: str, tools: list[str], message: str
) -> None:
    with pytest.raises(NotFound) as error:
        await gateway_once.services.drift.approve(server, tools)
    assert message in str(error.value)


@pytest.fixture
async def gateway_once(tmp_path: Path) -> AsyncIterator[Live]:
    async with gateway(tmp_path) as running:
        yield running


async def test_replicas_hold_and_approve_together(gateway_once: Live) -> None:
    services = gateway_once.services
    config = services.config.model_copy(
        update={"gateway": services.config.gateway.model_copy(update={"on_drift": "block"})}
    )
    events: list[str] = []
    moved = asyncio.Event()

    async def record(event: str, **fields: Any) -> None:
        events.append(event)

    async def changed() -> None:
        moved.set()

    def replica() -> Drift:
        store = services.floor.client
        return Drift(config, Pins(store), Bus(store), record=record, changed=changed)

    one, two = replica(), replica()
    first, second = catalog(tool("read")), catalog(tool("read"), tool("extra"))
    await asyncio.gather(one.compare(first), two.compare(first))
    await asyncio.gather(one.compare(second), two.compare(second))
    for each in (one, two):
        assert each.report("other")["held"] == ["extra"]
        assert names(each.offered(second)) == ["read"]
    assert sorted(events) == ["drift.first_seen", "tool.drift"], "each is told once, whoever sees it first"
    two.start()
    try:
        await one.approve("other", ["extra"])
        await asyncio.wait_for(moved.wait(), 10)
        await until(lambda: names(two.offered(second)) == ["read", "extra"])
    finally:
        await two.close()


def catalog(*definitions: Any) -> Catalog:
    listed: tuple[Tool, ...] = build("other", CONFIG, definitions).tools
    return Catalog(1, {"other": ServerTools("other", "", "", listed)})


def names(offered: Catalog) -> list[str]:
    return [each.name for each in offered.servers["other"].tools]
