"""A small application behind the real guard and the real authentication, served by uvicorn on a port of its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import uvicorn
from anyio import to_thread
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from gateway.config import RequestCaps
from gateway.errors import Forbidden, GatewayError, StoreUnavailable, Unauthenticated
from gateway.identity.keys import KeyRing, admin_key
from gateway.identity.tokens import mint, verify
from gateway.model import Principal
from gateway.web import wellknown
from gateway.web.auth import SCOPE, BearerAuth, Challenge, Resolve
from gateway.web.guard import Guard
from gateway.web.sites import Sites
from tests.identity.forge import good_claims

NOW = 1_900_000_000
ISSUER = "https://gw.example"
RESOURCE = "https://gw.example/mcp"
METADATA = "https://gw.example/.well-known/oauth-protected-resource/mcp"
MAX_BODY = 100_000


@dataclass
class Served:
    """`base` is the address by number, `port` its port. `go_on` releases the second half of `/api/v1/stream`."""

    port: int
    ring: KeyRing
    admin: str
    client: httpx2.Client
    go_on: threading.Event = field(default_factory=threading.Event)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def token(self, jti: str = "tok_1") -> str:
        return mint(good_claims(jti=jti, chain=("default", "triage", jti)), self.ring)

    def bearer(self, jti: str = "tok_1") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token(jti)}"}

    def raw(self, request: str) -> str:
        """The whole answer to a request as it is written here, its line ends made right."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as wire:
            wire.sendall(request.replace("\n", "\r\n").encode("latin-1"))
            wire.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: wire.recv(65_536), b"")).decode("latin-1")


async def _whoami(request: Request) -> Response:
    principal: Principal = request.scope["principal"]
    return JSONResponse({"token": principal.token_id, "admin": principal.admin})


async def _page(request: Request) -> Response:
    return JSONResponse({"principal": "principal" in request.scope})


async def _size(request: Request) -> Response:
    return JSONResponse({"size": len(await request.body())})


async def _forbidden(request: Request) -> Response:
    raise Forbidden("This needs more.", scope="mcp admin")


def _stream(served: Served) -> Callable[[Request], Awaitable[Response]]:
    async def halves() -> AsyncIterator[bytes]:
        yield b"first\n"
        await to_thread.run_sync(served.go_on.wait)
        yield b"last\n"

    async def stream(request: Request) -> Response:
        return StreamingResponse(halves())

    return stream


def _resolver(served: Served) -> Resolve:
    async def resolve(token: str) -> Principal:
        claims = verify(token, served.ring, issuer=ISSUER, audience=RESOURCE, now_s=NOW)
        match claims.jti:
            case "tok_revoked":
                raise Unauthenticated('This "token" was revoked.\n', fix="Ask for another.")
            case "tok_down":
                raise StoreUnavailable("The store cannot be reached.")
            case "tok_narrow":
                raise Forbidden("This token does not open this gateway.", scope="mcp")
        return Principal(
            token_id=claims.jti, agent="triage", owner="a", tenant="default", sid="s", chain=claims.chain, policies=()
        )

    return resolve


def _application(served: Served) -> Starlette:
    challenge = Challenge(wellknown.metadata_url(RESOURCE))
    return Starlette(
        routes=[
            Route("/mcp", _whoami, methods=["GET", "POST", "DELETE"]),
            Route("/mcp/", _whoami),
            Route("/mcpx", _page),
            Route("/healthz", _page),
            Route("/ui/answer", _page, methods=["GET", "POST"]),
            Route("/api/v1/whoami", _whoami),
            Route("/api/v1/size", _size, methods=["POST"]),
            Route("/api/v1/forbidden", _forbidden),
            Route("/api/v1/stream", _stream(served)),
            *wellknown.routes(resource=RESOURCE, issuer=ISSUER, scopes=[SCOPE], ring=served.ring),
        ],
        middleware=[
            Middleware(
                Guard,
                sites=Sites.of(
                    listen=f"127.0.0.1:{served.port}",
                    public_url=ISSUER,
                    allowed_hosts=["gw.internal", "*.corp.example"],
                    allowed_origins=["https://app.example"],
                ),
                max_body_bytes=MAX_BODY,
                caps=RequestCaps(),
            ),
            Middleware(BearerAuth, resolve=_resolver(served), challenge=challenge, admin_key=served.admin),
        ],
        exception_handlers={GatewayError: challenge.on_error},
    )


@contextmanager
def serving(data_dir: Path) -> Iterator[Served]:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=10, trust_env=False) as client:
        served = Served(port, KeyRing.load_or_create(data_dir), admin_key(data_dir), client)
        server = uvicorn.Server(uvicorn.Config(_application(served), log_level="warning", lifespan="off"))
        # The socket listens already: what connects before the server runs waits in its queue.
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield served
        finally:
            server.should_exit = True
            thread.join()
            listener.close()
