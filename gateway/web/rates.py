"""How often one token may ask, and how many of its requests may be under way. Counted by each replica for itself: this
protects the process, while limits of grants and guesses are counted in the store.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.config import RequestCaps
from gateway.errors import Busy
from gateway.web.operations import error_response

BURST_SECONDS = 2
RETRY_AFTER_SECONDS = 1
KEYS = 10_000
"""Buckets kept; of more askers, those that asked last."""


def busy(error: Busy) -> Response:
    """429 that says when to come again."""
    response = error_response(error)
    response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


class Buckets:
    """Token buckets, one for each key: `per_second` go in, `BURST_SECONDS` of them fit."""

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = per_second
        self._most = per_second * BURST_SECONDS
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> bool:
        """Whether there was one left."""
        now = self._clock()
        level, at = self._levels.pop(key, (self._most, now))
        level = min(self._most, level + (now - at) * self._rate)
        taken = level >= 1
        self._levels[key] = (level - taken, now)
        if len(self._levels) > KEYS:
            self._levels.popitem(last=False)
        return taken


class TokenRates:
    """Caps of each token, for what is behind the authentication. Other requests pass."""

    def __init__(self, app: ASGIApp, caps: RequestCaps) -> None:
        self._app = app
        self._buckets = Buckets(caps.per_second)
        self._most = caps.under_way
        self._under_way: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        principal = scope.get("principal")
        if principal is None:
            await self._app(scope, receive, send)
            return
        token: str = principal.token_id
        if not self._buckets.take(token):
            await _TOO_OFTEN(scope, receive, send)
            return
        if self._under_way[token] >= self._most:
            await _TOO_MANY(scope, receive, send)
            return
        self._under_way[token] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._under_way[token] -= 1
            if not self._under_way[token]:
                del self._under_way[token]


_TOO_OFTEN = busy(Busy("This token asks too often (gateway.requests.per_second).", fix="Ask more slowly."))
_TOO_MANY = busy(
    Busy("Too many requests of this token are under way (gateway.requests.under_way).", fix="Wait for some of them.")
)
