"""The type checker reads programs, and a bug of its own would be the way out of one: it stands behind walls too."""

from __future__ import annotations

import asyncio
import json
import os
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from gateway.sandbox import deno_binary, seccomp, walls
from gateway.sandbox.checker import Checker
from gateway.sandbox.engines import bundled

pytestmark = [
    pytest.mark.skipif(not walls.landlock_abi(), reason="this kernel has no Landlock"),
    pytest.mark.skipif(seccomp.available() is not None, reason="there is no seccomp filter here"),
]

ATTEMPTS = {
    "reads a file": "Deno.readTextFileSync(outside)",
    "reads the admin key": "Deno.readTextFileSync(outside.replace('secret', 'admin.key'))",
    "lists the data folder": "[...Deno.readDirSync(outside.replace('/secret', ''))].length",
    "writes a file": "Deno.writeTextFileSync(outside, 'changed')",
    "opens a file to all": "Deno.chmodSync(outside, 0o777) ?? 'changed'",
    "leads out of its folder": "Deno.symlinkSync(outside, 'link') ?? Deno.readTextFileSync('link')",
    "moves a file in": "Deno.renameSync(outside, 'taken') ?? Deno.readTextFileSync('taken')",
    "reads the gateway's environment": "Deno.readTextFileSync(`/proc/${gateway}/environ`)",
    "connects": "await Deno.connect({hostname: '127.0.0.1', port: 9}).then(() => 1, (e) => { if (e.name !== "
    "'ConnectionRefused') throw e; return 1; })",
    "listens": "Deno.listen({port: 0}).addr.port",
    "runs a program": "new Deno.Command('/bin/true').outputSync().code",
    "runs what it has written": "(Deno.copyFileSync('own.ts', 'x'), new Deno.Command('./x').outputSync().code)",
    "signals the gateway": "Deno.kill(gateway, 'SIGUSR1') ?? 'sent'",
}
SCRIPT = """
const [outside, gateway] = JSON.parse(Deno.args[0]);
const out = {};
const attempts = {%s};
for (const [name, attempt] of Object.entries(attempts)) {
  try { out[name] = String(await attempt()); } catch (e) { out[name] = null; }
}
Deno.writeTextFileSync("mine", "1");
out.own = Deno.readTextFileSync("mine");
console.log(JSON.stringify(out));
"""


@pytest.fixture(scope="module")
def got(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str | None]:
    """What a checker that was taken over gets, with all of Deno's permissions."""
    data = tmp_path_factory.mktemp("data")
    outside, workspace = data / "secret", data / "checker"
    workspace.mkdir()
    for file in (outside, data / "admin.key"):
        file.write_text("the secret")
        file.chmod(0o600)
    attempts = ",".join(f"{json.dumps(name)}: async () => {text}" for name, text in ATTEMPTS.items())
    (workspace / "own.ts").write_text(SCRIPT % attempts)
    engine = bundled(workspace)
    walled = engine.confined(workspace)[: -len(engine.argv)]
    attacker = [str(deno_binary.find()), "run", "-A", "--quiet", "--no-config", "own.ts"]
    attacker.append(json.dumps([str(outside), os.getpid()]))

    async def run() -> str:
        command = [*walled, *attacker]
        environment = {"DENO_DIR": str(workspace / "cache"), "NO_COLOR": "1"}
        process = await asyncio.create_subprocess_exec(
            *command, cwd=workspace, env=environment, stdout=PIPE, stderr=PIPE
        )
        said, complaint = await process.communicate()
        assert process.returncode == 0, complaint.decode()
        return said.decode()

    told: dict[str, str | None] = json.loads(asyncio.run(run()))
    told["left"] = f"{outside.read_text()} {outside.stat().st_mode & 0o077:o}"
    return told


@pytest.mark.parametrize("name", ATTEMPTS)
def test_a_checker_that_was_taken_over_gets_nothing_outside(got: dict[str, str | None], name: str) -> None:
    assert got[name] is None


def test_it_keeps_its_own_folder_and_no_file_outside_has_changed(got: dict[str, str | None]) -> None:
    assert got["own"] == "1"
    assert got["left"] == "the secret 0"


@pytest.mark.parametrize("engine", ["auto", "deno"])
async def test_the_checker_that_runs_is_behind_them(tmp_path: Path, engine: str) -> None:
    checker = Checker(data_dir=tmp_path, engine=engine)  # type: ignore[arg-type]  # a Literal, by parameter
    await checker.start()
    pid = checker.stats.pid
    status = Path(f"/proc/{pid}/status").read_text()
    await checker.close()
    assert "Seccomp:\t2" in status
    assert "NoNewPrivs:\t1" in status
