"""Catalogs for tests of search: from dumps, from the corpus of real servers, and small ones made by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from codegen import ServerSpec, generate
from gateway.engine.documents import Key, document
from gateway.engine.ranking import Index
from gateway.model import Annotations, Catalog, ServerTools, Tool
from gateway.service.search import Search

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="needs ../shared/corpus")

Dump = Mapping[str, Any]


@cache
def corpus() -> tuple[Dump, ...]:
    """The dumps of real servers."""
    return tuple(json.loads(path.read_text(encoding="utf-8")) for path in sorted(CORPUS.glob("*.json")))


def offered(dump: Dump) -> ServerTools:
    name = dump["server"]
    tools = tuple(Tool(name, raw["name"], raw, Annotations(), _pin(raw)) for raw in dump["tools"])
    return ServerTools(name, dump.get("title") or "", dump.get("instructions") or "", tools)


def _pin(raw: Any) -> str:
    return sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest()


def index(dumps: Iterable[Dump]) -> Index:
    servers = map(offered, dumps)
    return Index(document(server, tool) for server in servers for tool in server.tools)


def keys(dumps: Iterable[Dump]) -> frozenset[Key]:
    return frozenset((dump["server"], raw["name"]) for dump in dumps for raw in dump["tools"])


def published(dumps: Iterable[Dump], search: Search | None = None) -> Search:
    """A search over all tools of `dumps`."""
    servers = {dump["server"]: offered(dump) for dump in dumps}
    specs = [ServerSpec(s.name, [t.raw for t in s.tools], s.title, s.instructions) for s in servers.values()]
    search = search or Search()
    search.publish(Catalog(1, servers), generate(specs))
    return search


def server(name: str, **tools: str) -> Dump:
    """A server whose tools have a description and one text parameter."""
    schema = {"type": "object", "properties": {"text": {"type": "string"}}}
    return {
        "server": name,
        "tools": [{"name": tool, "description": said, "inputSchema": schema} for tool, said in tools.items()],
    }
