"""How a person writes amounts in the configuration file: durations, one-or-many, names, URLs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

_UNITS = {
    "ms": 0.001,
    "s": 1,
    "sec": 1,
    "second": 1,
    "m": 60,
    "min": 60,
    "minute": 60,
    "h": 3_600,
    "hour": 3_600,
    "d": 86_400,
    "day": 86_400,
    "w": 604_800,
    "week": 604_800,
}
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*")
_NAME_BREAKERS = re.compile(r"[\x00-\x1f\x7f:*?]")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def seconds(value: object) -> float:
    """Seconds of `90`, `"90s"`, `"10m"`, `"1h 30m"` or `"3 days"`. Raises ValueError for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, str):
        raise ValueError("expected a duration such as 90, 90s, 10m, 1h30m or 3 days")
    text = value.strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    total, position = 0.0, 0
    while part := _PART.match(text, position):
        unit = part[2] if part[2] in _UNITS else part[2].removesuffix("s")
        if unit not in _UNITS:
            break
        total, position = total + float(part[1]) * _UNITS[unit], part.end()
    if not text or position != len(text):
        raise ValueError("expected a duration such as 90, 90s, 10m, 1h30m or 3 days")
    return total


def _http_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected a URL that begins with http:// or https:// and names a host")
    return url


def _issuer_url(url: str) -> str:
    parts = urlsplit(_http_url(url))
    if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise ValueError("expected an https URL: whoever can change an answer on its way could sign in as anybody")
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("expected a URL without a user, a query and a fragment")
    return url


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _not_blank(value: object) -> object:
    if isinstance(value, str) and not value.strip():
        raise ValueError("expected a path; the file's own folder is '.'")
    return value


def _server_name(name: str) -> str:
    if not 0 < len(name) <= 64 or _NAME_BREAKERS.search(name) or name != name.strip():
        raise ValueError("a server's name has 1 to 64 characters, without ':', '*', '?' and without blanks at its ends")
    return name


def _plain_name(name: str) -> str:
    if len(name) > 64 or not _PLAIN_NAME.fullmatch(name):
        raise ValueError("expected 1 to 64 letters, digits, '.', '_' or '-', with a letter or digit first")
    return name


Seconds = Annotated[float, BeforeValidator(seconds), Field(gt=0, le=86_400 * 366)]
"""A duration in seconds, fractions allowed: timeouts."""

Duration = Annotated[int, BeforeValidator(lambda value: round(seconds(value))), Field(ge=1, le=86_400 * 3_660)]
"""A duration in whole seconds: lifetimes and retention."""

Words = Annotated[tuple[str, ...], BeforeValidator(_one_or_many)]
"""A list of texts; a single text stands for a list of one."""

FilePath = Annotated[Path, BeforeValidator(_not_blank)]
"""An empty one, such as that of a variable without a value, is nobody's wish for the folder of the file."""

FilePaths = Annotated[tuple[Annotated[str, AfterValidator(_not_blank)], ...], BeforeValidator(_one_or_many)]

ServerName = Annotated[str, AfterValidator(_server_name)]
PlainName = Annotated[str, AfterValidator(_plain_name)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
IssuerUrl = Annotated[str, AfterValidator(_issuer_url)]
"""Of an OpenID Connect provider: https, or http on this very machine."""

Scalar = Any
"""A JSON scalar as the file has it (null, boolean, number, text): compared with a tool's argument as it is."""
