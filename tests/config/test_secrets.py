"""Which values of a file count as secrets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.config.files import Files

HTTP = "http://127.0.0.1/mcp"


@pytest.mark.parametrize(
    ("server", "secret"),
    [
        ({"url": HTTP, "headers": {"Authorization": "Bearer abcdefgh1"}}, {"Bearer abcdefgh1", "abcdefgh1"}),
        ({"url": HTTP, "headers": {"X-API-Key": "abcdefgh1"}}, {"abcdefgh1"}),
        (
            {"url": HTTP, "headers": {"authorization": "Basic dXNlcjphYmNkZWZnaDE="}},
            {"Basic dXNlcjphYmNkZWZnaDE=", "dXNlcjphYmNkZWZnaDE=", "abcdefgh1"},
        ),
        ({"url": "http://me:abcdefgh1@127.0.0.1/mcp?api_key=12345678a"}, {"abcdefgh1", "12345678a"}),
        ({"url": "http://127.0.0.1/s/a1b2c3d4e5f6g7h8i9j0/mcp"}, {"a1b2c3d4e5f6g7h8i9j0"}),
        ({"command": "x", "env": {"GITHUB_TOKEN": "abcdefgh1", "PGPASSWORD": "12345678"}}, {"abcdefgh1", "12345678"}),
        ({"command": "x", "env": {"DB": "postgres://me:abcdefgh1@db/x"}}, {"abcdefgh1"}),
        ({"command": "x", "args": ["--api-key", "abcdefgh1", "-e", "TOKEN=12345678"]}, {"abcdefgh1", "12345678"}),
        ({"command": "x", "args": ["--api-key=abcdefgh1"]}, {"abcdefgh1"}),
        # what is none
        ({"command": "x", "args": ["--author", "somebody", "--keyboard=german-layout", "--key", "--verbose"]}, set()),
        ({"command": "x", "env": {"MODE": "production", "API_KEY": "test"}}, set()),
        ({"url": "http://127.0.0.1/api/v1/model-context-protocol", "headers": {"Accept": "something"}}, set()),
    ],
)
def test_secrets_of_a_server(tmp_path: Path, server: dict[str, Any], secret: set[str]) -> None:
    config = Files(tmp_path).load(json.dumps({"mcpServers": {"s": server}}))
    assert config.secrets == secret


def test_passwords_of_proxies_are_secrets_too(tmp_path: Path) -> None:
    config = Files(tmp_path).load("{}", environ={"HTTPS_PROXY": "http://me:abcdefgh1@proxy:3128"})
    assert config.secrets == {"abcdefgh1"}
