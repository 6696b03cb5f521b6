"""Which URLs and addresses the gateway may fetch from on a stranger's word (SSRF). Pure: it resolves nothing.

Use: judge the URL, resolve its host, judge *every* address, connect to one of those and to no other, follow no
redirect. Judging the name alone would leave rebinding open: it may resolve to something else a moment later.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from urllib.parse import urlsplit

MAX_URL = 2048

_URL_TEXT = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
_NAME = re.compile(r"(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])")
_LOCAL_DOMAINS = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".test", ".invalid", ".onion", ".alt")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_IPV6_UNICAST = ipaddress.IPv6Network("2000::/3")
# What `is_global` lets pass although nothing there is a host of the public Internet, or another address is inside.
_SPECIAL = tuple(
    ipaddress.ip_network(network)
    for network in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)


def problem_with_url(url: str, *, trusted: Collection[str] = ()) -> str | None:
    """Why a URL from a stranger is not fetched, as the end of a sentence; None: it may be, its addresses permitting.

    `trusted` holds `host` or `host:port` that the operator has vouched for: their names are not judged.
    """
    if len(url) > MAX_URL or not _URL_TEXT.fullmatch(url):
        return "is not a URL"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "is not a URL"
    if parts.scheme != "https" or not url.startswith("https://"):
        return "is not an https URL"
    if "@" in parts.netloc:
        return "has a user name"
    if "#" in url:
        return "has a fragment"
    if not host or port == 0:
        return "has no host"
    if host in trusted or f"{host}:{port or 443}" in trusted:
        return None
    return problem_with_host(host)


def problem_with_host(host: str) -> str | None:
    """The same for the host of a URL, without brackets: an address, or a name that is not local by its form."""
    try:
        address = str(ipaddress.ip_address(host))
    except ValueError:
        # Resolvers read 127.1, 0x7f.1 and 2130706433 as addresses. None of them ends in a label of letters.
        if not _NAME.fullmatch(host) or host.endswith(_LOCAL_DOMAINS):
            return "is not on the public Internet"
        return None
    return problem_with_address(address)


def problem_with_address(address: str) -> str | None:
    """The same for one resolved address: loopback, private, link-local (cloud metadata), special ones."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "is not an address"
    if isinstance(ip, ipaddress.IPv6Address) and ip in _NAT64:
        ip = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    # Outside 2000::/3 are, among others, the IPv6 forms of IPv4 addresses.
    outside = isinstance(ip, ipaddress.IPv6Address) and ip not in _IPV6_UNICAST
    if outside or not ip.is_global or ip.is_multicast or any(ip in network for network in _SPECIAL):
        return "is not on the public Internet"
    return None
