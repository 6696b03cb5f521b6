"""What a call returns to a program, and what a client sees of a result."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.engine.values import program_value, shown
from gateway.errors import ToolFailed
from gateway.model import ToolResult


def result(*content: Any, structured: Any = None, has: bool = False, is_error: bool = False) -> ToolResult:
    return ToolResult(content, structured, has, is_error)


def text(value: str) -> dict[str, str]:
    return {"type": "text", "text": value}


IMAGE = {"type": "image", "data": "AA==", "mimeType": "image/png"}


@pytest.mark.parametrize(
    ("given", "wrapped", "value"),
    [
        (result(text("x"), structured={"a": 1}, has=True), False, {"a": 1}),
        (result(structured=None, has=True), False, None),
        (result(structured={"result": [1]}, has=True), True, [1]),
        (result(structured={"result": [1]}, has=True), False, {"result": [1]}),
        (result(structured={"result": 1, "more": 2}, has=True), True, {"result": 1, "more": 2}),
        (result(text('{"a": [1, 2]}')), False, {"a": [1, 2]}),
        (result(text(" [1, 2]\n")), False, [1, 2]),
        (result(text("12")), False, "12"),
        (result(text("{'a': 1}")), False, "{'a': 1}"),
        (result(text("plain")), False, "plain"),
        (result(text("a"), text("b")), False, [text("a"), text("b")]),
        (result(IMAGE), False, [IMAGE]),
        (result(), False, []),
    ],
)
def test_value_of_a_call(given: ToolResult, wrapped: bool, value: Any) -> None:
    assert program_value(given, server="s", tool="t", wrapped=wrapped) == value


def test_a_tools_error_is_raised_with_its_text() -> None:
    with pytest.raises(ToolFailed, match="no such row") as caught:
        program_value(result(text("no such row"), is_error=True), server="db", tool="read", wrapped=False)
    assert caught.value.details["server"] == "db"


def test_an_error_without_text_says_so() -> None:
    with pytest.raises(ToolFailed, match="db:read failed and did not say why"):
        program_value(result(is_error=True), server="db", tool="read", wrapped=False)


def test_small_results_are_shown_whole() -> None:
    assert shown({"a": "x" * 900}, limit_kb=1, handle="h").omitted is None


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (list(range(5_000)), "array of 5000"),
        ({str(n): n for n in range(5_000)}, "object with 5000 keys"),
        ("x" * 50_000, "string of 50000 characters"),
        ([[[[[["deep"] * 5_000]]]]], "array of 1"),
    ],
)
def test_large_results_are_previewed_and_say_how_to_read_the_rest(value: Any, told: str) -> None:
    seen = shown(value, limit_kb=1, handle="run_1/ab")
    assert seen.omitted is not None
    assert seen.omitted["type"] == told and seen.omitted["read"] == 'await results.get("run_1/ab")'
    assert len(str(seen.value)) < 2_000
