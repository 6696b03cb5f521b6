"""Where the audit record can be sent besides: files, an OpenTelemetry collector, a syslog server.

A sink takes a batch as a whole or raises `SINK_ERRORS`; then it gets the batch again. So records come at least once,
and `(tenant, seq, entry)` names each.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import socket
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.parse import SplitResult, urlsplit

import aiohttp
import orjson

from gateway.config import AuditSettings, JsonlSettings, OtlpSettings, SyslogSettings
from gateway.engine.record import TORN, Body
from gateway.engine.trail import DENIED

log = logging.getLogger(__name__)

SINK_ERRORS = (OSError, aiohttp.ClientError, TimeoutError)
PATIENCE_SECONDS = 3.0
APP = "mcp-code-gateway"


class Sink(Protocol):
    @property
    def name(self) -> str:
        """Under which its position is kept: a sink of the same name goes on where the last one stopped."""

    async def send(self, records: Sequence[Body]) -> None: ...

    async def close(self) -> None: ...


def sinks(settings: AuditSettings, data_dir: Path) -> list[Sink]:
    """Those that are configured."""
    found: list[Sink] = []
    if settings.jsonl is not None:
        found.append(JsonlSink(settings.jsonl, data_dir / settings.jsonl.folder))
    if settings.otlp is not None:
        found.append(OtlpSink(settings.otlp))
    if settings.syslog is not None:
        found.append(SyslogSink(settings.syslog))
    return found


# --- files -------------------------------------------------------------------------------------------------------


class JsonlSink:
    """`audit.jsonl` grows; when it is full it becomes `audit-000001.jsonl`, and so on. Only the owner may read them."""

    def __init__(self, settings: JsonlSettings, folder: Path) -> None:
        self._folder = folder
        self._max_bytes = settings.max_mb * 2**20
        self._keep = settings.keep
        self.name = f"jsonl:{socket.gethostname()}:{folder}"

    async def send(self, records: Sequence[Body]) -> None:
        await asyncio.to_thread(self._write, b"".join(orjson.dumps(one) + b"\n" for one in records))

    async def close(self) -> None:
        pass

    def _write(self, lines: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / "audit.jsonl"
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
            _drop_torn_line(file)
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
            full = file.tell() >= self._max_bytes
        if full:
            self._rotate(path)

    def _rotate(self, path: Path) -> None:
        closed = sorted(self._folder.glob("audit-*.jsonl"), key=_number)
        path.rename(self._folder / f"audit-{(_number(closed[-1]) if closed else 0) + 1:06}.jsonl")
        if self._keep:
            for old in closed[: max(0, len(closed) + 1 - self._keep)]:
                old.unlink()


def _drop_torn_line(file: BinaryIO) -> None:
    """Go to the end; half a line that a crash left there is dropped, as its record comes again."""
    end = file.seek(0, os.SEEK_END)
    start = end
    while start > 0:
        begin = max(0, start - 65_536)
        file.seek(begin)
        newline = file.read(start - begin).rfind(b"\n")
        if newline >= 0:
            start = begin + newline + 1
            break
        start = begin
    file.truncate(start)
    file.seek(start)


def _number(path: Path) -> int:
    digits = re.fullmatch(r"audit-(\d+)", path.stem)
    return int(digits[1]) if digits else 0


# --- OpenTelemetry -----------------------------------------------------------------------------------------------

_INFO, _WARN, _ERROR = (9, "INFO"), (13, "WARN"), (17, "ERROR")
_ATTRIBUTES = ("tenant", "seq", "entry", "run_id", "cid", "jti", "sid", "server", "tool", "decision", "rule", "hash")


class OtlpSink:
    """Log records over OTLP/HTTP with JSON: the protocol's own format, so no exporter library is needed. The body is
    the record as JSON; what one searches by is in the attributes besides.
    https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding"""

    name = "otlp"

    def __init__(self, settings: OtlpSettings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    async def send(self, records: Sequence[Body]) -> None:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(self._settings.timeout_seconds))
        headers = {"User-Agent": APP, **self._settings.headers, "Content-Type": "application/json"}
        body = orjson.dumps(otlp_request(records))
        async with self._session.post(self._settings.url, data=body, headers=headers, allow_redirects=False) as answer:
            if answer.status != HTTPStatus.OK:
                raise aiohttp.ClientResponseError(
                    answer.request_info, (), status=answer.status, message=answer.reason or "", headers=answer.headers
                )
            said = _json(await answer.content.read(65_536))
        rejected = said.get("partialSuccess", {})
        if int(rejected.get("rejectedLogRecords", 0)):
            # By the protocol it must not be sent again.
            log.error(
                "the collector refused %s audit records: %s", *map(rejected.get, ("rejectedLogRecords", "errorMessage"))
            )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


def otlp_request(records: Sequence[Body]) -> dict[str, Any]:
    """The body of a request for `/v1/logs`."""
    resource = {"attributes": [_attribute("service.name", APP)]}
    scope = {"scope": {"name": "gateway.audit"}, "logRecords": [_log_record(one) for one in records]}
    return {"resourceLogs": [{"resource": resource, "scopeLogs": [scope]}]}


def _log_record(record: Body) -> dict[str, Any]:
    number, text = _severity(record)
    attributes = [_attribute(f"audit.{name}", record[name]) for name in _ATTRIBUTES if name in record]
    attributes += [_attribute(f"audit.actor.{name}", value) for name, value in record.get("actor", {}).items()]
    if "result" in record:
        attributes.append(_attribute("audit.result.status", record["result"]["status"]))
    at = str(record["ts"] * 1_000_000)
    made = {
        "timeUnixNano": at,
        "observedTimeUnixNano": at,
        "severityNumber": number,
        "severityText": text,
        "eventName": record["event"],
        "body": {"stringValue": orjson.dumps(record).decode()},
        "attributes": attributes,
    }
    trace = str(record.get("trace_id", ""))
    return {**made, "traceId": trace} if re.fullmatch(r"[0-9a-f]{32}", trace) else made


def _attribute(key: str, value: Any) -> dict[str, Any]:
    # 64-bit integers are texts in the JSON form of protobuf.
    return {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": str(value)}}


def _severity(record: Body) -> tuple[int, str]:
    if record["event"] == TORN:
        return _ERROR
    return _WARN if record["event"] == DENIED or record.get("decision") == "deny" else _INFO


def _json(text: bytes) -> dict[str, Any]:
    try:
        said = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}


# --- syslog ------------------------------------------------------------------------------------------------------

_SYSLOG_SEVERITY = {_INFO: 6, _WARN: 4, _ERROR: 3}


class SyslogSink:
    """RFC 5424; over TCP and TLS with counted frames (RFC 6587), over UDP and unix sockets one datagram per record.
    The protocol has no acknowledgement: what was on its way when a connection broke is lost there."""

    name = "syslog"

    def __init__(self, settings: SyslogSettings) -> None:
        self._target = urlsplit(settings.url)
        self._facility = settings.facility
        self._host = socket.gethostname()
        self._socket: socket.socket | None = None

    async def send(self, records: Sequence[Body]) -> None:
        await asyncio.to_thread(self._send, [syslog_message(one, self._facility, self._host) for one in records])

    async def close(self) -> None:
        self._drop()

    def _send(self, messages: Sequence[bytes]) -> None:
        if self._socket is not None and _is_closed(self._socket):
            self._drop()
        try:
            self._socket = wire = self._socket or _connect(self._target)
            if wire.type == socket.SOCK_STREAM:
                wire.sendall(b"".join(b"%d %s" % (len(message), message) for message in messages))
            else:
                for message in messages:
                    wire.send(message)
        except OSError:
            self._drop()
            raise

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def syslog_message(record: Body, facility: int, host: str) -> bytes:
    """One record as a message. ASCII throughout, so that nobody has to guess an encoding."""
    priority = facility * 8 + _SYSLOG_SEVERITY[_severity(record)]
    at = datetime.fromtimestamp(record["ts"] / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    text = json.dumps(record, separators=(",", ":"))
    return f"<{priority}>1 {at}Z {host} {APP} - {record['event'][:32]} - {text}".encode("ascii")


def _connect(target: SplitResult) -> socket.socket:
    host, port = str(target.hostname), target.port
    match target.scheme:
        case "tcp":
            return socket.create_connection((host, port), PATIENCE_SECONDS)
        case "tls":
            plain = socket.create_connection((host, port), PATIENCE_SECONDS)
            # Closes the plain one itself when the handshake fails.
            return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
        case "udp":
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
            return _datagrams(socket.socket(family, kind, protocol), address)
    return _datagrams(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), target.path)


def _datagrams(wire: socket.socket, address: Any) -> socket.socket:
    wire.settimeout(PATIENCE_SECONDS)
    try:
        wire.connect(address)
    except OSError:
        wire.close()
        raise
    return wire


def _is_closed(wire: socket.socket) -> bool:
    """Whether the other side has hung up: the first write after that would vanish without an error."""
    if wire.type != socket.SOCK_STREAM:
        return False
    wire.settimeout(0)
    try:
        return wire.recv(1) == b""
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True
    finally:
        wire.settimeout(PATIENCE_SECONDS)
