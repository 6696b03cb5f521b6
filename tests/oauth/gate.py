"""The ways in, without programs: real store, real HTTP, the real guard and authentication. `/mcp` says who came in."""

from __future__ import annotations

import asyncio
import base64
import html
import json
import re
import secrets
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from gateway.clock import now_ms
from gateway.config import Config, RequestCaps, load
from gateway.errors import GatewayError
from gateway.identity.fetch import Fetcher
from gateway.identity.grants import challenge_of
from gateway.identity.keys import KeyRing, admin_key
from gateway.model import JSON, Principal
from gateway.service.getting_in import GettingIn
from gateway.service.tokens import Tokens
from gateway.store.client import Client
from gateway.store.embedded import Embedded
from gateway.store.liveness import Liveness
from gateway.store.sessions import Sessions
from gateway.web import oauth, wellknown
from gateway.web.auth import BearerAuth, Challenge
from gateway.web.guard import Guard
from gateway.web.sites import Sites

ALICE, BOB = "alice@example.com", "bob@example.com"
REDIRECT = "http://127.0.0.1:33418/callback"
_FIELD = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')

AGENTS: dict[str, Any] = {
    "triage": {
        "owner": ALICE,
        "description": "sorts incoming tickets",
        "grants": [
            {"server": "git", "tools": ["git_*"], "when": {"read_only": True}},
            {
                "server": "crm",
                "tools": ["create_*"],
                "args": {"project": {"glob": "acme/*"}},
                "limits": {"per_minute": 10},
                "approval": {"by": "role:finance", "ttl": "10m"},
            },
        ],
    },
    "brief": {"owner": BOB, "max_ttl": "10m"},
}
CONFIG: dict[str, Any] = {
    "mcpServers": {"git": {"command": "true"}, "crm": {"command": "true"}},
    "agents": AGENTS,
    "deny": [{"server": "*", "tools": ["delete_*"]}],
}


