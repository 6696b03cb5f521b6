"""New tools are published beside the event loop: what was there before serves until they are ready."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from codegen import Module, ServerSpec, generate
from gateway.config import Config
from gateway.model import Catalog
from gateway.service import publish
from gateway.service.learn import Learner
from gateway.service.publish import Offer, Publisher
from gateway.store.client import Client
from gateway.store.modules import Modules
from tests.live import agent, live, stdio
from tests.search.catalogs import offered, server


async def nothing() -> None:
    pass


def publisher() -> Publisher:
    return Publisher(Learner(Config(), Modules(Client("redis://127.0.0.1:1")), nothing))


def catalog(version: int, *dumps: Mapping[str, Any]) -> Catalog:
    return Catalog(version, {str(dump["server"]): offered(dump) for dump in dumps})


async def test_the_catalog_before_serves_while_the_new_one_is_generated(monkeypatch: pytest.MonkeyPatch) -> None:
    going_on, started = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    made: list[int] = []

    def slowly(servers: Sequence[ServerSpec]) -> Module:
        loop.call_soon_threadsafe(started.set)
        assert going_on.wait(10)
        made.append(len(servers))
        return generate(servers)

    published = publisher()
    first = catalog(1, server("git", git_log="Shows commits."))
    await published.take(first)
    visible = Offer(frozenset({("git", "git_log")}))
    before = await published.publish(visible)

    monkeypatch.setattr(publish, "generate", slowly)
    second = catalog(2, server("git", git_log="Shows commits."), server("time", now="Says the time."))
    taking = asyncio.ensure_future(published.take(second))
    await started.wait()
    assert published.catalog is first
    assert await published.publish(visible) is before
    asking = [asyncio.ensure_future(published.publish(Offer(frozenset({("time", "now")})))) for _ in range(5)]
    going_on.set()

    assert set((await taking).tools) == {("git", "git_log"), ("time", "now")}
    assert published.catalog is second
    answers = await asyncio.gather(*asking)
    assert all(answer is answers[0] for answer in answers)
    assert answers[0].runtime.tools == {"time": {"now": ("time", "now")}}
    assert made == [2, 1]


async def test_when_one_server_changes_the_declarations_of_the_others_are_the_same_objects() -> None:
    published = publisher()
    first = catalog(1, server("git", git_log="Shows commits."), server("time", now="Says the time."))
    before = await published.take(first)
    less = replace(first.servers["git"], tools=())
    after = await published.take(Catalog(2, {**first.servers, "git": less}))
    assert after.tools["time", "now"] is before.tools["time", "now"]
    assert set(after.tools) == {("time", "now")}


async def test_types_say_which_tools_a_person_must_approve(tmp_path: Path) -> None:
    everything = {"server": "fast", "tools": ["*"]}
    asking = {**everything, "approval": {"by": "owner"}}
    agents = {"asks": {**agent(), "grants": [asking]}, "may": {**agent(), "grants": [asking, everything]}}
    config = {"mcpServers": {"fast": stdio("fast.py")}, "agents": agents, "gateway": {"pool_size": 1}}
    async with live(tmp_path, config) as running:
        shown = {}
        for name in agents:
            answer = await running.call(await running.token(name), "search", server="fast", detail="full")
            shown[name] = answer["result"]["content"][0]["text"]
    assert "@needs-approval" in shown["asks"]
    assert "@needs-approval" not in shown["may"]
