"""An MCP client as people use them: the SDK's, with its own OAuth, and a callback server as desktop clients have it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2
from aiohttp import web
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl

Visit = Callable[[str], Awaitable[None]]
"""What a person does in the browser that the client has opened at a URL. Ends at the client's callback."""


@dataclass(slots=True)
class Storage:
    """What the client keeps between two starts."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


@asynccontextmanager
async def connected(
    url: str, visit: Visit, storage: Storage, *, document: str | None = None, callback: str = "/callback"
) -> AsyncIterator[Client]:
    """A client of the MCP server at `url`. `document` is the URL of its metadata document, if it has one."""
    answered: asyncio.Future[AuthorizationCodeResult] = asyncio.get_running_loop().create_future()

    async def receive(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == callback and not answered.done():
            answered.set_result(AuthorizationCodeResult(**request.query))
        return web.Response(text="You can close this window.")

    runner = web.ServerRunner(web.Server(receive), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]

    async def answer() -> AuthorizationCodeResult:
        return await answered

    provider = OAuthClientProvider(
        url,
        OAuthClientMetadata(
            client_name="Desk client",
            redirect_uris=[AnyUrl(f"http://127.0.0.1:{port}{callback}")],
            grant_types=["authorization_code", "refresh_token"],
            token_endpoint_auth_method="none",
        ),
        storage,
        redirect_handler=visit,
        callback_handler=answer,
        client_metadata_url=document,
    )
    try:
        async with contextlib.AsyncExitStack() as stack:
            http = await stack.enter_async_context(httpx2.AsyncClient(auth=provider, timeout=30, trust_env=False))
            transport = streamable_http_client(url, http_client=http)
            yield await stack.enter_async_context(Client(transport))
    finally:
        await runner.cleanup()
