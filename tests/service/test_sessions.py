"""Sessions: what their state may hold, who sees them, and what deleting one does."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.config import Limits
from gateway.errors import Conflict, NotFound, UsageError
from gateway.web.auth import ADMIN
from tests.live import Live

pytestmark = pytest.mark.asyncio(loop_scope="package")

CATCH = 'try { await state.set(%s); return "kept" } catch (error: any) { return [error.limit, error.message] }'


@pytest.mark.parametrize(
    ("caps", "call", "cap"),
    [
        ({"state_value_kb": 1}, '"k", "x".repeat(1024)', "state_value_kb"),
        ({"state_keys": 2}, '"third", 1', "state_keys"),
        ({"state_mb": 1}, '"big", "x".repeat(1_000_000)', "state_mb"),
    ],
)
async def test_a_cap_on_state_names_itself_and_keeps_nothing(
    gateway: Live, monkeypatch: pytest.MonkeyPatch, caps: dict[str, int], call: str, cap: str
) -> None:
    held = 'await state.set("one", "y".repeat(100_000)); await state.set("two", 2); return state.keys()'
    await gateway.execute(held, session="caps")
    gateway.configure(monkeypatch, limits=Limits(**{"state_value_kb": 2_000, **caps}))
    told, message = (await gateway.execute(CATCH % call, session="caps"))["result"]
    assert told == cap and cap in message
    assert (await gateway.execute("return state.keys()", session="caps"))["result"] == ["one", "two"]
    same = 'await state.set("two", 3); return "kept"'
    assert (await gateway.execute(same, session="caps"))["result"] == "kept"


async def listed(gateway: Live, name: str) -> dict[str, Any]:
    found = await gateway.services.runs.sessions.list(ADMIN, agent="tester")
    return next(one for one in found if one["session"] == name)


async def test_a_session_tells_what_it_holds(gateway: Live) -> None:
    run = await gateway.execute('await state.set("cursor", [1, 2]); await waitFor("x")', session="shown")
    row = await listed(gateway, "shown")
    assert (row["keys"], row["bytes"], row["runs"], row["live_runs"]) == (1, len("cursor[1,2]"), 1, 1)
    shown = await gateway.services.runs.sessions.show(await gateway.principal(), "shown")
    assert shown["state"] == [{"key": "cursor", "bytes": 5}]
    assert [(one["run_id"], one["status"]) for one in shown["runs"]] == [(run["run_id"], "waiting")]


async def test_a_session_with_live_runs_is_deleted_only_when_they_may_be_cancelled(gateway: Live) -> None:
    run = await gateway.execute('await state.set("n", 1); await waitFor("x")', session="gone")
    desk, principal = gateway.services.runs.sessions, await gateway.principal()
    with pytest.raises(Conflict, match=run["run_id"]):
        await desk.delete(principal, "gone")
    assert (await desk.show(principal, "gone"))["keys"] == 1
    done = await desk.delete(principal, "gone", cancel=True)
    assert done["cancelled"] == [run["run_id"]]
    assert (await gateway.services.runs.show(principal, run["run_id"])).status == "cancelled"
    with pytest.raises(NotFound):
        await desk.show(principal, "gone")
    assert (await gateway.execute('return await state.get("n")', session="gone"))["result"] is None


async def test_sessions_of_others_do_not_exist_and_names_may_be_ambiguous(gateway: Live) -> None:
    desk = gateway.services.runs.sessions
    for agent in ("tester", "other"):
        await gateway.execute("return 1", session="twice", agent=agent)
    other = await gateway.principal("other")
    assert {one["agent"] for one in await desk.list(other)} == {"other"}
    assert (await desk.show(other, "twice"))["agent"] == "other"
    with pytest.raises(UsageError, match="2 tokens have a session 'twice'"):
        await desk.show(ADMIN, "twice")
    assert (await desk.show(ADMIN, "twice", agent="other"))["token"] == other.token_id
    with pytest.raises(NotFound):
        await desk.delete(other, "nowhere")


async def test_a_token_has_no_more_sessions_than_it_may(gateway: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    issued = await gateway.services.tokens.issue("tester", ttl_seconds=60)
    principal = await gateway.services.tokens.resolve(issued["token"])
    gateway.configure(monkeypatch, max_sessions=1)
    await gateway.services.runs.execute(principal, "return 1", session="a")
    with pytest.raises(UsageError, match="max_sessions = 1"):
        await gateway.services.runs.execute(principal, "return 1", session="b")
    await gateway.services.runs.execute(principal, "return 1", session="a")
