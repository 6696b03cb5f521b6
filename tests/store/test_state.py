"""A session's state under more than one owner of a run, on a real store."""

from __future__ import annotations

import pytest

from gateway.config import Limits
from gateway.errors import StaleWriter
from gateway.store.client import Client
from gateway.store.sessions import Sessions

AT = ("tok_a", "default")
CAPS = Limits()


async def test_what_a_former_owner_still_sends_changes_nothing(client: Client) -> None:
    sessions = Sessions(client)
    await sessions.set(*AT, "k", "first", CAPS, ("run_a", 1))
    await sessions.set(*AT, "k", "after it was taken over", CAPS, ("run_a", 2))
    with pytest.raises(StaleWriter, match="epoch 2"):
        await sessions.set(*AT, "k", "late", CAPS, ("run_a", 1))
    with pytest.raises(StaleWriter):
        await sessions.unset(*AT, "k", ("run_a", 1))
    assert await sessions.get(*AT, "k") == "after it was taken over"
    await sessions.set(*AT, "k", "another run's", CAPS, ("run_b", 1))
    assert await sessions.unset(*AT, "k", ("run_a", 3))
    assert await sessions.get(*AT, "k") is None


async def test_nothing_is_left_of_a_session_that_is_deleted(client: Client) -> None:
    sessions = Sessions(client)
    await sessions.set(*AT, "k", 1, CAPS, ("run_a", 2))
    await sessions.delete(*AT)
    assert await client.send("KEYS", "*") == []
