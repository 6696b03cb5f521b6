"""Known secrets are blanked in whatever form they come back; everything else stays as it is."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest

from gateway.engine.scrub import BLANK, Scrubber

SECRET = 'tök/en+with "quotes" = 1%'
PLAIN = "sk-live-4242424242"


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
@pytest.mark.parametrize("secret", [SECRET, PLAIN])
def test_a_secret_is_found_however_it_is_written(secret: str, before: str) -> None:
    scrubber = Scrubber([secret, PLAIN])
    raw = f"{before}{secret} and more".encode()
    written = [
        secret,
        quote(secret, safe=""),
        quote(secret, safe="").lower(),
        json.dumps({"key": secret}),
        json.dumps({"key": secret}, ensure_ascii=False),
        secret.encode().hex(),
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode(),
    ]
    for form in written:
        value = {"deep": [{"text": f"<{form}>"}], form: 1}
        cleaned = scrubber.value(value)
        assert BLANK in cleaned["deep"][0]["text"], form
        assert all(secret[3:] not in key for key in cleaned)
        assert BLANK in scrubber.text(form)


def test_a_token_is_blanked_whole_by_its_beginning() -> None:
    scrubber = Scrubber(tokens=["eyJhbGciOi."])
    assert scrubber.value(["Bearer eyJhbGciOi.abc-_.DEF end"]) == [f"Bearer {BLANK} end"]


@pytest.mark.parametrize("value", [None, 1.5, "text", {"a": [True, {}]}, [], {"secret": "short"}])
def test_what_holds_no_secret_is_the_very_same(value: Any) -> None:
    assert Scrubber([PLAIN, "short"]).value(value) is value
    assert Scrubber().value(value) is value


def test_a_new_configuration_has_new_secrets() -> None:
    scrubber = Scrubber([PLAIN])
    scrubber.blank(["another-secret"])
    assert scrubber.value([PLAIN, "another-secret"]) == [PLAIN, BLANK]


def test_tokens_are_learnt_as_they_come_and_the_oldest_leave() -> None:
    shared, scrubber = Scrubber([PLAIN]), Scrubber(most_learned=2)
    both = Scrubber(beside=(shared, scrubber))
    tokens = [f'to"ken-{number}-0123456789' for number in range(3)]
    scrubber.learn(tokens[:2])
    scrubber.learn([tokens[0], "short"])
    assert both.value({tokens[1]: [tokens[0], PLAIN]}) == {BLANK: [BLANK, BLANK]}
    scrubber.learn(tokens)
    value = [tokens[0], f"x{tokens[1].encode().hex()}", "short"]
    assert both.value(value) == [tokens[0], f"x{BLANK}", "short"], "the last two of them are known"
    assert both.text(f"{tokens} {PLAIN}").count(BLANK) == 3
