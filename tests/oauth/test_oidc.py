"""People sign in through a real OpenID provider, which the bundled Deno runs."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio
from deno import find_deno_bin

from gateway.config import OidcSettings
from gateway.service.signin import sign_in_code
from tests.oauth.gate import Gate, answer_of, new_verifier

pytestmark = pytest.mark.asyncio(loop_scope="package")
SECRET = "a secret: with +%/ in it"
ROLES = {"operators": "admin", "finance": "finance"}


@asynccontextmanager
async def provider(gate: Gate, auth_method: str = "client_secret_basic") -> AsyncIterator[OidcSettings]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *(find_deno_bin(), "run", "--quiet", "--no-lock", "--no-config", "--allow-all"),
        *(str(Path(__file__).with_name("provider.ts")), str(port), f"{gate.url}/ui/sign-in/callback", auth_method),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        while line := await process.stdout.readline():
            if line == b"up\n":
                break
        assert line, "the provider did not start"
        secret = None if auth_method == "none" else SECRET
        issuer = f"http://127.0.0.1:{port}"
        yield OidcSettings(issuer=issuer, client_id="gateway", client_secret=secret, roles=ROLES)
    finally:
        process.kill()
        await process.wait()


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def running(started: Gate) -> AsyncIterator[OidcSettings]:
    async with provider(started) as settings:
        yield settings


@pytest.fixture
def oidc(gate: Gate, running: OidcSettings) -> OidcSettings:
    gate.configure(oidc=running)
    return running


async def at_provider(gate: Gate, url: str, login: str) -> str:
    """Sign in there as `login` and agree. Returns the URL that leads back."""
    for _ in range(10):
        async with gate.browser.get(url, allow_redirects=False) as answer:
            if answer.status in (302, 303):
                url = _location(answer)
                if url.startswith(gate.url):
                    return url
                continue
            page = await answer.text()
        prompt = re.search(r'name="prompt" value="(\w+)"', page)
        action = re.search(r'<form[^>]* action="([^"]+)"', page)
        assert prompt and action, page
        form = {"prompt": prompt[1], "login": login, "password": "x"}
        async with gate.browser.post(action[1], data=form, allow_redirects=False) as answer:
            url = _location(answer)
    raise AssertionError("redirected for ever")


def _location(answer: aiohttp.ClientResponse) -> str:
    to = answer.headers["Location"]
    return to if to.startswith("http") else str(answer.url.origin()) + to


async def to_provider(gate: Gate, then: str = "/ui/") -> str:
    """The provider's URL that a new visitor is sent to."""
    _, _, page = await gate.open(then)
    link = re.search(r'class="button" href="([^"]+)"', page)
    assert link, page
    _, url, _ = await gate.open(link[1])
    return url


async def sign_in(gate: Gate, login: str, then: str = "/ui/") -> tuple[int, str, str]:
    return await gate.open(await at_provider(gate, await to_provider(gate, then), login))


async def test_a_person_signs_in_and_has_their_own_agents(gate: Gate, oidc: OidcSettings) -> None:
    status, path, page = await sign_in(gate, "alice")
    assert (status, path) == (200, "/ui/")
    assert "alice@example.com" in page
    assert "The person alice" in page
    assert "Your agents" in page
    assert "triage" in page
    assert "brief" not in page

    client_id, verifier = (await gate.register())["client_id"], new_verifier()
    _, path, page = await gate.open(gate.authorize(client_id, verifier))
    assert "triage" in page
    assert "brief" not in page
    stolen = {"decision": "allow", "agent": "brief", "lifetime of brief": "600"}
    assert (await gate.send(path, page, **stolen))[0] == 403
    own = {"decision": "allow", "agent": "triage", "lifetime of triage": "86400"}
    _, location, _ = await gate.send(path, page, **own)
    status, tokens = await gate.redeem(client_id, answer_of(location)["code"], verifier)
    assert status == 200
    assert await gate.whoami(tokens["access_token"])


