"""Upstream servers that ask for OAuth. The server is another gateway of ours: its authorization server rotates refresh
tokens, and ends everything when one is used twice."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from gateway.identity.records import loads
from gateway.identity.seal import unseal
from gateway.identity.upstream_oauth import Credential
from gateway.store import keys
from tests.live import Live, live, stdio

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADD = "return (await tools.far.execute({ code: 'return (await tools.fast.add({ a: 1, b: 2 })).sum' }))"
OPEN = [{"server": "*", "tools": ["*"]}]


@dataclass
class Pair:
    """`near` has `far` behind it."""

    near: Live
    far: Live
    browser: aiohttp.ClientSession

    async def get(self, url: str) -> str:
        async with self.browser.get(url) as answer:
            self.last = answer
            return await answer.text()

    async def submit(self, at: str, page: str, action: str, **fields: str) -> str:
        """Send the form of the page that has this action, as the browser would."""
        form = next(
            f for f in re.findall(r"<form.*?</form>", page, re.DOTALL) if f'action="{action}"' in f or not action
        )
        csrf = re.search(r'name="csrf" value="([^"]+)"', form)
        assert csrf is not None
        async with self.browser.post(at, data={"csrf": csrf[1], **fields}) as answer:
            self.last = answer
            return await answer.text()

    async def sign_in(self, gateway: Live) -> None:
        code = await gateway.services.sign_in.new_code()
        page = await self.get(f"{gateway.url}/ui/sign-in")
        await self.submit(f"{gateway.url}/ui/sign-in", page, "/ui/sign-in", code=code)

    async def connect(self, server: str = "far") -> str:
        """Walk the whole way, agreeing at the other side. Returns the last page."""
        page = await self.get(f"{self.near.url}/ui/connect")
        on = await self.submit(f"{self.near.url}/ui/connect", page, "/ui/connect", server=server)
        link = re.search(r'<a class="button" href="([^"]+)"', on)
        assert link is not None, on
        consent = await self.get(html.unescape(link[1]))
        fields = {"decision": "allow", "agent": "tester", "lifetime of tester": "86400"}
        return await self.submit(str(self.last.url), consent, "", **fields)

    async def run(self, code: str = ADD, agent: str = "ours") -> dict[str, Any]:
        return await self.near.execute(code, agent=agent)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    folder = tmp_path_factory.mktemp("far"), tmp_path_factory.mktemp("near")
    behind = {
        "mcpServers": {"fast": stdio("fast.py")},
        "agents": {"tester": {"owner": "admin", "grants": OPEN}},
        "gateway": {"registration": True, "pool_size": 1},
    }
    async with live(folder[0], behind) as far:
        far_url = {"url": f"{far.url}/mcp"}
        front = {
            "mcpServers": {"far": {**far_url, "credentials": "per_owner"}, "all": {**far_url, "authorization": {}}},
            "agents": {
                "ours": {"owner": "admin", "grants": OPEN},
                "theirs": {"owner": "bob@example.com", "grants": OPEN},
            },
            "gateway": {"pool_size": 1},
        }
        async with (
            live(folder[1], front) as near,
            aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser,
        ):
            pair = Pair(near, far, browser)
            await pair.sign_in(far)
            await pair.sign_in(near)
            yield pair


async def listed(pair: Pair, server: str) -> None:
    """Until programs may be written against the tools of the server."""
    principal = await pair.near.principal("ours")
    while not any(name == server for name, _ in pair.near.services.publisher.visible(principal)):
        await pair.near.services.upstreams.check()


async def credential(pair: Pair) -> tuple[bytes, Credential]:
    """As it is kept, and what it says."""
    client = pair.near.services.floor.client
    found = [key async for key in _scan(client, f"{keys.PREFIX}*credential*far/*")]
    (key,) = found
    stored = (await client.send("GET", key))[16:]
    place = "credential/" + key.decode().rpartition(":")[2]
    key_file = pair.near.services.credentials._key
    return stored, loads(Credential, unseal(key_file, stored, place))


async def _scan(client: Any, pattern: str) -> AsyncIterator[bytes]:
    for key in await client.send("KEYS", pattern):
        yield key


async def test_a_server_that_nobody_has_connected_says_where_to(pair: Pair) -> None:
    (status,) = [one for one in await pair.near.services.upstreams.check() if one.name == "far"]
    assert status.state == "failed"
    assert f"{pair.near.url}/ui/connect" in str(status.error)


async def test_an_owner_connects_and_their_agents_alone_use_it(pair: Pair) -> None:
    assert "far is connected" in await pair.connect()
    await listed(pair, "far")
    ran = await pair.run()
    assert ran["status"] == "completed", ran
    assert ran["result"]["result"] == 3
    other = await pair.run(agent="theirs")
    assert (other["status"], other["error"]["code"]) == ("failed", "upstream_unavailable")
    assert "not connected for bob@example.com" in other["error"]["message"]


async def test_tokens_are_kept_encrypted_and_shown_nowhere(pair: Pair) -> None:
    stored, kept = await credential(pair)
    assert kept.refresh_token is not None
    for secret in (kept.access_token, kept.refresh_token):
        assert secret.encode() not in stored
        page = await pair.get(f"{pair.near.url}/ui/connect")
        assert secret not in page and "connected" in page


async def test_a_token_that_ends_is_renewed_once_however_many_ask(pair: Pair) -> None:
    _, before = await credential(pair)
    credentials = pair.near.services.credentials
    clock, credentials._clock = credentials._clock, lambda: clock() + 3_590_000
    try:
        tokens = await asyncio.gather(*(credentials.good("far", "admin") for _ in range(20)))
    finally:
        credentials._clock = clock
    _, after = await credential(pair)
    assert {one.access_token for one in tokens} == {after.access_token} and after.access_token != before.access_token
    assert after.refresh_token != before.refresh_token
    assert (await pair.run())["status"] == "completed", "a refresh token used twice would have ended the consent"


async def test_a_token_that_is_refused_is_renewed(pair: Pair) -> None:
    credentials = pair.near.services.credentials
    _, kept = await credential(pair)
    broken = Credential(**{name: getattr(kept, name) for name in kept.__slots__} | {"access_token": "stale"})
    await credentials.write("far", "admin", broken)
    assert (await pair.run())["status"] == "completed"
    assert (await credential(pair))[1].access_token != "stale"


async def test_a_connection_for_all_is_made_by_an_administrator(pair: Pair) -> None:
    assert "all is connected" in await pair.connect("all")
    await listed(pair, "all")
    ran = await pair.run(ADD.replace("far", "all"), agent="theirs")
    assert ran["result"]["result"] == 3


async def test_what_the_other_side_ends_has_to_be_connected_again(pair: Pair) -> None:
    await pair.far.services.revoker.tokens()
    ran = await pair.run()
    assert ran["status"] == "failed" and "/ui/connect" in ran["error"]["message"], ran
    assert "far is connected" in await pair.connect()
    assert (await pair.run())["status"] == "completed"


async def test_an_owner_takes_it_back(pair: Pair) -> None:
    async def states() -> list[object]:
        return [token["state"] for token in await pair.far.services.tokens.list()]

    assert "live" in await states()
    page = await pair.get(f"{pair.near.url}/ui/connect")
    after = await pair.submit(f"{pair.near.url}/ui/connect/end", page, "/ui/connect/end", server="far")
    assert "not connected" in after
    assert "live" not in await states(), "the other side was told too"
    assert (await pair.run())["status"] == "failed"


@pytest.mark.parametrize("given", ["", "?state=x&code=y", "?error=access_denied"])
async def test_an_answer_that_nobody_asked_for_connects_nothing(pair: Pair, given: str) -> None:
    page = await pair.get(f"{pair.near.url}/ui/connect/callback{given}")
    assert pair.last.status == 401 and "did not begin in this browser" in page


async def test_forms_of_other_sites_connect_nothing(pair: Pair) -> None:
    async with pair.browser.post(f"{pair.near.url}/ui/connect", data={"server": "far", "csrf": "x"}) as answer:
        assert answer.status == 403
