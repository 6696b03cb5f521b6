"""The composition root: builds every adapter, wires the use cases, serves, and takes it all down again."""

from __future__ import annotations

import asyncio
import gc
import logging
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.types import ASGIApp

from gateway import telemetry
from gateway.config import Config
from gateway.config.changes import diff
from gateway.config.load import load
from gateway.config.watch import watch_file
from gateway.errors import GatewayError, StoreUnavailable
from gateway.identity.keychain import KeyChain
from gateway.model import JSON, Catalog
from gateway.sandbox.checker import Checker
from gateway.sandbox.pool import ProcessPool
from gateway.service import health
from gateway.service.approvals import Approvals
from gateway.service.audit import Audit
from gateway.service.audit_desk import AuditDesk, Auditing, auditing
from gateway.service.connect import Connect
from gateway.service.credentials import Credentials
from gateway.service.drift import Drift
from gateway.service.execute import Runs
from gateway.service.explain import explain
from gateway.service.floor import Floor
from gateway.service.getting_in import GettingIn
from gateway.service.keys import KeyDesk
from gateway.service.learn import Learner
from gateway.service.listed import Listed
from gateway.service.publish import Publisher
from gateway.service.revoke import Revoker
from gateway.service.runner import Runner
from gateway.service.search import Search
from gateway.service.servers import known_secrets, upstreams
from gateway.service.signin import SignIn
from gateway.service.tokens import SCOPE, Tokens
from gateway.store.bus import Bus
from gateway.store.client import Client
from gateway.store.clock import StoreClock
from gateway.store.embedded import Embedded
from gateway.store.grants import Grants
from gateway.store.journal import Journal
from gateway.store.ledger import REVOCATIONS, Ledger
from gateway.store.liveness import Liveness
from gateway.store.modules import Modules
from gateway.store.pins import Pins
from gateway.store.sessions import Sessions
from gateway.store.timers import Timers
from gateway.store.usage import Usage
from gateway.tasks import Tasks
from gateway.upstream.pool import Upstreams
from gateway.web import oauth, wellknown
from gateway.web.auth import BearerAuth, Challenge
from gateway.web.binding import listen, owned
from gateway.web.guard import Guard
from gateway.web.mcp import McpEndpoint
from gateway.web.rates import TokenRates
from gateway.web.routes import nothing_there, routes
from gateway.web.server import allow_open_files, server
from gateway.web.sites import Sites

log = logging.getLogger(__name__)

GRACE_SECONDS = 2
"""How long requests under way may take when the gateway is asked to stop."""
STORE_AGAIN_SECONDS = 0.5


@dataclass(slots=True)
class Services:
    """Everything that stands while a gateway runs; what web and cli know of it."""

    config: Config
    floor: Floor
    keys: KeyDesk
    admin_key: str
    runs: Runs
    runner: Runner
    tokens: Tokens
    revoker: Revoker
    getting_in: GettingIn
    search: Search
    publisher: Publisher
    upstreams: Upstreams
    auditing: Auditing
    credentials: Credentials
    embedded: Embedded | None

    @property
    def audit(self) -> AuditDesk:
        return self.auditing.desk

    @property
    def drift(self) -> Drift:
        return self.floor.drift

    @property
    def sign_in(self) -> SignIn:
        return self.getting_in.sign_in

    async def explain(self, *, agent: str, server: str, tool: str, args: JSON, token_id: str | None) -> dict[str, JSON]:
        """What the policy says of a call, and why."""
        asked = {"agent": agent, "server": server, "tool": tool, "args": args, "token_id": token_id}
        return await explain(self.floor, self.tokens, **asked)

    async def health(self) -> Mapping[str, str | None]:
        """Each part's problem, None where it has none."""
        return await health.problems(self.floor)

    async def doctor(self) -> Sequence[Mapping[str, JSON]]:
        """`[{"name", "ok", "detail", "fix"}]`"""
        return await health.doctor(self.floor, self.auditing.exporters, embedded=self.embedded is not None)

    async def reload(self, config: Config) -> None:
        """Take over what changed in the file; what did not goes on undisturbed."""
        changes = diff(self.config, config)
        if changes.restart:
            log.warning("these settings need a restart: %s", ", ".join(sorted(changes.restart)))
        await self.auditing.reload(changes, self.config, config)
        before, after = (known_secrets(one, self.admin_key) for one in (self.config, config))
        for scrubber in (self.upstreams.scrubber, telemetry.SECRETS):
            scrubber.blank(before | after)
        taken = {name: getattr(config.gateway, name) for name in changes.settings}
        config = config.model_copy(update={"gateway": self.config.gateway.model_copy(update=taken)})
        self.config = self.floor.config = self.floor.drift.config = config
        self.tokens.reload(config)
        self.credentials.reload(config)
        await self.upstreams.apply(config.servers)
        await self.floor.drift.again()
        await self.floor.learner.reload(config, self.upstreams.catalog)


