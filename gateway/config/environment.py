"""The only reader of the environment. Everything else gets what it needs of it handed in."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

_PERSON = {"HOME", "LANG", "LANGUAGE", "LOGNAME", "SHELL", "TEMP", "TERM", "TMP", "TMPDIR", "TZ", "USER"}
_PROXIES = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"}
_CERTIFICATES = {
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
}
_INHERITED = _PERSON | _PROXIES | _CERTIFICATES
_INHERITED_PREFIXES = ("LC_", "XDG_", "UV_", "PIP_", "NPM_CONFIG_", "npm_config_", "YARN_", "DENO_", "BUN_")


def environment() -> Mapping[str, str]:
    """A copy of the process's environment."""
    return dict(os.environ)  # noqa: TID251 - this is its one reader


def gateway_url(environ: Mapping[str, str] | None = None) -> str | None:
    """`GATEWAY_URL`: the running gateway that a command talks to, without a trailing slash."""
    return _value("GATEWAY_URL", environ).rstrip("/") or None


def admin_token(environ: Mapping[str, str] | None = None) -> str | None:
    """`GATEWAY_ADMIN_TOKEN`: the administrator's bearer for that gateway."""
    return _value("GATEWAY_ADMIN_TOKEN", environ) or None


def _value(name: str, environ: Mapping[str, str] | None) -> str:
    return (environment() if environ is None else environ).get(name, "").strip()


def base_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a child process starts with before a server's own `env`: where things are, the language, proxies and
    certificates, and the settings of package clients (a server is often started by `uvx` or `npx`). Nothing else, and
    so no credential of the gateway. The running interpreter's own folder leads `PATH`: `uvx` lies there."""
    given = environment() if environ is None else environ
    kept = {name: value for name, value in given.items() if name in _INHERITED or name.startswith(_INHERITED_PREFIXES)}
    own = str(Path(sys.executable).parent)
    others = [place for place in given.get("PATH", os.defpath).split(os.pathsep) if place and place != own]
    return {**kept, "PATH": os.pathsep.join([own, *others])}
