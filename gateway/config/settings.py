"""`gateway`: the settings of the gateway itself."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from gateway.config.audit import AuditSettings
from gateway.config.base import Model
from gateway.config.keys import KeySettings
from gateway.config.quantities import Duration, FilePath, HttpUrl, IssuerUrl, Words

RELOADABLE: dict[str, Any] = {"reload": True}
"""Marks a setting that a running gateway takes over when the file changes; all others need a restart."""


class Limits(Model):
    """Caps per run unless a name says otherwise. A run over its cap ends alone, with the cap's name in the error."""

    run_memory_mb: int = Field(
        default=256, ge=64, le=65_536, description="Memory of a program's process, of every kind."
    )
    run_cpu_seconds: int = Field(default=30, ge=1, le=86_400, description="CPU time of a program's process.")
    run_active_seconds: int = Field(
        default=300, ge=1, le=604_800, description="Wall-clock time with a process. Sleeping is free."
    )
    run_tool_calls: int = Field(default=10_000, ge=1, le=10_000_000, description="Tool calls of a run.")
    run_concurrent_calls: int = Field(
        default=1_000, ge=1, le=100_000, description="Commands of a run under way at once."
    )
    run_steps: int = Field(
        default=100_000, ge=1, le=10_000_000, description="Commands of a run of every kind: calls, timers, state."
    )
    run_journal_mb: int = Field(default=64, ge=1, le=4_096, description="A run's journal in the store.")
    run_days: int = Field(
        default=3_650, ge=1, le=36_500, description="Age at which a run may ask for nothing more, but another leg."
    )
    run_frames_per_second: int = Field(
        default=20_000,
        ge=100,
        le=1_000_000,
        description="Messages of a run's process to the gateway, those of ten seconds at once.",
    )
    run_log_kb: int = Field(
        default=256, ge=0, le=65_536, description="Text kept from `console.*`; what is over is counted, not kept."
    )
    result_kb: int = Field(
        default=64, ge=1, le=65_536, description="A result over this is kept by handle; the client sees a preview."
    )
    result_mb: int = Field(
        default=32, ge=1, le=512, description="A result (or one argument object) over this fails the run."
    )
    state_value_kb: int = Field(default=256, ge=1, le=32_768, description="One value of a session's `state`.")
    state_keys: int = Field(default=1_000, ge=1, le=1_000_000, description="Keys of a session's `state`.")
    state_mb: int = Field(default=16, ge=1, le=1_024, description="A session's `state`, keys and values together.")
    code_kb: int = Field(default=256, ge=1, le=4_096, description="Size of a program's text.")


class RequestCaps(Model):
    """Caps of clients; each replica counts by itself. What is over them is refused, with the cap's name."""

    per_second: int = Field(
        default=1_000, ge=1, le=1_000_000, description="Requests of one token in a second; twice as many in a burst."
    )
    per_second_address: int = Field(
        default=2_000, ge=1, le=1_000_000, description="Requests from one address in a second, whoever makes them."
    )
    under_way: int = Field(
        default=2_000, ge=1, le=100_000, description="Requests of one token at once, those that wait for runs included."
    )
    connections: int = Field(
        default=20_000,
        ge=1,
        le=1_000_000,
        description="Open connections, of everybody together; fewer where the limit of open files is low.",
    )
    connections_per_address: int = Field(
        default=10_000,
        ge=1,
        le=1_000_000,
        description="Open connections from one address; trusted proxies have no cap.",
    )
    header_kb: int = Field(default=32, ge=1, le=1_024, description="Size of a request's address and headers together.")
    header_seconds: Duration = Field(default=10, description="How long a request's headers may take to arrive.")
    body_seconds: Duration = Field(default=60, description="How long a request's body may take to arrive.")
    idle_seconds: Duration = Field(default=75, description="How long a connection may stay open without a request.")


