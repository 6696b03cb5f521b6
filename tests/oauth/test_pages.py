"""The pages themselves: what they may load, who may frame them, what their cookie is, where they lead."""

from __future__ import annotations

import re
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from gateway.store.client import Client
from tests.oauth.gate import REDIRECT, Gate, new_verifier, replica

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_every_page_is_closed_to_scripts_frames_and_caches(gate: Gate) -> None:
    await gate.sign_in()
    client_id = (await gate.register())["client_id"]
    _, consent, _ = await gate.open(gate.authorize(client_id, new_verifier()))
    paths = ["/ui/", "/ui/sign-in", "/device", consent, "/oauth/consent/nothing", "/oauth/authorize"]
    for path in paths:
        async with gate.browser.get(gate.url + path) as answer:
            page = await answer.text()
            policy = dict(
                part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";")
            )
            headers = answer.headers
        assert policy["default-src"] == "'none'"
        assert policy["style-src"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert policy["base-uri"] == "'none'"
        targets = "'self' http://127.0.0.1:33418" if path == consent else "'self'"
        assert policy["form-action"] == targets, path
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert not re.search(r"<script|<style|\son\w+=|style=|javascript:", page)
        assert '<html lang="en">' in page
        assert len(re.findall(r"<h1", page)) == 1
    async with gate.http.get(f"{gate.url}/ui/static/gateway.css") as answer:
        assert (answer.status, answer.content_type) == (200, "text/css")


async def test_nobody_is_left_without_a_way_on(gate: Gate) -> None:
    status, path, page = await gate.open("/")
    assert (status, path) == (200, "/ui/sign-in?then=%2Fui%2F"), "the address alone leads in"
    status, _, page = await gate.send(path, page, code="BCDF-GHJK-LMNP")
    assert status == 401 and '<a href="/ui/">' in page


@pytest.mark.parametrize(
    ("redirect_uri", "source"),
    [
        ("https://app.example/cb", "https://app.example"),
        ("http://[::1]:5/cb", "http:"),
        ("com.example.app:/cb", "com.example.app:"),
    ],
)
async def test_a_form_may_end_where_the_client_is_and_nowhere_else(gate: Gate, redirect_uri: str, source: str) -> None:
    await gate.sign_in()
    client_id = (await gate.register(redirect_uris=[redirect_uri]))["client_id"]
    path = gate.authorize(client_id, new_verifier(), redirect_uri=redirect_uri)
    async with gate.browser.get(gate.url + path) as answer:
        assert f"form-action 'self' {source};" in answer.headers["Content-Security-Policy"]


async def test_the_cookie_is_for_this_gateway_alone(gate: Gate, store: Client, tmp_path: Path) -> None:
    async with gate.http.get(f"{gate.url}/ui/sign-in") as answer:
        cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"gateway_{URL(gate.url).port}=")
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    async with replica(tmp_path, store, public_url="https://gw.example") as public:
        local = f"http://{public.config.gateway.listen}/ui/sign-in"
        async with public.http.get(local, headers={"Host": "gw.example"}) as answer:
            cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-gateway=")
    assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


async def test_signing_in_changes_the_cookie_and_signing_out_ends_it(gate: Gate) -> None:
    async def cookie() -> str:
        return next(iter(gate.browser.cookie_jar.filter_cookies(URL(gate.url)).values())).value

    _, path, page = await gate.open("/ui/sign-in")
    before = await cookie()
    await gate.send(path, page, code=await gate.getting_in.sign_in.new_code())
    signed_in = await cookie()
    assert signed_in != before, "a cookie that somebody has planted is worth nothing"
    _, _, page = await gate.open("/ui/")
    assert "Administrator" in page
    assert "All agents" in page

    assert (await gate.send("/ui/sign-out", page, csrf="x"))[0] == 403
    assert (await gate.send("/ui/sign-out", page))[:2] == (303, "/ui/sign-in")
    name = f"gateway_{URL(gate.url).port}"
    async with aiohttp.ClientSession(cookies={name: signed_in}, cookie_jar=aiohttp.CookieJar(unsafe=True)) as thief:
        _, path, _ = await gate.open("/ui/", browser=thief)
    assert path.startswith("/ui/sign-in?"), "the session has ended, whoever holds its cookie"


async def test_a_session_ends_after_half_a_day(gate: Gate) -> None:
    await gate.sign_in()
    gate.clock.ahead_ms = 12 * 3_600_000 + 1
    assert (await gate.open("/ui/"))[1].startswith("/ui/sign-in?")


async def test_a_code_signs_in_once_within_a_quarter_of_an_hour_however_it_is_typed(gate: Gate) -> None:
    code = await gate.getting_in.sign_in.new_code()
    assert re.fullmatch(r"[B-DF-HJ-NP-TV-XZ]{4}(-[B-DF-HJ-NP-TV-XZ]{4}){2}", code)
    _, path, page = await gate.open(f"/ui/sign-in?code={code}")
    assert f'value="{code}"' in page
    assert (await gate.send(path, page, code="BCDF-GHJK-LMNP"))[0] == 401
    assert (await gate.send(path, page, code=""))[0] == 401
    assert (await gate.send(path, page, code=code.lower().replace("-", " ")))[0] == 303
    assert (await gate.send(path, (await gate.open("/ui/sign-in"))[2], code=code))[0] == 401


async def test_guessing_sign_in_codes_is_slow(gate: Gate) -> None:
    _, path, page = await gate.open("/ui/sign-in")
    statuses = [(await gate.send(path, page, code=f"BCDF-GHJK-LM{n}B"))[0] for n in range(15)]
    assert statuses[:10] == [401] * 10
    assert 429 in statuses[10:]


@pytest.mark.parametrize(
    "then",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "evil", "javascript:alert(1)", "/a\nb", ""],
)
async def test_after_signing_in_nobody_is_led_to_another_site(gate: Gate, then: str) -> None:
    _, _, page = await gate.open("/ui/sign-in")
    code = await gate.getting_in.sign_in.new_code()
    _, location, _ = await gate.send("/ui/sign-in", page, code=code, then=then)
    assert location == "/ui/"


async def test_a_person_sees_what_they_have_connected_and_shuts_it_off(gate: Gate) -> None:
    await gate.sign_in()
    client_id, tokens = await gate.connect()
    _, _, page = await gate.open("/ui/")
    assert "An editor" in page
    family = gate.tokens.read(tokens["access_token"]).jti
    assert (await gate.send("/ui/end", page, consent="tok_other"))[0] == 404
    assert (await gate.send("/ui/end", page, consent=family, csrf="x"))[0] == 403
    assert await gate.whoami(tokens["access_token"])

    assert (await gate.send("/ui/end", page, consent=family))[:2] == (303, "/ui/")
    assert await gate.whoami(tokens["access_token"]) is None
    assert (await gate.refresh(client_id, tokens["refresh_token"]))[1]["error"] == "invalid_grant"
    assert "An editor" not in (await gate.open("/ui/"))[2]
    assert gate.recorded[-1] == "consent.ended"


async def test_a_person_without_agents_is_told_what_to_do(gate: Gate) -> None:
    gate.tokens.reload(gate.config.model_copy(update={"agents": {}}))
    await gate.sign_in()
    _, _, page = await gate.open("/ui/")
    assert "No agent of this gateway is yours" in page
    client_id = (await gate.register())["client_id"]
    _, path, page = await gate.open(gate.authorize(client_id, new_verifier()))
    assert "No agent of this gateway is yours to give" in page
    _, location, _ = await gate.send(path, page, decision="refuse")
    assert location.startswith(REDIRECT)