async def test_a_group_there_is_a_role_here(gate: Gate, oidc: OidcSettings) -> None:
    _, _, page = await sign_in(gate, "root")
    assert "All agents" in page
    assert "brief" in page
    assert "everybody" not in page, "a group without a role here is nothing here"


async def test_an_address_that_nobody_has_verified_is_not_who_someone_is(gate: Gate, oidc: OidcSettings) -> None:
    _, _, page = await sign_in(gate, "mallory")
    assert "mallory@example.com" not in page
    assert "<dd>mallory</dd>" in page


async def test_signing_in_on_the_way_to_a_consent_leads_back_to_it(gate: Gate, oidc: OidcSettings) -> None:
    client_id = (await gate.register())["client_id"]
    _, path, page = await sign_in(gate, "alice", gate.authorize(client_id, new_verifier()))
    assert path.startswith("/oauth/consent/")
    assert "An editor" in page


async def test_an_answer_works_once_and_in_the_browser_that_asked(gate: Gate, oidc: OidcSettings) -> None:
    callback = await at_provider(gate, await to_provider(gate), "alice")
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as other:
        await gate.open("/ui/sign-in", browser=other)
        status, _, page = await gate.open(callback, browser=other)
        assert status == 401
        assert "did not begin in this browser" in page
    assert (await gate.open(callback))[0] == 401, "whoever brings it first uses it up"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ("iss=http%3A%2F%2F127.0.0.1%3A1", "another provider"),
        ("code=wrong", "sent no ID token"),
        ("state=wrong", "did not begin in this browser"),
        ("error=access_denied", "did not sign you in"),
    ],
)
async def test_an_answer_that_is_not_in_order_signs_nobody_in(
    gate: Gate, oidc: OidcSettings, changed: str, said: str
) -> None:
    callback = await at_provider(gate, await to_provider(gate), "alice")
    name = changed.partition("=")[0]
    kept = [pair for pair in urlsplit(callback).query.split("&") if not pair.startswith(f"{name}=")]
    if name == "error":
        kept = [pair for pair in kept if not pair.startswith("code=")]
    status, _, page = await gate.open(f"/ui/sign-in/callback?{'&'.join([*kept, changed])}")
    assert status == 401
    assert said in page
    assert (await gate.open("/ui/"))[1].startswith("/ui/sign-in")


@pytest.mark.parametrize(
    "changed",
    [{"audience": "another"}, {"algorithms": ("RS256",)}, {"client_secret": "wrong"}],
    ids=["audience", "algorithm", "secret"],
)
async def test_settings_that_do_not_fit_the_provider_let_nobody_in(
    gate: Gate, oidc: OidcSettings, changed: dict[str, object]
) -> None:
    gate.configure(oidc=oidc.model_copy(update=changed))
    status, _, page = await sign_in(gate, "alice")
    assert status == 401
    assert "This did not work" in page


@pytest.mark.parametrize("auth_method", ["none", "client_secret_post"])
async def test_a_gateway_authenticates_as_the_provider_knows_it(gate: Gate, auth_method: str) -> None:
    async with provider(gate, auth_method) as settings:
        gate.configure(oidc=settings)
        status, _, page = await sign_in(gate, "alice")
        assert status == 200, page


async def test_without_a_provider_nobody_is_sent_to_one_and_with_it_no_code_is_printed(gate: Gate) -> None:
    assert (await gate.open("/ui/sign-in/provider"))[0] in (200, 404)
    assert await sign_in_code(gate.getting_in) is not None
    gate.configure(oidc=OidcSettings(issuer="https://127.0.0.1:1", client_id="x"))
    assert await sign_in_code(gate.getting_in) is None
    _, _, page = await gate.open("/ui/sign-in")
    assert 'name="code"' not in page
    status, _, page = await gate.open("/ui/sign-in/provider")
    assert status == 502
    assert "cannot be fetched" in page
