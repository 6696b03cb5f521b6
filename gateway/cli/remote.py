"""The running gateway, as commands find it and talk to it: `/api/v1` with the administrator's bearer."""

from __future__ import annotations

import http.client
import json
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import click

from gateway.config import Config
from gateway.config.environment import admin_token, gateway_url
from gateway.config.load import DEFAULT_PATH, load
from gateway.errors import ConfigError, GatewayError, NotFound, Unauthenticated, UsageError
from gateway.identity.keys import admin_key, admin_key_from_text
from gateway.model import JSON

_ADDRESS = "address"
"""In the data folder: the URL of the gateway that was last started on it. `listen` in the file may say another one, or
port 0."""

_VISIBLE = re.compile(r"[!-~]+")
"""Texts that fit into a request's first line and headers."""
_PATIENCE_SECONDS = 30.0
_EVERYWHERE = ("0.0.0.0", "::")

_F = TypeVar("_F", bound=Callable[..., Any])

config_option = click.option(
    "-c",
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DEFAULT_PATH,
    show_default=True,
    help="The configuration file.",
)


class Api:
    """`/api/v1` of one gateway. Errors come back as the GatewayErrors that they were there."""

    def __init__(self, url: str, bearer: str) -> None:
        self.url = url
        self.bearer = bearer

    def get(self, path: str, *, patience: float = 0, **query: JSON) -> Any:
        """`path` is relative to /api/v1. `patience`: seconds that the gateway may wait before it answers."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._request("GET", f"{path}?{urlencode(given)}" if given else path, None, patience)

    def post(self, path: str, body: JSON = None, *, patience: float = 0) -> Any:
        return self._request("POST", path, json.dumps(body, ensure_ascii=False).encode(), patience)

    def delete(self, path: str, **query: JSON) -> Any:
        given = {name: value for name, value in query.items() if value is not None}
        return self._request("DELETE", f"{path}?{urlencode(given)}" if given else path, None, 0)

    def lines(self, path: str) -> Iterator[Any]:
        """The documents of a stream, as they come."""
        with self._asked("GET", path, None, 0) as response:
            if response.status >= 400:
                _answer(self.url, response.status, response.read())
            while line := response.readline():
                document = json.loads(line) if line.strip() else {}
                if "error" in document and "k" not in document:
                    _answer(self.url, 400, line)
                if document:
                    yield document

    def _request(self, method: str, path: str, body: bytes | None, patience: float) -> Any:
        with self._asked(method, path, body, patience) as response:
            return _answer(self.url, response.status, response.read())

    @contextmanager
    def _asked(self, method: str, path: str, body: bytes | None, patience: float) -> Iterator[http.client.HTTPResponse]:
        parts = urlsplit(self.url)
        timeout = patience + _PATIENCE_SECONDS
        connection = (
            http.client.HTTPSConnection(parts.netloc, timeout=timeout, context=ssl.create_default_context())
            if parts.scheme == "https"
            else http.client.HTTPConnection(parts.netloc, timeout=timeout)
        )
        headers = {"Authorization": f"Bearer {self.bearer}", "Content-Type": "application/json"}
        try:
            connection.request(method, f"{parts.path}/api/v1{path}", body, headers)
            yield connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise NotFound(
                f"No gateway answers at {self.url} ({error or type(error).__name__}).",
                fix="Start one with `gateway serve`, or name another with --url or -c.",
            ) from error
        finally:
            connection.close()


def _answer(url: str, status: int, content: bytes) -> Any:
    try:
        document = json.loads(content)
    except ValueError as error:
        if status >= 500:
            raise GatewayError(f"The gateway at {url} failed ({status}).", fix="Its log says why.") from error
        raise NotFound(f"What answers at {url} is not a gateway.", fix="Name the gateway with --url or -c.") from error
    if status < 400:
        return document
    if status == Unauthenticated.status:
        told = f"The gateway at {url} has another admin key."
        raise Unauthenticated(
            told, fix="Name it with --url and GATEWAY_ADMIN_TOKEN, or with -c the file that it serves."
        )
    told = document.get("error", {})
    raise _error(told.get("code"))(told.get("message", f"The gateway answered {status}."))


def _error(code: str | None) -> type[GatewayError]:
    return next((kind for kind in _kinds(GatewayError) if kind.code == code), GatewayError)


def _kinds(base: type[GatewayError]) -> Iterator[type[GatewayError]]:
    yield base
    for kind in base.__subclasses__():
        yield from _kinds(kind)


def segment(text: str) -> str:
    """A text as one segment of a path. Raises UsageError."""
    if not text:
        raise UsageError("An id or a name is empty.", fix="The command's `list` shows those there are.")
    return quote(text, safe="")


def announce(config: Config) -> None:
    """Note in the data folder where the gateway that just started is reached from its own machine."""
    settings = config.gateway
    host = "127.0.0.1" if settings.host in _EVERYWHERE else settings.listen.rpartition(":")[0]
    url = settings.base_url if settings.tls else f"http://{host}:{settings.port}"
    (settings.data_dir / _ADDRESS).write_text(url, encoding="utf-8")


def _announced(config: Config) -> str:
    try:
        return (config.gateway.data_dir / _ADDRESS).read_text(encoding="utf-8").strip()
    except OSError as error:
        told = f"No gateway has been started on {config.gateway.data_dir}."
        raise NotFound(told, fix="Start one with `gateway serve`, or name another with --url or -c.") from error


def find(config_path: Path, url: str | None = None) -> Api:
    """The gateway that is meant: `--url` or GATEWAY_URL with GATEWAY_ADMIN_TOKEN, else the one of the configuration
    file, on this machine. Raises ConfigError or NotFound."""
    url = url or gateway_url()
    bearer = admin_token()
    if url is not None:
        if bearer is None or not _VISIBLE.fullmatch(bearer):
            raise ConfigError(f"No bearer for {url}.", fix="Set GATEWAY_ADMIN_TOKEN to its admin key.")
        return Api(_checked(url).rstrip("/"), bearer)
    config = load(config_path)
    return Api(_announced(config), bearer or _admin_bearer(config))


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        possible = _VISIBLE.fullmatch(url) and parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        possible = False
    if not possible:
        raise UsageError(f"{url!r} is not the address of a gateway.", fix="Write it as https://HOST:PORT.")
    return url


def _admin_bearer(config: Config) -> str:
    given = config.gateway.keyring.admin
    if given is None:
        return admin_key(config.gateway.keys_folder, create=False)
    return admin_key_from_text(given, "gateway.keyring.admin")


def with_api(command: _F) -> _F:
    """Options that say which gateway is meant; the command gets it as `api`."""

    @config_option
    @click.option("--url", metavar="URL", help="A gateway elsewhere; needs GATEWAY_ADMIN_TOKEN.")
    @wraps(command)
    def found(config_path: Path, url: str | None, **arguments: Any) -> Any:
        return command(api=find(config_path, url), **arguments)

    return found  # type: ignore[return-value]  # the options are added by click, out of the type checker's sight
