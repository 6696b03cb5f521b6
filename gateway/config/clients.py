"""What Claude, Cursor, VS Code and their like write into a server's entry under another name, or what has no meaning
here. An entry copied from there works as it stands; what was passed over is told as a notice, never silently."""

from __future__ import annotations

from typing import Any

from gateway.config.source import KeyPath, Source

RENAMED = {
    "serverUrl": "url",
    "httpUrl": "url",
    "transportType": "type",
    "transport": "type",
    "includeTools": "include",
    "enabledTools": "include",
    "excludeTools": "exclude",
    "disabledTools": "exclude",
}

IGNORED = {
    "alwaysAllow": "grants of an agent say what is allowed",
    "autoApprove": "grants of an agent say what is allowed",
    "trust": "grants of an agent say what is allowed",
    "alwaysLoad": "tools are found through search",
    "dev": "servers are not watched for development",
    "envFile": "give the variables to the gateway and name them as ${VAR} in env",
    "gallery": "it says where another client found the server",
    "headersHelper": "write the headers, with ${VAR} for secrets",
    "inputs": "there is nobody to ask; write ${VAR}",
    "oauth": "set authorization instead",
    "auth": "set authorization instead",
    "timeout": "clients differ in its unit; write timeout_seconds",
    "version": "it says which version another client installed",
    "watchPaths": "servers are not watched for development",
}

IGNORED_AT_TOP = {
    "$schema": "it is meant for editors",
    "inputs": IGNORED["inputs"],
}


def adapt(source: Source) -> list[str]:
    """Bring every entry of `mcpServers` into this gateway's own names, in place. Returns the notices: one line for
    each key that was passed over."""
    notices = [_pass_over(source, source.value, (key,), why) for key, why in IGNORED_AT_TOP.items()]
    entries = source.value.get("mcpServers")
    for name, entry in entries.items() if isinstance(entries, dict) else ():
        if isinstance(entry, dict):
            notices += _adapt_entry(source, entry, ("mcpServers", name))
    return [notice for notice in notices if notice]


def _adapt_entry(source: Source, entry: dict[str, Any], path: KeyPath) -> list[str | None]:
    notices = [_pass_over(source, entry, (*path, key), why) for key, why in IGNORED.items()]
    for old, new in RENAMED.items():
        if old in entry and new not in entry:
            source.rename(path, entry, old, new)
    if isinstance(entry.get("disabled"), bool) and "enabled" not in entry:
        source.rename(path, entry, "disabled", "enabled")
        entry["enabled"] = not entry["enabled"]
    return notices


def _pass_over(source: Source, section: dict[str, Any], path: KeyPath, why: str) -> str | None:
    if path[-1] not in section:
        return None
    del section[path[-1]]
    return f"{source.name}:{source.line(path)}: {'.'.join(map(str, path))} is ignored: {why}."
