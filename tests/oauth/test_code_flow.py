"""From an authorization request to a bearer that opens `/mcp`: with a person in between, and only with one."""

from __future__ import annotations

import asyncio
import html

import pytest

from tests.oauth.gate import ALICE, REDIRECT, Gate, answer_of, new_verifier

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_a_client_gets_in_as_the_agent_that_the_person_chose(gate: Gate) -> None:
    client_id, verifier = (await gate.register())["client_id"], new_verifier()

    status, path, page = await gate.open(gate.authorize(client_id, verifier))
    assert status == 200
    assert path.startswith("/ui/sign-in?")
    code = await gate.getting_in.sign_in.new_code()
    status, location, _ = await gate.send(path, page, code=code)
    assert status == 303
    assert location.startswith("/oauth/consent/")

    status, path, page = await gate.open(location)
    assert status == 200
    said = html.unescape(page)
    for text in ("An editor", "127.0.0.1:33418", "triage", ALICE, "sorts incoming tickets", "30 days"):
        assert text in said
    assert "The tools git_* of the server git that only read." in said
    assert (
        "The tools create_* of the server crm; where project fits acme/*; at most 10 calls a minute; "
        "each call only after somebody with the role finance has agreed to it." in said
    )
    assert "Never: the tools delete_* of any server." in said

    fields = {"decision": "allow", "agent": "triage", "lifetime of triage": "604800"}
    status, location, _ = await gate.send(path, page, **fields)
    assert status == 303
    answer = answer_of(location)
    assert location.startswith(REDIRECT)
    assert answer.keys() == {"code", "state", "iss"}
    assert (answer["state"], answer["iss"]) == ("state-1", gate.url)

    status, tokens = await gate.redeem(client_id, answer["code"], verifier)
    assert status == 200
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 3600
    assert tokens["scope"] == "mcp"
    who = await gate.whoami(tokens["access_token"])
    assert who is not None
    assert who["agent"] == "triage"
    listed = {token["id"]: token for token in await gate.tokens.list()}
    assert listed[who["token"]]["state"] == "live"


async def test_without_a_client_that_is_known_nothing_is_redirected(gate: Gate) -> None:
    client_id, verifier = (await gate.register())["client_id"], new_verifier()
    for path in (
        gate.authorize("client_nobody", verifier),
        gate.authorize(client_id, verifier, redirect_uri="https://evil.example/cb"),
        gate.authorize(client_id, verifier, redirect_uri=None),
        gate.authorize(client_id, verifier, client_id=None),
        gate.authorize(client_id, verifier) + "&client_id=other",
    ):
        status, at, page = await gate.open(path)
        assert status in (400, 401), path
        assert at == path
        assert "This did not work" in page


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"scope": "mcp everything"}, "invalid_scope"),
        ({"resource": "https://other.example/mcp"}, "invalid_target"),
        ({"request": "eyJ"}, "request_not_supported"),
    ],
)
async def test_a_clients_mistake_is_told_to_the_client(gate: Gate, changed: dict[str, str | None], error: str) -> None:
    client_id = (await gate.register())["client_id"]
    _, location, _ = await gate.open(gate.authorize(client_id, new_verifier(), **changed))
    assert location.startswith(f"{REDIRECT}?")
    answer = answer_of(location)
    assert (answer["error"], answer["state"], answer["iss"]) == (error, "state-1", gate.url)


async def test_a_refusal_reaches_the_client_and_makes_no_token(gate: Gate) -> None:
    await gate.sign_in()
    client_id = (await gate.register())["client_id"]
    _, path, page = await gate.open(gate.authorize(client_id, new_verifier()))
    _, location, _ = await gate.send(path, page, decision="refuse")
    assert answer_of(location)["error"] == "access_denied"
    assert await gate.tokens.list() == []


async def test_a_request_is_answered_once(gate: Gate) -> None:
    await gate.sign_in()
    client_id = (await gate.register())["client_id"]
    _, path, page = await gate.open(gate.authorize(client_id, new_verifier()))
    fields = {"decision": "allow", "agent": "triage", "lifetime of triage": "86400"}
    answers = await asyncio.gather(*(gate.send(path, page, **fields) for _ in range(5)))
    assert sorted(status for status, _, _ in answers) == [303, 404, 404, 404, 404]
    assert len(await gate.tokens.list()) == 1
    assert (await gate.open(path))[0] == 404


