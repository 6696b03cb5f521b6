"""Places for many owners: who gets the next one."""

from __future__ import annotations

import asyncio

from gateway.places import Places

ONE, TWO, THREE = ("a", "one"), ("a", "two"), ("b", "three")


async def test_the_next_place_goes_to_who_has_fewest() -> None:
    places = Places(3, share=100)
    for _ in range(3):
        await places.take(ONE)
    order: list[str] = []

    async def wait(owner: tuple[str, str]) -> None:
        await places.take(owner)
        order.append(owner[1])

    waiting = [asyncio.ensure_future(wait(owner)) for owner in (ONE, ONE, TWO, TWO, THREE)]
    await asyncio.sleep(0)
    for _ in waiting:
        places.give_back(ONE)
        await asyncio.sleep(0)
    # The second tenant has none; then the agent of the first that has fewer; then who has given all of its own back.
    assert order == ["three", "two", "one", "one", "two"]


async def test_one_owner_leaves_some_to_others() -> None:
    places = Places(4, share=1)
    await places.take(ONE)
    await places.take(ONE)
    assert not places.is_free(ONE)
    assert places.is_free(TWO)
    waiting = asyncio.ensure_future(places.take(ONE))
    await asyncio.sleep(0)
    await places.take(TWO)
    assert not waiting.done()
    places.give_back(ONE)
    places.give_back(TWO)
    await waiting


async def test_who_gave_up_takes_no_place() -> None:
    places = Places(1, share=1)
    await places.take(ONE)
    early, late = (asyncio.ensure_future(places.take(TWO)) for _ in range(2))
    await asyncio.sleep(0)
    early.cancel()
    places.give_back(ONE)
    late.cancel()
    await asyncio.wait([early, late])
    assert early.cancelled()
    assert late.cancelled()
    assert places.is_free(THREE)
