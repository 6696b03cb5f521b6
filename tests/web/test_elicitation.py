"""What a run asks of a person reaches the client as a form, in both eras; and nobody's answer is invented."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import ElicitResult

from gateway.web import elicit
from gateway.web.auth import ADMIN
from tests.live import Live, agent, live, stdio

pytestmark = pytest.mark.asyncio(loop_scope="module")

ERAS = pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
APPROVAL = {"server": "fast", "tools": ["echo"]}
CONFIG: dict[str, Any] = {
    "mcpServers": {"fast": stdio("fast.py")},
    "agents": {
        "tester": agent("fast"),
        "asks": {"owner": "me", "grants": [{**APPROVAL, "approval": {"by": "owner"}}]},
        "finance": {"owner": "me", "grants": [{**APPROVAL, "approval": {"by": "role:finance"}}]},
    },
}
ASK = 'return await ask("How many?", { type: "object", properties: { n: { type: "integer" } }, required: ["n"] })'
ECHO = 'return await tools.fast.echo({ text: "sent" })'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Live]:
    async with live(tmp_path_factory.mktemp("gateway"), CONFIG) as started:
        yield started


class Person:
    """Answers forms with what it was told to, in turn; and remembers what it saw."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.seen: list[tuple[str, Any]] = []
        self.asked = asyncio.Event()

    async def __call__(self, context: Any, params: Any) -> ElicitResult:
        self.seen.append((params.message, params.requested_schema))
        self.asked.set()
        answer = self.answers.pop(0)
        if answer is None:
            await asyncio.Event().wait()
        return answer if isinstance(answer, ElicitResult) else ElicitResult(action="accept", content=answer)


@asynccontextmanager
async def client(gateway: Live, mode: str, person: Callable[..., Any] | None, token: str) -> AsyncIterator[Client]:
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=30) as http:
        transport = streamable_http_client(f"{gateway.url}/mcp", http_client=http)
        era = "auto" if mode == "2026-07-28" else mode
        async with Client(transport, mode=era, elicitation_callback=person) as connected:
            yield connected


async def call(gateway: Live, mode: str, person: Person | None, code: str, agent: str = "tester") -> dict[str, Any]:
    async with client(gateway, mode, person, await gateway.token(agent)) as connected:
        result = await connected.call_tool("execute", {"code": code, "wait_seconds": 10})
    assert isinstance(result.structured_content, dict)
    return result.structured_content


@ERAS
async def test_questions_and_approvals_are_forms_of_the_client(gateway: Live, mode: str) -> None:
    person = Person({"n": 3}, {"approved": True, "comment": "go on"}, {"value": "blue"})
    code = f"""
    const counted = await (async () => {{ {ASK} }})();
    const agreed = await approve("Really?", {{ details: {{ amount: 12 }} }});
    return [counted, agreed, await ask("Which colour?", {{ type: "string", enum: ["red", "blue"] }})];
    """
    run = await call(gateway, mode, person, code)
    assert run["status"] == "completed", run
    assert run["result"] == [{"n": 3}, {"approved": True, "by": "test@example.com", "comment": "go on"}, "blue"]
    assert [message.split("\n")[0] for message, _ in person.seen] == ["How many?", "Really?", "Which colour?"]
    assert '"amount": 12' in person.seen[1][0] and person.seen[0][1]["required"] == ["n"]
    runs = await gateway.services.runs.list(ADMIN, agent="tester", limit=1)
    assert runs[0].run_id == run["run_id"], "the call that brought the answer started no other run"


@ERAS
@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_who_declines_has_not_answered(gateway: Live, mode: str, action: Any) -> None:
    person = Person(ElicitResult(action=action))
    run = await call(gateway, mode, person, 'return await approve("Really?")')
    assert (run["status"], run["waiting"]["for"]) == ("waiting", "approval"), run
    assert "gateway runs approve" in run["waiting"]["answer"] and len(person.seen) == 1
    shown = await gateway.services.runs.show(ADMIN, run["run_id"])
    assert [step["state"] for step in shown.steps or ()] == ["open"]


@ERAS
async def test_an_answer_that_does_not_fit_the_form_is_none(gateway: Live, mode: str) -> None:
    person = Person({"n": "many"})
    run = await call(gateway, mode, person, ASK)
    assert "'n' does not fit" in run["error"]["message"], run
    (left, *_) = await gateway.services.runs.list(ADMIN, agent="tester", limit=1)
    assert left.status == "waiting"


@ERAS
async def test_a_client_without_forms_is_told_how_to_answer(gateway: Live, mode: str) -> None:
    run = await call(gateway, mode, None, ASK)
    assert run["waiting"]["for"] == "input" and "gateway runs answer" in run["waiting"]["answer"]


