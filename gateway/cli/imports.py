"""`gateway import`: take over the MCP servers of another client's configuration."""

from __future__ import annotations

import getpass
import re
from pathlib import Path
from typing import Any

import click
import yaml

from gateway.cli.clients import known, read_settings, servers_in
from gateway.cli.output import Command, note
from gateway.cli.remote import config_option
from gateway.config.load import load
from gateway.config.source import read
from gateway.errors import ConfigError, UsageError

_BLOCK = re.compile(r"^mcpServers:[ \t]*(#.*)?\n", re.MULTILINE)
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f:*?]")


@click.command("import", cls=Command)
@click.argument("source", required=False, metavar="[claude-desktop|claude-code|cursor|vscode|FILE]")
@config_option
def command(source: str | None, config_path: Path) -> None:
    """Add the servers of SOURCE (default: of every client found) to the configuration file, which is made if need be.

    Nothing is started. A server whose name is taken already is left as it is.
    """
    found = _servers(source)
    present = _present(config_path)
    fresh = {name: entry for name, entry in found.items() if name not in present}
    for name in found.keys() & present:
        note(f"{name}: there already, left as it is.")
    if not fresh:
        note("Nothing to add.")
        return
    _add(config_path, fresh)
    note(f"{config_path}: added {', '.join(fresh)}.")
    try:
        load(config_path)
    except ConfigError as error:
        note(f"It needs your attention: {error}")


def _present(config_path: Path) -> set[str]:
    """The servers that the configuration has. Raises ConfigError."""
    if not config_path.exists():
        return set()
    servers = read(config_path).value.get("mcpServers") or {}
    if not isinstance(servers, dict):
        raise ConfigError(f"{config_path}: `mcpServers` is no mapping of servers.", fix="Correct it.")
    return set(servers)


def _servers(source: str | None) -> dict[str, dict[str, Any]]:
    """The servers of SOURCE, by names that are valid here. Raises UsageError."""
    clients = known(Path.home(), Path.cwd())
    if source is None or source in clients:
        chosen = clients.values() if source is None else [clients[source]]
        files = [path for client in chosen for path in client.files if path.exists()]
        looked = ", ".join(str(path) for client in chosen for path in client.files)
    else:
        files, looked = [Path(source)], source
    found: dict[str, dict[str, Any]] = {}
    for path in files:
        servers = servers_in(read_settings(path), Path.cwd())
        note(f"{path}: {len(servers)} servers")
        found.update({_NOT_IN_NAMES.sub("-", name).strip()[:64]: entry for name, entry in servers.items()})
    if not found:
        raise UsageError(f"No MCP servers found in {looked}.", fix="Name a FILE that has `mcpServers`.")
    return found


def _add(path: Path, servers: dict[str, dict[str, Any]]) -> None:
    """Write the entries below `mcpServers:`, every other line of the file untouched."""
    entries = _indented(servers)
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(_NEW.format(entries=entries, owner=getpass.getuser()), encoding="utf-8")
        return
    text = path.read_text(encoding="utf-8")
    if _BLOCK.search(text):
        changed = _BLOCK.sub(lambda block: block[0] + entries, text, count=1)
    elif "mcpServers" not in text:
        changed = f"{text.rstrip()}\n\nmcpServers:\n{entries}"
    else:
        raise UsageError(f"{path} has its mcpServers on one line.", fix=f"Add this to it yourself:\n{entries}")
    path.write_text(changed, encoding="utf-8")


def _indented(servers: dict[str, dict[str, Any]]) -> str:
    text = yaml.safe_dump(servers, sort_keys=False, allow_unicode=True, width=120)
    return "".join(f"  {line}\n" for line in text.splitlines())


_NEW = """\
mcpServers:
{entries}
agents:
  me:
    owner: {owner}
    grants:
      - {{server: "*", tools: ["*"]}}  # everything: narrow it to what the agent needs
"""
