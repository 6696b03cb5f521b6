"""Entries copied from other clients' files."""

from __future__ import annotations

from tests.config.files import Files


def test_entries_of_other_clients_work_as_they_are(files: Files) -> None:
    config = files.load("""
        $schema: https://example.org/schema.json
        inputs: []
        mcpServers:
          cline: {command: npx, args: [-y, pkg], disabled: true, autoApprove: [read], timeout: 60}
          windsurf: {serverUrl: "https://h/mcp", disabledTools: [drop_all]}
          gemini: {httpUrl: "https://h/mcp", includeTools: [a], excludeTools: [b], trust: true}
          vscode: {type: stdio, command: x, envFile: .env, dev: {watch: x}, gallery: true, version: 1.0.0}
          roo: {type: streamable-http, url: "https://h/mcp", alwaysAllow: [x], disabled: false}
          old: {transport: sse, url: "https://h/sse"}
    """)
    servers = config.servers
    assert {name: server.transport for name, server in servers.items()} == {
        "cline": "stdio",
        "windsurf": "http",
        "gemini": "http",
        "vscode": "stdio",
        "roo": "http",
        "old": "sse",
    }
    assert [name for name, server in servers.items() if not server.enabled] == ["cline"]
    assert (servers["windsurf"].exclude, servers["gemini"].include, servers["gemini"].exclude) == (
        ("drop_all",),
        ("a",),
        ("b",),
    )


def test_what_is_passed_over_is_told(files: Files) -> None:
    config = files.load("mcpServers:\n  a:\n    command: x\n    timeout: 60\n    autoApprove: [y]\ninputs: []\n")
    assert list(config.notices) == [
        f"{files.path}:6: inputs is ignored: there is nobody to ask; write ${{VAR}}.",
        f"{files.path}:5: mcpServers.a.autoApprove is ignored: grants of an agent say what is allowed.",
        f"{files.path}:4: mcpServers.a.timeout is ignored: clients differ in its unit; write timeout_seconds.",
    ]


def test_a_mistake_in_a_renamed_key_has_its_line(files: Files) -> None:
    [(line, key, _)] = files.problems("mcpServers:\n  a:\n    type: http\n    serverUrl: ftp://x\n")
    assert (line, key) == (4, "mcpServers.a.url")


def test_a_key_given_under_both_names_is_a_mistake(files: Files) -> None:
    problems = files.problems("mcpServers: {a: {command: x, enabled: true, disabled: true, url: y, serverUrl: z}}")
    assert [key for _, key, _ in problems] == [
        "mcpServers.a.disabled",
        "mcpServers.a.serverUrl",
        "mcpServers.a.url",
    ]


def test_arguments_variables_and_headers_stay_as_written(files: Files) -> None:
    config = files.load("""
        mcpServers:
          a: {command: x, args: [--port, 8080, 1.10, true, 0x1F], env: {N: 1.50, B: False}}
          b: {url: "http://h", headers: {X-Version: 007}}
    """)
    assert config.servers["a"].args == ("--port", "8080", "1.10", "true", "0x1F")
    assert config.servers["a"].env == {"N": "1.50", "B": "False"}
    assert config.servers["b"].headers == {"X-Version": "007"}
