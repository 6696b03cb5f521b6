"""Types learnt from results: shapes only, bounded, merged over calls."""

from __future__ import annotations

import json
import random
import time
from typing import Any

import pytest

from codegen.observed import MAX_SHAPES, Observed, Shape, from_json, merge, observe, to_json
from codegen.typescript import Printer


def learnt(*results: Any) -> Observed:
    observed = observe(None, results[0])
    for result in results[1:]:
        observed = observe(observed, result)
    return observed


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        (["text"], "string"),
        ([1, 2.5], "number"),
        ([True], "boolean"),
        ([None], "any"),
        (["a", None], "string | null"),
        (["a", 1], "number | string"),
        ([{"a": 1, "b": "x"}], "{ a: number; b: string }"),
        ([{"a": 1}, {"a": 2, "b": None}], "{ a: number; b?: any }"),
        ([{"a": 1}, {}], "{ a?: number }"),
        ([{"a": {"b": 1}}, {"a": {"c": 2}}], "{ a: { b?: number; c?: number } }"),
        ([{"a": 1}, {"a": "x"}, {"a": None}], "{ a: number | string | null }"),
        ([[]], "any[]"),
        ([[1, "a", None]], "(number | string | null)[]"),
        ([[{"a": 1}, {"b": 2}]], "{ a?: number; b?: number }[]"),
        ([{}], "JsonObject"),
        ([[1], {"a": 1}, "x"], "string | number[] | { a: number }"),
        (["red", "green", "red"], "string"),
        ([{f"key{i}": i for i in range(500)}], "Record<string, number>"),
    ],
)
def test_results_read_as(results: list[Any], expected: str) -> None:
    observed = learnt(*results)
    assert Printer().type(observed.node()) == expected
    assert observed.calls == len(results)


def test_no_value_is_kept() -> None:
    secret = "hunter2-sk-4242"
    observed = learnt({"password": secret, "list": [secret, {"deep": secret}], "n": 987654321})
    kept = json.dumps(to_json(observed)) + repr(observed)
    assert secret not in kept and "987654321" not in kept


def test_long_keys_are_data_too() -> None:
    secret = "k" * 300
    assert secret not in json.dumps(to_json(learnt({secret: 1, "a": 2})))


def random_value(source: random.Random, depth: int) -> Any:
    pick = source.random()
    if depth == 0 or pick < 0.3:
        return source.choice([1, "x", None, True, 2.5])
    if pick < 0.6:
        return [random_value(source, depth - 1) for _ in range(source.randint(0, 5))]
    return {f"f{source.randint(0, 40)}": random_value(source, depth - 1) for _ in range(source.randint(0, 12))}


def test_it_stays_small_whatever_comes() -> None:
    source = random.Random(5)
    observed: Observed | None = None
    start = time.process_time()
    for _ in range(200):
        observed = observe(observed, random_value(source, 6))
    assert observed is not None
    assert len(json.dumps(to_json(observed))) < MAX_SHAPES * 120
    assert time.process_time() - start < 20


def test_a_huge_result_takes_little_time() -> None:
    value = [{"id": i, "nested": {"tags": ["a"] * 50}} for i in range(100_000)]
    start = time.process_time()
    observed = learnt(value)
    assert time.process_time() - start < 1
    assert Printer().type(observed.node()) == "{ id: number; nested: { tags: string[] } }[]"


def test_long_lists_of_wide_records_are_learnt() -> None:
    value = [{f"field_{j}": j for j in range(90)} for _ in range(300)]
    written = Printer().type(learnt(value).node())
    assert written.count(": number;") == 90 and written.endswith("}[]")


def test_an_object_with_too_many_fields_in_all_is_cut_where_it_is_deepest() -> None:
    value = {f"a{i}": {f"b{j}": j for j in range(90)} for i in range(80)}
    observed = learnt(value)
    assert Printer().type(observed.node()).count("any") == 80
    assert len(json.dumps(to_json(observed))) < 10_000


def test_deep_results_end_in_any() -> None:
    value: Any = 1
    for _ in range(5_000):
        value = {"a": value}
    written = Printer().type(learnt(value).node())
    assert written.count("a:") == 8 and "any" in written


def test_the_order_of_results_does_not_matter() -> None:
    source = random.Random(7)
    results = [random_value(source, 3) for _ in range(20)]
    assert learnt(*results).shape == learnt(*results[::-1]).shape


def test_what_two_replicas_learnt_is_merged() -> None:
    first, second = [{"a": 1}, {"a": 2, "b": "x"}], [{"a": None}]
    assert merge(learnt(*first), learnt(*second)) == learnt(*first, *second)


def test_it_comes_back_from_json_as_it_was() -> None:
    source = random.Random(9)
    for _ in range(30):
        observed = learnt(random_value(source, 5), random_value(source, 5))
        assert from_json(json.loads(json.dumps(to_json(observed)))) == observed


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"calls": "3"},
        {"calls": 1},
        {"calls": 1, "shape": 5},
        {"calls": 1, "shape": {"fields": [1]}},
        {"calls": 1, "shape": {"fields": {"a": 1}}},
        {"calls": 1, "shape": {"kinds": 5}},
        {"calls": 1, "shape": {"optional": 5, "fields": {}}},
    ],
)
def test_what_is_no_shape_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match="observed shape"):
        from_json(data)


def test_nothing_was_seen_at_first() -> None:
    assert Observed().shape == Shape()
    assert Printer().type(Observed().node()) == "any"
