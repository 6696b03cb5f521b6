"""What the web floor needs from the floors below. `app.py` builds it once; tests may build a smaller one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Protocol

from codegen.render import Module
from gateway.config import Config
from gateway.engine.questions import Question
from gateway.engine.record import Filter
from gateway.model import JSON, Catalog, Grant, Principal, ServerStatus, Tool
from gateway.service.audit_read import Page
from gateway.service.getting_in import GettingIn
from gateway.service.views import RunView

Progress = Callable[[float, float | None, str], Awaitable[None]]
"""What a program reports with `progress(done, total?, message?)`."""


class Again(Protocol):
    async def fork(
        self, principal: Principal, run_id: str, at: int, *, code: str | None = None, session: str | None = None
    ) -> str: ...

    async def retry(self, principal: Principal, run_id: str, *, from_start: bool = False) -> str: ...


class Archive(Protocol):
    async def export(self, principal: Principal, run_id: str) -> AsyncIterator[JSON]: ...

    async def tail(self, principal: Principal, run_id: str) -> AsyncIterator[JSON]: ...

    def tail_all(self, principal: Principal) -> AsyncIterator[JSON]: ...


class Sessions(Protocol):
    async def list(
        self, principal: Principal, *, agent: str | None = None, token: str | None = None
    ) -> list[dict[str, JSON]]: ...

    async def show(
        self, principal: Principal, name: str, *, agent: str | None = None, token: str | None = None
    ) -> dict[str, JSON]: ...

    async def delete(
        self,
        principal: Principal,
        name: str,
        *,
        agent: str | None = None,
        token: str | None = None,
        cancel: bool = False,
    ) -> dict[str, JSON]: ...


class Runs(Protocol):
    @property
    def sessions(self) -> Sessions: ...

    @property
    def again(self) -> Again: ...

    @property
    def archive(self) -> Archive: ...

    async def execute(
        self,
        principal: Principal,
        code: str,
        *,
        session: str = "default",
        wait_seconds: float = 30,
        on_progress: Progress | None = None,
    ) -> RunView: ...

    async def result(
        self, principal: Principal, run_id: str, *, wait_seconds: float = 0, on_progress: Progress | None = None
    ) -> RunView: ...

    async def cancel(self, principal: Principal, run_id: str) -> RunView: ...

    async def list(
        self,
        principal: Principal,
        *,
        status: str | None = None,
        session: str | None = None,
        agent: str | None = None,
        limit: int = 50,
    ) -> list[RunView]: ...

    async def show(self, principal: Principal, run_id: str) -> RunView: ...

    async def question(self, principal: Principal, run_id: str) -> Question | None: ...

    async def check(self, principal: Principal, code: str) -> dict[str, JSON]: ...

    async def signal(self, principal: Principal, run_id: str, name: str, payload: JSON) -> None: ...

    async def answer(self, principal: Principal, run_id: str, value: JSON, *, cid: int | None = None) -> None: ...

    async def approve(
        self, principal: Principal, run_id: str, *, approved: bool, comment: str | None = None, cid: int | None = None
    ) -> None: ...

    async def resolve(
        self, principal: Principal, run_id: str, choice: str, *, value: JSON = None, cid: int | None = None
    ) -> None: ...


class Tokens(Protocol):
    async def issue(
        self, agent: str, *, ttl_seconds: int | None, grants: Sequence[Grant] = (), parent: str | None = None
    ) -> dict[str, JSON]: ...

    async def list(self, *, below: str | None = None) -> list[dict[str, JSON]]: ...

    async def show(self, token_id: str, *, below: str | None = None) -> dict[str, JSON]: ...

    async def principal_for_agent(self, agent: str) -> Principal: ...

    async def principal(self, token_id: str) -> Principal: ...


class Revoker(Protocol):
    async def revoke(
        self,
        *,
        token_id: str | None = None,
        agent: str | None = None,
        session: str | None = None,
        tenant: str | None = None,
        everything: bool = False,
    ) -> dict[str, JSON]: ...


class Keys(Protocol):
    async def list(self) -> list[dict[str, JSON]]: ...

    async def rotate(self, purpose: str, *, emergency: bool) -> dict[str, JSON]: ...


class SearchResult(Protocol):
    @property
    def text(self) -> str: ...


class Search(Protocol):
    def search(
        self,
        *,
        visible: frozenset[tuple[str, str]],
        query: str,
        server: str,
        detail: str,
        limit: int,
        budget_tokens: int,
        module: Module,
    ) -> SearchResult: ...

    def inventory(self, visible: frozenset[tuple[str, str]], budget_tokens: int) -> str: ...


class Publisher(Protocol):
    def visible(self, principal: Principal) -> frozenset[tuple[str, str]]:
        """The (server, tool) pairs that some grant of the principal opens."""

    async def module_for(self, principal: Principal) -> Module: ...


class Upstreams(Protocol):
    @property
    def catalog(self) -> Catalog: ...

    def status(self) -> list[ServerStatus]: ...

    async def check(self) -> list[ServerStatus]: ...


class Drift(Protocol):
    async def compare(self, catalog: Catalog) -> None: ...

    def is_held(self, tool: Tool) -> bool: ...

    def report(self, server: str) -> dict[str, JSON]: ...

    async def approve(self, server: str, tools: Sequence[str] = (), *, seen: str | None = None) -> dict[str, JSON]: ...


class Audit(Protocol):
    async def page(self, wanted: Filter, cursor: str | None = None, *, limit: int = 250) -> Page: ...

    async def latest(self, wanted: Filter, *, limit: int) -> Page: ...

    async def verify(self, exported: Iterable[Mapping[str, JSON]] = ()) -> dict[str, JSON]: ...

    async def checkpoint(self) -> list[dict[str, JSON]]: ...


class Services(Protocol):
    @property
    def config(self) -> Config: ...
    @property
    def runs(self) -> Runs: ...
    @property
    def tokens(self) -> Tokens: ...
    @property
    def revoker(self) -> Revoker: ...
    @property
    def keys(self) -> Keys: ...
    @property
    def getting_in(self) -> GettingIn: ...
    @property
    def search(self) -> Search: ...
    @property
    def publisher(self) -> Publisher: ...
    @property
    def upstreams(self) -> Upstreams: ...
    @property
    def drift(self) -> Drift: ...
    @property
    def audit(self) -> Audit: ...

    async def explain(self, *, agent: str, server: str, tool: str, args: JSON, token_id: str | None) -> dict[str, JSON]:
        """The policy's decision about one call, with everything that led to it."""

    async def health(self) -> Mapping[str, str | None]:
        """Each part's problem, None where it has none."""

    async def doctor(self) -> Sequence[Mapping[str, JSON]]:
        """`[{"name", "ok", "detail", "fix"}]`"""
