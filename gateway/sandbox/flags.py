"""How Deno is called for a program: argv, environment and import map.

Measured on Deno 2.9.8 (start to ready frame, CPU; median of 15): TypeScript sources 55 ms, one JavaScript file 33 ms,
the same without the `setImmediate` global 24.5 ms, a trivial file 18 ms. A `DENO_DIR` that cannot exist saves another
2 ms over a fresh one and leaves nothing behind that a later run could find; `DENO_EMIT_CACHE_MODE` then keeps Deno
from trying for 150 ms to write there. Flags that make V8 single-threaded or lazy changed nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

NOWHERE = f"{os.devnull}/none"

_PERMISSIONS = ("read", "write", "net", "env", "sys", "run", "ffi", "import")

_IMPORT_REFUSED = (
    'data:text/javascript,throw new TypeError(\'A program can import nothing but "tools": there are no modules of'
    " Deno or Node here.')"
)


def argv(deno: Path, bridge: Path, import_map: Path, heap_mb: int) -> list[str]:
    """The command line. V8's own heap limit is `heap_mb`; ArrayBuffers are outside it."""
    return [
        str(deno),
        "run",
        *("--quiet", "--no-prompt", "--no-remote", "--no-npm", "--no-config", "--no-lock", "--cached-only"),
        "--no-code-cache",
        *(f"--deny-{permission}" for permission in _PERMISSIONS),
        f"--import-map={import_map}",
        f"--v8-flags=--disallow-code-generation-from-strings,--max-old-space-size={heap_mb}",
        str(bridge),
    ]


def environment(empty: Path) -> dict[str, str]:
    """Everything the process sees of an environment: nothing of the gateway's. Zone and locale are the program's."""
    return {
        "TZ": "UTC",
        "LC_ALL": "en_US.UTF-8",
        "HOME": str(empty),
        "NO_COLOR": "1",
        "DENO_DIR": NOWHERE,
        "DENO_EMIT_CACHE_MODE": "disable",
        "DENO_NO_PACKAGE_JSON": "1",
        "DENO_NO_UPDATE_CHECK": "1",
    }


def import_map(builtin_modules: Iterable[str]) -> str:
    """An import map that sends every built-in module to one that throws. Each needs entries of its own, with and
    without `node:`: a prefix does not match. `builtin_modules` is what Deno itself lists.
    """
    names = {name.removeprefix("node:") for name in builtin_modules}
    entries = {specifier: _IMPORT_REFUSED for name in sorted(names) for specifier in (name, f"node:{name}")}
    return json.dumps({"imports": entries}, indent=1)
