"""Which values of a configuration are secrets: by the names of headers, variables, options and parameters they have."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

from gateway.config.models import File
from gateway.config.servers import ServerConfig

_NAME = re.compile(
    r"TOKEN|SECRET|PASSW|API-?KEY|CREDENTIAL|(?:^|[-_])(?:KEY|AUTH|AUTHORIZATION|BEARER|COOKIE|DSN|PAT|PWD)(?:$|[-_])",
    re.IGNORECASE,
)
_OPTION = re.compile(r"-{0,2}([\w-]+)=(.+)", re.DOTALL)
_SCHEMES = ("bearer ", "basic ", "token ", "apikey ")
_KEY_LIKE = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[\w.~-]{20,}")
"""A segment of a path that is no word: some hosts put the key there."""
SHORTEST = 8
"""Characters: what is shorter is rather a user name or a placeholder than a secret."""


def secrets(file: File, environ: Mapping[str, str]) -> frozenset[str]:
    """Values that must not leave, as they stand in the file, with the parts that are secrets of their own."""
    found: list[str] = []
    for server in file.servers.values():
        found += _of_server(server)
    settings = file.gateway
    found += [settings.oidc.client_secret or ""] if settings.oidc is not None else []
    found += _of_names(settings.audit.otlp.headers) if settings.audit.otlp is not None else []
    found += _of_url(settings.redis_url or "")
    for name, value in environ.items():
        if name.lower().endswith("_proxy"):
            found += _of_url(value)
    return frozenset(part for value in found for part in _parts(value) if len(part) >= SHORTEST)


def _of_server(server: ServerConfig) -> Iterator[str]:
    yield from _of_names(server.headers)
    yield from _of_names(server.env)
    yield from _of_url(server.url or "")
    if server.authorization is not None:
        yield server.authorization.client_secret or ""
    for before, argument in zip(("", *server.args), server.args, strict=False):
        option = _OPTION.fullmatch(argument)
        if option is not None and _NAME.search(option[1]):
            yield option[2]
        elif before.startswith("-") and "=" not in before and _NAME.search(before) and not argument.startswith("-"):
            yield argument
        if "://" in argument:
            yield from _of_url(argument)


def _of_names(values: Mapping[str, str]) -> Iterator[str]:
    for name, value in values.items():
        if _NAME.search(name):
            yield value
        if "://" in value:
            yield from _of_url(value)


def _of_url(url: str) -> Iterator[str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    if parts.password:
        yield unquote(parts.password)
    yield from (value for name, value in parse_qsl(parts.query) if _NAME.search(name) or _KEY_LIKE.fullmatch(value))
    yield from (segment for segment in parts.path.split("/") if _KEY_LIKE.fullmatch(segment))


def _parts(value: str) -> Iterable[str]:
    """A header's value, its credential alone, and for `Basic` the password in it."""
    yield value
    scheme = next((scheme for scheme in _SCHEMES if value.lower().startswith(scheme)), None)
    if scheme is None:
        return
    credential = value[len(scheme) :].strip()
    yield credential
    if scheme == "basic ":
        try:
            yield base64.b64decode(credential).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return
