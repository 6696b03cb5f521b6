"""The documents and the examples say what the models say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.config import load
from gateway.config.clients import IGNORED, IGNORED_AT_TOP, RENAMED
from tests.config.settings_table import DOCUMENTS, ROOT, documented, settings_table


def rows(table: str) -> dict[str, str]:
    return {row.split("`")[1]: row for row in table.splitlines() if row.startswith("| `")}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_setting_is_documented_and_nothing_else(document: Path) -> None:
    table = documented(document.read_text(encoding="utf-8")) if document.exists() else None
    if table is None:
        pytest.skip("has no table of settings")
    written, wanted = rows(table), rows(settings_table())
    remedy = "run scripts/settings-table --write"
    assert sorted(written.keys() - wanted.keys()) == [], f"documented, but no setting: {remedy}"
    assert sorted(wanted.keys() - written.keys()) == [], f"not documented: {remedy}"
    assert table == settings_table(), remedy


def test_the_table_is_there() -> None:
    assert documented(DOCUMENTS[0].read_text(encoding="utf-8")) is not None


def test_keys_of_other_clients_are_documented() -> None:
    text = DOCUMENTS[0].read_text(encoding="utf-8")
    assert [key for key in RENAMED if f"`{key}`" not in text] == []
    named = set(re.findall(r"`([^`\s]+)`", text.partition("has no meaning here (")[2].partition(")")[0]))
    assert named <= {*IGNORED, *IGNORED_AT_TOP}


def test_the_example_in_the_documentation_loads(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(.*?)```", DOCUMENTS[0].read_text(encoding="utf-8"), re.DOTALL)
    assert example is not None
    (tmp_path / "gateway.yaml").write_text(example[1])
    config = load(tmp_path / "gateway.yaml", environ={"CRM_TOKEN": "t"})
    assert len(config.agents["triage"].policy) == 2


def test_the_demo_pins_its_servers_and_keeps_its_data_beside_the_repository() -> None:
    config = load(ROOT / "configs" / "demo.yaml", environ={})
    assert len(config.servers) >= 3
    assert all(re.search(r"==\d", server.args[1]) for server in config.servers.values())
    assert {grant.server for grant in config.agents["demo"].policy} == config.servers.keys()
    assert config.gateway.data_dir == ROOT / ".gateway"
    assert config.gateway.loopback


def test_the_team_example_loads() -> None:
    config = load(ROOT / "configs" / "team.yaml", environ={"CRM_TOKEN": "t"})
    assert config.gateway.redis_url == "redis://127.0.0.1:6379/0"
    assert {"when", "args", "limits", "hours", "approval"} <= {
        part
        for agent in config.agents.values()
        for grant in agent.policy
        for part in ("when", "args", "limits", "hours", "approval")
        if getattr(grant, part)
    }
