"""One file → one `Config`, or one error that names every mistake in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from gateway.config.base import Model
from gateway.config.clients import adapt
from gateway.config.environment import environment
from gateway.config.globs import name_glob
from gateway.config.interpolate import Filled, fill
from gateway.config.models import Config, File
from gateway.config.problems import Problem, from_validation, nearest, refuse
from gateway.config.secrets import secrets
from gateway.config.settings import GatewaySettings
from gateway.config.source import KeyPath, Source, read

DEFAULT_PATH = Path("gateway.yaml")
_TEXT_KEYS = ("args", "env", "headers")
_SERVER_PATHS = ("cwd", "sandbox_read", "sandbox_write")
_Section = TypeVar("_Section", bound=Model)


def load(
    path: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    listen: str | None = None,
    data_dir: Path | None = None,
    redis_url: str | None = None,
) -> Config:
    """Read, fill in and check a configuration file (default: `gateway.yaml` in the working folder).

    `environ` stands for the process's environment. `listen`, `data_dir` (relative to the working folder) and
    `redis_url` replace what the file says. Paths in the result are absolute. Raises ConfigError, whose `problems` lists
    each mistake as `{file, line, key, message, fix}` when the file could be read at all.
    """
    path = (path or DEFAULT_PATH).expanduser()
    source = read(path)
    notices = adapt(source)
    _keep_spelling(source)
    filled = Filled()
    value = fill(source.value, environment() if environ is None else environ, (), filled)
    value = {key: section for key, section in value.items() if section is not None}
    given = {"listen": listen, "data_dir": data_dir and data_dir.expanduser().absolute(), "redis_url": redis_url}
    given = {key: setting for key, setting in given.items() if setting is not None}
    if given and isinstance(value.get("gateway", {}), dict):
        value["gateway"] = {**value.get("gateway", {}), **given}

    problems = [Problem(*fault) for fault in filled.faults]
    problems += _unknown_servers(value)
    problems += _unknown_agents(value)
    try:
        file = File.model_validate(value, by_alias=True, by_name=False)
    except ValidationError as error:
        hidden = {problem.path for problem in problems}
        problems += [each for each in from_validation(error, value, filled.touched) if each.path not in hidden]
    else:
        problems += _exposure(file.gateway)
        if not problems:
            known = secrets(file, environment() if environ is None else environ)
            return _settled(file, path, tuple(notices), known | filled.secrets)
    raise refuse(source, problems, {("gateway", key) for key in given})


def _keep_spelling(source: Source) -> None:
    """Arguments, variables and headers are texts: `8080` and `1.10` stay as the author wrote them."""
    servers = source.value.get("mcpServers")
    for name, entry in servers.items() if isinstance(servers, dict) else ():
        for key in _TEXT_KEYS if isinstance(entry, dict) else ():
            section = entry.get(key)
            parts = section if isinstance(section, dict) else range(len(section)) if isinstance(section, list) else ()
            for part in parts:
                if isinstance(section[part], bool | int | float):
                    section[part] = source.written["mcpServers", name, key, part]


def _unknown_servers(value: dict[str, Any]) -> Iterator[Problem]:
    """Grants and deny rules that name a server which the file does not have: a misspelt door is no door."""
    servers = value.get("mcpServers", {})
    if not isinstance(servers, dict):
        return
    for path, rule in _rules(value):
        wanted = rule.get("server") if isinstance(rule, dict) else None
        if not isinstance(wanted, str) or wanted == "*" or not wanted:
            continue
        fits = name_glob(wanted)
        if not any(fits.fits(name) for name in servers):
            what = "this glob fits no server" if set(wanted) & set("*?") else "there is no such server"
            yield Problem((*path, "server"), what, nearest(wanted, servers))


def _unknown_agents(value: dict[str, Any]) -> Iterator[Problem]:
    agents, settings = value.get("agents", {}), value.get("gateway")
    exchange = settings.get("exchange") if isinstance(settings, dict) else None
    for index, rule in enumerate(exchange) if isinstance(exchange, list) else ():
        wanted = rule.get("agent") if isinstance(rule, dict) else None
        if isinstance(wanted, str) and isinstance(agents, dict) and wanted not in agents:
            yield Problem(("gateway", "exchange", index, "agent"), "there is no such agent", nearest(wanted, agents))


def _rules(value: dict[str, Any]) -> Iterator[tuple[KeyPath, Any]]:
    agents = value.get("agents")
    for name, agent in agents.items() if isinstance(agents, dict) else ():
        grants = agent.get("grants") if isinstance(agent, dict) else None
        for index, grant in enumerate(grants) if isinstance(grants, list) else ():
            yield ("agents", name, "grants", index), grant
    deny = value.get("deny")
    for index, rule in enumerate(deny) if isinstance(deny, list) else ():
        yield ("deny", index), rule


def _exposure(settings: GatewaySettings) -> Iterator[Problem]:
    if not (settings.loopback or settings.tls or settings.trusted_proxies):
        yield Problem(
            ("gateway", "listen"),
            "is reachable from other machines, and tokens would travel in the clear",
            "Set tls_cert and tls_key, or list the TLS proxy in front in trusted_proxies, or listen on 127.0.0.1.",
        )


def _settled(file: File, path: Path, notices: tuple[str, ...], known: frozenset[str]) -> Config:
    """With every path absolute: a command in another folder finds the same gateway."""
    folder = path.resolve().parent
    exchange = tuple(_with_absolute(folder, rule, "jwks") for rule in file.gateway.exchange)
    keyring = _with_absolute(folder, file.gateway.keyring, "folder")
    settings = file.gateway.model_copy(update={"exchange": exchange, "keyring": keyring})
    return Config(
        servers={
            name: _with_absolute(folder, server, "cwd", "sandbox_read", "sandbox_write")
            for name, server in file.servers.items()
        },
        agents=file.agents,
        deny=file.deny,
        gateway=_with_absolute(folder, settings, "data_dir", "tls_cert", "tls_key"),
        path=path.resolve(),
        notices=notices,
        secrets=known,
    )


def _with_absolute(folder: Path, section: _Section, *keys: str) -> _Section:
    def absolute(path: Path | str) -> Path:
        return (folder / Path(path).expanduser()).resolve()

    given = {key: value for key in keys if (value := getattr(section, key)) is not None}
    return section.model_copy(
        update={
            key: tuple(str(absolute(path)) for path in value) if isinstance(value, tuple) else absolute(value)
            for key, value in given.items()
        }
    )
