"""Programs that are meant for the type checker, which all agents share: each is cut by itself, others are answered.

No peer but pctx checks types at all, and pctx checks within the request; these are of our own making.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.engine.program import parse
from gateway.sandbox.checker import Checker, CheckResult
from tests.attacks.program import bombs
from tests.sandbox.checkers import MODULE, checker

pytestmark = pytest.mark.asyncio(loop_scope="module")

GOOD = "return (await tools.git.gitStatus()).clean;"
BAD = "return (await tools.git.gitStatus()).claen;"
SECONDS = 1.0
ATTACKER, NEIGHBOUR = ("tenant", "attacker"), ("tenant", "neighbour")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Checker]:
    async with checker(tmp_path_factory.mktemp("checker"), "typescript", check_seconds=SECONDS) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def fresh(tmp_path: Path) -> AsyncIterator[Checker]:
    async with checker(tmp_path, "typescript", check_seconds=SECONDS) as running:
        yield running


async def check(running: Checker, code: str, owner: tuple[str, str]) -> CheckResult:
    return await running.check(parse(code), MODULE, owner)


async def is_right(running: Checker, owner: tuple[str, str]) -> bool:
    good, bad = await check(running, GOOD, owner), await check(running, BAD, owner)
    return good.diagnostics == () and [one.code for one in bad.diagnostics] == [2551]


def is_cut(found: CheckResult) -> bool:
    return ["too complex" in one.message for one in found.diagnostics] == [True]


@pytest.mark.parametrize("name", bombs.ANSWERED)
async def test_a_program_that_explodes_is_given_up_by_the_checker_itself(shared: Checker, name: str) -> None:
    found = await check(shared, bombs.ANSWERED[name], ("tenant", name))
    assert found.diagnostics or found.warnings
    assert await is_right(shared, NEIGHBOUR)


@pytest.mark.parametrize("name", bombs.ENDLESS)
async def test_a_program_without_end_is_cut_while_others_are_answered(shared: Checker, name: str) -> None:
    attack = asyncio.ensure_future(check(shared, bombs.ENDLESS[name], ("tenant", name)))
    while not attack.done():
        assert await is_right(shared, NEIGHBOUR)
    assert is_cut(await attack)


async def test_who_overloads_the_checker_once_does_it_no_second_time(fresh: Checker) -> None:
    """Each program without end ends its checker: after the first, the attacker's is not everybody's any more."""
    assert is_cut(await check(fresh, bombs.ENDLESS["permutations"], ATTACKER))
    assert await is_right(fresh, NEIGHBOUR)
    before = fresh.stats
    assert is_cut(await check(fresh, bombs.ENDLESS["nested conditions"], ATTACKER))
    assert await is_right(fresh, ATTACKER)
    assert await is_right(fresh, NEIGHBOUR)
    assert (fresh.stats.pid, fresh.stats.restarts) == (before.pid, before.restarts)


async def test_one_agent_does_not_occupy_the_checker(fresh: Checker) -> None:
    attacks = [asyncio.ensure_future(check(fresh, bombs.ENDLESS["permutations"], ATTACKER)) for _ in range(8)]
    await asyncio.sleep(0)
    assert await is_right(fresh, NEIGHBOUR)
    assert not any(attack.done() for attack in attacks)
    for attack in attacks:
        attack.cancel()
    await asyncio.wait(attacks)
    assert await is_right(fresh, NEIGHBOUR)
