"""Attacks by text: what a server writes reaches models, people and logs as data, in its place, short and visible."""

from __future__ import annotations

import asyncio
import logging

import pytest
from click.testing import CliRunner

from gateway.cli.main import gateway as command
from gateway.telemetry import configure_logs
from tests.attacks.upstream.conftest import Attacked, hidden
from tests.servers.hostile_texts import ORDERS

pytestmark = pytest.mark.asyncio(loop_scope="package")
MOST_BYTES = 4 * 2_000
"""Of what fits 2,000 tokens: English has no more than four to one."""


def outside_comments(declarations: str) -> str:
    """What of TypeScript declarations is neither in a comment nor in a string."""
    kept, rest = [], declarations
    while rest:
        if rest.startswith("/*"):
            rest = rest[rest.index("*/") + 2 :]
        elif rest.startswith("//"):
            rest = rest[rest.find("\n") :] if "\n" in rest else ""
        elif rest.startswith('"'):
            end = 1
            while rest[end] != '"':
                end += 2 if rest[end] == "\\" else 1
            rest = rest[end + 1 :]
        else:
            kept.append(rest[0])
            rest = rest[1:]
    return "".join(kept)


@pytest.mark.parametrize("detail", ["signatures", "full"])
async def test_a_description_cannot_leave_its_comment_to_give_orders(attacked: Attacked, detail: str) -> None:
    for query in ("reads a breakout", "large breakout"):
        text = await attacked.search(query=query, server="evil", detail=detail)
        bare = outside_comments(text)
        assert "breakout" in text
        assert not any(word in bare for word in ("admin", "evil()", "IMPORTANT", "ignore", "evil.example"))


async def test_a_description_stays_in_the_line_of_its_tool(attacked: Attacked) -> None:
    lines = (await attacked.search(query="breakout", server="evil", detail="names")).splitlines()
    assert lines and all(line.startswith(("evil.", "// ")) for line in lines)
    assert all(len(line) < 300 for line in lines)


async def test_no_hidden_character_of_a_server_reaches_a_model(attacked: Attacked) -> None:
    for arguments in ({}, {"server": "evil", "detail": "full"}, {"query": "breakout", "detail": "full"}):
        assert hidden(await attacked.search(**arguments)) == set()
    said = await attacked.attack("shout")
    assert hidden(said[1]) == set()


async def test_a_title_cannot_pose_as_another_line_of_the_inventory(attacked: Attacked) -> None:
    lines = (await attacked.search()).splitlines()
    assert [line.split(":")[0] for line in lines if line.startswith("- ")] == ["- bank (5)", "- evil (27)"]
    # It stands where it belongs, in its quotes.
    assert next(line for line in lines if line.startswith("- evil")).count('"') in (0, 2)


async def test_texts_of_a_megabyte_fit_the_budget(attacked: Attacked) -> None:
    for detail in ("signatures", "full"):
        assert len((await attacked.search(query="large breakout", detail=detail)).encode()) <= MOST_BYTES
    run = await attacked.run("await tools.evil.shout({})")
    assert run["status"] == "failed"
    assert len(run["error"]["message"]) <= 4_100
    assert ORDERS in run["error"]["message"], "it is told what was said, as data"


async def test_an_operators_terminal_obeys_no_server(attacked: Attacked) -> None:
    await attacked.attack("mumble")
    environment = {"GATEWAY_URL": attacked.gateway.url, "GATEWAY_ADMIN_TOKEN": attacked.gateway.services.admin_key}
    for words in (("servers", "check"), ("servers", "list"), ("runs", "list")):
        done = await asyncio.to_thread(CliRunner(env=environment).invoke, command, words)
        assert hidden(done.stdout) | hidden(done.stderr) == set(), words


async def test_a_log_line_cannot_be_forged(capsys: pytest.CaptureFixture[str]) -> None:
    before = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        configure_logs("info", json_logs=False)
        logging.getLogger("gateway").warning("upstream said: %s", "x\n12:00:00 error gateway: all is lost\x1b[2J\u202e")
    finally:
        logging.getLogger().handlers[:], _ = before
        logging.getLogger().setLevel(before[1])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and hidden(lines[0]) == set()
