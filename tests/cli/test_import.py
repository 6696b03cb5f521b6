"""`gateway import` over configuration files as their clients write them."""

from __future__ import annotations

import json
import stat
from pathlib import Path

from gateway.config.load import load
from tests.cli.conftest import Run

GIT = {"command": "uvx", "args": ["mcp-server-git"], "env": {"HOME_PAGE": "http://x//y"}}


def test_servers_of_a_file_make_a_configuration_that_loads(run: Run) -> None:
    Path("mcp.json").write_text(json.dumps({"mcpServers": {"git": GIT, "crm": {"url": "https://crm.example/mcp"}}}))
    done = run("import", "mcp.json")
    assert done.exit_code == 0
    config = load(Path("gateway.yaml"))
    assert config.servers["git"].env == GIT["env"]
    assert config.servers["crm"].transport == "http"
    assert list(config.agents) == ["me"]
    assert stat.S_IMODE(Path("gateway.yaml").stat().st_mode) == 0o600


def test_every_client_found_is_taken_over(run: Run, home: Path) -> None:
    (home / ".cursor").mkdir()
    (home / ".cursor/mcp.json").write_text(json.dumps({"mcpServers": {"a": GIT}}))
    Path(".vscode").mkdir()
    Path(".vscode/mcp.json").write_text('{\n  // with a comment\n  "servers": {"b": {"url": "https://b/mcp"},},\n}')
    projects = {str(Path.cwd()): {"mcpServers": {"c": GIT}}, "/elsewhere": {"mcpServers": {"d": GIT}}}
    (home / ".claude.json").write_text(json.dumps({"projects": projects}))
    done = run("import")
    assert done.exit_code == 0
    assert set(load(Path("gateway.yaml")).servers) == {"a", "b", "c"}


def test_what_is_there_already_stays_as_it_is(run: Run) -> None:
    before = "# mine\nmcpServers:  # all of them\n  git:\n    command: my-git  # patched\ngateway: {data_dir: d}\n"
    Path("gateway.yaml").write_text(before)
    Path("mcp.json").write_text(json.dumps({"mcpServers": {"git": GIT, "new": GIT}}))
    done = run("import", "mcp.json")
    assert done.exit_code == 0
    assert "git: there already" in done.stderr
    after = Path("gateway.yaml").read_text()
    assert [line for line in before.splitlines() if line not in after.splitlines()] == []
    config = load(Path("gateway.yaml"))
    assert config.servers["git"].command == "my-git"
    assert config.servers["new"].args == ("mcp-server-git",)


def test_the_gateway_does_not_import_itself(run: Run) -> None:
    ours = {"command": "/usr/bin/gateway", "args": ["stdio", "-c", "x.yaml"]}
    Path("mcp.json").write_text(json.dumps({"mcpServers": {"gateway": ours}}))
    done = run("import", "mcp.json")
    assert done.exit_code == 2
    assert "No MCP servers found" in done.stderr
    assert not Path("gateway.yaml").exists()


def test_what_needs_attention_is_told(run: Run) -> None:
    Path("mcp.json").write_text(json.dumps({"mcpServers": {"crm": {"url": "https://x", "headers": {"A": "${NOPE}"}}}}))
    done = run("import", "mcp.json")
    assert done.exit_code == 0
    assert "NOPE" in done.stderr


def test_a_broken_file(run: Run) -> None:
    Path("mcp.json").write_text("{nope")
    done = run("import", "mcp.json")
    assert done.exit_code == 2
    assert "mcp.json cannot be read as JSON" in done.stderr