@asynccontextmanager
async def running(config: Config) -> AsyncIterator[Services]:
    """A gateway without its web face: every adapter started, and ended again in the reverse order.

    Raises `GatewayError` subclasses that say what to do when a part cannot start."""
    data_dir = config.gateway.data_dir
    async with AsyncExitStack() as stack:
        stack.enter_context(owned(data_dir))
        embedded = None if config.gateway.redis_url else Embedded(data_dir)
        if embedded is not None:
            stack.push_async_callback(embedded.close)
            await embedded.start()
        client = Client(embedded.url if embedded else str(config.gateway.redis_url))
        stack.push_async_callback(client.close)
        await client.send("PING")
        modules, search = Modules(client), Search()
        publishing = asyncio.Lock()

        async def republish() -> None:
            async with publishing:
                offered = floor.drift.offered(floor.upstreams.catalog)
                module = await publisher.take(offered)
                await asyncio.to_thread(search.publish, offered, module)

        async def on_change(catalog: Catalog) -> None:
            await learner.recall(catalog)
            await floor.drift.compare(catalog)
            await listed.keep(catalog, floor.config.servers)
            await republish()

        learner, listed = Learner(config, modules, republish), Listed(modules)
        stack.push_async_callback(learner.close)
        publisher = Publisher(learner)
        owner = f"{socket.gethostname()}-{secrets.token_hex(4)}"
        clock = StoreClock()
        journal = Journal(client, owner=owner, clock=clock)
        keys = KeyChain.load(config.gateway)
        audit = auditing(config, keys, client, journal, clock=clock, node=owner)
        drift = Drift(config, Pins(client), Bus(client), record=audit.audit.record, changed=republish)
        credentials = Credentials(config, Grants(client), keys.credentials, clock)
        stack.push_async_callback(credentials.close)
        reached = upstreams(config, keys, credentials.bearer, on_change, listed.recall)
        floor = _floor(config, client, clock, journal, modules, learner, drift, audit.audit, reached)
        telemetry.ACTIVE_RUNS.set_function(lambda: floor.pool.active)
        telemetry.POOL_READY.set_function(lambda: floor.pool.idle)
        services = _services(config, keys, floor, embedded, search, publisher, audit, credentials)
        stack.push_async_callback(floor.checker.close)
        stack.push_async_callback(floor.pool.close)
        stack.push_async_callback(floor.upstreams.close)
        # Not a TaskGroup: what cannot start says so itself, not in an ExceptionGroup.
        parts = (floor.checker.start(), floor.pool.start(), floor.upstreams.start())
        for problem in await asyncio.gather(*parts, return_exceptions=True):
            if problem is not None:
                raise problem
        # What changes from here on is told by `on_change`.
        await on_change(floor.upstreams.catalog)
        drift.start()
        stack.push_async_callback(drift.close)
        await audit.start()
        stack.push_async_callback(audit.close)
        await services.keys.start()
        stack.push_async_callback(services.keys.close)
        await services.runner.start()
        stack.push_async_callback(services.runner.close)
        yield services


def _floor(
    config: Config,
    client: Client,
    clock: StoreClock,
    journal: Journal,
    modules: Modules,
    learner: Learner,
    drift: Drift,
    audit: Audit,
    reached: Upstreams,
) -> Floor:
    settings, data_dir = config.gateway, config.gateway.data_dir
    return Floor(
        config=config,
        clock=clock,
        client=client,
        bus=Bus(client),
        journal=journal,
        timers=Timers(client, clock),
        liveness=Liveness(client, Ledger(data_dir / REVOCATIONS)),
        sessions=Sessions(client),
        modules=modules,
        usage=Usage(client),
        pool=ProcessPool(
            limits=settings.limits,
            data_dir=data_dir,
            size=settings.pool_size,
            max_active=settings.max_active_runs,
            mode=settings.walls,
        ),
        checker=Checker(data_dir=data_dir, engine=settings.checker, walls=settings.walls != "off"),
        upstreams=reached,
        learner=learner,
        drift=drift,
        audit=audit,
    )


