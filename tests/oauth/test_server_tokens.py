"""Tokens for a server that asks for OAuth: blanked wherever it gives them back, and got by one replica for all."""

from __future__ import annotations

import asyncio
import base64
import itertools
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
import pytest_asyncio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway import telemetry
from gateway.clock import now_ms
from gateway.config import Config
from gateway.config.load import load
from gateway.engine.scrub import BLANK
from gateway.errors import UpstreamUnavailable
from gateway.service.credentials import Credentials
from gateway.store.client import Client
from gateway.store.grants import Grants
from gateway.upstream.pool import Upstreams
from tests.upstream.conftest import serving
from tests.upstream.scripted import Message, Scripted, reply

pytestmark = pytest.mark.asyncio(loop_scope="package")
SECRET = "client-s3cret-0123456789"


class Reflecting(Scripted):
    """It issues the tokens itself, and does what is called with what the arguments say."""

    def __init__(self) -> None:
        super().__init__(self.reflect, modern=True)
        self.tokens: list[str] = []
        self.issues = True
        self._numbers = itertools.count(1)
        described = (("oauth-protected-resource/mcp", self.resource), ("oauth-authorization-server", self.issuer))
        self.app.router.routes += [Route(f"/.well-known/{name}", handler) for name, handler in described]
        self.app.router.routes.append(Route("/token", self.token, methods=["POST"]))

    async def resource(self, request: Request) -> Response:
        at = str(request.base_url).rstrip("/")
        return JSONResponse({"resource": f"{at}/mcp", "authorization_servers": [at]})

    async def issuer(self, request: Request) -> Response:
        at = str(request.base_url).rstrip("/")
        ends = {"authorization_endpoint": f"{at}/authorize", "token_endpoint": f"{at}/token"}
        return JSONResponse({"issuer": at, **ends, "code_challenge_methods_supported": ["S256"]})

    async def token(self, request: Request) -> Response:
        if not self.issues:
            return JSONResponse({"error": "invalid_client", "error_description": f"{SECRET} is wrong"}, 401)
        self.tokens.append(f"opaque/t0ken+{next(self._numbers)}-0123456789abcdef")
        return JSONResponse({"access_token": self.tokens[-1], "token_type": "Bearer", "expires_in": 3_600})

    async def reflect(self, request: Request, call: Message) -> Response:
        sent = request.headers["Authorization"]
        match call["params"]["arguments"].get("how"):
            case "refused":
                error = {"code": -32000, "message": f"{sent} may not"}
                return JSONResponse({"jsonrpc": "2.0", "id": call["id"], "error": error})
            case "broken":
                return Response(f"no upstream for {sent}", 500)
            case "scope":
                challenge = f'Bearer error="insufficient_scope", scope="{sent.removeprefix("Bearer ")}"'
                return Response(status_code=403, headers={"WWW-Authenticate": challenge})
            case "stale" if sent == f"Bearer {self.tokens[0]}":
                return Response(status_code=401)
        basic = base64.b64encode(b"x" + sent.encode()).decode()
        shown = [sent, basic, *self.tokens]
        return reply(call, {"content": [], "structuredContent": {"seen": shown, sent: 1}, "resultType": "complete"})


@pytest_asyncio.fixture(loop_scope="package")
async def server() -> Reflecting:
    return Reflecting()


@pytest_asyncio.fixture(loop_scope="package")
async def config(
    server: Reflecting, store: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Config]:
    await store.send("FLUSHALL")
    monkeypatch.setenv("CLIENT_SECRET", SECRET)
    authorization = {"flow": "client_credentials", "client_id": "gateway", "client_secret": "${CLIENT_SECRET}"}
    async with serving(server.app) as url:
        file = tmp_path / "gateway.json"
        file.write_bytes(orjson.dumps({"mcpServers": {"it": {"url": f"{url}/mcp", "authorization": authorization}}}))
        yield load(file)


@pytest_asyncio.fixture(loop_scope="package")
async def upstreams(config: Config, store: Client) -> AsyncIterator[Upstreams]:
    credentials = Credentials(config, Grants(store), bytes(32), now_ms)
    upstreams = Upstreams(config.servers, base_env={}, bearers=credentials.bearer)
    try:
        await upstreams.start()
        yield upstreams
    finally:
        await upstreams.close()
        await credentials.close()


async def test_in_results_in_every_form_and_after_a_renewal(upstreams: Upstreams, server: Reflecting) -> None:
    result = await upstreams.call("it", "go", {})
    assert result.structured == {"seen": [f"Bearer {BLANK}", f"eEJlYXJlciB{BLANK}", BLANK], f"Bearer {BLANK}": 1}
    renewed = await upstreams.call("it", "go", {"how": "stale"})
    assert len(server.tokens) == 2, "the first was refused"
    assert "t0ken" not in str(renewed.structured), "neither the new one nor the one before"


@pytest.mark.parametrize("how", ["broken", "scope"])
async def test_in_errors(upstreams: Upstreams, how: str) -> None:
    with pytest.raises(UpstreamUnavailable) as raised:
        await upstreams.call("it", "go", {"how": how})
    assert BLANK in raised.value.message and "t0ken" not in str(raised.value.as_dict())


async def test_in_what_a_tool_refuses(upstreams: Upstreams) -> None:
    refused = await upstreams.call("it", "go", {"how": "refused"})
    assert refused.is_error and refused.content[0]["text"] == f"MCP error -32000: Bearer {BLANK} may not"


async def test_the_issuer_does_not_get_the_clients_secret_into_a_program(
    upstreams: Upstreams, server: Reflecting, store: Client
) -> None:
    server.issues = False
    await store.send("FLUSHALL")
    with pytest.raises(UpstreamUnavailable, match=f"refused: {BLANK} is wrong"):
        await upstreams.call("it", "go", {})


@pytest.mark.usefixtures("upstreams")
async def test_in_log_lines(server: Reflecting, capsys: pytest.CaptureFixture[str]) -> None:
    before = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        telemetry.configure_logs("info", json_logs=False)
        logging.getLogger("gateway").warning("it said %s", server.tokens)
    finally:
        logging.getLogger().handlers[:] = before[0]
        logging.getLogger().setLevel(before[1])
    assert f"it said ['{BLANK}']" in capsys.readouterr().err


async def test_two_replicas_get_one_token(config: Config, store: Client, server: Reflecting) -> None:
    replicas = [Credentials(config, Grants(store), bytes(32), now_ms) for _ in range(2)]
    refused = None
    for number in (1, 2):
        asked = [one.good("it", "", refused=refused) for one in replicas for _ in range(5)]
        got = {credential.access_token for credential in await asyncio.gather(*asked)}
        assert got == {server.tokens[-1]} and len(server.tokens) == number
        [refused] = got
    for one in replicas:
        await one.close()
