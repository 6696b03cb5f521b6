"""The licence check of `scripts/audit`, which needs no network."""

from __future__ import annotations

from email.message import Message
from importlib import metadata

import pytest

from scripts import licences


def test_every_package_that_a_gateway_runs_on_has_a_licence_of_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert licences.main() == 0
    assert ", 0 with a licence that is not on the list" in capsys.readouterr().out


@pytest.mark.parametrize(
    "headers",
    [
        {"License-Expression": "MIT OR GPL-3.0-only"},
        {"Classifier": "License :: OSI Approved :: GNU General Public License v3 (GPLv3)"},
        {"License": "Proprietary"},
        {},
    ],
    ids=["one of two", "a classifier", "a text", "nothing"],
)
def test_another_licence_or_none_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], headers: dict[str, str]
) -> None:
    about = Message()
    for name, value in headers.items():
        about[name] = value
    monkeypatch.setattr(metadata, "metadata", lambda name: about)
    monkeypatch.setattr(licences, "locked", lambda: ["some"])
    assert licences.main() == 1
    assert "some: " in capsys.readouterr().out