class OidcSettings(Model):
    """Sign-in of people through an OpenID Connect provider."""

    issuer: IssuerUrl = Field(description="The provider's issuer URL.")
    client_id: str = Field(min_length=1, description="The gateway's client id there.")
    client_secret: str | None = Field(default=None, repr=False, description="Its secret; absent for a public client.")
    audience: str | None = Field(default=None, description="Expected audience of ID tokens. Absent: `client_id`.")
    scopes: Words = Field(default=("openid", "email", "profile"), description="Scopes asked for.")
    algorithms: tuple[Literal["RS256", "PS256", "ES256", "EdDSA"], ...] = Field(
        default=("RS256", "ES256"), min_length=1, description="Signature algorithms accepted."
    )
    roles_claim: str = Field(default="groups", min_length=1, description="The claim that lists a person's groups.")
    roles: dict[str, str] = Field(
        default={}, description="Value of that claim → role here; `admin` administers. Others give no role."
    )


class ExchangeConfig(Model):
    """Machines that get a token of an agent for one of their own issuer's (RFC 8693): a cluster, a CI."""

    issuer: IssuerUrl = Field(description="Issuer URL of their tokens, exactly as in `iss`.")
    audience: str = Field(min_length=1, description="What `aud` of their tokens must have.")
    agent: str = Field(min_length=1, description="The agent that they act as.")
    claims: dict[str, Words] = Field(
        min_length=1,
        description="Claim → globs, as for arguments of grants; each claim must fit one of its own. A name that "
        "begins with `/` is a JSON pointer. Of a list, one element must fit.",
    )
    ttl: Duration = Field(default=3_600, description="Lifetime of the token that they get.")
    jwks: FilePath | None = Field(
        default=None, description="File with the issuer's public keys (JWK Set), if it cannot be asked for them."
    )


