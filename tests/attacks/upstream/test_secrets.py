"""Attacks on credentials: what a server was given is blanked wherever it comes back, and of others' it sees nothing."""

from __future__ import annotations

import base64
import json
import logging
from urllib.parse import quote

import pytest

from gateway.engine.record import Filter
from gateway.telemetry import configure_logs
from tests.attacks.upstream.conftest import ARGUMENT, SECRET, Attacked

pytestmark = pytest.mark.asyncio(loop_scope="package")


def leaks(text: str) -> list[str]:
    """In which forms the secret is in a text."""
    raw = SECRET.encode()
    forms = {
        "plain": SECRET,
        "in JSON": json.dumps(SECRET)[1:-1],
        "in a URL": quote(SECRET, safe=""),
        "in base64": base64.b64encode(raw)[4:-4].decode(),
        "in base64 after one": base64.b64encode(b"x" + raw)[4:-4].decode(),
        "in base64 after two": base64.b64encode(b"xx" + raw)[4:-4].decode(),
        "in hex": raw.hex(),
        "of the arguments": ARGUMENT,
    }
    return [name for name, form in forms.items() if form in text]


async def test_a_reflected_credential_is_blanked_in_every_form(attacked: Attacked) -> None:
    value = await attacked.attack("reflect")
    assert leaks(json.dumps(value)) == []
    assert json.dumps(value).count("\\u2022\\u2022\\u2022") == 8
    assert await attacked.attack("escape") == "•••", "escaped as \\uXXXX on the wire"
    look = await attacked.attack("look")
    assert leaks(json.dumps(look)) == [] and look["environment"]["API_KEY"] == "•••"


async def test_a_credential_in_an_error_reaches_no_program_and_no_client(attacked: Attacked) -> None:
    kind, message = await attacked.attack("tell")
    assert (kind, message) == ("ToolError", "your key ••• is wrong")
    failed = await attacked.run("await tools.evil.tell({})")
    assert leaks(json.dumps(failed)) == []


async def test_a_credential_in_texts_of_the_server_is_not_shown_to_models(attacked: Attacked) -> None:
    for arguments in ({}, {"server": "evil", "detail": "full"}, {"query": "told uses", "detail": "full"}):
        assert leaks(await attacked.search(**arguments)) == []


async def test_a_credential_on_stderr_is_not_shown_to_operators(attacked: Attacked) -> None:
    await attacked.attack("mumble")
    status = await attacked.server()
    assert any("key=•••" in line for line in status["stderr_tail"])
    assert leaks(json.dumps(status)) == []


async def test_a_credential_is_in_no_journal_and_no_audit_record(attacked: Attacked) -> None:
    run = await attacked.run(f"await tools.evil.reflect({{ note: {json.dumps(SECRET)} }} as any); return 1")
    shown = await attacked.api("GET", f"runs/{run['run_id']}")
    assert leaks(json.dumps(shown["steps"])) == []
    records = (await attacked.gateway.services.audit.page(Filter(run_id=run["run_id"]), limit=100)).records
    assert any(record["event"] == "tool.call" for record in records)
    assert leaks(json.dumps(records, ensure_ascii=False)) == []


async def test_a_credential_is_in_no_log_line(capsys: pytest.CaptureFixture[str]) -> None:
    before = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        for as_json in (False, True):
            configure_logs("info", json_logs=as_json, secrets=[SECRET])
            encoded = base64.b64encode(f"a:{SECRET}".encode()).decode()
            logging.getLogger("gateway").warning("sent %s as %s", SECRET, encoded, extra={"header": SECRET})
    finally:
        logging.getLogger().handlers[:] = before[0]
        logging.getLogger().setLevel(before[1])
    assert leaks(capsys.readouterr().err) == []


async def test_the_callers_own_token_is_blanked_if_a_program_was_made_to_send_it(attacked: Attacked) -> None:
    # A model can be talked into putting it into a program; from there it would reach logs and other servers.
    run = await attacked.run(f"return await tools.bank.echo({{ text: 'Bearer {attacked.token}!' }})")
    assert run["result"] == "Bearer •••!"
