"""Whose `Host` and `Origin` are this gateway's: the allow-lists against DNS rebinding and cross-site requests. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.errors import ConfigError

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_WILDCARD = frozenset({"0.0.0.0", "[::]"})
_HOSTS = "gateway.allowed_hosts"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?)(?::([0-9]{1,5}))?")
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(.+)")


@dataclass(frozen=True, slots=True)
class Authority:
    """Host and port as in `Host`: the name in lower case, an IPv6 address in brackets and in its shortest form."""

    name: str
    port: int | None

    @classmethod
    def parse(cls, text: str) -> Authority | None:
        """None for anything but `name`, `name:port`, `[address]` and `[address]:port`."""
        found = _AUTHORITY.fullmatch(text.lower()) if text.isascii() else None
        if found is None:
            return None
        name, port = found.group(1), found.group(2)
        if name.startswith("["):
            try:
                name = f"[{ipaddress.IPv6Address(name[1:-1]).compressed}]"
            except ValueError:
                return None
        return cls(name, None if port is None else int(port))

    @property
    def bare(self) -> Authority:
        """Without a default port: clients leave it out, proxies put it in."""
        return Authority(self.name, None) if self.port in _DEFAULT_PORTS.values() else self

    @property
    def is_address(self) -> bool:
        if self.name.startswith("["):
            return True
        try:
            ipaddress.IPv4Address(self.name)
        except ValueError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Origin:
    """A web origin (RFC 6454), its scheme's default port left out."""

    scheme: str
    authority: Authority

    @classmethod
    def parse(cls, text: str) -> Origin | None:
        """None for `null` and anything that is no origin; a path is not part of one."""
        found = _ORIGIN.fullmatch(text.lower()) if text.isascii() else None
        authority = Authority.parse(found.group(2)) if found else None
        if found is None or authority is None:
            return None
        return cls.of(found.group(1), authority)

    @classmethod
    def of(cls, scheme: str, authority: Authority) -> Origin:
        default = authority.port == _DEFAULT_PORTS.get(scheme)
        return cls(scheme, Authority(authority.name, None) if default else authority)


@dataclass(frozen=True, slots=True)
class Sites:
    """What this gateway answers to. Build it with `of`."""

    names: frozenset[str]
    """Names that are ours at any port."""
    authorities: frozenset[Authority]
    """Names that are ours at this port only, each `bare`."""
    domains: tuple[str, ...]
    """`.example.com`: every subdomain, at any port."""
    any_address: bool
    public: Origin | None
    callers: frozenset[Origin]

    @classmethod
    def of(
        cls,
        *,
        listen: str,
        public_url: str | None = None,
        allowed_hosts: Sequence[str] = (),
        allowed_origins: Sequence[str] = (),
    ) -> Sites:
        """From the settings of the same names, `listen` with the port that was really taken.

        A host without a port counts at any port: rebinding needs a name of the attacker's, and ports are mapped by
        containers. Raises `ConfigError` for what is no host or no origin.
        """
        public = None if public_url is None else _origin(public_url.rstrip("/"), "gateway.public_url")
        listening = _authority(listen, "gateway.listen")
        local = listening.name in LOOPBACK | _WILDCARD
        hosts = [_authority(host, _HOSTS) for host in allowed_hosts if not host.startswith("*.")]
        ported = [host for host in hosts if host.port is not None]
        domains = [_authority(host[2:], _HOSTS) for host in allowed_hosts if host.startswith("*.")]
        return cls(
            names=frozenset(host.name for host in hosts if host not in ported) | (LOOPBACK if local else frozenset()),
            authorities=frozenset(host.bare for host in [listening, *ported, *([public.authority] if public else [])]),
            domains=tuple(f".{domain.name}" for domain in domains),
            any_address=listening.name in _WILDCARD,
            public=public,
            callers=frozenset(_origin(origin, "gateway.allowed_origins") for origin in allowed_origins),
        )

    def answers_to(self, host: Authority) -> bool:
        """Whether a request with this `Host` is meant for this gateway.

        Listening on all addresses, it is for every address: a browser sends an address only to who has typed it, or
        to a page from that very address, while rebinding needs a name.
        """
        return (
            host.bare in self.authorities
            or host.name in self.names
            or host.name.endswith(self.domains)
            or (self.any_address and host.is_address)
        )

    def is_own(self, origin: Origin, scheme: str, host: Authority) -> bool:
        """Whether a request to `host` over `scheme` comes from a page of this gateway itself."""
        if self.public is not None and Origin.of(self.public.scheme, host) == self.public:
            return origin == self.public
        return origin == Origin.of(scheme, host)

    def may_call(self, origin: Origin, host: Authority) -> bool:
        """Whether pages of another origin may use the interfaces that need a bearer: those that the operator named,
        and, on the machine itself, whatever else runs there."""
        return origin in self.callers or (origin.authority.name in LOOPBACK and host.name in LOOPBACK)


def _authority(text: str, key: str) -> Authority:
    found = Authority.parse(text)
    if found is None:
        raise ConfigError(f"{key}: {text!r} is not a host.", fix="Write HOST or HOST:PORT, an IPv6 address in [].")
    return found


def _origin(text: str, key: str) -> Origin:
    found = Origin.parse(text)
    if found is None:
        raise ConfigError(f"{key}: {text!r} is not an origin.", fix="Write scheme, host and port: https://app.example")
    return found
