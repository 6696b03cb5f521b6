"""Exit codes, messages and `--json` of commands that cannot do what was asked."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli.main import COMMANDS
from tests.cli.conftest import Run


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(run: Run, name: str) -> None:
    told = run(name, "--help")
    assert told.exit_code == 0
    assert told.stdout.startswith(f"Usage: gateway {name}")


def test_an_unknown_command_is_wrong_usage(run: Run) -> None:
    told = run("tokens")
    assert told.exit_code == 2
    assert "No such command" in told.stderr


def test_without_a_configuration_a_command_says_what_to_do(run: Run) -> None:
    told = run("token", "list")
    assert (told.exit_code, told.stdout) == (1, "")
    assert "gateway.yaml: there is no such file" in told.stderr
    assert "-c FILE" in told.stderr


def test_with_json_a_failure_is_a_document_too(run: Run) -> None:
    told = run("servers", "list", "--json")
    assert told.exit_code == 1
    assert json.loads(told.stdout)["error"]["code"] == "config_invalid"


def test_without_a_gateway_running_a_command_says_how_to_start_one(run: Run) -> None:
    Path("gateway.yaml").write_text("gateway: {data_dir: data}\n")
    told = run("runs", "list")
    assert told.exit_code == 1
    assert "gateway serve" in told.stderr or "admin key" in told.stderr


def test_a_gateway_elsewhere_needs_its_admin_token(run: Run) -> None:
    told = run("token", "list", "--url", "http://127.0.0.1:9")
    assert told.exit_code == 1
    assert "GATEWAY_ADMIN_TOKEN" in told.stderr


def test_a_gateway_elsewhere_that_does_not_answer(run: Run) -> None:
    told = run("token", "list", GATEWAY_URL="http://127.0.0.1:9", GATEWAY_ADMIN_TOKEN="x")
    assert told.exit_code == 1
    assert "No gateway answers at http://127.0.0.1:9" in told.stderr


class _Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<h1>hello</h1>")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def other_server() -> Iterator[str]:
    with http.server.HTTPServer(("127.0.0.1", 0), _Hello) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_something_else_than_a_gateway_answers(run: Run, other_server: str) -> None:
    told = run("token", "list", GATEWAY_URL=other_server, GATEWAY_ADMIN_TOKEN="x")
    assert told.exit_code == 1
    assert "is not a gateway" in told.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["token", "revoke"], "Name exactly one"),
        (["token", "revoke", "tok_1", "--all"], "Name exactly one"),
        (["run", "missing.ts"], "No such file"),
        (["connect", "emacs"], "is not one of"),
        (["policy", "explain", "triage", "git"], "SERVER:TOOL"),
        (["codegen", "--from", "missing.json", "--out", "x"], "does not exist"),
    ],
)
def test_wrong_usage(run: Run, arguments: list[str], says: str) -> None:
    Path("gateway.yaml").write_text("{}")
    told = run(*arguments, GATEWAY_URL="http://127.0.0.1:9", GATEWAY_ADMIN_TOKEN="x")
    assert told.exit_code == 2
    assert says in told.stderr


def test_the_console_command_is_the_module(home: Path) -> None:
    program = Path(sys.executable).with_name("gateway")
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert told.stdout.startswith("gateway, version ")


def test_wrong_usage_is_a_document_too(run: Run) -> None:
    told = run("runs", "list", "--json", "--limit", "many")
    assert told.exit_code == 2
    error = json.loads(told.stdout)["error"]
    assert error["code"] == "usage" and "many" in error["message"]
