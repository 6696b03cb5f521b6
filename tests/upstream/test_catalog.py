"""What a server lists becomes the tools that are offered: broken ones out, hints settled, definitions pinned."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config import AnnotationOverride, ServerConfig
from gateway.model import Annotations, ServerTools
from gateway.upstream.catalog import Difference, assemble, build, diff, parts, pin


def config(**settings: Any) -> ServerConfig:
    return ServerConfig(command="server", **settings)


def tool(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "inputSchema": {"type": "object"}, **more}


def offered(server: str, *raw: Any) -> ServerTools:
    return ServerTools(server, server, "", build(server, config(), raw).tools)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("text", "#1: the definition is not an object"),
        ({"inputSchema": {}}, "#1: it has no name"),
        (tool("  "), "  : it has no name"),
        (tool("n" * 600), "longer than 512"),
        ({"name": "a"}, "a: its inputSchema is not an object"),
        ({"name": "a", "inputSchema": {"type": "array"}}, "a: its inputSchema is of type 'array'"),
        (
            tool("a", inputSchema={"properties": {"p": {"type": "object", "x-mcp-header": "P"}}}),
            "a: property 'p': x-mcp-header is only permitted",
        ),
    ],
)
def test_a_broken_tool_is_left_out_with_the_reason(raw: Any, reason: str) -> None:
    listing = build("s", config(), [raw, tool("good")])
    assert [each.name for each in listing.tools] == ["good"]
    assert len(listing.skipped) == 1
    assert reason in listing.skipped[0]


def test_the_first_of_two_tools_of_one_name_stands() -> None:
    listing = build("s", config(), [tool("a", title="first"), tool("a", title="second")])
    assert [each.raw["title"] for each in listing.tools] == ["first"]
    assert listing.skipped == ("a: a tool of this name was listed before",)


def test_a_bottomless_definition_is_left_out() -> None:
    schema: dict[str, Any] = {}
    for _ in range(5_000):
        schema = {"properties": {"a": schema}}
    assert build("s", config(), [tool("deep", inputSchema=schema)]).skipped == (
        "deep: its definition is nested deeper than 200 levels",
    )


def test_definitions_are_kept_as_they_were_sent() -> None:
    raw = tool("a", outputSchema=[], _meta={"x": 1}, annotations={"x-cost": 3}, future={"deep": [None]})
    assert build("s", config(), [raw]).tools[0].raw == raw


def test_what_the_operator_excludes_is_neither_offered_nor_reported() -> None:
    chosen = config(include=("git_*", "log"), exclude=("git_push*",))
    listing = build(
        "s", chosen, [tool("git_log"), tool("git_push"), tool("log"), tool("Log"), {"name": "git_push_all"}]
    )
    assert [each.name for each in listing.tools] == ["git_log", "log"]
    assert listing.skipped == ()


@pytest.mark.parametrize(
    ("hints", "settled"),
    [
        (None, Annotations(read_only=False, destructive=True, idempotent=False, open_world=True)),
        ("nonsense", Annotations()),
        ({"readOnlyHint": "yes", "destructiveHint": 0}, Annotations()),
        ({"readOnlyHint": True}, Annotations(read_only=True, destructive=False)),
        ({"readOnlyHint": True, "destructiveHint": True}, Annotations(read_only=True, destructive=True)),
        ({"destructiveHint": False, "idempotentHint": True}, Annotations(destructive=False, idempotent=True)),
        ({"openWorldHint": False}, Annotations(open_world=False)),
    ],
)
def test_hints_of_the_server(hints: Any, settled: Annotations) -> None:
    assert build("s", config(), [tool("a", annotations=hints)]).tools[0].annotations == settled


def test_the_operator_knows_better_than_the_server() -> None:
    knowing = config(
        annotations={
            "*": AnnotationOverride(idempotent=True),
            "read_*": AnnotationOverride(read_only=True),
            "*_all": AnnotationOverride(read_only=False),
        }
    )
    hints = {"readOnlyHint": True, "destructiveHint": True}
    raws = [tool(name, annotations=hints) for name in ("other", "read_one", "read_all")]
    assert [each.annotations for each in build("s", knowing, raws).tools] == [
        Annotations(read_only=True, destructive=True, idempotent=True),
        Annotations(read_only=True, destructive=False),
        Annotations(read_only=False, destructive=True),
    ]


def test_a_pin_is_of_the_whole_definition_and_its_endpoint() -> None:
    raw = tool("a", description="d", x={"b": 1, "a": 2})
    assert pin(raw, ["cmd"]) == pin({**dict(reversed(raw.items())), "x": {"a": 2, "b": 1.0}}, ["cmd"])
    changed = [tool("a", description="e", x={"b": 1, "a": 2}), {**raw, "unknown": None}]
    assert len({pin(each, ["cmd"]) for each in (raw, *changed)} | {pin(raw, ["cmd", "--evil"])}) == 4


@settings(max_examples=50)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_a_pin_is_that_of_rfc_8785_however_it_is_made(value: Any) -> None:
    try:
        expected = rfc8785.dumps({"endpoint": [], "tool": {"x": value}})
    except ValueError:
        return
    assert pin({"x": value}, []) == hashlib.sha256(expected).hexdigest()


@pytest.mark.parametrize("odd", [2**60, 1.5e300, "\ud800", {"\udfff": 1}])
def test_what_rfc_8785_refuses_is_pinned_too(odd: Any) -> None:
    assert pin(tool("a", x=odd), ["cmd"]) == pin(tool("a", x=odd), ["cmd"]) != pin(tool("a"), ["cmd"])


def test_the_catalog_is_in_one_order() -> None:
    catalog = assemble(1, [offered("b", tool("x"), tool("y")), offered("a", tool("z"))])
    assert list(catalog.servers) == ["a", "b"]


def test_what_changed_between_two_listings() -> None:
    before, after = {"x": "1", "y": "2", "same": "3"}, {"same": "3", "w": "4", "x": "5"}
    assert diff(before, after) == Difference(added=("w",), removed=("y",), changed=("x",))
    assert diff(after, after) == Difference((), (), ())


def test_the_parts_of_a_definition_tell_which_has_changed() -> None:
    before, after = (offered("s", tool("a", description=text, title="t")).tools[0] for text in ("d", "e"))
    assert {key for key, value in parts(after).items() if parts(before)[key] != value} == {"description"}
