"""What a conversation pays for the gateway before anything is asked: the tools' definitions and the instructions."""

from __future__ import annotations

import json

from codegen import ServerSpec, generate
from gateway.model import Annotations, Catalog, ServerTools, Tool
from gateway.service.search import Search
from gateway.web.mcp import INVENTORY_TOKENS
from gateway.web.tools import INSTRUCTIONS, TOOLS
from tests.search.thousand import dumps
from tests.web.tokens import count


def test_tools_and_instructions_stay_under_1000_tokens_with_1000_tools_behind() -> None:
    servers = {
        dump["server"]: ServerTools(
            dump["server"],
            dump["title"],
            dump["instructions"],
            tuple(Tool(dump["server"], raw["name"], raw, Annotations(), raw["name"]) for raw in dump["tools"]),
        )
        for dump in dumps()
    }
    everything = frozenset((tool.server, tool.name) for server in servers.values() for tool in server.tools)
    assert len(everything) == 1_000
    search = Search()
    module = generate([ServerSpec(s.name, [t.raw for t in s.tools], s.title, s.instructions) for s in servers.values()])
    search.publish(Catalog(1, servers), module)

    inventory = search.inventory(everything, INVENTORY_TOKENS)
    listed = {"tools": [tool.model_dump(by_alias=True, exclude_none=True, mode="json") for tool in TOOLS.values()]}
    assert count(json.dumps(listed) + INSTRUCTIONS + inventory) < 1_000
    assert sum(name in inventory for name in servers) == len(servers)
