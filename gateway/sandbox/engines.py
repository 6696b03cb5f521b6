"""The two language servers that can check programs: each is a command line, a configuration file, and what it bears.

| with 1,000 tools declared | TypeScript 7, `tsc --lsp`         | Deno, `deno lsp`                    |
|---------------------------|-----------------------------------|-------------------------------------|
| a check                   | 2 ms                              | 10 ms                               |
| first check after start   | 0.1 s                             | 1.5–2.5 s                           |
| memory                    | 60 MB, does not grow              | 300 MB, 0.3 MB more with each check |
| checks at the same time   | yes                               | one after the other                 |
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gateway.sandbox import seccomp, walls
from gateway.sandbox.deno_binary import find, libraries

LIB = (
    "es2016",
    *(f"es2017.{part}" for part in ("arraybuffer", "date", "intl", "object", "string", "typedarrays")),
    *(f"es2018.{part}" for part in ("asyncgenerator", "asynciterable", "intl", "promise", "regexp")),
    *(f"es2019.{part}" for part in ("array", "intl", "object", "string", "symbol")),
    *(f"es2020.{part}" for part in ("bigint", "date", "intl", "number", "promise", "string", "symbol.wellknown")),
    *(f"es2021.{part}" for part in ("intl", "promise", "string")),
    *(f"es2022.{part}" for part in ("array", "error", "intl", "object", "regexp", "string")),
    *(f"es2023.{part}" for part in ("array", "collection", "intl")),
    *(f"es2024.{part}" for part in ("arraybuffer", "collection", "object", "promise", "regexp", "string")),
    *(f"es2025.{part}" for part in ("collection", "float16", "intl", "iterator", "promise", "regexp")),
    *(f"esnext.{part}" for part in ("array", "collection", "date", "decorators", "disposable", "error", "intl")),
    *(f"esnext.{part}" for part in ("temporal", "typedarrays")),
)
"""What the sandbox's V8 15 has of ECMAScript: all of it but shared memory and weak references, which the bridge takes
away. Whole years cannot be named, since es2017 and es2021 bring those two."""

_CHECKS = {
    "strict": True,
    # Off, an empty array literal would be `never[]` and `let found = null` could never be anything else. On, both
    # take the type of what comes; what it reports besides is not held against a program.
    "noImplicitAny": True,
    "useUnknownInCatchVariables": False,
    "allowUnreachableCode": False,
    "skipLibCheck": True,
    "lib": LIB,
}
_MB = 1024 * 1024
_SYSTEM_FILES = ("/etc/ld.so.cache", "/dev/null", "/dev/urandom", "/proc/self", "/proc/meminfo", "/sys/fs/cgroup")


def walls_available() -> bool:
    """Whether the kernel has the walls that a checker stands behind."""
    return walls.landlock_abi() > 0 and seccomp.available() is None


@dataclass(frozen=True, slots=True)
class Engine:
    """One language server. `slots`: documents that it checks at the same time. `reads` and `runs` are the files
    that it is made of. Over `memory_bytes` it is replaced; `most_bytes` of data is where the kernel stops it. A program
    on which it computes for longer than `cpu_seconds` has no business beside others."""

    name: str
    argv: tuple[str, ...]
    config_file: str
    config: Mapping[str, Any]
    slots: int
    memory_bytes: int
    most_bytes: int
    cpu_seconds: float
    environment: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    reads: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()

    def confined(self, workspace: Path) -> list[str]:
        """The command behind the kernel's walls: it reads and writes its workspace, reads what it is made of, and
        reaches no network and no other process."""
        if not walls_available():
            return list(self.argv)
        order = {"read": [*self.reads, *_SYSTEM_FILES], "run": self.runs, "own": [str(workspace)]}
        return [sys.executable, "-I", "-m", "gateway.sandbox.confine", json.dumps(order), *self.argv]

    def documents(self) -> tuple[str, ...]:
        """Names of the documents that programs are opened under. They exist on disk, empty, since TypeScript takes
        only listed files into a project."""
        return tuple(f"program{number}.ts" for number in range(self.slots))

    def files(self, declarations: str) -> dict[str, str]:
        """Everything in a module's folder, by name."""
        return {
            "tools.d.ts": _AMBIENT % declarations,
            self.config_file: json.dumps(self.config),
            **dict.fromkeys(self.documents(), "export {};\n"),
        }


_AMBIENT = """declare module "$tools" {
%s
}
declare module "tools" {
  export * from "$tools";
  export const tools: typeof import("$tools");
  export default tools;
}
declare const tools: typeof import("$tools");
"""


def native(compiler: Path) -> Engine:
    """TypeScript 7, from the binary at `compiler`. Nothing outside the folder is looked for: `noResolve`."""
    slots = 4
    options = _CHECKS | {
        "target": "esnext",
        "module": "esnext",
        "moduleDetection": "force",
        "noResolve": True,
        "noEmit": True,
        "types": [],
    }
    engine = Engine(
        name="typescript",
        argv=(str(compiler), "--lsp", "--stdio"),
        config_file="tsconfig.json",
        config={"compilerOptions": options},
        slots=slots,
        memory_bytes=512 * _MB,
        most_bytes=1536 * _MB,
        cpu_seconds=2.0,
        environment={"GOMEMLIMIT": f"{384 * _MB}"},
        reads=(str(compiler.parent.resolve()),),
        runs=(str(compiler),),
    )
    files = ["../world.d.ts", "tools.d.ts", *engine.documents()]
    return replace(engine, config={"compilerOptions": options, "files": files})


def bundled(cache: Path) -> Engine:
    """Deno's own language server. `cache` is the folder that it may keep things in."""
    deno = find()
    return Engine(
        name="deno",
        argv=(str(deno), "lsp"),
        config_file="deno.json",
        config={
            "compilerOptions": _CHECKS | {"types": ["../world.d.ts", "./tools.d.ts"]},
            # A program that hides an import from our own reader still names no file: all of them are elsewhere.
            "imports": {"file:///": "./nothing/", "../world.d.ts": "../world.d.ts"},
        },
        slots=1,
        memory_bytes=1024 * _MB,
        most_bytes=3072 * _MB,
        cpu_seconds=5.0,
        environment={"DENO_DIR": str(cache), "DENO_NO_UPDATE_CHECK": "1", "NO_COLOR": "1"},
        reads=libraries(deno),
        runs=(str(deno), *(path for path in libraries(deno) if "/ld-" in path)),
        settings={"enable": True, "lint": False, "cacheOnSave": False, "codeLens": {}},
    )
