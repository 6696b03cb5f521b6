"""The four tools as models read them, and what a model is told that calls them wrongly."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.errors import UsageError
from gateway.web.tools import TOOLS, ExecuteArguments, SearchArguments, parse


def test_there_are_four_with_the_contracts_arguments() -> None:
    schemas = {name: tool.input_schema for name, tool in TOOLS.items()}
    assert {name: (list(schema["properties"]), schema.get("required", [])) for name, schema in schemas.items()} == {
        "search": (["query", "server", "detail", "limit"], []),
        "execute": (["code", "session", "wait_seconds"], ["code"]),
        "result": (["run_id", "wait_seconds"], ["run_id"]),
        "cancel": (["run_id"], ["run_id"]),
    }
    assert all(schema["additionalProperties"] is False for schema in schemas.values())


def test_defaults_are_the_contracts() -> None:
    assert parse("execute", {"code": "return 1"}) == ExecuteArguments(
        code="return 1", session="default", wait_seconds=30
    )
    assert parse("search", None) == SearchArguments(query="", server="", detail="signatures")


def test_null_for_an_optional_argument_counts_as_absent() -> None:
    assert parse("execute", {"code": "1", "session": None, "wait_seconds": None}) == parse("execute", {"code": "1"})


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("execute", {}, "the argument 'code' is missing"),
        ("execute", {"code": None}, "the argument 'code' is missing"),
        ("execute", {"code": ""}, "'code' is wrong"),
        ("execute", {"code": 5}, "'code' is wrong: input should be a valid string"),
        ("execute", {"code": "1", "wait_second": 5}, "no argument 'wait_second' (did you mean 'wait_seconds'?)"),
        ("execute", {"code": "1", "wait_seconds": "soon"}, "'wait_seconds' is wrong"),
        ("execute", {"code": "1", "wait_seconds": -1}, "greater than or equal to 0"),
        ("execute", {"code": "1", "wait_seconds": float("inf")}, "'wait_seconds' is wrong"),
        ("execute", {"code": "1", "session": "a b"}, "'session' is wrong"),
        ("search", {"detail": "all"}, "'names', 'signatures' or 'full'"),
        ("search", {"limit": 0}, "'limit' is wrong"),
        ("result", {"id": "run_1"}, "the argument 'run_id' is missing"),
        ("cancel", {"run_id": ["run_1"]}, "'run_id' is wrong"),
    ],
)
def test_a_mistake_is_told_with_what_is_right(tool: str, arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError) as told:
        parse(tool, arguments)
    assert says in str(told.value)
    assert str(told.value).endswith(f"Arguments: {', '.join(_signature(tool))}.")


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(UsageError) as told:
        parse("execute", {"cod": "1", "wait_seconds": "x", "y": 1})
    assert str(told.value).count(";") == 3


def _signature(tool: str) -> list[str]:
    schema = TOOLS[tool].input_schema
    return [name if name in schema.get("required", ()) else f"{name}?" for name in schema["properties"]]
