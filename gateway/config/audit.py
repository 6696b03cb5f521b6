"""`gateway.audit`: what the audit record shows and keeps, and where it is sent besides."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from gateway.config.base import Model
from gateway.config.quantities import Duration, FilePath, HttpUrl, Seconds

SYSLOG_SCHEMES = ("udp", "tcp", "tls", "unix")


class JsonlSettings(Model):
    """Files with one record on each line, rotated by size."""

    folder: FilePath = Field(default=Path("audit"), description="Where the files are, relative to `data_dir`.")
    max_mb: int = Field(default=64, ge=1, le=65_536, description="A file that has reached this size is closed.")
    keep: int = Field(default=0, ge=0, le=100_000, description="Closed files kept, the latest; `0` keeps all.")


class OtlpSettings(Model):
    """An OpenTelemetry collector: log records over OTLP/HTTP in JSON."""

    url: HttpUrl = Field(description="Where logs are posted, such as `https://collector.example:4318/v1/logs`.")
    headers: dict[str, str] = Field(default={}, repr=False, description="HTTP headers sent with every request.")
    timeout_seconds: Seconds = Field(default=10, description="How long one request may take.")


class SyslogSettings(Model):
    """A syslog server: RFC 5424, the record as JSON in the message."""

    url: str = Field(
        description="`udp://HOST:PORT`, `tcp://HOST:PORT`, `tls://HOST:PORT` (frames counted as in RFC 6587) or "
        "`unix:///dev/log`."
    )
    facility: int = Field(default=13, ge=0, le=23, description="The facility's number; 13 is `log audit`.")

    @field_validator("url")
    @classmethod
    def _reachable(cls, url: str) -> str:
        parts = urlsplit(url)
        try:
            complete = bool(parts.path) if parts.scheme == "unix" else bool(parts.hostname and parts.port)
        except ValueError:
            complete = False
        if parts.scheme not in SYSLOG_SCHEMES or not complete:
            raise ValueError("expected udp://HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT or unix:///PATH")
        return url


class AuditSettings(Model):
    """The audit record (docs/audit.md)."""

    retention: Duration = Field(
        default=365 * 86_400,
        description="How long records are kept, but never less than `retention`. Checkpoints are kept for ever.",
    )
    redact: dict[str, Literal["full", "keys", "hash"]] = Field(
        default={},
        description="Glob of `SERVER:TOOL` → what is shown of arguments: `full`, `keys` (names, types, sizes) or "
        "`hash` (only whether they are equal). The last glob that fits wins; without one it is `keys`.",
    )
    jsonl: JsonlSettings | None = Field(default=None, description="Write the record to files too.")
    otlp: OtlpSettings | None = Field(default=None, description="Send the record to an OpenTelemetry collector too.")
    syslog: SyslogSettings | None = Field(default=None, description="Send the record to a syslog server too.")
