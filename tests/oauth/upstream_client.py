"""The gateway's upstream client as the MCP conformance suite runs it: `python -m tests.oauth.upstream_client URL`. It
connects the server as a person would whom the authorization server asks nothing, and calls every tool."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp

from gateway.clock import now_ms
from gateway.config.environment import environment
from gateway.config.load import load
from gateway.errors import GatewayError, UpstreamUnavailable
from gateway.identity.people import administrator
from gateway.service.connect import Connect
from gateway.service.credentials import Credentials
from gateway.service.oauth import log_only
from gateway.store.client import Client
from gateway.store.embedded import Embedded
from gateway.store.grants import Grants
from gateway.upstream.pool import Upstreams

BROWSER = "b" * 43
MOST_STEPS = 3


def configuration(url: str, context: dict[str, Any]) -> dict[str, Any]:
    """As an operator would write it who was told of a client that was registered by hand."""
    authorization = {key: context[key] for key in ("client_id", "client_secret") if context.get(key)}
    if environment().get("MCP_CONFORMANCE_SCENARIO", "").startswith("auth/client-credentials"):
        authorization["flow"] = "client_credentials"
    # The suite knows clients by the document of this host, where a client has one.
    documented = environment().get("MCP_CONFORMANCE_SCENARIO") == "auth/basic-cimd"
    settings = {"public_url": "https://conformance-test.local"} if documented else {}
    return {"mcpServers": {"it": {"url": url, "authorization": authorization}}, "gateway": settings}


async def agree(url: str, connect: Connect) -> None:
    async with aiohttp.ClientSession() as browser, browser.get(url, allow_redirects=False) as answer:
        given = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))
    await connect.finish(given, administrator(now_ms=now_ms()), BROWSER)


async def use(upstreams: Upstreams, connect: Connect) -> None:
    """Call every tool; connect again where the credential is void or its scope too narrow."""
    (status,) = await upstreams.check()
    if status.state != "ready":
        await agree(await connect.begin("it", administrator(now_ms=now_ms()), BROWSER), connect)
        (status,) = await upstreams.check()
    if status.state != "ready":
        raise UpstreamUnavailable(str(status.error))
    for tool in upstreams.catalog.servers["it"].tools:
        for step in range(MOST_STEPS):
            try:
                await upstreams.call("it", tool.name, {})
                break
            except UpstreamUnavailable as error:
                if "scope" not in error.details or step == MOST_STEPS - 1:
                    raise
                await agree(await connect.begin("it", administrator(now_ms=now_ms()), BROWSER), connect)


async def main(url: str) -> None:
    context = json.loads(environment().get("MCP_CONFORMANCE_CONTEXT", "{}"))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "gateway.json"
        file.write_text(json.dumps(configuration(url, context)))
        config, embedded = load(file), Embedded(Path(folder) / "store")
        await embedded.start()
        client = Client(embedded.url)
        credentials = Credentials(config, Grants(client), bytes(32), now_ms)
        upstreams = Upstreams(config.servers, base_env={}, bearers=credentials.bearer)
        connect = Connect(credentials, log_only, upstreams.credentials_changed)
        try:
            oauth = config.servers["it"].oauth
            assert oauth is not None
            if oauth.flow == "authorization_code":
                await agree(await connect.begin("it", administrator(now_ms=now_ms()), BROWSER), connect)
            await upstreams.start()
            await use(upstreams, connect)
        finally:
            await upstreams.close()
            await credentials.close()
            await client.close()
            await embedded.close()


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[-1]))
    except GatewayError as error:
        sys.exit(f"{type(error).__name__}: {error}")
