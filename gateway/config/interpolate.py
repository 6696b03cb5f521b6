"""`${VAR}` and `${VAR:-default}` in the texts of the configuration file; `$${` stands for a plain `${`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.config.source import KeyPath

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
_VARIABLE = re.compile(r"(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
_SECRET_NAME = re.compile(r"TOKEN|SECRET|KEY|PASS|PWD|AUTH|CREDENTIAL|DSN", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Filled:
    """What came of it. `faults` says for each text what is missing, and what to do; `touched` are the texts that the
    environment had a part in, which are never shown; `secrets` the values that must not be seen elsewhere either."""

    faults: list[tuple[KeyPath, str, str]] = field(default_factory=list)
    touched: set[KeyPath] = field(default_factory=set)
    secrets: set[str] = field(default_factory=set)


def fill(section: Any, environ: Mapping[str, str], path: KeyPath, filled: Filled) -> Any:
    """`section` with every reference replaced. An unset variable is a fault, and an empty text in its place."""
    if isinstance(section, dict):
        return {key: fill(value, environ, (*path, key), filled) for key, value in section.items()}
    if isinstance(section, list):
        return [fill(value, environ, (*path, index), filled) for index, value in enumerate(section)]
    if isinstance(section, str) and "${" in section:
        return _REFERENCE.sub(lambda found: _replacement(found, environ, path, filled), section)
    return section


def _replacement(found: re.Match[str], environ: Mapping[str, str], path: KeyPath, filled: Filled) -> str:
    if found[1] is None:
        return "${"
    variable = _VARIABLE.fullmatch(found[1]) if found[2] else None
    if variable is None:
        fix = "Write ${VAR} or ${VAR:-default} with a variable of the environment, or $${ for a plain '${'."
        filled.faults.append((path, f"'{found[0]}' is not a reference to a variable", fix))
        return ""
    name, default = variable[1], variable[2]
    value = environ.get(name, "")
    if not value and default is not None:
        return default
    if name not in environ:
        fix = f"Set {name}, or write ${{{name}:-default}}."
        filled.faults.append((path, f"the environment variable {name} is not set", fix))
    filled.touched.add(path)
    if value and ("headers" in path or _SECRET_NAME.search(name)):
        filled.secrets.add(value)
    return value
