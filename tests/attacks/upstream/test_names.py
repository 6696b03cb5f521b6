"""Attacks by names: one tool cannot pass for another, nor for something that JavaScript knows."""

from __future__ import annotations

import pytest

from tests.attacks.upstream.conftest import Attacked

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def functions(attacked: Attacked) -> dict[str, str]:
    """Tool → function of the hostile server."""
    types = await attacked.api("GET", "types?agent=tester")
    return {name: tool["function"] for name, tool in types["manifest"]["servers"]["evil"]["tools"].items()}


async def test_names_that_javascript_knows_are_no_trap(attacked: Attacked) -> None:
    known = await functions(attacked)
    for name in ("__proto__", "constructor", "then", "toString"):
        assert known[name] not in ("__proto__", "constructor", "then", "toString", "prototype")
    # A namespace that has a `then` would be called by every `await`.
    run = await attacked.run("const space = await tools.evil; return [typeof space, String({}), Object.keys({})]")
    assert run["result"] == ["object", "[object Object]", []], run


async def test_the_first_of_two_tools_of_one_name_cannot_be_replaced(attacked: Attacked) -> None:
    assert "get_balance: a tool of this name was listed before" in (await attacked.server())["skipped"]
    text = await attacked.search(query="get balance", server="evil", detail="full")
    assert "First of two" in text and "Shadows the first" not in text


async def test_lookalikes_have_names_of_their_own(attacked: Attacked) -> None:
    known = await functions(attacked)
    alike = [known[name] for name in ("get_balance", "getBalance", "gеt_balance")]
    assert len(set(alike)) == 3
    for tool in ("get_balance", "getBalance", "gеt_balance"):
        assert await attacked.attack(known[tool]) == f"hostile {tool}"


async def test_a_tool_named_as_another_servers_does_not_get_its_calls(attacked: Attacked) -> None:
    run = await attacked.run("return [await tools.bank.echo({ text: 'to the bank' }), Object.keys(tools.evil).length]")
    assert run["result"][0] == "to the bank"
    refused = await attacked.run("return await (tools.evil as any).echo({ text: 'mine' })")
    assert refused["status"] == "failed", refused


async def test_a_name_of_control_characters_becomes_a_plain_one(attacked: Attacked) -> None:
    known = await functions(attacked)
    assert known["\x1b[2J\u202eclear"].isidentifier() and known["\x1b[2J\u202eclear"].isascii()
