"""Gateways that start while a server is away."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from tests.live import agent, live
from tests.servers import launch

ADD = "return (await tools.fast.add({ a: 1, b: 2 })).sum"


async def test_a_run_that_wakes_where_its_server_has_never_been_seen_waits_for_it(tmp_path: Path) -> None:
    port = str(launch.free_port())
    async with launch.http(launch.FAST, "--port", port) as url:
        config = {"mcpServers": {"fast": {"url": url}}, "agents": {"tester": agent("fast")}}
        async with live(tmp_path, config) as gateway:
            run = await gateway.execute(f"await waitFor('go'); {ADD}")
            assert run["status"] == "waiting", run
    async with live(tmp_path, config) as gateway:
        [status] = gateway.services.upstreams.status()
        assert (status.state, status.tools > 0) == ("failed", True)
        principal = await gateway.principal()
        failed = await gateway.execute(ADD)
        assert failed["status"] == "failed" and failed["error"]["code"] == "upstream_unavailable", failed
        async with launch.http(launch.FAST, "--port", port):
            await gateway.services.runs.signal(principal, run["run_id"], "go", None)
            done = (await gateway.services.runs.result(principal, run["run_id"], wait_seconds=30)).as_dict()
            assert (done["status"], done.get("result")) == ("completed", 3), done


async def test_what_is_at_another_address_is_not_taken_for_the_server_that_was_known(tmp_path: Path) -> None:
    agents = {"tester": agent("fast")}
    async with (
        launch.http(launch.FAST) as url,
        live(tmp_path, {"mcpServers": {"fast": {"url": url}}, "agents": agents}) as gateway,
    ):
        assert (await gateway.execute(ADD))["result"] == 3
    gone = f"http://127.0.0.1:{launch.free_port()}/mcp"
    async with live(tmp_path, {"mcpServers": {"fast": {"url": gone}}, "agents": agents}) as gateway:
        assert (await gateway.execute(ADD))["status"] == "rejected"


async def test_a_server_that_is_away_while_its_settings_change_is_still_known(tmp_path: Path) -> None:
    port = str(launch.free_port())
    async with AsyncExitStack() as stack:
        async with launch.http(launch.FAST, "--port", port) as url:
            config = {"mcpServers": {"fast": {"url": url}}, "agents": {"tester": agent("fast")}}
            gateway = await stack.enter_async_context(live(tmp_path, config))
        before = gateway.services.config
        for taken in ({}, before.servers, {"fast": before.servers["fast"].model_copy(update={"timeout_seconds": 9})}):
            await gateway.services.reload(before.model_copy(update={"servers": taken}))
        failed = await gateway.execute(ADD)
        assert failed["status"] == "failed" and failed["error"]["code"] == "upstream_unavailable", failed
