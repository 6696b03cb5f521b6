"""A file becomes a Config; a wrong one says where and what to do."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gateway.config import Config, GrantConfig, ServerConfig, load
from gateway.errors import ConfigError
from gateway.model import Grant
from tests.config.files import Files

CONTRACT = """
    mcpServers:
      git:   {command: mcp-server-git, args: [--repository, .]}
      crm:   {url: "https://crm.example/mcp", headers: {Authorization: "Bearer ${CRM_TOKEN}"}}
      old:   {type: sse, url: "http://127.0.0.1:9000/sse"}
    agents:
      triage:
        owner: alice@example.com
        description: sorts incoming tickets
        grants:
          - {server: git, tools: ["git_*"], when: {read_only: true}}
          - {server: crm, tools: ["create_*"], args: {project: {glob: "acme/*"}}, limits: {per_minute: 10, per_run: 50}}
          - {server: crm, tools: ["refund"], approval: {by: "role:finance", ttl: 10m}}
    deny:
      - {server: "*", tools: ["delete_*"]}
    gateway:
      listen: 127.0.0.1:8787
      public_url: https://gw.example
      data_dir: .gateway
      limits: {run_memory_mb: 256, run_cpu_seconds: 30}
"""


def test_a_whole_file(files: Files) -> None:
    config = files.load(CONTRACT, {"CRM_TOKEN": "s3cret-token"})
    assert [(name, server.transport) for name, server in config.servers.items()] == [
        ("git", "stdio"),
        ("crm", "http"),
        ("old", "sse"),
    ]
    assert config.servers["crm"].headers == {"Authorization": "Bearer s3cret-token"}
    assert config.agents["triage"].policy == (
        Grant("git", ("git_*",), when={"read_only": True}),
        Grant("crm", ("create_*",), args={"project": {"glob": ["acme/*"]}}, limits={"per_minute": 10, "per_run": 50}),
        Grant("crm", ("refund",), approval={"by": "role:finance", "ttl": "600"}),
    )
    assert config.denied == (Grant("*", ("delete_*",)),)
    assert (config.gateway.host, config.gateway.port, config.gateway.base_url) == (
        "127.0.0.1",
        8787,
        "https://gw.example",
    )
    assert config.gateway.limits.run_memory_mb == 256
    assert config.path == files.path
    assert config.gateway.data_dir == files.path.parent / ".gateway"


def test_json_is_yaml(files: Files) -> None:
    text = json.dumps({"mcpServers": {"git": {"command": "x", "args": ["--port", "8080"]}}, "agents": {}}, indent=1)
    assert files.load(text).servers["git"].args == ("--port", "8080")


def test_sections_may_be_absent_or_empty(files: Files) -> None:
    config = files.load("mcpServers:\nagents:\ndeny:\ngateway:\n")
    assert (config.servers, config.agents, config.deny) == ({}, {}, ())


def test_paths_are_relative_to_the_file(files: Files) -> None:
    config = files.load("""
        mcpServers: {a: {command: x, cwd: sub}, b: {command: x}}
        gateway: {data_dir: ../data, tls_cert: cert.pem, tls_key: /etc/key.pem}
    """)
    folder = files.path.parent
    assert (config.servers["a"].cwd, config.servers["b"].cwd) == (folder / "sub", None)
    assert config.gateway.data_dir == folder.parent / "data"
    assert (config.gateway.tls_cert, config.gateway.tls_key) == (folder / "cert.pem", Path("/etc/key.pem"))


def test_the_command_line_replaces_what_the_file_says(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(files.path.parent.parent)
    config = files.load(
        "gateway: {listen: 127.0.0.1:1, max_active_runs: 3}",
        listen="127.0.0.1:0",
        data_dir=Path("d"),
        redis_url="redis://localhost",
    )
    assert (config.gateway.listen, config.gateway.redis_url) == ("127.0.0.1:0", "redis://localhost")
    assert config.gateway.data_dir == Path.cwd() / "d"
    assert config.gateway.max_active_runs == 3


def test_a_mistake_on_the_command_line_is_told_as_such(files: Files) -> None:
    error = files.refuse("gateway: {listen: 127.0.0.1:1}", listen="nowhere")
    assert str(error).startswith("command line: gateway.listen: expected HOST:PORT")


def test_the_default_file_is_looked_for_in_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"gateway.yaml: there is no such file. Create it, or name another"):
        load()
    (tmp_path / "gateway.yaml").write_text("agents: {}")
    assert load().path == tmp_path / "gateway.yaml"


# --- mistakes --------------------------------------------------------------------------------------------------


def test_every_mistake_of_a_file_is_told_at_once_with_its_line(files: Files) -> None:
    text = """\
        mcpServers:
          git: {command: mcp-server-git}
          crm: {url: "https://crm.example", headers: {Authorization: "${CRM_TOKEN}"}}
        agents:
          triage:
            grants:
              - {server: gti, tools: ["git_*"]}
        gateway:
          listn: 127.0.0.1:1
          pool_size: many
    """
    assert files.problems(text) == [
        (
            3,
            "mcpServers.crm.headers.Authorization",
            "the environment variable CRM_TOKEN is not set. Set CRM_TOKEN, or write ${CRM_TOKEN:-default}.",
        ),
        (5, "agents.triage.owner", "is missing. Add it."),
        (7, "agents.triage.grants[0].server", "there is no such server. Did you mean 'git'?"),
        (9, "gateway.listn", "unknown key. Did you mean 'listen'?"),
        (10, "gateway.pool_size", "expected a whole number; found the text 'many'. Correct it."),
    ]
    error = files.refuse(text)
    assert error.code == "config_invalid"
    assert f"{files.path}: 5 problems:\n  {files.path}:3: mcpServers.crm" in str(error)


@pytest.mark.parametrize(
    ("text", "key", "says"),
    [
        ("mcpServer: {}", "mcpServer", "unknown key. Did you mean 'mcpServers'?"),
        ("servers: {}", "servers", "unknown key. Did you mean 'mcpServers'?"),
        ("path: x", "path", "unknown key. Known here: agents, deny, gateway, mcpServers."),
        ("secrets: [x]", "secrets", "unknown key."),
        ("gateway: {data_dir: ' '}", "gateway.data_dir", "expected a path; the file's own folder is '.'"),
        ("mcpServers: {a: {command: x, cwd: ''}}", "mcpServers.a.cwd", "expected a path"),
        ("mcpServers: {a: {command: x, sandbox_write: [b, '']}}", "mcpServers.a.sandbox_write[1]", "expected a path"),
        ("agents: {a: {owner: ''}}", "agents.a.owner", "expected a text that is not empty"),
        ("agents: []", "agents", "expected a mapping of keys; found a list."),
        ("agents: {a: x}", "agents.a", "expected a mapping of keys; found the text 'x'."),
        ("agents: {a b: {owner: x}}", "agents.a b", "expected 1 to 64 letters"),
        ("agents: {a: {owner: 7}}", "agents.a.owner", "expected a text; found the number 7."),
        ("agents: {a: {owner: x, grants: {server: x}}}", "agents.a.grants", "expected a list; found a mapping"),
        ("agents: {a: {owner: x, max_ttl: soon}}", "agents.a.max_ttl", "expected a duration such as"),
        ("agents: {a: {owner: x, tenant: a/b}}", "agents.a.tenant", "expected 1 to 64 letters"),
        ("mcpServers: {'a:b': {command: x}}", "mcpServers.a:b", "a server's name has 1 to 64 characters"),
        ("mcpServers: {a: {}}", "mcpServers.a", "either a 'command' to start or a 'url'"),
        ("mcpServers: {a: {command: x, url: 'http://x'}}", "mcpServers.a", "either a 'command' to start or a 'url'"),
        ("mcpServers: {a: {type: http, command: x}}", "mcpServers.a", "type 'http' needs a 'url'"),
        ("mcpServers: {a: {type: stdio, url: 'http://x'}}", "mcpServers.a", "type 'stdio' needs a 'command'"),
        ("mcpServers: {a: {type: websocket, url: 'http://x'}}", "mcpServers.a.type", "expected 'stdio', 'http'"),
        (
            "mcpServers: {a: {url: 'ftp://x'}}",
            "mcpServers.a.url",
            "and names a host; found a text.",
        ),
        ("mcpServers: {a: {url: 'http://x', headers: {'a b': x}}}", "mcpServers.a.headers", "is not a header's name"),
        ('mcpServers: {a: {url: "http://x", headers: {a: "x\\ny"}}}', "mcpServers.a.headers", "has a line break"),
        ("mcpServers: {a: {command: x, args: x}}", "mcpServers.a.args", "expected a list"),
        ("mcpServers: {a: {command: x, env: {A: }}}", "mcpServers.a.env.A", "expected a text; found nothing."),
        ("mcpServers: {a: {command: x, timeout_seconds: 0}}", "mcpServers.a.timeout_seconds", "greater than 0"),
        ("mcpServers: {a: {command: x, learn: maybe}}", "mcpServers.a.learn", "expected true or false"),
        ("deny: [{server: '*'}]", "deny[0].tools", "is missing. Add it."),
        ("deny: [{server: '*', tools: '*', limits: {}}]", "deny[0].limits", "unknown key."),
        ("gateway: {pool_size: true}", "gateway.pool_size", "expected a number; found the truth value true."),
        ("gateway: {pool_size: 1.5}", "gateway.pool_size", "expected a whole number; found the number 1.5."),
        ("gateway: {pool_size: -1}", "gateway.pool_size", "greater than or equal to 0; found the number -1."),
        ("gateway: {limits: [1]}", "gateway.limits", "expected a mapping of keys; found a list."),
        ("gateway: {limits: {run_memory: 5}}", "gateway.limits.run_memory", "Did you mean 'run_memory_mb'?"),
        ("gateway: {walls: of}", "gateway.walls", "expected 'auto', 'required' or 'off'; found the text 'of'."),
        ("gateway: {listen: '8787'}", "gateway.listen", "expected HOST:PORT"),
        ("gateway: {listen: '::1:8787'}", "gateway.listen", "expected HOST:PORT"),
        ("gateway: {listen: '127.0.0.1:99999'}", "gateway.listen", "expected HOST:PORT"),
        ("gateway: {public_url: 'https://x/y'}", "gateway.public_url", "scheme, host and port only"),
        ("gateway: {redis_url: localhost}", "gateway.redis_url", "expected a URL, such as redis://"),
        ("gateway: {trusted_proxies: [proxy]}", "gateway.trusted_proxies", "expected addresses or networks"),
        ("gateway: {allowed_origins: x}", "gateway.allowed_origins", "expected origins"),
        ("gateway: {tls_cert: x}", "gateway", "TLS needs 'tls_cert' and 'tls_key', both"),
        ("gateway: {oidc: {issuer: x, client_id: y}}", "gateway.oidc.issuer", "http:// or https://"),
    ],
)
def test_one_mistake(files: Files, text: str, key: str, says: str) -> None:
    [(line, where, message)] = files.problems(text)
    assert (line, where) == (1, key)
    assert says in message


@pytest.mark.parametrize(
    ("grant", "key", "says"),
    [
        ("{tools: '*'}", "server", "is missing"),
        ("{server: '*', tools: []}", "tools", "a list that is not empty"),
        ("{server: '*', tools: '*', when: {readonly: true}}", "when.readonly", "Did you mean 'read_only'?"),
        ("{server: '*', tools: '*', args: {x: {}}}", "args.x", "needs 'glob', 'one_of', 'range' or 'max_bytes'"),
        ("{server: '*', tools: '*', args: {x: {glb: a}}}", "args.x.glb", "Did you mean 'glob'?"),
        ("{server: '*', tools: '*', args: {x: {glob: a//b}}}", "args.x.glob", "write 'a/b'"),
        ("{server: '*', tools: '*', args: {x: {glob: 'https://A/**'}}}", "args.x.glob", "write 'https://a/**'"),
        ("{server: '*', tools: '*', args: {x: {glob: [a/%2e%2e/b]}}}", "args.x.glob", "write 'b'"),
        ("{server: '*', tools: '*', args: {x: {glob: 'http://u@h/'}}}", "args.x.glob", "URL with a user"),
        ("{server: '*', tools: '*', args: {x: {one_of: []}}}", "args.x.one_of", "a list that is not empty"),
        ("{server: '*', tools: '*', args: {x: {one_of: [[1]]}}}", "args.x.one_of", "expected texts, numbers"),
        ("{server: '*', tools: '*', args: {x: {range: [5, 1]}}}", "args.x.range", "'min' is greater than 'max'"),
        ("{server: '*', tools: '*', args: {x: {range: {}}}}", "args.x.range", "needs 'min', 'max' or both"),
        ("{server: '*', tools: '*', args: {x: {range: [a, 1]}}}", "args.x.range", "expected a"),
        ("{server: '*', tools: '*', limits: {per_hour: 1}}", "limits.per_hour", "Did you mean 'per_run'?"),
        ("{server: '*', tools: '*', limits: {per_run: 0}}", "limits.per_run", "greater than or equal to 1"),
        ("{server: '*', tools: '*', hours: {days: [mon, someday]}}", "hours.days[1]", "expected 'mon', 'tue'"),
        ("{server: '*', tools: '*', hours: {from: 9}}", "hours.from", "expected a text"),
        ("{server: '*', tools: '*', hours: {from: '9:00'}}", "hours.from", "expected HH:MM"),
        ("{server: '*', tools: '*', hours: {from: 09:00, to: 09:00}}", "hours", "the same minute"),
        ("{server: '*', tools: '*', hours: {tz: '" + "a." * 2_000 + "'}}", "hours.tz", "not a time zone"),
        ("{server: '*', tools: '*', hours: {tz: Mars/Olympus}}", "hours.tz", "not a time zone"),
        ("{server: '*', tools: '*', hours: {tz: ../../etc/passwd}}", "hours.tz", "not a time zone"),
        ("{server: '*', tools: '*', approval: {}}", "approval.by", "is missing"),
        ("{server: '*', tools: '*', approval: {by: finance}}", "approval.by", "expected role:NAME"),
    ],
)
def test_one_mistake_in_a_grant(files: Files, grant: str, key: str, says: str) -> None:
    [(line, where, message)] = files.problems(f"agents:\n  a:\n    owner: x\n    grants:\n      - {grant}\n")
    assert (line, where) == (5, f"agents.a.grants[0].{key}")
    assert says in message


@pytest.mark.parametrize(
    ("server", "says"),
    [
        ("crn", "there is no such server. Did you mean 'crm'?"),
        ("x", "there is no such server. Known here: crm, git."),
        ("z*", "this glob fits no server. Known here: crm, git."),
    ],
)
def test_a_door_to_a_server_that_is_not_there(files: Files, server: str, says: str) -> None:
    text = f"mcpServers: {{git: {{command: x}}, crm: {{command: x}}}}\ndeny: [{{server: '{server}', tools: '*'}}]"
    assert files.problems(text) == [(2, "deny[0].server", says)]


@pytest.mark.parametrize("server", ["*", "git", "g*", "???"])
def test_a_glob_that_fits_some_server(files: Files, server: str) -> None:
    files.load(f"mcpServers: {{git: {{command: x, enabled: false}}}}\ndeny: [{{server: '{server}', tools: '*'}}]")


@pytest.mark.parametrize("listen", ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "gw.example:1"])
def test_listening_beyond_this_machine_needs_tls_or_a_proxy(files: Files, listen: str) -> None:
    [(line, key, message)] = files.problems(f"gateway:\n  listen: '{listen}'")
    assert (line, key) == (2, "gateway.listen")
    assert "tokens would travel in the clear. Set tls_cert and tls_key, or" in message
    files.load(f"gateway: {{listen: '{listen}', trusted_proxies: 10.0.0.0/8}}")
    assert files.load(f"gateway: {{listen: '{listen}', tls_cert: c, tls_key: k}}").gateway.base_url.startswith("https:")


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "localhost:8787", "[::1]:8787", "127.8.8.8:1"])
def test_listening_on_this_machine_needs_nothing(files: Files, listen: str) -> None:
    assert files.load(f"gateway: {{listen: '{listen}'}}").gateway.base_url == f"http://{listen}"


# --- the environment -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("${A}", "one"),
        ("x-${A}-${B}", "x-one-two"),
        ("${env:A}", "one"),
        ("${C:-three}", "three"),
        ("${EMPTY:-three}", "three"),
        ("${EMPTY}", ""),
        ("${A:-three}", "one"),
        ("${C:-}", ""),
        ("$${A}", "${A}"),
        ("$A $5", "$A $5"),
        ("${D}", "${A}"),
    ],
)
def test_variables(files: Files, written: str, wanted: str) -> None:
    environ = {"A": "one", "B": "two", "EMPTY": "", "D": "${A}"}
    assert files.load(f"mcpServers: {{x: {{command: c, args: ['{written}']}}}}", environ).servers["x"].args == (wanted,)


def test_variables_give_numbers_where_numbers_are_wanted(files: Files) -> None:
    assert files.load("gateway: {pool_size: '${N}'}", {"N": "7"}).gateway.pool_size == 7


@pytest.mark.parametrize("written", ["${input:token}", "${workspaceFolder}/x:y", "${", "${A", "${1}", "${A-b}"])
def test_what_is_no_variable_is_told(files: Files, written: str) -> None:
    [(_, key, message)] = files.problems(f"mcpServers: {{x: {{command: c, args: ['{written}']}}}}", {"A": "x"})
    assert key == "mcpServers.x.args[0]"
    assert "Write ${VAR}" in message or "Set workspaceFolder" in message


def test_values_of_the_environment_never_appear_in_errors(files: Files) -> None:
    secret = "hunter2-very-secret"
    error = files.refuse(
        """
        mcpServers:
          a: {url: "${S}", headers: {"A": "${S}\\n"}, type: "${S}", max_concurrency: "${S}"}
          b: {url: "http://${S}@h/%zz", command: "${S}", cwd: "${S}"}
        agents:
          a:
            owner: x
            tenant: "${S} "
            grants:
              - {server: "${S}", tools: "*", args: {x: {glob: "//${S}"}, y: {range: ["${S}", 1]}}}
              - {server: "*", tools: "*", hours: {tz: "${S}"}, approval: {by: "${S}", ttl: "${S}"}}
        gateway: {listen: "${S}", redis_url: "${S}", walls: "${S}", limits: "${S}", trusted_proxies: ["${S}"]}
        """,
        {"S": secret},
    )
    assert len(error.details["problems"]) >= 14
    assert secret not in str(error)
    assert secret not in json.dumps(error.as_dict())


def test_what_is_secret_is_known_and_not_printed(files: Files) -> None:
    config = files.load(
        """
        mcpServers:
          a: {url: "http://h/", headers: {X: "Bearer ${ONE}"}}
          b: {command: c, env: {K: "${API_KEY}", P: "${PLACE}"}}
        gateway: {redis_url: "redis://:pw-in-file@h"}
        """,
        {"ONE": "first-value", "API_KEY": "second-value", "PLACE": "third-value"},
    )
    assert config.secrets == {"first-value", "second-value", "pw-in-file"}
    assert not [word for word in ("first-value", "second-value", "pw-in-file") if word in repr(config)]


# --- models, as other code uses them ---------------------------------------------------------------------------


def test_models_are_frozen_and_stand_alone() -> None:
    config = Config(servers={"git": ServerConfig(command="x", timeout_seconds=0.5)})
    assert config.gateway.limits.result_kb == 64
    with pytest.raises(ValueError, match="frozen"):
        config.servers["git"].command = "y"


def test_a_policy_is_the_same_object_each_time() -> None:
    config = Config.model_validate({"agents": {"a": {"owner": "x", "grants": [{"server": "*", "tools": "*"}]}}})
    other = Config.model_validate({"agents": {"a": {"owner": "x", "grants": [{"server": "*", "tools": "*"}]}}})
    assert config.agents["a"].policy is config.agents["a"].policy
    assert config.denied is config.denied
    assert config == other


def test_grants_survive_json() -> None:
    grant = GrantConfig.model_validate(
        {
            "server": "crm",
            "tools": "refund",
            "args": {"amount": {"range": [0, 50]}, "to": {"one_of": ["a", None], "glob": "a/*"}},
            "hours": {"days": "fri-mon", "from": "22:00", "to": "06:00"},
            "approval": {"by": "owner"},
        }
    ).to_grant()
    assert json.loads(json.dumps(dict(grant.args))) == grant.args
    assert grant.hours == {"days": ["mon", "fri", "sat", "sun"], "from": "22:00", "to": "06:00", "tz": "UTC"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file(files: Files) -> None:
    files.path.write_text("agents: {}")
    files.path.chmod(0)
    with pytest.raises(ConfigError, match="cannot be read: Permission denied"):
        load(files.path)
