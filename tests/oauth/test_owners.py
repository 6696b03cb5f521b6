"""A server that lists other tools for each account: shown is the last one's list, called is by one's own."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from starlette.requests import Request
from starlette.responses import Response

from gateway.clock import now_ms
from gateway.config.load import load
from gateway.errors import UnknownTool
from gateway.identity.upstream_oauth import Credential, UpstreamClient
from gateway.service.credentials import Credentials
from gateway.store.client import Client
from gateway.store.grants import Grants
from gateway.upstream.pool import Upstreams
from tests.upstream.conftest import serving
from tests.upstream.scripted import Message, Scripted, reply

pytestmark = pytest.mark.asyncio(loop_scope="package")


class TwoAccounts(Scripted):
    """Each account has one tool, which is named for it."""

    async def answer(self, request: Request, message: Message) -> Response:
        self.tools = (request.headers["Authorization"].removeprefix("Bearer token-of-"),)
        return await super().answer(request, message)

    async def tell(self, request: Request, call: Message) -> Response:
        return reply(call, {"content": [], "structuredContent": {"account": self.tools[0]}, "resultType": "complete"})


async def test_an_owner_calls_the_tools_of_their_own_account(store: Client, tmp_path: Path) -> None:
    await store.send("FLUSHALL")
    server = TwoAccounts(modern=True)
    server.on_call = server.tell
    async with serving(server.app) as url:
        file = tmp_path / "gateway.json"
        file.write_bytes(orjson.dumps({"mcpServers": {"it": {"url": f"{url}/mcp", "credentials": "per_owner"}}}))
        config = load(file)
        credentials = Credentials(config, Grants(store), bytes(32), now_ms)
        for owner in ("ann", "bob"):
            client = UpstreamClient("gateway")
            kept = Credential(f"token-of-{owner}", now_ms(), None, f"{url}/token", f"{url}/mcp", "", client)
            await credentials.write("it", owner, kept)
        upstreams = Upstreams(config.servers, base_env={}, bearers=credentials.bearer)
        try:
            await upstreams.start()
            assert [tool.name for tool in upstreams.catalog.servers["it"].tools] == ["bob"]
            assert (await upstreams.call("it", "ann", {}, owner="ann")).structured == {"account": "ann"}
            assert (await upstreams.call("it", "bob", {}, owner="bob")).structured == {"account": "bob"}
            with pytest.raises(UnknownTool):
                await upstreams.call("it", "bob", {}, owner="ann")
        finally:
            await upstreams.close()
            await credentials.close()
