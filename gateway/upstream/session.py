"""An established session with one server: what was agreed in the handshake, listing, and the hot path of calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version

from mcp import Client
from mcp.shared.inbound import (
    MCP_METHOD_HEADER,
    MCP_NAME_HEADER,
    encode_header_value,
    mcp_param_headers,
    x_mcp_header_map,
)
from mcp_types import (
    CLIENT_CAPABILITIES_META_KEY,
    CLIENT_INFO_META_KEY,
    METHOD_NOT_FOUND,
    PROTOCOL_VERSION_META_KEY,
    Implementation,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from gateway.model import JSON, Tool, ToolResult
from gateway.upstream.results import error_text, tool_result
from gateway.upstream.wire import Request, Wire, error_code

_MAX_PAGES = 100
_MAX_TOOLS = 5_000
_MAX_BYTES = 64 * 2**20


def _own_version() -> str:
    try:
        return version("mcp-code-gateway")
    except PackageNotFoundError:
        return "0"


CLIENT_INFO = Implementation(name="mcp-code-gateway", version=_own_version())


class Session:
    """Made of a wire whose handshake the SDK's client has done. Its methods raise what `Wire.exchange` raises."""

    def __init__(self, wire: Wire, client: Client) -> None:
        self.wire = wire
        self.protocol = client.protocol_version
        self.title = (client.server_info.title or client.server_info.name) if client.server_info is not None else ""
        self.instructions = client.instructions or ""
        self.modern = self.protocol in MODERN_PROTOCOL_VERSIONS
        tools = client.server_capabilities.tools
        self.has_subscriptions = self.modern and tools is not None and tools.list_changed is True
        self._meta: Mapping[str, JSON] = {}
        if self.modern:
            self._meta = {
                PROTOCOL_VERSION_META_KEY: self.protocol,
                CLIENT_INFO_META_KEY: CLIENT_INFO.model_dump(by_alias=True, mode="json", exclude_none=True),
                CLIENT_CAPABILITIES_META_KEY: {},
            }
        self._param_headers: Mapping[str, Mapping[tuple[str, ...], str]] = {}
        wire.negotiated(self.protocol, modern=self.modern)

    @property
    def is_live(self) -> bool:
        return not self.wire.ended.done()

    async def list_tools(self) -> tuple[list[JSON], str | None]:
        """Every definition as sent, page after page, and why the list is not complete, if it is not.

        Raw, because the SDK's types drop what they do not know, and one broken tool fails a whole page.
        """
        tools: list[JSON] = []
        cursors: set[str] = set()
        params: dict[str, JSON] = {}
        size = 0
        for _ in range(_MAX_PAGES):
            answer = await self.wire.exchange(self._request("tools/list", params))
            if error_code(answer.message) == METHOD_NOT_FOUND:
                return [], None
            result = answer.message.get("result")
            if not isinstance(result, dict) or not isinstance(page := result.get("tools"), list):
                raise self.wire.not_mcp(error_text(answer.message) or "answered tools/list without a list of tools")
            tools += page
            size += answer.size
            cursor = result.get("nextCursor")
            if len(tools) > _MAX_TOOLS or (size > _MAX_BYTES and cursor):
                return tools[:_MAX_TOOLS], f"tools/list was cut off at {len(tools[:_MAX_TOOLS])} tools"
            if not isinstance(cursor, str) or not cursor:
                return tools, None
            if cursor in cursors:
                return tools, "tools/list goes round in circles"
            cursors.add(cursor)
            params = {"cursor": cursor}
        return tools, f"tools/list was cut off after {_MAX_PAGES} pages"

    def listed(self, tools: tuple[Tool, ...]) -> None:
        """Learn which arguments of which tools the modern era wants in HTTP headers too."""
        maps = ((tool.name, x_mcp_header_map(tool.raw["inputSchema"])) for tool in tools) if self.modern else ()
        self._param_headers = {name: paths for name, paths in maps if paths}

    async def call(
        self,
        tool: str,
        args: Mapping[str, JSON],
        meta: Mapping[str, JSON] | None,
        on_sent: Callable[[], None] | None,
    ) -> ToolResult:
        params: dict[str, JSON] = {"name": tool, "arguments": args}
        if meta:
            params["_meta"] = meta
        request = self._request("tools/call", params, on_sent)
        return tool_result(self.wire, await self.wire.exchange(request))

    def _request(self, method: str, params: dict[str, JSON], on_sent: Callable[[], None] | None = None) -> Request:
        if not self.modern:
            return Request(method, params, on_sent=on_sent)
        headers = {MCP_METHOD_HEADER: method}
        if (name := params.get("name")) is not None:
            headers[MCP_NAME_HEADER] = encode_header_value(name)
            if (paths := self._param_headers.get(name)) is not None:
                headers |= mcp_param_headers(paths, params["arguments"])
        return Request(method, {**params, "_meta": {**params.get("_meta", {}), **self._meta}}, headers, on_sent)
