"""A device without a browser gets in by a code that a person types elsewhere (RFC 8628)."""

from __future__ import annotations

import html
from typing import Any

import pytest

from tests.oauth.gate import Gate

pytestmark = pytest.mark.asyncio(loop_scope="package")
GRANT = "urn:ietf:params:oauth:grant-type:device_code"
ALLOW = {"decision": "allow", "agent": "triage", "lifetime of triage": "86400"}


async def begun(gate: Gate) -> tuple[str, dict[str, Any]]:
    client_id = (await gate.register(client_name="A television"))["client_id"]
    status, device = await gate.post("/oauth/device_authorization", {"client_id": client_id})
    assert status == 200, device
    return client_id, device


async def poll(gate: Gate, client_id: str, device: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    gate.clock.ahead_ms += 6_000
    form = {"grant_type": GRANT, "client_id": client_id, "device_code": device["device_code"]}
    return await gate.post("/oauth/token", form)


async def test_a_device_gets_in_once_the_person_has_agreed(gate: Gate) -> None:
    await gate.sign_in()
    client_id, device = await begun(gate)
    assert device["verification_uri"] == f"{gate.url}/device"
    assert (await poll(gate, client_id, device))[1]["error"] == "authorization_pending"

    _, _, page = await gate.open("/device")
    assert 'name="user_code"' in page
    typed = device["user_code"].lower().replace("-", " ")
    status, path, page = await gate.open(f"/device?user_code={typed.replace(' ', '+')}")
    assert status == 200
    assert "A television" in html.unescape(page)
    status, _, page = await gate.send(path, page, **ALLOW)
    assert status == 200
    assert "The device may go on" in page

    status, tokens = await poll(gate, client_id, device)
    assert status == 200
    who = await gate.whoami(tokens["access_token"])
    assert who is not None and who["agent"] == "triage"
    assert (await gate.refresh(client_id, tokens["refresh_token"]))[0] == 200
    assert (await poll(gate, client_id, device))[1]["error"] == "invalid_grant"
    assert (await gate.send(path, page, **ALLOW))[0] in (403, 404)


async def test_who_scans_the_code_signs_in_first_and_comes_back(gate: Gate) -> None:
    _, device = await begun(gate)
    _, path, page = await gate.open(device["verification_uri_complete"])
    assert path.startswith("/ui/sign-in?then=")
    _, location, _ = await gate.send(path, page, code=await gate.getting_in.sign_in.new_code())
    status, _, page = await gate.open(location)
    assert status == 200
    assert device["user_code"] in page


async def test_a_refusal_reaches_the_device(gate: Gate) -> None:
    await gate.sign_in()
    client_id, device = await begun(gate)
    _, path, page = await gate.open(device["verification_uri_complete"])
    assert (await gate.send(path, page, decision="refuse"))[0] == 200
    assert (await poll(gate, client_id, device))[1]["error"] == "access_denied"
    assert await gate.tokens.list() == []


async def test_a_code_is_good_for_a_quarter_of_an_hour_and_for_its_client(gate: Gate) -> None:
    await gate.sign_in()
    client_id, device = await begun(gate)
    other = (await gate.register())["client_id"]
    assert (await poll(gate, other, device))[1]["error"] == "invalid_grant"
    gate.clock.ahead_ms = 15 * 60_000 + 1
    assert (await poll(gate, client_id, device))[1]["error"] == "expired_token"
    assert (await gate.open(device["verification_uri_complete"]))[0] == 404


async def test_a_device_that_hurries_is_slowed_down(gate: Gate) -> None:
    client_id, device = await begun(gate)
    form = {"grant_type": GRANT, "client_id": client_id, "device_code": device["device_code"]}
    await gate.post("/oauth/token", form)
    assert (await gate.post("/oauth/token", form))[1]["error"] == "slow_down"


async def test_guessing_codes_is_slow(gate: Gate) -> None:
    await gate.sign_in()
    statuses = [(await gate.open(f"/device?user_code=BCDF-GHJ{letter}"))[0] for letter in "BCDFGHJKLMNPQRS"]
    assert set(statuses) == {404, 429}


async def test_an_approval_that_came_too_late_leaves_no_token_behind(gate: Gate) -> None:
    await gate.sign_in()
    client_id, device = await begun(gate)
    _, path, page = await gate.open(device["verification_uri_complete"])
    await gate.send(path, page, decision="refuse")
    assert (await gate.send(path, page, **ALLOW))[0] == 404
    assert all(token["state"] == "revoked" for token in await gate.tokens.list())
    assert (await poll(gate, client_id, device))[1]["error"] == "access_denied"
