"""What of arguments leaves: by an allow-list of tools, and never a known secret."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.engine.canonical import canonical
from gateway.engine.redact import MOST_BYTES, Redactor

SECRET = "sk-live-1234567890"
ARGS = {"project": "acme/web", "to": ["a@example.com", "b@example.com"], "n": 3, "draft": True, "cc": None}

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=60) | st.dictionaries(st.text(max_size=250), inner, max_size=60),
    max_leaves=200,
)


def redactor(rules: dict[str, str] | None = None, key: bytes = b"k" * 32) -> Redactor:
    return Redactor(rules or {}, secrets=[SECRET, "abc"], key=key)


def test_without_a_rule_the_shape_is_shown_and_no_value() -> None:
    shown = redactor().arguments("crm:create", ARGS)
    assert shown["args_preview"] == {
        "project": "string(8)",
        "to": ["string(13)", "string(13)"],
        "n": "number",
        "draft": "boolean",
        "cc": "null",
    }


def test_the_last_rule_that_fits_wins() -> None:
    rules = redactor({"*": "hash", "crm:*": "full", "crm:refund": "hash", "git:*": "keys"})
    assert rules.arguments("crm:create", ARGS)["args_preview"] == ARGS
    assert "args_preview" not in rules.arguments("crm:refund", ARGS)
    assert "args_preview" not in rules.arguments("mail:send", ARGS)
    assert rules.arguments("git:log", {"n": 1})["args_preview"] == {"n": "number"}


def test_equal_arguments_are_recognised_and_only_with_the_key() -> None:
    one = redactor().fingerprint({"a": 1, "b": 2})
    assert one == redactor().fingerprint({"b": 2, "a": 1})
    assert one != redactor().fingerprint({"a": 1, "b": 3})
    assert one != redactor(key=b"j" * 32).fingerprint({"a": 1, "b": 2})


@pytest.mark.parametrize(
    "args",
    [
        {"token": f"Bearer {SECRET}"},
        {SECRET: {"x": [SECRET]}},
        {"padding": "x" * 195 + SECRET},
        {"x" * 195 + SECRET: 1},
    ],
)
@pytest.mark.parametrize("mode", ["full", "keys", "hash"])
def test_known_secrets_never_leave_not_even_in_part(args: Any, mode: str) -> None:
    text = canonical(redactor({"*": mode}).arguments("crm:create", args)).decode()
    assert SECRET[:5] not in text


def test_short_texts_are_not_taken_for_secrets() -> None:
    assert redactor().scrub("abc") == "abc"


@settings(deadline=None, max_examples=50)
@given(values, st.sampled_from(["full", "keys"]))
def test_a_preview_is_bounded_whatever_the_arguments(args: Any, mode: str) -> None:
    preview = redactor({"*": mode}).arguments("crm:create", args)["args_preview"]
    assert len(canonical(preview)) <= MOST_BYTES


def test_the_deepest_arguments_that_a_journal_can_hold_are_shown() -> None:
    deep: Any = 1
    for level in range(250):
        deep = [deep] if level % 2 else {"a": deep}
    for mode in ("full", "keys"):
        assert "args_preview" in redactor({"*": mode}).arguments("crm:create", {"deep": deep})


def test_large_arguments_are_shown_coarsely() -> None:
    assert redactor({"*": "full"}).arguments("a:b", {"rows": ["x" * 150] * 100})["args_preview"] == {
        "rows": ["string(150)"] * 3 + ["… 97 more"]
    }
    wide = {f"key {n}": n for n in range(100)}
    shown = redactor().arguments("a:b", wide)["args_preview"]
    assert shown["…"] == "60 more" and len(shown) == 41
