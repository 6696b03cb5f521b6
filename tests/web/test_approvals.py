"""The pages on which people answer what programs ask: real browser cookies and forms, a real run that waits."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
import pytest_asyncio

from gateway.errors import Conflict
from gateway.identity.people import Person
from gateway.service.approvals import Question, may_answer, visible
from tests.live import Live, live, stdio

pytestmark = pytest.mark.asyncio(loop_scope="module")

GRANT = {"server": "fast", "tools": ["*"], "approval": {"by": "role:finance", "ttl": "1h"}}
CONFIG = {"mcpServers": {"fast": stdio("fast.py")}, "agents": {"ours": {"owner": "admin", "grants": [GRANT]}}}
CALL = 'return (await tools.fast.echo({ text: "<script>alert(1)</script> \\u202eoff" }))'


@dataclass
class Desk:
    gateway: Live
    browser: aiohttp.ClientSession

    async def get(self, path: str) -> tuple[int, str]:
        async with self.browser.get(self.gateway.url + path) as answer:
            return answer.status, await answer.text()

    async def post(self, path: str, page: str, **fields: str) -> tuple[int, str]:
        csrf = re.search(r'name="csrf" value="([^"]+)"', page)
        assert csrf is not None
        async with self.browser.post(self.gateway.url + path, data={"csrf": csrf[1], **fields}) as answer:
            return answer.status, await answer.text()

    async def asked(self, code: str) -> tuple[str, str]:
        """A run of this program that waits, and the path of its question."""
        run = await self.gateway.execute(code, agent="ours", wait_seconds=10)
        assert run["waiting"]["for"] == "approval", run
        _, listed = await self.get("/ui/approvals")
        (path,) = re.findall(rf'href="(/ui/approvals/{run["run_id"]}/\d+)"', listed)
        return str(run["run_id"]), str(path)

    async def ended(self, run_id: str) -> dict[str, object]:
        principal = await self.gateway.principal("ours")
        return (await self.gateway.services.runs.result(principal, run_id, wait_seconds=10)).as_dict()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    jar = aiohttp.CookieJar(unsafe=True)
    async with (
        live(tmp_path_factory.mktemp("gateway"), CONFIG) as gateway,
        aiohttp.ClientSession(cookie_jar=jar) as web,
    ):
        desk = Desk(gateway, web)
        assert "Sign in" in (await desk.get("/ui/approvals"))[1]
        _, page = await desk.get("/ui/sign-in")
        await desk.post("/ui/sign-in", page, code=await gateway.services.sign_in.new_code())
        yield desk


async def test_a_person_sees_the_whole_call_and_agrees(desk: Desk) -> None:
    run_id, path = await desk.asked(CALL)
    _, page = await desk.get(path)
    assert "<script>" not in page
    assert '"text": "<script>alert(1)</script> \\u202eoff"' in html.unescape(page)
    status, said = await desk.post(path, page, decision="approve", comment="fine")
    assert (status, "You have agreed" in said) == (200, True)
    ended = await desk.ended(run_id)
    assert ended["status"] == "completed", ended
    status, again = await desk.post(path, page, decision="deny")
    assert (status, "waits for your answer" in again) == (404, True)


async def test_a_refusal_reaches_the_program_with_its_comment(desk: Desk) -> None:
    run_id, path = await desk.asked(
        "try { await tools.fast.echo({ text: 'x' }) } catch (error) { return error.message }"
    )
    _, page = await desk.get(path)
    await desk.post(path, page, decision="deny", comment="not today")
    assert (await desk.ended(run_id))["result"] == "admin did not approve fast:echo: not today"


async def test_a_programs_own_question_is_shown_as_such(desk: Desk) -> None:
    run_id, path = await desk.asked('return await approve("Send it?", { details: { to: ["a", "b"] } })')
    _, page = await desk.get(path)
    assert "A program asks you" in page and "Send it?" in page
    await desk.post(path, page, decision="approve")
    assert (await desk.ended(run_id))["result"] == {"approved": True, "by": "admin", "comment": None}


async def test_an_answer_needs_the_form_of_this_browser(desk: Desk) -> None:
    _, path = await desk.asked(CALL)
    async with desk.browser.post(desk.gateway.url + path, data={"decision": "approve"}) as answer:
        assert answer.status == 403
    _, page = await desk.get(path)
    assert (await desk.post(path, page))[0] == 400
    assert (await desk.get("/ui/approvals/run_x/1"))[0] == 404


@pytest.mark.parametrize(
    ("by", "person", "roles", "may"),
    [
        ("owner", "alice", (), True),
        ("owner", "bob", (), False),
        ("user:bob", "bob", (), True),
        ("user:bob", "alice", (), False),
        ("role:finance", "bob", ("finance",), True),
        ("role:finance", "alice", ("ops",), False),
        ("finance", "bob", ("finance",), False),
        ("role:finance", "root", ("admin",), True),
    ],
)
async def test_who_may_answer(by: str, person: str, roles: tuple[str, ...], may: bool) -> None:
    question = Question("run", 1, "triage", "alice", "t", "", by, None, False)
    assert may_answer(Person(id=person, name=person, roles=roles, ends_at=0), question) is may


async def test_what_cannot_be_read_is_not_answered_on_a_page() -> None:
    with pytest.raises(Conflict, match="too many to judge"):
        visible("x" * 20_001)
