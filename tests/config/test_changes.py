from __future__ import annotations

from gateway.config import Changes, diff
from tests.config.files import Files

BEFORE = """
    mcpServers: {a: {command: a}, b: {command: b}, c: {command: c}}
    agents: {x: {owner: o}, y: {owner: o}}
    gateway: {pool_size: 4}
"""


def test_only_what_differs_is_named(files: Files) -> None:
    before = files.load(BEFORE)
    after = files.load("""
        mcpServers: {a: {command: a}, b: {command: b, args: [new]}, c: {command: c, enabled: false}, d: {command: d}}
        agents: {x: {owner: o}, z: {owner: o}}
        deny: [{server: "*", tools: "*"}]
        gateway: {pool_size: 5, limits: {run_cpu_seconds: 5}, log_level: debug}
    """)
    assert diff(before, after) == Changes(
        servers=frozenset({"b", "c", "d"}),
        agents=frozenset({"y", "z"}),
        deny=True,
        settings=frozenset({"limits", "log_level"}),
        restart=frozenset({"pool_size"}),
    )


def test_the_same_file_changes_nothing(files: Files) -> None:
    before, after = files.load(BEFORE), files.load(BEFORE + "# a comment\n")
    assert before.agents["x"].policy == ()
    assert not diff(before, after)


def test_a_changed_variable_is_a_change(files: Files) -> None:
    text = "mcpServers: {a: {command: a, env: {T: '${T}'}}}"
    assert diff(files.load(text, {"T": "1"}), files.load(text, {"T": "2"})).servers == {"a"}
