"""How often anybody may ask: for each address and each client, counted over all replicas.

Generous to people and programs, mean to guessing: a code of 51 bits that lives 15 minutes stands 10 guesses a minute.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from gateway.errors import Busy
from gateway.store.grants import Grants

Action = Literal["page", "guess", "document", "register", "device", "token", "revoke", "introspect", "child"]


@dataclass(frozen=True, slots=True)
class Rate:
    per_minute: int
    burst: int


OF_ADDRESS: Mapping[Action, Rate] = {
    "page": Rate(120, 60),
    "guess": Rate(10, 10),
    "document": Rate(20, 20),
    "register": Rate(10, 20),
    "device": Rate(20, 20),
    "token": Rate(120, 60),
    "revoke": Rate(120, 60),
    "introspect": Rate(1_200, 600),
}
OF_CLIENT: Mapping[Action, Rate] = {
    "device": Rate(60, 60),
    "token": Rate(600, 300),
    "revoke": Rate(600, 300),
    "introspect": Rate(1_200, 600),
    "child": Rate(60, 20),
}
"""Wider: anybody can send the id of a public client, and should not shut it out by that. (`child` is of a token, which
nobody can send who does not have it.)"""


class Rates:
    def __init__(self, grants: Grants) -> None:
        self._grants = grants

    async def of_address(self, what: Action, address: str) -> None:
        """Count one request from `address`. Raises `Busy` with `retry_after` in seconds when there are too many."""
        await self._count(what, f"address:{_neighbourhood(address)}", OF_ADDRESS[what])

    async def of_client(self, what: Action, client_id: str) -> None:
        """The same for a client."""
        await self._count(what, f"client:{hashlib.sha256(client_id.encode()).hexdigest()}", OF_CLIENT[what])

    async def _count(self, what: Action, who: str, rate: Rate) -> None:
        wait = await self._grants.wait_ms(what, who, per_minute=rate.per_minute, burst=rate.burst)
        if wait:
            seconds = -(-wait // 1000)
            raise Busy("There are too many requests.", fix=f"Try again in {seconds} s.", retry_after=seconds)


def _neighbourhood(address: str) -> str:
    """An IPv4 address, or the /64 that one holder of IPv6 addresses has to himself."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        mapped = ip.ipv4_mapped
        return str(mapped or ipaddress.IPv6Network((int(ip), 64), strict=False))
    return str(ip)