async def test_an_answer_must_come_from_a_person_and_from_our_own_form(gate: Gate) -> None:
    await gate.sign_in()
    client_id = (await gate.register())["client_id"]
    _, path, page = await gate.open(gate.authorize(client_id, new_verifier()))
    fields = {"decision": "allow", "agent": "triage", "lifetime of triage": "86400"}
    assert (await gate.send(path, page, **fields, csrf="x"))[0] == 403
    assert (await gate.send(path, page, **fields, csrf=""))[0] == 403
    async with gate.http.post(gate.url + path, data=fields) as answer:
        assert answer.status == 403
    async with gate.browser.post(gate.url + path, data=fields, headers={"Origin": "https://evil.example"}) as answer:
        assert answer.status == 403
    assert (await gate.send(path, page, **(fields | {"agent": "nobody"})))[0] == 400
    assert (await gate.send(path, page, decision="perhaps"))[0] == 400
    assert await gate.tokens.list() == []


async def test_an_agent_is_given_for_no_longer_than_it_may_be(gate: Gate) -> None:
    await gate.sign_in()
    client_id = (await gate.register())["client_id"]
    _, path, page = await gate.open(gate.authorize(client_id, new_verifier()))
    assert "10 minutes" in page
    fields = {"decision": "allow", "agent": "brief", "lifetime of brief": "86400"}
    assert (await gate.send(path, page, **fields))[0] == 403
    fields["lifetime of brief"] = "600"
    assert (await gate.send(path, page, **fields))[0] == 303


async def test_an_agent_that_was_shut_off_stays_shut(gate: Gate) -> None:
    await gate.sign_in()
    await gate.connect()
    await gate.getting_in.floor.liveness.revoke(["agent:default/triage"])
    client_id = (await gate.register())["client_id"]
    _, path, page = await gate.open(gate.authorize(client_id, new_verifier()))
    fields = {"decision": "allow", "agent": "triage", "lifetime of triage": "86400"}
    status, _, text = await gate.send(path, page, **fields)
    assert status == 403
    assert "shut off" in text
    await gate.tokens.issue("triage", ttl_seconds=60)
    assert (await gate.send(path, page, **fields))[0] == 303


async def test_a_code_works_once_with_its_verifier_and_its_second_use_ends_everything(gate: Gate) -> None:
    await gate.sign_in()
    client_id, verifier = (await gate.register())["client_id"], new_verifier()
    code = await gate.code(client_id, verifier)
    other = (await gate.register())["client_id"]
    for wrong in (
        gate.redeem(client_id, code, new_verifier()),
        gate.redeem(client_id, code + "x", verifier),
        gate.redeem(other, code, verifier),
        gate.redeem(client_id, code, verifier, redirect_uri="http://127.0.0.1:1/callback"),
    ):
        status, body = await wrong
        assert (status, body["error"]) == (400, "invalid_grant")
    assert (await gate.redeem(client_id, code, verifier, resource="https://other.example/"))[1]["error"] == (
        "invalid_target"
    )
    status, tokens = await gate.redeem(client_id, code, verifier)
    assert status == 200
    assert await gate.whoami(tokens["access_token"])

    status, body = await gate.redeem(client_id, code, verifier)
    assert (status, body["error"]) == (400, "invalid_grant")
    assert await gate.whoami(tokens["access_token"]) is None
    assert (await gate.refresh(client_id, tokens["refresh_token"]))[1]["error"] == "invalid_grant"


async def test_of_many_requests_with_one_code_at_most_one_succeeds(gate: Gate) -> None:
    await gate.sign_in()
    client_id, verifier = (await gate.register())["client_id"], new_verifier()
    code = await gate.code(client_id, verifier)
    answers = await asyncio.gather(*(gate.redeem(client_id, code, verifier) for _ in range(8)))
    won = [body["access_token"] for status, body in answers if status == 200]
    assert len(won) <= 1
    for token in won:
        assert await gate.whoami(token) is None, "a second use has ended it"


async def test_a_code_is_good_for_a_minute(gate: Gate) -> None:
    await gate.sign_in()
    client_id, verifier = (await gate.register())["client_id"], new_verifier()
    code = await gate.code(client_id, verifier)
    gate.clock.ahead_ms = 61_000
    assert (await gate.redeem(client_id, code, verifier))[1]["error"] == "invalid_grant"


async def test_what_a_client_calls_itself_is_text_and_nothing_more(gate: Gate) -> None:
    await gate.sign_in()
    name = "<script>alert(1)</script>&\"'"
    client_id = (await gate.register(client_name=name))["client_id"]
    _, _, page = await gate.open(gate.authorize(client_id, new_verifier()))
    assert "<script" not in page
    assert name in html.unescape(page)
