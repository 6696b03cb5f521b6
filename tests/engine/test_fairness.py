"""Who gets the places: everybody's share first, then who has waited longest."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.engine.fairness import choose


def test_the_oldest_of_one_owner_go_first() -> None:
    due = [(at, ("t", "a"), at) for at in (5, 3, 9, 1)]
    assert choose(due, 3) == [1, 3, 5]


def test_an_agent_with_thousands_does_not_keep_another_waiting() -> None:
    due = [(at, ("t", "many"), ("many", at)) for at in range(10_000)] + [(10_000, ("t", "few"), ("few", 0))]
    assert ("few", 0) in choose(due, 2)


def test_a_tenant_with_many_agents_gets_no_more_than_one_with_few() -> None:
    due = [(number, ("big", f"agent {number}"), "big") for number in range(20)]
    due += [(100 + number, ("small", "only"), "small") for number in range(20)]
    assert choose(due, 10).count("small") == 5


def test_who_has_places_already_comes_later() -> None:
    due = [(0, ("t", "busy"), "busy"), (1, ("t", "idle"), "idle")]
    assert choose(due, 1, [("t", "busy")]) == ["idle"]


@given(
    st.lists(st.tuples(st.integers(0, 50), st.tuples(st.sampled_from("xy"), st.sampled_from("ab")))),
    st.integers(0, 20),
)
def test_as_many_as_there_are_places_each_once_and_in_order_for_each_owner(
    owners: list[tuple[int, tuple[str, str]]], places: int
) -> None:
    due = [(at, owner, number) for number, (at, owner) in enumerate(owners)]
    chosen = choose(due, places)
    assert len(chosen) == min(places, len(due)) == len(set(chosen))
    for owner in {owner for _, owner in owners}:
        theirs = [due[number][0] for number in chosen if due[number][1] == owner]
        assert theirs == sorted(theirs)
        left = [at for at, whose, number in due if whose == owner and number not in chosen]
        assert not theirs or not left or max(theirs) <= min(left)
