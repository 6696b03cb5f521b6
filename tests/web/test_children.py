"""Tokens that an agent makes out of its own."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.web.api import PREFIX
from tests.live import Live

pytestmark = pytest.mark.asyncio(loop_scope="module")
ADD = "return (await tools.fast.add({ a: 1, b: 2 })).sum"


async def ask(gateway: Live, bearer: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {bearer}"}
    async with gateway.http.request(method, f"{gateway.url}{PREFIX}{path}", json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def run(gateway: Live, bearer: str, code: str) -> dict[str, Any]:
    status, found = await ask(gateway, bearer, "POST", "/runs", {"code": code, "wait_seconds": 10})
    assert status == 200, found
    return dict(found)


async def test_a_child_can_do_no_more_lives_no_longer_and_dies_with_its_parent(gateway: Live) -> None:
    admin = gateway.services.admin_key
    _, parent = await ask(gateway, admin, "POST", "/tokens", {"agent": "tester", "ttl": "1h"})
    narrow = {"ttl": "30 days", "grants": [{"server": "fast", "tools": "add"}]}
    status, child = await ask(gateway, parent["token"], "POST", "/tokens", narrow)
    assert (status, child["agent"], child["expires_at"]) == (200, "tester", parent["expires_at"])
    assert child["session"] != parent["session"]
    assert (await run(gateway, child["token"], ADD))["result"] == 3
    other = await run(gateway, child["token"], 'return await tools.fast.echo({ text: "x" })')
    assert other["status"] == "rejected", "what it may not call is not even in its types"
    wider = {"grants": [{"server": "*", "tools": "*"}]}
    _, grandchild = await ask(gateway, child["token"], "POST", "/tokens", wider)
    assert (await run(gateway, grandchild["token"], 'return await tools.fast.echo({ text: "x" })'))[
        "status"
    ] == "rejected"
    waiting = await run(gateway, grandchild["token"], "await waitFor('never')")
    _, done = await ask(gateway, admin, "POST", "/tokens/revoke", {"token": parent["id"]})
    assert (set(done["revoked"]), done["runs_stopped"]) == ({parent["id"], child["id"], grandchild["id"]}, 1)
    assert (await ask(gateway, grandchild["token"], "GET", f"/runs/{waiting['run_id']}"))[0] == 401


async def test_a_token_sees_and_ends_what_is_below_it_and_nothing_else(gateway: Live) -> None:
    admin = gateway.services.admin_key
    _, parent = await ask(gateway, admin, "POST", "/tokens", {"agent": "tester"})
    _, beside = await ask(gateway, admin, "POST", "/tokens", {"agent": "tester"})
    _, child = await ask(gateway, parent["token"], "POST", "/tokens", {"ttl": "5m"})
    _, grandchild = await ask(gateway, child["token"], "POST", "/tokens", {})
    _, listed = await ask(gateway, parent["token"], "GET", "/tokens")
    assert {one["id"]: one["state"] for one in listed} == {child["id"]: "live", grandchild["id"]: "live"}
    status, shown = await ask(gateway, parent["token"], "GET", f"/tokens/{grandchild['id']}")
    assert (status, shown["parent"]) == (200, child["id"])
    assert "token" not in shown, "its secret is shown once, to who made it"
    others: list[dict[str, Any]] = [{"token": one["id"]} for one in (parent, beside, {"id": "tok_0"})]
    others += [{"agent": "tester"}, {"tenant": "default"}, {"session": child["session"]}, {"all": True}]
    for body in others:
        status, told = await ask(gateway, parent["token"], "POST", "/tokens/revoke", body)
        assert (status, told["error"]["code"]) == (404, "not_found"), body
        if "token" in body:
            assert (await ask(gateway, parent["token"], "GET", f"/tokens/{body['token']}"))[0] == 404
    assert (await ask(gateway, child["token"], "POST", "/tokens/revoke", {"token": parent["id"]}))[0] == 404
    waiting = await run(gateway, grandchild["token"], "await waitFor('never')")
    status, done = await ask(gateway, parent["token"], "POST", "/tokens/revoke", {"token": child["id"]})
    assert (status, set(done["revoked"]), done["runs_stopped"]) == (200, {child["id"], grandchild["id"]}, 1)
    assert (await ask(gateway, grandchild["token"], "GET", f"/runs/{waiting['run_id']}"))[0] == 401
    assert (await ask(gateway, parent["token"], "GET", "/tokens"))[1][0]["state"] == "revoked"


@pytest.mark.parametrize("body", [{"agent": "narrow"}, {"parent": "tok_0000000000000000"}])
async def test_a_token_makes_children_of_its_own_alone(gateway: Live, body: dict[str, str]) -> None:
    status, told = await ask(gateway, await gateway.token(), "POST", "/tokens", body)
    assert (status, told["error"]["code"]) == (403, "forbidden")


async def test_children_cannot_be_made_without_end(gateway: Live) -> None:
    bearer = await gateway.token()
    for _ in range(30):
        status, told = await ask(gateway, bearer, "POST", "/tokens", {"ttl": "1m"})
        if status != 200:
            break
    assert (status, told["error"]["code"]) == (429, "busy")


async def test_an_administrator_gets_a_code_to_sign_in_with(gateway: Live) -> None:
    _, made = await ask(gateway, gateway.services.admin_key, "POST", "/sign-in-code")
    assert made["expires_in"] == 900 and made["url"].endswith("/ui/sign-in")
    assert await gateway.services.sign_in.with_code(made["code"])
