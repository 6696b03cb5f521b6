"""Other MCP clients: where their configuration files are, how they read, and what they need to reach a gateway."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gateway.errors import UsageError

NAME = "gateway"
"""Under which the gateway stands in a client's configuration."""

_STRING_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_STRING_OR_LAST_COMMA = re.compile(r'"(?:\\.|[^"\\])*"|,(?=\s*[}\]])')


@dataclass(frozen=True, slots=True)
class Client:
    """`files`: where its servers may stand, the one of this folder first; `key`: under which key."""

    files: tuple[Path, ...]
    key: str = "mcpServers"
    reach: Literal["http", "stdio"] = "http"


def known(home: Path, folder: Path) -> Mapping[str, Client]:
    """The clients that `import` and `connect` know, with files as this machine would have them."""
    mac = sys.platform == "darwin"
    settings = home / "Library/Application Support" if mac else home / ".config"
    return {
        "claude-desktop": Client((settings / "Claude/claude_desktop_config.json",), reach="stdio"),
        "claude-code": Client((folder / ".mcp.json", home / ".claude.json")),
        "cursor": Client((folder / ".cursor/mcp.json", home / ".cursor/mcp.json")),
        "vscode": Client((folder / ".vscode/mcp.json", settings / "Code/User/mcp.json"), key="servers"),
    }


def read_settings(path: Path) -> dict[str, Any]:
    """A client's file: JSON, with comments and trailing commas as editors allow them. Raises UsageError."""
    try:
        text = _STRING_OR_COMMENT.sub(_keep_strings, path.read_text(encoding="utf-8"))
        settings = json.loads(_STRING_OR_LAST_COMMA.sub(_keep_strings, text) or "{}")
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read as JSON: {error}.", fix="Name another file.") from error
    if not isinstance(settings, dict):
        raise UsageError(f"{path} holds no JSON object.", fix="Name another file.")
    return settings


def _keep_strings(found: re.Match[str]) -> str:
    return found[0] if found[0].startswith('"') else ""


def servers_in(settings: Mapping[str, Any], folder: Path) -> dict[str, dict[str, Any]]:
    """The MCP servers that a client's settings name: its own, and those it keeps for a project in `folder`."""
    projects, nested = settings.get("projects"), settings.get("mcp")
    places = [settings]
    places += [projects.get(str(folder), {})] if isinstance(projects, dict) else []
    places += [nested] if isinstance(nested, dict) else []
    sections = [place[key] for place in places for key in ("mcpServers", "servers") if isinstance(place.get(key), dict)]
    return {
        name: entry
        for section in sections
        for name, entry in section.items()
        if isinstance(entry, dict) and not _is_gateway(entry)
    }


def _is_gateway(entry: Mapping[str, Any]) -> bool:
    args = entry.get("args")
    return Path(str(entry.get("command", ""))).name == NAME and isinstance(args, list) and args[:1] == ["stdio"]


# --- reaching the gateway ----------------------------------------------------------------------------------------


def http_entry(url: str, token: str) -> dict[str, Any]:
    return {"type": "http", "url": url, "headers": {"Authorization": f"Bearer {token}"}}


def stdio_entry(config: Path, agent: str) -> dict[str, Any]:
    """For a client that only launches commands."""
    program = str(Path(sys.executable).with_name(NAME))
    return {"command": program, "args": ["stdio", "-c", str(config.absolute()), "--agent", agent]}


def snippet(entry: Mapping[str, Any], key: str = "mcpServers") -> str:
    return json.dumps({key: {NAME: entry}}, indent=2)


def claude_command(url: str, token: str) -> str:
    return f'claude mcp add --transport http {NAME} {url} --header "Authorization: Bearer {token}"'
