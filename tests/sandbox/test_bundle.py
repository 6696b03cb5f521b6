"""The bridge as one file, the import map, and how Deno is called."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from gateway.errors import GatewayError
from gateway.sandbox import bundle, deno_binary, flags

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def deno() -> Path:
    return deno_binary.find()


def test_it_is_made_once_and_again_when_something_changed(
    deno: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = bundle.bundle(deno, tmp_path)
    stamp = made.bridge.stat().st_mtime_ns
    assert bundle.bundle(deno, tmp_path) == made
    assert made.bridge.stat().st_mtime_ns == stamp
    text = made.bridge.read_text()
    assert not re.search(r"^(import [{*]|export )", text, re.MULTILINE)
    copy = tmp_path / "sources"
    copy.mkdir()
    for source in bundle.SOURCES.glob("*.ts"):
        (copy / source.name).write_text(source.read_text())
    (copy / "nearest.ts").write_text((copy / "nearest.ts").read_text() + "\nconst added = 1;\n")
    monkeypatch.setattr(bundle, "SOURCES", copy)
    assert bundle.bundle(deno, tmp_path) != made
    assert sorted(path.suffix for path in tmp_path.iterdir() if path.is_file()) == [".js", ".js", ".json", ".json"]


def test_a_module_comes_after_those_it_imports() -> None:
    joined = bundle.join(
        {
            "main.js": 'import { b } from "./b.ts";\nimport {\n  a,\n  c,\n} from "./a.ts";\nb(a, c);\n',
            "main.ts": "",
            "a.ts": "/** Doc. */ export const a = 1;\nexport function c() {}\n",
            "b.ts": '/** Module.\n * more */ import { a } from "./a.ts";\n// line\nexport class B {}\n',
        }
    )
    assert joined.index("const a = 1;") < joined.index("class B {}") < joined.index("b(a, c);")
    assert "import" not in joined
    assert "export" not in joined
    assert "//" not in joined
    assert "Doc" not in joined


def test_a_circle_is_named() -> None:
    with pytest.raises(GatewayError, match=r"circle.*a\.ts"):
        bundle.join({"a.ts": 'import { b } from "./b.ts";\n', "b.ts": 'import { a } from "./a.ts";\n'})


def test_a_source_that_is_no_typescript_is_told(deno: Path) -> None:
    with pytest.raises(GatewayError, match="transpile"):
        bundle.transpile(deno, {"main.ts": "const = ;"})


def test_the_import_map_names_every_built_in_module(deno: Path) -> None:
    names = deno_binary.builtin_modules(deno)
    assert len(names) >= 68
    entries = json.loads(flags.import_map(names))["imports"]
    bare = {name.removeprefix("node:") for name in names}
    assert set(entries) == bare | {f"node:{name}" for name in bare}
    assert {"fs", "node:fs", "node:sqlite", "sqlite", "fs/promises", "_tls_wrap", "node:vm"} <= set(entries)
    assert all(target.startswith("data:text/javascript,throw ") for target in entries.values())


def test_a_process_gets_no_permission_and_nothing_of_our_environment(
    deno: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "x")
    argv = flags.argv(deno, Path("b.js"), Path("i.json"), 256)
    for permission in ("read", "write", "net", "env", "sys", "run", "ffi", "import"):
        assert f"--deny-{permission}" in argv
    assert not any(word.startswith(("--allow", "-A", "--unstable", "--inspect")) for word in argv)
    assert {"--no-prompt", "--no-remote", "--no-npm", "--no-config", "--no-lock", "--cached-only"} <= set(argv)
    environment = flags.environment(tmp_path)
    assert "SECRET" not in environment
    assert (environment["TZ"], environment["LC_ALL"]) == ("UTC", "en_US.UTF-8")


def test_the_libraries_of_deno_are_files(deno: Path) -> None:
    libraries = deno_binary.libraries(deno)
    assert all(Path(path).is_file() for path in libraries)
    assert not libraries or any("/ld-" in path for path in libraries)


CHECKS = {
    "lint": ["lint", "--quiet"],
    "fmt": ["fmt", "--check", "--quiet"],
    "check": ["check", "--quiet", "gateway/sandbox/bridge/main.ts", "tests/sandbox/bridge"],
    "test": ["test", "--no-check", "--quiet", "tests/sandbox/bridge"],
}


@pytest.mark.parametrize("check", CHECKS)
def test_the_bridge_is_clean(deno: Path, check: str) -> None:
    environment = flags.environment(Path("/nonexistent"))
    done = subprocess.run([str(deno), *CHECKS[check]], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
