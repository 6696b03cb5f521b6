"""A person who has signed in with a one-time code, in a browser of their own."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from tests.live import Live

_CSRF = re.compile(r'name="csrf" value="([^"]+)"')


@asynccontextmanager
async def signed_in(gateway: Live) -> AsyncIterator[aiohttp.ClientSession]:
    code = await gateway.services.sign_in.new_code()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        async with browser.get(f"{gateway.url}/ui/sign-in") as answer:
            found = _CSRF.search(await answer.text())
        assert found is not None
        form = {"csrf": found[1], "code": code}
        async with browser.post(f"{gateway.url}/ui/sign-in", data=form, headers={"Origin": gateway.url}) as answer:
            assert answer.status == 200, await answer.text()
        yield browser
