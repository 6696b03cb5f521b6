"""`/api/v1` and the routes beside it, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.web.api import OPERATIONS, PREFIX
from tests.live import Live

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def ask(gateway: Live, method: str, path: str, body: Any = None, *, bearer: str = "") -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {bearer or gateway.services.admin_key}"}
    sent = {} if body is None else {"json": body}
    async with gateway.http.request(method, f"{gateway.url}{PREFIX}{path}", headers=headers, **sent) as answer:
        return answer.status, await answer.json()


async def test_a_token_from_issue_to_revocation(gateway: Live) -> None:
    status, issued = await ask(gateway, "POST", "/tokens", {"agent": "narrow", "ttl": "2h"})
    assert status == 200
    assert set(issued) == {"id", "token", "agent", "session", "expires_at"}
    _, shown = await ask(gateway, "GET", f"/tokens/{issued['id']}")
    assert (shown["state"], "token" in shown) == ("live", False)
    _, listed = await ask(gateway, "GET", "/tokens")
    assert issued["id"] in [token["id"] for token in listed]
    _, done = await ask(gateway, "POST", "/tokens/revoke", {"token": issued["id"]})
    assert done == {"revoked": [issued["id"]], "runs_stopped": 0}
    assert (await ask(gateway, "GET", "/runs", bearer=issued["token"]))[0] == 401


async def test_a_token_with_too_little_scope_is_told_which_would_do(gateway: Live) -> None:
    _, issued = await ask(gateway, "POST", "/tokens", {"agent": "narrow"})
    access, _ = await gateway.services.tokens.access(issued["id"], client_id="c", scope="other", lifetime_s=60)
    for path in ("/mcp", f"{PREFIX}/runs"):
        headers = {"Authorization": f"Bearer {access}"}
        async with gateway.http.get(f"{gateway.url}{path}", headers=headers) as answer:
            assert answer.status == 403
            assert 'scope="mcp", error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


async def test_a_run_is_seen_by_its_token_and_by_administrators_only(gateway: Live) -> None:
    mine, theirs = await gateway.token(), await gateway.token()
    status, run = await ask(gateway, "POST", "/runs", {"code": "return 1", "wait_seconds": 10}, bearer=mine)
    assert (status, run["status"], run["result"]) == (200, "completed", 1)
    path = f"/runs/{run['run_id']}"
    assert (await ask(gateway, "GET", path, bearer=mine))[1]["steps"] == []
    assert (await ask(gateway, "GET", path))[0] == 200
    status, refused = await ask(gateway, "GET", path, bearer=theirs)
    assert (status, refused["error"]["code"]) == (404, "not_found")


async def test_a_run_that_waits_for_an_event_gets_it(gateway: Live) -> None:
    bearer = await gateway.token()
    code = "return (await waitFor('go')).n + 1"
    _, run = await ask(gateway, "POST", "/runs", {"code": code, "wait_seconds": 10}, bearer=bearer)
    assert (run["status"], run["waiting"]["for"]) == ("waiting", "event")
    assert await ask(gateway, "POST", f"/runs/{run['run_id']}/events/go", {"n": 41}, bearer=bearer) == (
        200,
        {"ok": True},
    )
    _, ended = await ask(gateway, "GET", f"/runs/{run['run_id']}/result?wait_seconds=10", bearer=bearer)
    assert ended["result"] == 42


async def test_checks_types_and_the_catalog(gateway: Live) -> None:
    _, found = await ask(gateway, "POST", "/check", {"code": "return tools.fast.ad({})", "agent": "narrow"})
    assert found["ok"] is False and "add" in found["diagnostics"][0]["message"]
    _, types = await ask(gateway, "GET", "/types?agent=narrow")
    assert list(types["manifest"]["servers"]) == ["fast"]
    assert "export const fast" in types["declarations"]
    _, dump = await ask(gateway, "GET", "/catalog?server=fast")
    assert [tool["name"] for tool in dump[0]["tools"]][:2] == ["echo", "add"]


async def test_servers_and_policy(gateway: Live) -> None:
    for method, path in (("GET", "/servers"), ("POST", "/servers/check")):
        _, servers = await ask(gateway, method, path)
        assert [(server["name"], server["state"], server["tools"]) for server in servers] == [
            ("fast", "ready", 5),
            ("other", "ready", 5),
        ]
    question = {"agent": "narrow", "server": "other", "tool": "add", "args": {}}
    _, decision = await ask(gateway, "POST", "/policy/explain", question)
    assert decision["effect"] == "deny"
    _, doctor = await ask(gateway, "GET", "/doctor")
    assert {"name", "ok", "detail", "fix"} <= set(doctor["checks"][0])


@pytest.mark.parametrize(
    ("method", "path", "body", "says"),
    [
        ("POST", "/tokens", {"agent": "narrow", "tll": "2h"}, "tll"),
        ("POST", "/tokens", {"agent": "narrow", "ttl": "soon"}, "duration"),
        ("POST", "/tokens", None, "body"),
        ("POST", "/tokens/revoke", {}, "exactly one"),
        ("POST", "/runs", {"code": "return 1"}, "Which agent?"),
        ("GET", "/runs?status=done", None, "status"),
        ("GET", "/runs?limit=0", None, "limit"),
    ],
)
async def test_a_wrong_request_is_told_what_is_wrong(
    gateway: Live, method: str, path: str, body: Any, says: str
) -> None:
    status, told = await ask(gateway, method, path, body)
    assert (status, told["error"]["code"]) == (400, "usage")
    assert says in told["error"]["message"]


async def test_what_is_not_json_is_refused(gateway: Live) -> None:
    headers = {"Authorization": f"Bearer {gateway.services.admin_key}"}
    async with gateway.http.post(f"{gateway.url}{PREFIX}/tokens", data=b"{nope", headers=headers) as answer:
        assert answer.status == 400
        assert "not JSON" in (await answer.json())["error"]["message"]


async def test_a_token_is_no_administrator(gateway: Live) -> None:
    bearer = await gateway.token("narrow")
    for operation in OPERATIONS:
        if operation.open_to == "admin":
            body: dict[str, Any] | None = {} if operation.method == "POST" else None
            status, _ = await ask(gateway, operation.method, operation.path, body, bearer=bearer)
            assert status == 403, operation.path
    status, _ = await ask(gateway, "POST", "/check", {"code": "return 1", "agent": "tester"}, bearer=bearer)
    assert status == 403


async def test_the_document_describes_every_operation(gateway: Live) -> None:
    _, document = await ask(gateway, "GET", "/openapi.json")
    described = {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert described == {
        (PREFIX + operation.path.replace(":path}", "}"), operation.method.lower()) for operation in OPERATIONS
    }
    references = set(_references(document["paths"]))
    assert references
    assert references <= {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}


def _references(value: Any) -> Any:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        value = list(value.values())
    for item in value if isinstance(value, list) else ():
        yield from _references(item)


async def test_probes_and_metrics_need_no_bearer(gateway: Live) -> None:
    async with gateway.http.get(f"{gateway.url}/healthz") as answer:
        assert answer.status == 200
    async with gateway.http.get(f"{gateway.url}/readyz") as answer:
        assert (answer.status, await answer.json()) == (200, {"ready": True, "problems": {}})
    async with gateway.http.get(f"{gateway.url}/metrics") as answer:
        assert "gateway_runs_total" in await answer.text()
