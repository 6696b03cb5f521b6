"""`mcpServers`: the upstream MCP servers, in the very shape that Claude, Cursor and VS Code use."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from gateway.config.base import Model
from gateway.config.quantities import FilePath, FilePaths, HttpUrl, Seconds, Words

Transport = Literal["stdio", "http", "sse"]
_TRANSPORTS: dict[str, Transport] = {
    "stdio": "stdio",
    "http": "http",
    "streamable-http": "http",
    "streamableHttp": "http",
    "sse": "sse",
}
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class AnnotationOverride(Model):
    """What the operator knows about a tool, whatever its server claims. Absent: the server's own hint stands."""

    read_only: bool | None = Field(default=None, description="The tool changes nothing.")
    destructive: bool | None = Field(default=None, description="The tool may delete or overwrite.")
    idempotent: bool | None = Field(default=None, description="The same call twice has no further effect.")
    open_world: bool | None = Field(default=None, description="The tool reaches beyond its own server.")


class ServerOAuth(Model):
    """How the gateway gets tokens for a server that asks for OAuth."""

    flow: Literal["authorization_code", "client_credentials"] = Field(
        default="authorization_code",
        description="A person connects the server on `/ui/connect`, or the gateway has a client of its own.",
    )
    client_id: str | None = Field(
        default=None,
        min_length=1,
        description="The gateway's client id there. Absent: it makes itself known, by document or registration.",
    )
    client_secret: str | None = Field(default=None, min_length=1, repr=False, description="Its secret, if it has one.")
    scopes: Words = Field(default=(), description="Scopes to ask for. Absent: those that the server names.")

    @model_validator(mode="after")
    def _has_client(self) -> ServerOAuth:
        if self.flow == "client_credentials" and (self.client_id is None or self.client_secret is None):
            raise ValueError("client credentials need 'client_id' and 'client_secret'")
        return self


class ServerConfig(Model):
    """One upstream server: a command to start, or the URL of one that runs."""

    type: Literal["stdio", "http", "streamable-http", "streamableHttp", "sse"] | None = Field(
        default=None, description="The transport. Absent: `stdio` with a command, `http` (Streamable HTTP) with a URL."
    )
    command: str | None = Field(default=None, min_length=1, description="The program to start, found on the `PATH`.")
    args: tuple[str, ...] = Field(default=(), repr=False, description="Its arguments.")
    env: dict[str, str] = Field(default={}, repr=False, description="Environment of the program, beside a small base.")
    cwd: FilePath | None = Field(
        default=None, description="Its working folder, relative to this file. Absent: the gateway's own working folder."
    )
    url: HttpUrl | None = Field(
        default=None, repr=False, description="The server's MCP endpoint, `http://` or `https://`."
    )
    headers: dict[str, str] = Field(default={}, repr=False, description="HTTP headers sent with every request.")
    title: str | None = Field(default=None, max_length=200, description="A name for people.")
    description: str | None = Field(
        default=None, max_length=2_000, description="What the server is for; models read it."
    )
    enabled: bool = Field(
        default=True, description="`false` leaves the server out. `disabled: true` is understood too."
    )
    include: Words = Field(default=("*",), description="Globs of the tools to offer.")
    exclude: Words = Field(default=(), description="Globs of the tools to leave out, even if included.")
    annotations: dict[str, AnnotationOverride] = Field(
        default={},
        description="Tool glob → what the operator knows better than the server. The last glob that fits wins.",
    )
    timeout_seconds: Seconds = Field(default=60, description="How long one tool call may take.")
    connect_timeout_seconds: Seconds = Field(
        default=30, description="How long start, `initialize` and listing may take."
    )
    max_concurrency: int = Field(
        default=16, ge=1, le=10_000, description="Calls under way at once; further ones queue."
    )
    max_result_mb: int = Field(default=16, ge=1, le=512, description="A larger answer is cut off and fails the call.")
    learn: bool = Field(default=True, description="Learn result types from results, for tools that declare none.")
    on_drift: Literal["warn", "block"] | None = Field(
        default=None,
        description="When a tool changes or comes anew: `warn`, or `block` it until approved. Absent: "
        "`gateway.on_drift`.",
    )
    credentials: Literal["shared", "per_owner"] = Field(
        default="shared",
        description="One credential for all, or each agent owner connects with an account of their own.",
    )
    authorization: ServerOAuth | None = Field(
        default=None, description="OAuth towards the server, where its URL needs it."
    )
    sandbox: bool = Field(
        default=False,
        description="Start the command behind the kernel's walls, where there are some, with a folder of its own.",
    )
    sandbox_read: FilePaths = Field(default=(), description="What it may read there besides, relative to this file.")
    sandbox_write: FilePaths = Field(default=(), description="What it may write there besides, relative to this file.")
    sandbox_network: bool = Field(default=True, description="`false`: no network there.")

    @property
    def transport(self) -> Transport:
        if self.type is not None:
            return _TRANSPORTS[self.type]
        return "stdio" if self.command is not None else "http"

    @property
    def oauth(self) -> ServerOAuth | None:
        """How tokens for it are got; None: it is called with its `headers` alone."""
        return self.authorization or (ServerOAuth() if self.credentials == "per_owner" else None)

    @property
    def endpoint(self) -> tuple[str, ...]:
        """What a pin is bound to: the command line, or the URL."""
        return (self.url,) if self.url is not None else (self.command or "", *self.args)

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not _HEADER_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not a header's name")
            if "\n" in value or "\r" in value or "\0" in value:
                raise ValueError(f"the value of {name!r} has a line break")
        return headers

    @model_validator(mode="after")
    def _one_way_in(self) -> ServerConfig:
        if (self.command is None) == (self.url is None):
            raise ValueError("a server has either a 'command' to start or a 'url' to connect to")
        if (self.transport == "stdio") != (self.command is not None):
            needed = "command" if self.transport == "stdio" else "url"
            raise ValueError(f"type {self.type!r} needs a '{needed}'")
        if self.oauth is not None and self.url is None:
            raise ValueError("'authorization' and 'credentials: per_owner' are for servers with a 'url'")
        if self.credentials == "per_owner" and self.oauth is not None and self.oauth.flow == "client_credentials":
            raise ValueError("client credentials are the gateway's own, so 'per_owner' means nothing with them")
        return self
