"""Servers that are child processes: how they start badly, what they print, how they end, and that nothing stays."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from gateway.config import ServerConfig
from gateway.errors import UnknownTool, UpstreamProtocolError, UpstreamTimeout, UpstreamUnavailable
from gateway.model import Catalog, ServerStatus, ToolResult
from gateway.upstream.pool import Upstreams
from tests.servers.launch import RAW, stdio
from tests.upstream.conftest import Start


def raw(fault: str, **settings: object) -> ServerConfig:
    return stdio(RAW, fault, **settings)


def status(upstreams: Upstreams, name: str) -> ServerStatus:
    return next(each for each in upstreams.status() if each.name == name)


def alive(pid: int) -> bool:
    """Whether the process is there and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc, pidfd and the parent-death signal")


async def gone(pid: int) -> bool:
    """Waits until a process that is no child of ours has ended, at most 10 s."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, ended.set)
    try:
        async with asyncio.timeout(10):
            await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    return True


async def test_bad_servers_leave_the_good_ones_working_and_say_what_is_wrong(start: Start) -> None:
    began = time.monotonic()
    upstreams = await start(
        good=raw("none"),
        banner=raw("banner"),
        broken=raw("broken"),
        hang=raw("hang", connect_timeout_seconds=1),
        exits=raw("exit"),
        missing=ServerConfig(command="no-such-command"),
        nowhere=stdio(RAW, "none", cwd="/no/such/folder"),
        not_a_program=ServerConfig(command=str(RAW)),
        off=raw("none", enabled=False),
    )
    assert time.monotonic() - began < 5, "servers start side by side"
    for name in ("good", "banner", "broken"):
        assert (await upstreams.call(name, "good", {})).content[0]["text"] == "fine"

    errors = {each.name: each.error for each in upstreams.status() if each.state == "failed"}
    assert errors.keys() == {"hang", "exits", "missing", "nowhere", "not_a_program"}
    assert errors["hang"] == "Upstream 'hang' did not finish its handshake within 1 s."
    assert errors["exits"] == "Upstream 'exits' exited with code 3."
    assert str(errors["missing"]).startswith("There is no command 'no-such-command' on the PATH '/")
    assert "/no/such/folder" in str(errors["nowhere"])
    assert "Permission denied" in str(errors["not_a_program"])
    assert status(upstreams, "exits").stderr_tail == ("DATABASE_URL is not set",)
    assert "[stdout] Starting the server …" in status(upstreams, "banner").stderr_tail
    assert list(upstreams.catalog.servers) == ["banner", "broken", "good"]


async def test_broken_tools_are_left_out_with_their_reasons(start: Start) -> None:
    upstreams = await start(broken=raw("broken"))
    names = [tool.name for tool in upstreams.catalog.servers["broken"].tools]
    assert names == ["good", "array_output", "odd_hints"]
    assert status(upstreams, "broken").skipped == (
        "no_schema: its inputSchema is not an object",
        "array_schema: its inputSchema is not an object",
        "string_arguments: its inputSchema is of type 'string'; arguments are an object",
        "#5: it has no name",
        "#6: it has no name",
        "#7: the definition is not an object",
        "good: a tool of this name was listed before",
        "bad_header: property 'a': x-mcp-header is only permitted on integer/string/boolean properties (got 'array')",
    )
    with pytest.raises(UnknownTool, match=r"no tool 'god'. Did you mean 'good'") as unknown:
        await upstreams.call("broken", "god", {})
    assert unknown.value.details["nearest"] == ["good"]
    with pytest.raises(UnknownTool, match=r"no server 'borken'. Did you mean 'broken'"):
        await upstreams.call("borken", "good", {})


async def test_definitions_arrive_whole(start: Start) -> None:
    upstreams = await start(raw=raw("unknown-fields"))
    tool = upstreams.catalog.find("raw", "good")
    assert tool is not None
    assert tool.raw["x-future"] == {"kept": True}
    assert tool.raw["annotations"] == {"readOnlyHint": True, "x-cost": 3}
    assert upstreams.catalog.servers["raw"].instructions == "Be careful."


@pytest.mark.parametrize(
    ("fault", "tools", "note"),
    [
        ("endless", 100, "tools/list was cut off after 100 pages"),
        ("circles", 2, "tools/list goes round in circles"),
    ],
)
async def test_a_list_without_end_is_cut_off(start: Start, fault: str, tools: int, note: str) -> None:
    upstreams = await start(raw=raw(fault))
    assert (status(upstreams, "raw").tools, status(upstreams, "raw").skipped[-1]) == (tools, note)


async def test_a_server_that_dies_of_the_modern_probe_is_reached_with_the_handshake(start: Start) -> None:
    upstreams = await start(raw=raw("exit-on-probe"))
    assert (await upstreams.call("raw", "good", {})).content[0]["text"] == "fine"
    assert status(upstreams, "raw").protocol == "2025-06-18"


async def test_almost_json_is_understood(start: Start) -> None:
    upstreams = await start(raw=raw("not-json"))
    result = await upstreams.call("raw", "good", {})
    assert (result.structured, result.content[0]["text"]) == ({"mean": None}, "half ?")


async def test_too_large_a_result_fails_its_own_call_only(start: Start) -> None:
    upstreams = await start(raw=raw("id-last", max_result_mb=1))
    outcomes = await asyncio.gather(
        *(upstreams.call("raw", "good", {"bytes": size}) for size in (10, 3_000_000, 20)), return_exceptions=True
    )
    assert [type(outcome).__name__ for outcome in outcomes] == ["ToolResult", "UpstreamProtocolError", "ToolResult"]


async def test_a_server_that_floods_one_line_is_given_up(start: Start) -> None:
    upstreams = await start(raw=raw("id-last", max_result_mb=1))
    with pytest.raises(UpstreamUnavailable, match="sent a message of more than 8 times max_result_mb"):
        await upstreams.call("raw", "good", {"bytes": 100_000_000})
    assert (await upstreams.call("raw", "good", {"bytes": 1})).content[0]["text"] == "x"


async def test_a_server_that_stops_reading_gets_no_more_than_fits(start: Start) -> None:
    upstreams = await start(raw=raw("deaf"))
    big = {"text": "x" * 1_000_000}
    sent: list[int] = []
    outcomes = await asyncio.gather(
        *(upstreams.call("raw", "good", big, timeout=0.5, on_sent=lambda: sent.append(1)) for _ in range(10)),
        return_exceptions=True,
    )
    assert all(isinstance(outcome, UpstreamTimeout) for outcome in outcomes)
    assert 0 < len(sent) < 5
    assert sum(outcome.details["sent"] for outcome in outcomes if isinstance(outcome, UpstreamTimeout)) == len(sent)


async def pid_of(upstreams: Upstreams, server: str) -> int:
    about = (await upstreams.call(server, "good", {})).structured
    assert about is not None
    return int(about["pid"])


async def silent_call(upstreams: Upstreams, server: str) -> asyncio.Task[ToolResult]:
    """A call that is sent and will not be answered."""
    sent = asyncio.Event()
    call = asyncio.ensure_future(upstreams.call(server, "silent", {}, on_sent=sent.set))
    await sent.wait()
    return call


async def test_killed_in_the_middle_of_a_call(start: Start) -> None:
    upstreams = await start(raw=raw("none"), other=raw("none"))
    pid = await pid_of(upstreams, "raw")
    call = await silent_call(upstreams, "raw")
    os.kill(pid, signal.SIGKILL)
    began = time.monotonic()
    with pytest.raises(UpstreamUnavailable, match="was ended by SIGKILL") as killed:
        await call
    assert time.monotonic() - began < 2
    assert killed.value.details["sent"] is True
    assert (await upstreams.call("other", "good", {})).content[0]["text"] == "fine"
    assert await pid_of(upstreams, "raw") != pid


@linux
async def test_calls_wait_for_a_server_that_is_coming_back(start: Start) -> None:
    upstreams = await start(raw=raw("none"))
    pid = await pid_of(upstreams, "raw")
    os.kill(pid, signal.SIGKILL)
    assert await gone(pid)
    pids = await asyncio.gather(*(pid_of(upstreams, "raw") for _ in range(5)))
    assert len({pid, *pids}) == 2


async def test_a_call_to_a_server_that_is_down_fails_and_was_not_sent(start: Start) -> None:
    upstreams = await start(exits=raw("exit"))
    sent: list[int] = []
    with pytest.raises(UpstreamUnavailable, match="is not connected: Upstream 'exits' exited with code 3") as down:
        await upstreams.call("exits", "anything", {}, on_sent=lambda: sent.append(1))
    assert (down.value.details["sent"], sent) == (False, [])


@linux
async def test_closing_ends_a_stubborn_server_and_its_children(start: Start) -> None:
    upstreams = await start(raw=raw("stubborn"), other=raw("none"))
    pids = [int(pid) for pid in status(upstreams, "raw").stderr_tail[0].split()]
    assert all(map(alive, pids))
    began = time.monotonic()
    await upstreams.close()
    assert time.monotonic() - began < 5
    for pid in pids:
        assert await gone(pid)


@linux
async def test_a_child_dies_with_the_gateway(tmp_path: Path) -> None:
    program = tmp_path / "parent.py"
    program.write_text(
        "import asyncio, sys\n"
        "from gateway.config import base_environment\n"
        "from gateway.upstream.pool import Upstreams\n"
        "from tests.servers.launch import RAW, stdio\n"
        "async def main():\n"
        "    upstreams = Upstreams({'raw': stdio(RAW, 'stubborn')}, base_env=base_environment())\n"
        "    await upstreams.start()\n"
        "    print(upstreams.status()[0].stderr_tail[0], flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    root = Path(__file__).parents[2]
    gateway = await asyncio.create_subprocess_exec(
        sys.executable, str(program), stdout=asyncio.subprocess.PIPE, env={"PYTHONPATH": str(root)}
    )
    assert gateway.stdout is not None
    server, grandchild = map(int, (await gateway.stdout.readline()).split())
    gateway.kill()
    await gateway.wait()
    try:
        assert await gone(server)
    finally:
        os.kill(grandchild, signal.SIGKILL)


async def test_a_child_sees_what_it_is_given_of_the_environment_and_no_more(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GATEWAY_ADMIN_TOKEN", "secret")
    upstreams = await start(raw=raw("none", env={"API_KEY": "k"}, cwd=tmp_path))
    about = (await upstreams.call("raw", "good", {})).structured
    assert about is not None
    assert {"PATH", "API_KEY"} <= set(about["environment"])
    assert "GATEWAY_ADMIN_TOKEN" not in about["environment"]
    assert about["cwd"] == str(tmp_path)


async def test_only_what_changed_is_restarted(start: Start) -> None:
    told: asyncio.Queue[Catalog] = asyncio.Queue()
    upstreams = await start(on_change=told.put, keep=raw("none"), change=raw("none"), drop=raw("none"))
    before = await pid_of(upstreams, "keep")
    waiting = await silent_call(upstreams, "keep")
    dropped = await silent_call(upstreams, "drop")
    new = {"keep": raw("none"), "change": raw("unknown-fields"), "new": raw("banner"), "bad": raw("exit")}
    await upstreams.apply(new)
    assert [each.name for each in upstreams.status()] == ["bad", "change", "keep", "new"]
    assert await pid_of(upstreams, "keep") == before
    assert not waiting.done()
    waiting.cancel()
    with pytest.raises(UpstreamUnavailable, match="is being shut down"):
        await dropped
    async with asyncio.timeout(10):
        catalog = await told.get()
        while set(catalog.servers) != {"keep", "change", "new"}:
            catalog = await told.get()
    assert "x-future" in catalog.servers["change"].tools[0].raw
    with pytest.raises(UnknownTool):
        await upstreams.call("drop", "good", {})


async def test_check_asks_the_servers_now(start: Start) -> None:
    upstreams = await start(good=raw("none"), exits=raw("exit"), deaf=raw("deaf", connect_timeout_seconds=1))
    checked = {each.name: each for each in await upstreams.check()}
    assert (checked["good"].state, checked["good"].error) == ("ready", None)
    assert (checked["good"].latency_ms or 0) > 0
    assert (checked["exits"].state, checked["exits"].error) == ("failed", "Upstream 'exits' exited with code 3.")
    assert (checked["deaf"].state, checked["deaf"].error) == ("failed", "It did not answer within 1 s.")


async def test_no_more_calls_are_under_way_than_the_server_may_have(start: Start) -> None:
    upstreams = await start(raw=raw("none", max_concurrency=2))
    sent: asyncio.Queue[int] = asyncio.Queue()
    calls = [
        asyncio.ensure_future(upstreams.call("raw", "silent", {}, on_sent=partial(sent.put_nowait, number)))
        for number in range(3)
    ]
    assert [await sent.get(), await sent.get()] == [0, 1]
    # The third has no slot, however long one looks.
    for _ in range(100):
        await asyncio.sleep(0)
    assert sent.empty()
    calls[1].cancel()
    assert await sent.get() == 2
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)


async def test_protocol_errors_name_the_server(start: Start) -> None:
    upstreams = await start(raw=raw("id-last", max_result_mb=1))
    with pytest.raises(UpstreamProtocolError, match=r"'raw' answered with more than max_result_mb = 1 MB"):
        await upstreams.call("raw", "good", {"bytes": 2_000_000})
