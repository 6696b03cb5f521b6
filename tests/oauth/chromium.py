"""Headless Chromium, driven over the W3C WebDriver protocol that `chromedriver` speaks. Debian's packages are installed
when they are missing and this may be done here; else `NotInstallable` says why."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

PACKAGES = ("chromium", "chromium-driver")
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The key of an element's reference, fixed by the standard."""


class NotInstallable(Exception):
    pass


class Browser:
    """One window. What is looked for is waited for: a click may lead to another page."""

    def __init__(self, http: aiohttp.ClientSession, session: str) -> None:
        self._http = http
        self._session = session

    async def _send(self, method: str, path: str, **body: Any) -> Any:
        json = body if method == "POST" else None
        async with self._http.request(method, f"{self._session}{path}", json=json) as answer:
            value = (await answer.json())["value"]
        if answer.status != 200:
            raise AssertionError(f"{path}: {value['error']}: {value['message'][:500]}")
        return value

    async def open(self, url: str) -> None:
        await self._send("POST", "/url", url=url)

    async def url(self) -> str:
        return str(await self._send("GET", "/url"))

    async def sees(self, text: str) -> None:
        """The page says this, now or soon. `text` has no double quotes."""
        await self._find(f'//body[contains(normalize-space(.), "{text}")]', using="xpath")

    async def visible(self, css: str) -> bool:
        return bool(await self._send("GET", f"/element/{await self._find(css)}/displayed"))

    async def click(self, css: str) -> None:
        await self._send("POST", f"/element/{await self._find(css)}/click")

    async def type(self, css: str, text: str) -> None:
        await self._send("POST", f"/element/{await self._find(css)}/value", text=text)

    async def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(await self._send("GET", "/screenshot")))

    async def complaints(self) -> list[str]:
        """What the browser said in its console: violations of the CSP are there."""
        log = await self._send("POST", "/se/log", type="browser")
        return [entry["message"] for entry in log if "favicon.ico" not in entry["message"]]

    async def _find(self, what: str, *, using: str = "css selector") -> str:
        return str((await self._send("POST", "/element", using=using, value=what))[_ELEMENT])


@asynccontextmanager
async def chromium(*, dark: bool = False, size: str = "800,1100") -> AsyncIterator[Browser]:
    """Raises `NotInstallable`."""
    driver, binary = await _installed()
    process = await asyncio.create_subprocess_exec(
        driver, "--port=0", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, start_new_session=True
    )
    assert process.stdout is not None
    try:
        port = None
        while port is None and (line := await process.stdout.readline()):
            port = re.search(rb"started successfully on port (\d+)", line)
        assert port, "chromedriver did not start"
        arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            f"--window-size={size}",
        ]
        options = {"binary": binary, "args": [*arguments, *(["--force-dark-mode"] if dark else [])]}
        wanted = {
            "browserName": "chrome",
            "timeouts": {"implicit": 10_000},
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        async with aiohttp.ClientSession() as http:
            at = f"http://127.0.0.1:{int(port[1])}/session"
            async with http.post(at, json={"capabilities": {"alwaysMatch": wanted}}) as answer:
                started = (await answer.json())["value"]
            session = f"{at}/{started['sessionId']}"
            try:
                yield Browser(http, session)
            finally:
                await http.delete(session)
    finally:
        process.kill()
        await process.wait()


async def _installed() -> tuple[str, str]:
    found = _found()
    if found is not None:
        return found
    if os.getuid() != 0 or shutil.which("apt-get") is None:
        raise NotInstallable(f"Chromium is missing: install {' and '.join(PACKAGES)}")
    for arguments in (("update",), ("install", "-y", "--no-install-recommends", *PACKAGES)):
        process = await asyncio.create_subprocess_exec(
            "apt-get", "-q", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await process.communicate()
        if process.returncode:
            raise NotInstallable(f"apt-get {arguments[0]} failed: {said.decode(errors='replace')[-300:]}")
    found = _found()
    if found is None:
        raise NotInstallable("Chromium was installed but is not on PATH")
    return found


def _found() -> tuple[str, str] | None:
    driver, binary = shutil.which("chromedriver"), shutil.which("chromium")
    return (driver, binary) if driver and binary else None
