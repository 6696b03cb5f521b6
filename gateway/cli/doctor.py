"""`gateway doctor`: what is in order, what is not, and what to do."""

from __future__ import annotations

from collections.abc import Sized
from pathlib import Path
from typing import Any

import click

from gateway.cli.output import Command, emit, json_option, note
from gateway.cli.remote import config_option, find
from gateway.config.environment import gateway_url
from gateway.config.load import load
from gateway.errors import GatewayError


@click.command("doctor", cls=Command)
@config_option
@click.option("--url", metavar="URL", help="A gateway elsewhere; needs GATEWAY_ADMIN_TOKEN.")
@json_option
def command(config_path: Path, url: str | None, as_json: bool) -> None:
    """Check the configuration, and what the running gateway says of itself. Exits with 1 when something is wrong."""
    checks = [*_configuration(config_path, url), *_gateway(config_path, url)]
    ok = all(check["ok"] for check in checks)
    if as_json:
        emit({"ok": ok, "checks": checks})
    else:
        for check in checks:
            click.echo(f"{'✓' if check['ok'] else '✗'} {check['name']}: {check['detail']}")
            if not check["ok"] and check["fix"]:
                note(f"  → {check['fix']}")
    if not ok:
        raise click.exceptions.Exit(1)


def _configuration(config_path: Path, url: str | None) -> list[dict[str, Any]]:
    """The file is only of interest where it says which gateway is meant."""
    if (url or gateway_url()) is not None:
        return []
    try:
        config = load(config_path)
    except GatewayError as error:
        return [_failed("configuration", error)]
    told = f"{config_path}: {_counted(config.servers, 'server')}, {_counted(config.agents, 'agent')}"
    notices = [_check("configuration", True, notice) for notice in config.notices]
    return [_check("configuration", True, told), *notices]


def _counted(things: Sized, name: str) -> str:
    return f"{len(things)} {name}" + "s" * (len(things) != 1)


def _gateway(config_path: Path, url: str | None) -> list[dict[str, Any]]:
    try:
        api = find(config_path, url)
        checks: list[dict[str, Any]] = api.get("/doctor")["checks"]
    except GatewayError as error:
        return [_failed("gateway", error)]
    return [_check("gateway", True, f"answers at {api.url}"), *checks]


def _check(name: str, ok: bool, detail: str, fix: str = "") -> dict[str, Any]:
    return {"name": name, "ok": ok, "detail": detail, "fix": fix}


def _failed(name: str, error: GatewayError) -> dict[str, Any]:
    return _check(name, False, error.message, error.fix)