def _services(
    config: Config,
    keys: KeyChain,
    floor: Floor,
    embedded: Embedded | None,
    search: Search,
    publisher: Publisher,
    audit: Auditing,
    credentials: Credentials,
) -> Services:
    tokens = Tokens(config, keys.tokens, floor.sessions, floor.liveness, floor.clock, floor.audit)
    runner = Runner(floor, tokens)
    revoker = Revoker(floor, runner)

    runs = Runs(floor, publisher, runner)
    getting_in = GettingIn.build(
        tokens=tokens,
        store=floor.client,
        liveness=floor.liveness,
        clock=floor.clock,
        revoke=revoker.token,
        record=floor.audit.record,
        approvals=Approvals(floor, runs),
        connect=Connect(credentials, floor.audit.record, floor.upstreams.credentials_changed),
    )
    return Services(
        config=config,
        floor=floor,
        keys=KeyDesk(keys, tokens, revoker, floor),
        admin_key=keys.admin,
        runs=runs,
        runner=runner,
        tokens=tokens,
        revoker=revoker,
        getting_in=getting_in,
        search=search,
        publisher=publisher,
        upstreams=floor.upstreams,
        auditing=audit,
        credentials=credentials,
        embedded=embedded,
    )


def web_app(services: Services) -> tuple[ASGIApp, McpEndpoint]:
    """The ASGI application, guarded, and the MCP endpoint that has to be entered while it serves."""
    settings = services.config.gateway
    endpoint = McpEndpoint(services)
    resource = services.tokens.audience
    documents = wellknown.routes(resource=resource, issuer=settings.base_url, scopes=[SCOPE], ring=services.keys.tokens)
    challenge = Challenge(wellknown.metadata_url(resource))
    app: ASGIApp = Starlette(
        routes=[
            *routes(services, endpoint),
            *documents,
            *oauth.routes(services.getting_in, admin_key=services.admin_key),
        ],
        exception_handlers={GatewayError: challenge.on_error, 404: nothing_there},
    )
    app = TokenRates(app, settings.requests)
    app = BearerAuth(app, resolve=services.tokens.resolve, challenge=challenge, admin_key=services.admin_key)
    sites = Sites.of(
        listen=settings.listen,
        public_url=settings.public_url,
        allowed_hosts=settings.allowed_hosts,
        allowed_origins=settings.allowed_origins,
    )
    # JSON may escape each byte of a program as six characters.
    largest = max(4 * 2**20, (settings.limits.code_kb * 6 + 64) * 1024)
    may_call = ("/mcp", *oauth.CROSS_SITE)
    guard = Guard(app, sites=sites, max_body_bytes=largest, caps=settings.requests, cross_site=may_call)
    return guard, endpoint


def serve(
    config: Config,
    *,
    config_path: Path,
    watch: bool,
    json_logs: bool,
    banner: Callable[[Services], Awaitable[str]],
    out: TextIO | None = None,
) -> int:
    """Serve until SIGINT or SIGTERM. `banner` is printed once requests are answered. Returns the exit code."""
    telemetry.configure_logs(config.gateway.log_level, json_logs=json_logs, secrets=config.secrets)
    allow_open_files()  # before anything is started that needs many too
    config, bound = listen(config)
    with bound:
        uvloop.run(_serve(config, bound, config_path, watch, banner, out))
    return 0


async def _serve(
    config: Config,
    bound: socket.socket,
    config_path: Path,
    watch: bool,
    banner: Callable[[Services], Awaitable[str]],
    out: TextIO | None,
) -> None:
    async with running(config) as services:
        telemetry.SECRETS.blank(known_secrets(config, services.admin_key))
        # What is here by now stays: looking through the types of 4,300 tools again would hold up the loop for 0.3 s.
        gc.collect()
        gc.freeze()
        app, endpoint = web_app(services)
        listening = server(app, config.gateway, grace_seconds=GRACE_SECONDS)
        tasks = Tasks()
        async with endpoint.run():
            reload = asyncio.Event()
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload.set)
            tasks.start(_reload(services, config_path, reload), name="reload")
            if watch:
                tasks.start(watch_file(config_path, reload), name="watch")
            tasks.start(_say_when_up(listening, services, banner, out), name="banner")
            try:
                await listening.serve(sockets=[bound])
            finally:
                await tasks.close()


async def _say_when_up(
    listening: uvicorn.Server, services: Services, banner: Callable[[Services], Awaitable[str]], out: TextIO | None
) -> None:
    while not listening.started:
        await asyncio.sleep(0.01)
    while True:
        try:
            print(await banner(services), file=out, flush=True)
            return
        except StoreUnavailable as error:
            # Whoever waits for these words gets them when it is back.
            log.error("the gateway is up, but: %s", error)
            await asyncio.sleep(STORE_AGAIN_SECONDS)


async def _reload(services: Services, path: Path, wanted: asyncio.Event) -> None:
    """A broken file is reported, and the old configuration stays in force."""
    while True:
        await wanted.wait()
        wanted.clear()
        try:
            await services.reload(load(path))
        except GatewayError as error:
            log.error("the configuration was not taken over: %s", error)
        else:
            log.info("the configuration was read again")