class GatewaySettings(Model):
    listen: str = Field(default="127.0.0.1:8787", description="Host and port to listen on; port 0 takes a free one.")
    public_url: HttpUrl | None = Field(
        default=None, description="The address clients use, when it is not `listen`: scheme, host and port."
    )
    tls_cert: FilePath | None = Field(
        default=None, description="Certificate chain (PEM) to serve TLS, relative to this file."
    )
    tls_key: FilePath | None = Field(default=None, description="Its private key (PEM).")
    trusted_proxies: Words = Field(
        default=(),
        description="Addresses or networks of the reverse proxies whose `X-Forwarded-*` headers are believed.",
    )
    allowed_hosts: Words = Field(
        default=(),
        description="Further values of `Host` to answer to, beside `listen` and `public_url`; `*.` leads subdomains.",
    )
    allowed_origins: Words = Field(
        default=(), description="Further browser origins that may call, beside the gateway's own."
    )
    redis_url: str | None = Field(
        default=None,
        repr=False,
        description="Redis 7.2+ or Valkey 8+ (`redis://`, `rediss://`, `unix://`, `redis+cluster://`, "
        "`redis+sentinel://user:password@host:port,host:port/service/database`; Sentinels' own password as "
        "`?sentinel_password=`). Absent: an embedded Valkey in the data folder.",
    )
    data_dir: FilePath = Field(
        default=Path(".gateway"), description="Keys and data of this gateway, relative to this file."
    )
    pool_size: int = Field(default=4, ge=0, le=1_000, description="Program processes kept started and ready.")
    max_active_runs: int = Field(
        default=32,
        ge=1,
        le=10_000,
        description="Runs with a process at once; further ones queue, hibernated ones are free. One agent has at most "
        "seven for each place that is free.",
    )
    max_queued_runs: int = Field(
        default=256,
        ge=0,
        le=100_000,
        description="Runs that may queue; more are refused as busy, an agent's before others'.",
    )
    walls: Literal["auto", "required", "off"] = Field(
        default="auto",
        description="Kernel walls around programs: `auto`: what there is; `required`: no start without; `off`.",
    )
    checker: Literal["auto", "typescript", "deno"] = Field(
        default="auto",
        description="The type checker: TypeScript 7's language server, or Deno's where it cannot be had.",
    )
    default_ttl: Duration = Field(
        default=30 * 86_400, description="Lifetime of a token that is issued without one.", json_schema_extra=RELOADABLE
    )
    search_tokens: int = Field(
        default=2_000, ge=200, le=100_000, description="Budget of one `search` answer.", json_schema_extra=RELOADABLE
    )
    retention: Duration = Field(
        default=30 * 86_400,
        description="How long ended runs and their journals are kept; of a run what was set when it ended.",
        json_schema_extra=RELOADABLE,
    )
    max_sessions: int = Field(
        default=1_000, ge=1, le=1_000_000, description="Sessions of one token.", json_schema_extra=RELOADABLE
    )
    on_drift: Literal["warn", "block"] = Field(
        default="warn",
        description="When a server's tool changes or comes anew, after it was first seen: `warn`, or `block` it until "
        "`gateway servers approve`.",
        json_schema_extra=RELOADABLE,
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least severe message that is logged.", json_schema_extra=RELOADABLE
    )
    limits: Limits = Field(default=Limits(), description="Caps of every run.", json_schema_extra=RELOADABLE)
    requests: RequestCaps = Field(default=RequestCaps(), description="Caps of clients.")
    oidc: OidcSettings | None = Field(default=None, description="Sign-in of people.")
    client_documents: bool = Field(
        default=True,
        description="Whether MCP clients may be known by a metadata document, which is fetched from their site.",
        json_schema_extra=RELOADABLE,
    )
    registration: bool = Field(
        default=False,
        description="Whether MCP clients may register themselves (RFC 7591): for those without such a document.",
        json_schema_extra=RELOADABLE,
    )
    trusted_hosts: Words = Field(
        default=(),
        description="`HOST` or `HOST:PORT` of clients' metadata documents that are not on the public Internet.",
        json_schema_extra=RELOADABLE,
    )
    exchange: tuple[ExchangeConfig, ...] = Field(
        default=(), description="Machine identities that get tokens here.", json_schema_extra=RELOADABLE
    )

    keyring: KeySettings = Field(default=KeySettings(), description="The gateway's own keys.")
    audit: AuditSettings = Field(default=AuditSettings(), description="The audit record.")

    @property
    def keys_folder(self) -> Path:
        return self.keyring.folder or self.data_dir / "keys"

    @property
    def host(self) -> str:
        """Without the brackets of an IPv6 address."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.listen.rpartition(":")[2])

    @property
    def tls(self) -> bool:
        return self.tls_cert is not None

    @property
    def base_url(self) -> str:
        """The gateway's address without a trailing slash: `public_url`, or what `listen` says."""
        return self.public_url or f"{'https' if self.tls else 'http'}://{self.listen}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach `listen`."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @field_validator("listen")
    @classmethod
    def _host_and_port(cls, listen: str) -> str:
        host, _, port = listen.rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        if (
            not host
            or (":" in host and not bracketed)
            or not (port.isascii() and port.isdigit() and int(port) < 65_536)
        ):
            raise ValueError("expected HOST:PORT, such as 127.0.0.1:8787 or [::1]:8787")
        return listen

    @field_validator("public_url")
    @classmethod
    def _origin(cls, url: str | None) -> str | None:
        if url is not None and url.rstrip("/").count("/") != 2:
            raise ValueError("expected scheme, host and port only, such as https://gw.example")
        return url and url.rstrip("/")

    @field_validator("redis_url")
    @classmethod
    def _has_scheme(cls, url: str | None) -> str | None:
        if url is not None and not urlsplit(url).scheme:
            raise ValueError("expected a URL, such as redis://127.0.0.1:6379/0")
        return url

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            try:
                ipaddress.ip_network(network)
            except ValueError as error:
                raise ValueError("expected addresses or networks, such as 10.0.0.7 or 10.0.0.0/8") from error
        return networks

    @field_validator("allowed_origins")
    @classmethod
    def _origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        if not all(urlsplit(origin).scheme and urlsplit(origin).hostname for origin in origins):
            raise ValueError("expected origins, such as https://app.example")
        return tuple(origin.rstrip("/") for origin in origins)

    @model_validator(mode="after")
    def _both_halves(self) -> GatewaySettings:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("TLS needs 'tls_cert' and 'tls_key', both")
        return self
