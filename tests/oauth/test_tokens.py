"""What becomes of a token: refreshed, used twice, revoked, asked about; on every replica."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway.store import keys
from gateway.store.client import Client
from tests.oauth.gate import ALICE, Gate, basic, new_verifier, replica

pytestmark = pytest.mark.asyncio(loop_scope="package")
DAY_MS = 86_400_000


async def test_a_refresh_keeps_who_it_is_and_takes_the_old_refresh_token_away(gate: Gate) -> None:
    await gate.sign_in()
    client_id, first = await gate.connect(lifetime=604_800)
    before = await gate.whoami(first["access_token"])
    gate.clock.ahead_ms = 3_601_000
    assert await gate.whoami(first["access_token"]) is None, "an access token lives an hour"

    status, second = await gate.refresh(client_id, first["refresh_token"])
    assert status == 200
    assert second["refresh_token"] != first["refresh_token"]
    assert await gate.whoami(second["access_token"]) == before, "sessions and runs stay the client's own"


async def test_a_refresh_token_that_is_used_twice_ends_the_whole_family(
    gate: Gate, store: Client, tmp_path: Path
) -> None:
    await gate.sign_in()
    client_id, first = await gate.connect()
    _, second = await gate.refresh(client_id, first["refresh_token"])
    _, third = await gate.refresh(client_id, second["refresh_token"])
    assert await gate.whoami(third["access_token"])

    async with replica(tmp_path, store, public_url=gate.url) as other:
        status, body = await other.post(
            "/oauth/token",
            {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": first["refresh_token"]},
        )
    assert (status, body["error"]) == (400, "invalid_grant")
    for tokens in (first, second, third):
        assert await gate.whoami(tokens["access_token"]) is None
        assert (await gate.refresh(client_id, tokens["refresh_token"]))[1]["error"] == "invalid_grant"


async def test_of_many_refreshes_at_once_at_most_one_succeeds_and_nothing_survives(gate: Gate) -> None:
    await gate.sign_in()
    client_id, first = await gate.connect()
    answers = await asyncio.gather(*(gate.refresh(client_id, first["refresh_token"]) for _ in range(8)))
    won = [body for status, body in answers if status == 200]
    assert len(won) <= 1
    for tokens in [first, *won]:
        assert await gate.whoami(tokens["access_token"]) is None


async def test_a_refresh_token_is_its_clients_own_and_gives_no_more_than_was_granted(gate: Gate) -> None:
    await gate.sign_in()
    client_id, tokens = await gate.connect()
    other = (await gate.register())["client_id"]
    assert (await gate.refresh(other, tokens["refresh_token"]))[1]["error"] == "invalid_grant"
    assert (await gate.refresh("client_x", tokens["refresh_token"]))[0] == 401
    assert (await gate.refresh(client_id, tokens["refresh_token"], scope="mcp admin"))[1]["error"] == "invalid_scope"
    wrong_resource = {"resource": "https://other.example/mcp"}
    assert (await gate.refresh(client_id, tokens["refresh_token"], **wrong_resource))[1]["error"] == "invalid_target"
    assert (await gate.refresh(client_id, tokens["refresh_token"], scope="mcp"))[0] == 200


async def test_all_ends_with_what_the_person_agreed_to(gate: Gate) -> None:
    await gate.sign_in()
    client_id, tokens = await gate.connect(agent="brief", lifetime=600)
    assert tokens["expires_in"] == 600
    gate.clock.ahead_ms = 601_000
    assert await gate.whoami(tokens["access_token"]) is None
    assert (await gate.refresh(client_id, tokens["refresh_token"]))[1]["error"] == "invalid_grant"


async def test_an_unused_refresh_token_ends_after_thirty_days(gate: Gate) -> None:
    await gate.sign_in()
    client_id, tokens = await gate.connect(lifetime=90 * 86_400)
    gate.clock.ahead_ms = 29 * DAY_MS
    _, again = await gate.refresh(client_id, tokens["refresh_token"])
    gate.clock.ahead_ms += 31 * DAY_MS
    assert (await gate.refresh(client_id, again["refresh_token"]))[0] in (400, 401)


@pytest.mark.parametrize("which", ["token", "agent"])
async def test_revoking_on_the_machine_ends_access_and_refresh(gate: Gate, which: str) -> None:
    await gate.sign_in()
    client_id, tokens = await gate.connect()
    who = await gate.whoami(tokens["access_token"])
    assert who is not None
    await gate.getting_in.floor.liveness.revoke([who["token"] if which == "token" else "agent:default/triage"])
    assert await gate.whoami(tokens["access_token"]) is None
    assert (await gate.refresh(client_id, tokens["refresh_token"]))[1]["error"] == "invalid_grant"


async def test_an_agent_that_got_another_owner_is_not_refreshed(gate: Gate) -> None:
    await gate.sign_in()
    client_id, tokens = await gate.connect()
    agents = gate.config.agents
    given_away = agents["triage"].model_copy(update={"owner": "bob@example.com"})
    gate.tokens.reload(gate.config.model_copy(update={"agents": {**agents, "triage": given_away}}))
    assert (await gate.refresh(client_id, tokens["refresh_token"]))[1]["error"] == "invalid_grant"


async def test_what_matters_is_in_the_audit_record(gate: Gate) -> None:
    await gate.sign_in()
    client_id, tokens = await gate.connect()
    for _ in range(2):
        await gate.refresh(client_id, tokens["refresh_token"])
    await gate.send("/ui/sign-out", (await gate.open("/ui/"))[2])
    assert gate.recorded == ["person.signed_in", "consent.given", "grant.reused", "person.signed_out"]


async def test_nothing_is_kept_for_ever(gate: Gate, store: Client) -> None:
    await gate.sign_in()
    client_id, tokens = await gate.connect()
    await gate.refresh(client_id, tokens["refresh_token"])
    await gate.post("/oauth/device_authorization", {"client_id": client_id})
    await gate.open(gate.authorize(client_id, new_verifier()))
    names = [name.decode() for name in await store.send("KEYS", "*")]
    ttls = await store.batch([("PTTL", name) for name in names])
    kept = {name.removeprefix(keys.PREFIX) for name, ttl in zip(names, ttls, strict=True) if ttl < 0}
    assert {name for name in kept if not name.startswith(keys.LASTING)} == set()
    assert {"client", "request", "consent", "code", "refresh", "device", "user_code", "person"} <= {
        name.split(":")[2] for name in names if ":record:" in name
    }
    secrets = [tokens["access_token"], tokens["refresh_token"]]
    values = await store.batch([("GET", name) for name in names if ":record:" in name])
    assert not [value for value in values for secret in secrets if secret.encode() in value]


# --- revocation (RFC 7009) -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
async def test_a_client_revokes_its_own_tokens(gate: Gate, which: str) -> None:
    await gate.sign_in()
    client_id, tokens = await gate.connect()
    other = (await gate.register())["client_id"]
    status, body = await gate.post("/oauth/revoke", {"token": tokens[which], "client_id": other})
    assert (status, body["error"]) == (400, "unauthorized_client")
    assert (await gate.post("/oauth/revoke", {"token": tokens[which]}))[0] == 401
    assert await gate.whoami(tokens["access_token"])

    assert (await gate.post("/oauth/revoke", {"token": tokens[which], "client_id": client_id})) == (200, {})
    assert await gate.whoami(tokens["access_token"]) is None
    assert (await gate.refresh(client_id, tokens["refresh_token"]))[1]["error"] == "invalid_grant"


@pytest.mark.parametrize("token", ["refresh_unknown", "rubbish", "a.b.c", "\u00e9"])
async def test_revoking_what_is_no_token_is_no_error(gate: Gate, token: str) -> None:
    client_id = (await gate.register())["client_id"]
    assert (await gate.post("/oauth/revoke", {"token": token, "client_id": client_id}))[0] == 200


# --- introspection (RFC 7662) --------------------------------------------------------------------------------------


async def introspected(gate: Gate, token: str, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    return await gate.post("/oauth/introspect", {"token": token}, headers=headers)


async def test_an_administrator_and_the_client_itself_may_ask_about_a_token(gate: Gate) -> None:
    await gate.sign_in()
    registered = await gate.register(token_endpoint_auth_method="client_secret_basic")
    client_id, own = registered["client_id"], basic(registered["client_id"], registered["client_secret"])
    verifier = new_verifier()
    code = await gate.code(client_id, verifier)
    assert (await gate.redeem(client_id, code, verifier))[0] == 401, "its secret is missing"
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
    status, tokens = await gate.post("/oauth/token", form, headers=own)
    assert status == 200, tokens

    admin = {"Authorization": f"Bearer {gate.admin}"}
    who = await gate.whoami(tokens["access_token"])
    assert who is not None
    for headers in (admin, own):
        status, said = await introspected(gate, tokens["access_token"], headers)
        assert status == 200
        assert said["active"] is True
        assert said["client_id"] == client_id
        assert (said["sub"], said["username"], said["scope"]) == ("triage", ALICE, "mcp")
        assert (said["aud"], said["jti"], said["token_type"]) == (gate.resource, who["token"], "Bearer")
        assert 3_500 < said["exp"] - said["iat"] <= 3_600
        assert (await introspected(gate, tokens["refresh_token"], headers))[1]["active"] is True
    status, said = await introspected(gate, (await gate.connect())[1]["access_token"], own)
    assert (status, said) == (200, {"active": False}), "another client's"

    await gate.getting_in.floor.liveness.revoke([who["token"]])
    for token in (tokens["access_token"], tokens["refresh_token"], "rubbish"):
        assert await introspected(gate, token, admin) == (200, {"active": False})


async def test_nobody_else_may_ask(gate: Gate) -> None:
    await gate.sign_in()
    client_id, tokens = await gate.connect()
    confidential = (await gate.register(token_endpoint_auth_method="client_secret_post"))["client_id"]
    for headers in (
        {},
        basic(confidential, "wrong"),
        {"Authorization": "Bearer gwa_wrong"},
        {"Authorization": f"Bearer {tokens['access_token']}"},
    ):
        status, body = await introspected(gate, tokens["access_token"], headers)
        assert (status, body["error"]) == (401, "invalid_client")
    public = {"token": tokens["access_token"], "client_id": client_id}
    assert (await gate.post("/oauth/introspect", public))[0] == 401


# --- the endpoint itself -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "password", "username": "a", "password": "b"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code", "code": "x"}, "invalid_client"),
    ],
)
async def test_requests_that_are_none_are_refused(gate: Gate, form: dict[str, str], error: str) -> None:
    status, body = await gate.post("/oauth/token", form)
    assert status in (400, 401)
    assert body["error"] == error
    assert "error_description" in body


async def test_bodies_that_are_no_forms_are_refused(gate: Gate) -> None:
    form = "grant_type=refresh_token"
    for headers, body in (
        ({"Content-Type": "application/json"}, '{"grant_type": "refresh_token"}'),
        ({"Content-Type": "text/plain"}, form),
        ({}, form + "&grant_type=refresh_token"),
        ({}, form + "&a=%ff%fe"),
        ({}, "a=" + "x" * 100_000),
        ({}, "&".join(f"a{n}=1" for n in range(500))),
    ):
        status, answer = await gate.post("/oauth/token", data=body, headers=headers)
        assert (status, answer["error"]) == (400, "invalid_request"), body[:40]


async def test_answers_with_tokens_are_not_kept_by_anybody(gate: Gate) -> None:
    async with gate.http.post(f"{gate.url}/oauth/token", data={"grant_type": "x"}) as answer:
        assert answer.headers["Cache-Control"] == "no-store"