@ERAS
async def test_a_question_that_is_no_form_waits_for_the_command_line(gateway: Live, mode: str) -> None:
    person = Person()
    run = await call(gateway, mode, person, 'return await ask("Rows?", { type: "array", items: { type: "string" } })')
    assert run["waiting"]["for"] == "input" and person.seen == []


@ERAS
async def test_the_owner_approves_a_call_in_the_client_and_others_elsewhere(gateway: Live, mode: str) -> None:
    owner, stranger = Person({"approved": True}), Person({"approved": True})
    run = await call(gateway, mode, owner, ECHO, "asks")
    assert (run["status"], run["result"]) == ("completed", "sent"), run
    assert "fast:echo" in owner.seen[0][0] and "sent" in owner.seen[0][0]
    held = await call(gateway, mode, stranger, ECHO, "finance")
    assert (held["status"], held["waiting"]["for"], stranger.seen) == ("waiting", "approval", [])


@ERAS
async def test_result_puts_the_question_to_whoever_asks_with_the_same_token(gateway: Live, mode: str) -> None:
    token = await gateway.token()
    async with client(gateway, mode, None, token) as first:
        started = await first.call_tool("execute", {"code": ASK})
    run_id = (started.structured_content or {})["run_id"]
    async with client(gateway, mode, Person({"n": 7}), token) as second:
        done = await second.call_tool("result", {"run_id": run_id, "wait_seconds": 10})
    assert (done.structured_content or {})["result"] == {"n": 7}


async def test_a_form_that_is_answered_elsewhere_is_not_waited_for(
    gateway: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elicit, "LOOK_SECONDS", 0.05)
    person = Person(None)
    calling = asyncio.ensure_future(call(gateway, "legacy", person, ASK))
    await person.asked.wait()
    (run, *_) = await gateway.services.runs.list(ADMIN, agent="tester", limit=1)
    await gateway.services.runs.answer(ADMIN, run.run_id, {"n": 9})
    assert (await calling)["result"] == {"n": 9}


@ERAS
async def test_a_client_that_goes_away_over_a_form_loses_nothing(gateway: Live, mode: str) -> None:
    token, person = await gateway.token(), Person(None)
    async with client(gateway, mode, person, token) as first:
        calling = asyncio.ensure_future(first.call_tool("execute", {"code": ASK}))
        await person.asked.wait()
        calling.cancel()
    (run, *_) = await gateway.services.runs.list(ADMIN, agent="tester", limit=1)
    async with client(gateway, mode, Person({"n": 1}), token) as second:
        done = await second.call_tool("result", {"run_id": run.run_id, "wait_seconds": 10})
    assert (done.structured_content or {})["result"] == {"n": 1}


async def test_a_sealed_state_is_good_for_its_own_token_alone(gateway: Live) -> None:
    mine, theirs = await gateway.token(), await gateway.token()
    code = {"code": ASK}
    async with client(gateway, "2026-07-28", Person(), mine) as first:
        asked = await first.session.call_tool("execute", code, allow_input_required=True)
        state = getattr(asked, "request_state", None)
        assert isinstance(state, str)
        for forged in (state[:-2] + "AA", "v1.AAAA"):
            with pytest.raises(MCPError, match="requestState"):
                await first.session.call_tool("execute", code, request_state=forged)
        with pytest.raises(MCPError, match="requestState"):
            await first.session.call_tool("execute", {"code": "return 1"}, request_state=state)
    async with client(gateway, "2026-07-28", Person(), theirs) as other:
        with pytest.raises(MCPError, match="requestState"):
            await other.session.call_tool("execute", code, request_state=state)


async def test_a_session_of_another_token_or_of_nobody_is_no_session(gateway: Live) -> None:
    mine, theirs = await gateway.token(), await gateway.token()
    accept = {"Accept": "application/json, text/event-stream"}
    params = {"protocolVersion": "2025-11-25", "clientInfo": {"name": "t", "version": "1"}}
    begin = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {**params, "capabilities": {}}}
    form = {**begin, "params": {**params, "capabilities": {"elicitation": {}}}}
    url = f"{gateway.url}/mcp"

    async def post(token: str, body: Any, **headers: str) -> tuple[int, Any]:
        sent = {**accept, "Authorization": f"Bearer {token}", **headers}
        async with gateway.http.post(url, json=body, headers=sent) as answer:
            return answer.status, answer.headers.get("Mcp-Session-Id")

    assert await post(mine, begin) == (200, None)
    status, session = await post(mine, form)
    assert status == 200 and session
    ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
    for token, named in ((theirs, session), (mine, "nobody")):
        assert (await post(token, ping, **{"Mcp-Session-Id": named, "MCP-Protocol-Version": "2025-11-25"}))[0] == 200
    for token, code in ((theirs, 405), (mine, 200)):
        headers = {"Authorization": f"Bearer {token}", "Mcp-Session-Id": session}
        async with gateway.http.delete(url, headers=headers) as answer:
            assert answer.status == code
