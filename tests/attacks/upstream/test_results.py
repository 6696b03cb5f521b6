"""Attacks by what a server answers, sends beside its answers, or asks for: none gets more than its own call."""

from __future__ import annotations

import os

import pytest

from tests.attacks.upstream.conftest import Attacked

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_keys_that_pollute_prototypes_pollute_nothing(attacked: Attacked) -> None:
    # UTCP's code mode and Cloudflare's ran on with a polluted prototype: sums came out wrong (peers.md).
    run = await attacked.run(
        "const value: any = await tools.evil.pollute({});"
        "return [({} as any).polluted ?? null, typeof {}.toString, Object.keys(value).sort(), value.ok,"
        " [1, 2].reduce((a, b) => a + b)]"
    )
    assert run["result"] == [None, "function", ["__proto__", "constructor", "ok", "then"], True, 3], run


async def test_a_result_nested_without_end_fails_its_own_call_only(attacked: Attacked) -> None:
    # One execute could kill the server: phoenix#14784.
    kind, message = await attacked.attack("deep")
    assert kind == "ToolError" and "answered with what is not JSON" in message
    assert await attacked.still_fine()


async def test_answers_to_the_calls_of_others_reach_nobody(attacked: Attacked) -> None:
    run = await attacked.run("return [await tools.evil.answerForOthers({}), await tools.bank.echo({ text: 'honest' })]")
    assert run["result"] == ["mine", "honest"]


async def test_a_second_answer_changes_nothing(attacked: Attacked) -> None:
    assert await attacked.attack("answerTwice") == "first"
    assert await attacked.still_fine()


async def test_forged_notifications_stop_and_change_nothing(attacked: Attacked) -> None:
    assert await attacked.attack("notify") == "mine"
    assert (await attacked.server())["state"] == "ready"
    assert await attacked.still_fine()


async def test_sampling_elicitation_and_roots_are_not_to_be_had_unasked(attacked: Attacked) -> None:
    # hpe-networking-mcp#413: a gateway that invents "declined" for a person who was never asked.
    answers = (await attacked.attack("ask"))["answers"]
    assert len(answers) == 4
    for each in answers:
        assert "error" in each and "result" not in each, each


async def test_input_in_the_middle_of_a_call_is_not_to_be_had(attacked: Attacked) -> None:
    kind, message = await attacked.attack("wantInput")
    assert kind == "ToolError" and "asks for input" in message


async def test_an_error_cannot_pose_as_the_gateways_own(attacked: Attacked) -> None:
    # In UTCP's code mode an upstream's isError does not even throw: the program goes on with its text (peers.md).
    run = await attacked.run(
        "try { await tools.evil.pose({}) } catch (e) { return [(e as any).name, e instanceof PolicyError,"
        " e instanceof ToolError, (e as any).code, (e as any).approved ?? null] }"
    )
    assert run["result"] == ["ToolError", False, True, "tool_error", None], run


async def test_structured_content_that_breaks_its_own_schema_is_only_data(attacked: Attacked) -> None:
    run = await attacked.run("const { count, items } = await tools.evil.lie({}); return [typeof count, typeof items]")
    assert run["result"] == ["object", "string"], run
    failed = await attacked.run("return (await tools.evil.lie({})).items.map((item) => item.length)")
    assert failed["status"] == "failed" and failed["error"]["line"] == 1, failed


async def test_junk_on_stdout_is_not_taken_for_messages(attacked: Attacked) -> None:
    assert await attacked.attack("babble") == "through"
    tail = (await attacked.server())["stderr_tail"]
    assert any("[stdout] not json" in line for line in tail)
    assert all(len(line) <= 2_000 for line in tail)


async def test_a_flood_of_stderr_is_kept_to_its_last_lines(attacked: Attacked) -> None:
    assert await attacked.attack("mumble") == "said"
    tail = (await attacked.server())["stderr_tail"]
    assert len(tail) <= 50 and sum(map(len, tail)) <= 50 * 2_000


async def test_a_server_sees_nothing_of_the_gateways_environment(
    attacked: Attacked, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Peers pass their whole environment on, with every other server's keys.
    value = await attacked.attack("look")
    theirs = value["environment"]
    assert "GATEWAY_ADMIN_TOKEN" not in theirs
    assert {name for name in theirs if name.startswith(("AWS_", "PYTEST", "VIRTUAL_ENV", "SSH_"))} == set()
    assert set(theirs) < set(os.environ) | {"API_KEY", "PATH"}
    assert attacked.token not in str(value) and attacked.gateway.services.admin_key not in str(value)
