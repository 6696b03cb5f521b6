"""One form for the paths and URLs in tools' arguments, so that a glob cannot be walked around by spelling.

A gateway does not know how an upstream server will read a text: as it stands, percent-decoded, with "\\" for "/",
or without the blanks that URL parsers drop. `readings` gives every canonical form that it may end up as: a grant must
fit all of them, a deny rule closes if it fits any. What has no certain reading raises `Unreadable`.

Paths: dot segments as in RFC 3986 section 5.2.4, doubled and trailing "/" removed. URLs: the parts of the WHATWG URL
standard (section 4.4) that change where a URL leads; the fragment, which is never sent, is left out.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import unquote

LONGEST = 16_384
"""Characters of a text that is still matched against globs."""

_MOST_DECODINGS = 4
_URL = re.compile(r"(https?|wss?|ftp):(?=\S)/*|file:(?=\S)|([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_LOCAL_FILE = re.compile(r"//localhost(?=/)|(?!//[^/])", re.IGNORECASE)
_DEFAULT_PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443", "ftp": "21"}
_PORT = re.compile(r":(\d*|\*)$")
_ENDS_IN_NUMBER = re.compile(r"(?:.*\.)?(?:\d+|0x[0-9a-f]*)")
_SUSPECT = re.compile(r"[%\\\t\r\n]|\A[\x00-\x20]|[\x00-\x20]\Z")
_DROPPED = re.compile(r"[\t\r\n]")
_C0_AND_SPACE = "".join(map(chr, range(0x21)))


class Unreadable(ValueError):
    """The text has no certain reading: whatever depends on it is refused."""


def readings(text: str) -> tuple[str, ...]:
    """Every canonical form that a server may read `text` as, without repetition. Raises `Unreadable`."""
    if len(text) > LONGEST:
        raise Unreadable(f"is longer than {LONGEST:,} characters")
    if not _SUSPECT.search(text):
        return (canonical(text),)
    spellings = dict.fromkeys(spelling for decoded in _decodings(text) for spelling in (decoded, _relaxed(decoded)))
    return tuple(dict.fromkeys(map(canonical, spellings)))


def canonical(text: str) -> str:
    """The canonical form of one spelling of a path, a URL or any other text. Raises `Unreadable`."""
    if "\0" in text:
        raise Unreadable("contains a NUL character")
    url = _URL.match(text)
    if url is None:
        return _canonical_path(text)
    rest, _, _ = text[url.end() :].partition("#")
    place, mark, query = rest.partition("?")
    scheme = (url[1] or url[2] or "file").lower()
    if scheme == "file":
        return f"file://{_file_path(text[len('file:') :].partition('#')[0])}"
    authority, _, path = place.partition("/")
    return f"{scheme}://{_authority(scheme, authority)}{_canonical_path('/' + _decoded(path))}{mark}{query}"


def _file_path(place: str) -> str:
    local = _LOCAL_FILE.match(place)
    if local is None:
        raise Unreadable("is a file: URL of another host")
    return _canonical_path("/" + _decoded(place[local.end() :]))


def _authority(scheme: str, authority: str) -> str:
    host, port = authority, ""
    if found := _PORT.search(authority):
        host, port = authority[: found.start()], found[1].lstrip("0") or found[1][:1]
    host = _host(host.lower())
    return host if port in ("", _DEFAULT_PORTS.get(scheme)) else f"{host}:{port}"


def _host(host: str) -> str:
    if "@" in host or "%" in host or not host.isascii():
        raise Unreadable("is a URL with a user, an escape or a letter outside ASCII in its host")
    host = host.removesuffix(".")
    try:
        if host.startswith("["):
            address = IPv6Address(host.removeprefix("[").removesuffix("]"))
            return str(address.ipv4_mapped or f"[{address.compressed}]")
        return str(IPv4Address(host)) if _ENDS_IN_NUMBER.fullmatch(host) else host
    except ValueError as error:
        raise Unreadable("is a URL whose host is not an address in its usual form") from error


def _canonical_path(path: str) -> str:
    if "/" not in path:
        return path
    absolute = path.startswith("/")
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == ".." and kept and kept[-1] != "..":
            kept.pop()
        elif segment not in ("", ".") and not (segment == ".." and absolute):
            kept.append(segment)
    return "/" + "/".join(kept) if absolute else "/".join(kept) or "."


def _relaxed(text: str) -> str:
    return _DROPPED.sub("", text).strip(_C0_AND_SPACE).replace("\\", "/")


def _decodings(text: str) -> list[str]:
    found = [text]
    while (decoded := _decoded(found[-1])) != found[-1]:
        if len(found) > _MOST_DECODINGS:
            raise Unreadable("is percent-encoded too many times over")
        found.append(decoded)
    return found


def _decoded(text: str) -> str:
    if "%" not in text:
        return text
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as error:
        raise Unreadable("has percent-escapes that are not UTF-8") from error
