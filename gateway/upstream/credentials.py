"""Tokens for upstream servers, as the wires see them: whoever has them is a floor above."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from gateway.config import ServerConfig
from gateway.engine.scrub import Scrubber


class Bearer(Protocol):
    """The credential of one server, for one owner or for all. `scrubber` knows all that `headers` has given lately."""

    scrubber: Scrubber

    async def headers(self) -> Mapping[str, str]:
        """What every request carries, renewed where it is about to end. Raises `UpstreamUnavailable` when there is
        none, with what a person has to do."""

    async def refused(self, sent: Mapping[str, str], status: int, challenge: str | None) -> bool:
        """The server did not take what `headers` gave. Whether there is another now, so that it is worth trying again.
        Raises `UpstreamUnavailable` when a person has to do something."""


Bearers = Callable[[str, ServerConfig, str | None], Bearer | None]
"""(server, its configuration, the owner for whom it is called, None: whoever) → its credential; None: it needs none."""


def no_bearers(server: str, config: ServerConfig, owner: str | None) -> Bearer | None:
    """For where nothing has OAuth."""
    return None