class Clock:
    """The gateway's clock, which a test may put forward."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def __call__(self) -> int:
        return now_ms() + self.ahead_ms


@dataclass(slots=True)
class Gate:
    """One replica. `browser` has cookies, `http` has none."""

    config: Config
    tokens: Tokens
    getting_in: GettingIn
    clock: Clock
    admin: str
    url: str
    http: aiohttp.ClientSession
    browser: aiohttp.ClientSession
    recorded: list[str] = field(default_factory=list)
    """The events of the audit record."""

    def configure(self, **settings: Any) -> None:
        """Other settings of `gateway` are in force, until the end of the test."""
        changed = self.config.gateway.model_copy(update=settings)
        self.tokens.reload(self.config.model_copy(update={"gateway": changed}))

    @property
    def resource(self) -> str:
        return f"{self.url}/mcp"

    async def post(self, path: str, form: Mapping[str, str] | None = None, **more: Any) -> tuple[int, dict[str, Any]]:
        """Status and JSON of a POST as programs send it."""
        data = urlencode(form or {}) if form is not None else more.pop("data", None)
        headers = {"Content-Type": "application/x-www-form-urlencoded", **more.pop("headers", {})}
        async with self.http.post(self.url + path, data=data, headers=headers, **more) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else {}

    async def whoami(self, token: str) -> dict[str, Any] | None:
        """For whom a bearer opens `/mcp`; None: it does not."""
        async with self.http.post(self.resource, headers={"Authorization": f"Bearer {token}"}) as answer:
            return await answer.json() if answer.status == 200 else None

    async def register(self, **changed: Any) -> dict[str, Any]:
        body = {
            "client_name": "An editor",
            "redirect_uris": [REDIRECT],
            "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
            "token_endpoint_auth_method": "none",
            **changed,
        }
        headers = {"Content-Type": "application/json"}
        status, client = await self.post("/oauth/register", data=json.dumps(body), headers=headers)
        assert status == 201, client
        return client

    # --- a person's browser --------------------------------------------------------------------------------------

    async def open(self, path: str, *, browser: aiohttp.ClientSession | None = None) -> tuple[int, str, str]:
        """Status, final path with query, and text of a page, redirects within the gateway followed."""
        for _ in range(10):
            async with (browser or self.browser).get(self._at(path), allow_redirects=False) as answer:
                if answer.status not in (302, 303):
                    return answer.status, path, await answer.text()
                path = answer.headers["Location"]
                if not path.startswith(("/", self.url)):
                    return answer.status, path, ""
        raise AssertionError("redirected for ever")

    async def send(self, path: str, page: str, **fields: str) -> tuple[int, str, str]:
        """Send the form of a page, its hidden fields with it. Returns status, Location and text."""
        form = {name: html.unescape(value) for name, value in _FIELD.findall(page)} | fields
        async with self.browser.post(self._at(path), data=form, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location", ""), await answer.text()

    def _at(self, path: str) -> str:
        return path if path.startswith("http") else self.url + path

    async def sign_in(self) -> None:
        """As administrator, with a code."""
        _, path, page = await self.open("/ui/sign-in")
        status, location, text = await self.send(path, page, code=await self.getting_in.sign_in.new_code())
        assert (status, location) == (303, "/ui/"), text

    # --- a client ------------------------------------------------------------------------------------------------

    def authorize(self, client_id: str, verifier: str, /, **changed: str | None) -> str:
        """The path of an authorization request; None takes a parameter out."""
        asked = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": REDIRECT,
            "state": "state-1",
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
            "resource": self.resource,
            **changed,
        }
        return "/oauth/authorize?" + urlencode({name: value for name, value in asked.items() if value is not None})

    async def code(self, client_id: str, verifier: str, *, agent: str = "triage", lifetime: int = 86_400) -> str:
        """The code that the signed-in person lets the client have."""
        status, path, page = await self.open(self.authorize(client_id, verifier))
        assert status == 200, page
        fields = {"decision": "allow", "agent": agent, f"lifetime of {agent}": str(lifetime)}
        status, location, page = await self.send(path, page, **fields)
        assert status == 303, page
        return answer_of(location)["code"]

    async def redeem(self, client_id: str, code: str, verifier: str, **changed: str) -> tuple[int, dict[str, Any]]:
        form = {
            "grant_type": "authorization_code",
            "client_id": client_id,
            "code": code,
            "code_verifier": verifier,
            "redirect_uri": REDIRECT,
            "resource": self.resource,
        }
        return await self.post("/oauth/token", form | changed)

    async def refresh(self, client_id: str, refresh_token: str, **changed: str) -> tuple[int, dict[str, Any]]:
        form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": refresh_token}
        return await self.post("/oauth/token", form | changed)

    async def connect(self, *, agent: str = "triage", lifetime: int = 86_400) -> tuple[str, dict[str, Any]]:
        """A client that has gone all the way: its id, and the token response."""
        client_id, verifier = (await self.register())["client_id"], new_verifier()
        code = await self.code(client_id, verifier, agent=agent, lifetime=lifetime)
        status, tokens = await self.redeem(client_id, code, verifier)
        assert status == 200, tokens
        return client_id, tokens


def new_verifier() -> str:
    return secrets.token_urlsafe(48)


def answer_of(location: str) -> dict[str, str]:
    """The parameters of the redirect that answers a client."""
    return dict(parse_qsl(urlsplit(location).query, keep_blank_values=True))


def basic(client_id: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


async def _whoami(request: Request) -> Response:
    principal: Principal = request.scope["principal"]
    return JSONResponse({"agent": principal.agent, "token": principal.token_id, "sid": principal.sid})


def _application(gate: Gate, keys: KeyRing) -> ASGIApp:
    challenge = Challenge(wellknown.metadata_url(gate.tokens.audience))
    settings = gate.config.gateway
    app: ASGIApp = Starlette(
        routes=[
            Route("/mcp", _whoami, methods=["POST"]),
            *oauth.routes(gate.getting_in, admin_key=gate.admin),
            *wellknown.routes(resource=gate.resource, issuer=gate.url, scopes=["mcp"], ring=keys),
        ],
        exception_handlers={GatewayError: challenge.on_error},
    )
    app = BearerAuth(app, resolve=gate.tokens.resolve, challenge=challenge, admin_key=gate.admin)
    sites = Sites.of(listen=settings.listen, public_url=settings.public_url, allowed_origins=settings.allowed_origins)
    return Guard(app, sites=sites, max_body_bytes=2**20, caps=RequestCaps(), cross_site=("/mcp", *oauth.CROSS_SITE))


@asynccontextmanager
async def replica(
    folder: Path, store: Client, *, fetcher: Fetcher | None = None, clock: Clock | None = None, **settings: Any
) -> AsyncIterator[Gate]:
    """One gateway on `store`, its keys in `folder`. `settings` are those of `gateway`; `agents` replaces the agents."""

    with socket.create_server(("127.0.0.1", 0)) as bound:
        listen = f"127.0.0.1:{bound.getsockname()[1]}"
        agents = settings.pop("agents", AGENTS)
        file = folder / f"{listen.rpartition(':')[2]}.json"
        given = {"listen": listen, "registration": True, **settings}
        file.write_text(json.dumps({**CONFIG, "agents": agents, "gateway": given}))
        config = load(file, environ={})
        keys, clock = KeyRing.load_or_create(folder), clock or Clock()
        liveness, sessions = Liveness(store), Sessions(store)
        tokens = Tokens(config, keys, sessions, liveness, clock)
        recorded: list[str] = []

        async def revoke(token_id: str) -> None:
            await liveness.revoke([token_id])

        async def record(event: str, *, tenant: str = "default", **fields: JSON) -> None:
            recorded.append(event)
            json.dumps(fields)

        getting_in = GettingIn.build(
            tokens=tokens,
            store=store,
            liveness=liveness,
            clock=clock,
            revoke=revoke,
            record=record,
            fetcher=fetcher,
        )
        async with AsyncExitStack() as stack:
            http = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()))
            jar = aiohttp.CookieJar(unsafe=True)
            browser = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar))
            url = config.gateway.base_url
            gate = Gate(config, tokens, getting_in, clock, admin_key(folder), url, http, browser, recorded)
            server = uvicorn.Server(
                uvicorn.Config(
                    _application(gate, keys),
                    lifespan="off",
                    log_config=None,
                    access_log=False,
                    timeout_graceful_shutdown=1,
                )
            )
            group = await stack.enter_async_context(asyncio.TaskGroup())
            serving = group.create_task(server._serve(sockets=[bound]))
            while not server.started:
                await asyncio.sleep(0.005)
            try:
                yield gate
            finally:
                server.should_exit = True
                await serving


@asynccontextmanager
async def opened(folder: Path, **settings: Any) -> AsyncIterator[Gate]:
    """A gateway with a store of its own."""
    embedded = Embedded(folder / "store")
    (folder / "store").mkdir()
    await embedded.start()
    store = Client(embedded.url)
    try:
        async with replica(folder, store, **settings) as gate:
            yield gate
    finally:
        await store.close()
        await embedded.close()
