"""The record sent elsewhere, to real files, servers and sockets: at least once, in order, and never in the way."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gateway.config import AuditSettings, JsonlSettings, OtlpSettings, SyslogSettings
from gateway.service.audit_export import Exporter, Exporters
from gateway.service.audit_sinks import SINK_ERRORS, JsonlSink, OtlpSink, Sink, SyslogSink, sinks
from tests.audit.parts import Replica, done, is_intact, tool
from tests.oauth.site import certificate

RECORD = {"v": 1, "tenant": "t", "seq": 3, "ts": 1_795_000_000_123, "event": "tool.call", "reason": "größer"}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def exporter(replica: Replica, sink: Sink, *, node: str = "a") -> Exporter:
    return Exporter(sink, replica.reader, replica.store, node=node)


async def drain(one: Exporter) -> None:
    while await one.step():
        pass


# --- files -------------------------------------------------------------------------------------------------------


def jsonl(folder: Path, **more: Any) -> JsonlSink:
    return JsonlSink(JsonlSettings(**more), folder)


async def test_files_hold_everything_once_in_order_and_can_be_checked(replica: Replica, tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    for number in range(4):
        await replica.run(tool(1, "crm:create", {"n": number}), done(1))
        await replica.audit.flush()
        await drain(exporter(replica, jsonl(folder)))
    written = lines(folder / "audit.jsonl")
    assert [one["event"] for one in written].count("tool.call") == 4
    chained = [one for one in written if "hash" in one]
    assert [one["seq"] for one in chained] == list(range(len(chained))) and all(map(is_intact, chained))
    assert (folder / "audit.jsonl").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


async def test_files_are_rotated_by_size_and_the_oldest_go(tmp_path: Path) -> None:
    sink = jsonl(tmp_path, max_mb=1, keep=2)
    for number in range(5):
        await sink.send([{"n": number, "padding": "x" * 2**20}])
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["audit-000004.jsonl", "audit-000005.jsonl"]
    await sink.send([{"n": 5}])
    assert lines(tmp_path / "audit.jsonl") == [{"n": 5}]
    assert lines(tmp_path / "audit-000005.jsonl")[0]["n"] == 4


@pytest.mark.parametrize("torn", ['{"n": 1', '{"n": 1' + "x" * 70_000])
async def test_half_a_line_of_a_crash_is_dropped(tmp_path: Path, torn: str) -> None:
    sink = jsonl(tmp_path)
    await sink.send([{"n": 0}])
    with (tmp_path / "audit.jsonl").open("a") as file:
        file.write(torn)
    await sink.send([{"n": 1}])
    assert lines(tmp_path / "audit.jsonl") == [{"n": 0}, {"n": 1}]


# --- one exporter, several replicas ------------------------------------------------------------------------------


async def test_one_replica_feeds_a_sink_and_another_goes_on_for_it(
    replica: Replica, other: Replica, tmp_path: Path
) -> None:
    first, second = exporter(replica, jsonl(tmp_path)), exporter(other, jsonl(tmp_path), node="b")
    await replica.audit.record("token.issued", token_id="tok_1")
    await drain(first)
    await replica.audit.record("token.issued", token_id="tok_2")
    assert not await second.step()
    assert len(lines(tmp_path / "audit.jsonl")) == 2
    first.stop()
    await first.run()
    await replica.audit.record("token.issued", token_id="tok_3")
    await drain(second)
    issued = [one["token_id"] for one in lines(tmp_path / "audit.jsonl") if one["event"] == "token.issued"]
    assert issued == ["tok_1", "tok_2", "tok_3"]


class Broken:
    """A sink that is away until it is mended."""

    name = "broken"

    def __init__(self) -> None:
        self.away = True
        self.got: list[dict[str, Any]] = []
        self.tried = asyncio.Event()

    async def send(self, records: Any) -> None:
        self.tried.set()
        if self.away:
            raise ConnectionRefusedError("nobody listens")
        self.got += records

    async def close(self) -> None: ...


async def test_a_sink_that_is_away_holds_up_nothing_but_itself(replica: Replica, tmp_path: Path) -> None:
    broken, good = Broken(), jsonl(tmp_path)
    exporters = Exporters([broken, good], replica.reader, replica.store, node="a")
    await replica.audit.record("token.issued", token_id="tok_1")
    await exporters.start()
    await broken.tried.wait()
    await asyncio.sleep(0)
    assert exporters.problems == {"broken": "nobody listens"}
    broken.away = False
    await exporters.close()
    assert len(lines(tmp_path / "audit.jsonl")) == 2
    assert exporters.problems == {}
    assert [one["event"] for one in broken.got] == ["token.issued", "checkpoint"]


# --- OpenTelemetry -----------------------------------------------------------------------------------------------

Answer = Callable[[web.Request], Coroutine[Any, Any, web.Response]]


@asynccontextmanager
async def collector(answer: Answer) -> AsyncIterator[OtlpSink]:
    """A real HTTP server at `/v1/logs`."""
    app = web.Application()
    app.router.add_post("/v1/logs", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    sink = OtlpSink(OtlpSettings(url=f"http://127.0.0.1:{port}/v1/logs", headers={"api-key": "k"}, timeout_seconds=5))
    try:
        yield sink
    finally:
        await sink.close()
        await runner.cleanup()


async def test_a_collector_gets_log_records(replica: Replica) -> None:
    got: list[dict[str, Any]] = []

    async def answer(request: web.Request) -> web.Response:
        assert request.headers["content-type"] == "application/json" and request.headers["api-key"] == "k"
        got.append(await request.json())
        return web.json_response({"partialSuccess": {}})

    denied = ("denied", {"cid": 2, "rule": "deny[0]", "reason": "no"})
    await replica.run(tool(1, "crm:create", {"n": 1}), done(1), tool(2, "crm:delete", {}), denied)
    await replica.audit.flush()
    async with collector(answer) as sink:
        await drain(exporter(replica, sink))
    [resource] = got[0]["resourceLogs"]
    assert resource["resource"]["attributes"] == [{"key": "service.name", "value": {"stringValue": "mcp-code-gateway"}}]
    logged = {one["eventName"]: one for one in resource["scopeLogs"][0]["logRecords"]}
    call = logged["tool.call"]
    attributes = {one["key"]: one["value"] for one in call["attributes"]}
    assert attributes["audit.server"] == {"stringValue": "crm"} and attributes["audit.cid"] == {"intValue": "1"}
    assert attributes["audit.actor.sub"] == {"stringValue": "triage"}
    assert attributes["audit.result.status"] == {"stringValue": "ok"}
    assert re.fullmatch(r"\d{19}", call["timeUnixNano"]) and call["severityNumber"] == 9
    assert json.loads(call["body"]["stringValue"])["args_preview"] == {"n": "number"}
    assert logged["tool.denied"]["severityText"] == "WARN"


async def test_what_a_collector_did_not_take_comes_again(replica: Replica) -> None:
    statuses = [503, 429, 302, 200]
    got: list[dict[str, Any]] = []

    async def answer(request: web.Request) -> web.Response:
        got.append(await request.json())
        return web.Response(status=statuses.pop(0), headers={"Location": "/elsewhere"})

    await replica.audit.record("token.issued")
    async with collector(answer) as sink:
        feeding = exporter(replica, sink)
        for _ in range(3):
            with pytest.raises(SINK_ERRORS):
                await feeding.step()
        await drain(feeding)
        await drain(feeding)
    assert len(got) == 4 and all(one == got[0] for one in got)


async def test_what_a_collector_refuses_for_good_is_said(caplog: pytest.LogCaptureFixture) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"partialSuccess": {"rejectedLogRecords": "1", "errorMessage": "too old"}})

    async with collector(answer) as sink:
        await sink.send([RECORD])
    assert "refused 1 audit records: too old" in caplog.text


async def test_a_trace_is_named_where_there_is_one() -> None:
    got: list[dict[str, Any]] = []

    async def answer(request: web.Request) -> web.Response:
        got.append(await request.json())
        return web.Response()

    async with collector(answer) as sink:
        await sink.send([{**RECORD, "trace_id": "ab" * 16}, {**RECORD, "trace_id": "nonsense"}, RECORD])
    logged = got[0]["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    assert [one.get("traceId") for one in logged] == ["ab" * 16, None, None]


# --- syslog ------------------------------------------------------------------------------------------------------

_MESSAGE = re.compile(rb"<(\d+)>1 (\S+) (\S+) mcp-code-gateway - (\S+) - (\{.*\})")


def parsed(message: bytes) -> tuple[int, str, dict[str, Any]]:
    found = _MESSAGE.fullmatch(message)
    assert found is not None, message
    assert found[2] == b"2026-11-18T11:06:40.123Z" and found[4] == b"tool.call"
    return int(found[1]), found[3].decode(), json.loads(found[5])


@pytest.mark.parametrize("kind", ["udp", "unix"])
async def test_syslog_in_datagrams(kind: str, tmp_path: Path) -> None:
    family = socket.AF_INET if kind == "udp" else socket.AF_UNIX
    with socket.socket(family, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0) if kind == "udp" else str(tmp_path / "log"))
        receiver.settimeout(5)
        url = f"udp://127.0.0.1:{receiver.getsockname()[1]}" if kind == "udp" else f"unix://{tmp_path}/log"
        sink = SyslogSink(SyslogSettings(url=url))
        await sink.send([RECORD, {**RECORD, "decision": "deny"}])
        messages = [receiver.recv(65_536) for _ in range(2)]
        await sink.close()
    priority, host, record = parsed(messages[0])
    assert (priority, host, record) == (13 * 8 + 6, socket.gethostname(), RECORD)
    assert parsed(messages[1])[0] == 13 * 8 + 4
    assert messages[0].isascii()


async def test_syslog_over_tcp_is_framed_and_connects_again() -> None:
    got: asyncio.Queue[bytes] = asyncio.Queue()
    hang_up = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = await reader.readuntil(b" ")
        await got.put(await reader.readexactly(int(length)))
        await hang_up.wait()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    sink = SyslogSink(SyslogSettings(url=f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}", facility=16))
    async with server:
        await sink.send([RECORD])
        assert parsed(await got.get())[0] == 16 * 8 + 6
        hang_up.set()
        # The end of the first connection has arrived once its socket can be read.
        wire = sink._socket
        assert wire is not None
        readable = asyncio.Event()
        asyncio.get_running_loop().add_reader(wire, readable.set)
        await readable.wait()
        asyncio.get_running_loop().remove_reader(wire)
        await sink.send([{**RECORD, "seq": 4}])
        assert parsed(await got.get())[2]["seq"] == 4
    with pytest.raises(SINK_ERRORS):
        await sink.close()
        await sink.send([RECORD])


async def test_syslog_over_tls_goes_to_a_server_that_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    got: asyncio.Queue[bytes] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await got.put(await reader.readexactly(int(await reader.readuntil(b" "))))
        writer.close()

    file, key = certificate(tmp_path)
    identity = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    identity.load_cert_chain(file, key)
    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=identity) as server:
        sink = SyslogSink(SyslogSettings(url=f"tls://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
        with pytest.raises(SINK_ERRORS):
            await sink.send([RECORD])
        assert got.empty()
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        await sink.send([RECORD])
        assert parsed(await got.get())[2] == RECORD
        await sink.close()


@pytest.mark.parametrize("url", ["udp://h", "tcp://:1", "http://h:1", "unix://", "udp://h:x", "h:514"])
def test_addresses_that_are_none_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="expected udp"):
        SyslogSettings(url=url)


def test_what_is_configured_is_what_is_fed(tmp_path: Path) -> None:
    assert sinks(AuditSettings(), tmp_path) == []
    settings = AuditSettings.model_validate(
        {"jsonl": {}, "otlp": {"url": "http://c:4318/v1/logs"}, "syslog": {"url": "udp://s:514"}}
    )
    found = sinks(settings, tmp_path)
    assert [one.name for one in found] == [f"jsonl:{socket.gethostname()}:{tmp_path / 'audit'}", "otlp", "syslog"]
