"""What must hold for any policy and any call."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.config.globs import GlobSet, argument_glob, argument_glob_fault, name_glob
from gateway.engine.policy import considered, counters, decide, may_see
from gateway.model import Annotations, Grant, Tool
from tests.engine.policies import NOW, principal

CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no failure."""

NAMES = st.sampled_from(["git", "crm", "git_log", "git_push", "create_issue"])
GLOBS = st.sampled_from(["*", "git", "git_*", "*_log", "c?m", "create_*", "crm"])
TEXTS = st.sampled_from(["acme/web", "acme/../hr", "hr/x", "/etc/passwd", "acme/%2e%2e/hr", "", "https://a.example/x"])
VALUES = TEXTS | st.integers(-3, 3) | st.none() | st.booleans() | st.lists(TEXTS, max_size=2)
ARGS = st.dictionaries(st.sampled_from(["p", "n"]), VALUES, max_size=2)
CONSTRAINTS: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(["acme/*", "acme/**", "**", "/etc/**", "https://*.example/**"]).map(lambda glob: {"glob": glob}),
    st.lists(st.sampled_from(["acme/web", 1, None, True]), min_size=1, max_size=2).map(lambda some: {"one_of": some}),
    st.just({"range": {"min": 0, "max": 2}}),
    st.just({"max_bytes": 9}),
    st.just({"regex": "x"}),
)
GRANTS = st.builds(
    Grant,
    server=GLOBS,
    tools=st.lists(GLOBS, min_size=1, max_size=2).map(tuple),
    when=st.dictionaries(st.sampled_from(["read_only", "destructive", "unknown"]), st.booleans(), max_size=1),
    args=st.dictionaries(st.sampled_from(["p", "n"]), CONSTRAINTS, max_size=2),
    limits=st.dictionaries(st.sampled_from(["per_run", "per_minute"]), st.integers(1, 3), max_size=2),
    hours=st.none() | st.sampled_from([{"days": ["wed"]}, {"days": ["sun"]}]),
    approval=st.none() | st.just({"by": "owner", "ttl": "60"}),
)
POLICIES = st.lists(GRANTS, max_size=4).map(tuple)
TOOLS = st.builds(
    lambda server, name, read_only: Tool(server, name, {}, Annotations(read_only=read_only), "pin"),
    NAMES,
    NAMES,
    st.booleans(),
)
EVERY = Grant("*")
STRENGTH = {"deny": 0, "approval": 1, "allow": 2}


@CALM
@given(POLICIES, POLICIES, POLICIES, TOOLS, ARGS)
def test_a_child_never_may_more_than_its_parent(
    parent: Any, narrowing: Any, deny: Any, called: Tool, args: Any
) -> None:
    own = decide(principal(parent, narrowing, deny=deny), called, args, NOW)
    inherited = decide(principal(parent, deny=deny), called, args, NOW)
    assert STRENGTH[own.effect] <= STRENGTH[inherited.effect]
    assert may_see(principal(parent, deny=deny), called) or not may_see(principal(parent, narrowing, deny=deny), called)
    if own.effect != "deny":
        assert set(own.obligations.limits) >= set(inherited.obligations.limits)


@CALM
@given(POLICIES, POLICIES, GRANTS, TOOLS, ARGS)
def test_adding_a_deny_rule_never_opens(grants: Any, deny: Any, added: Grant, called: Tool, args: Any) -> None:
    before = decide(principal(grants, deny=deny), called, args, NOW)
    after = decide(principal(grants, deny=(*deny, added)), called, args, NOW)
    assert STRENGTH[after.effect] <= STRENGTH[before.effect]


@CALM
@given(POLICIES, GRANTS, TOOLS, ARGS)
def test_adding_a_grant_never_closes(grants: Any, added: Grant, called: Tool, args: Any) -> None:
    before = decide(principal(grants), called, args, NOW)
    assert STRENGTH[decide(principal((*grants, added)), called, args, NOW).effect] >= STRENGTH[before.effect]


@CALM
@given(POLICIES, POLICIES, TOOLS, ARGS, st.randoms(use_true_random=False))
def test_the_order_of_rules_is_irrelevant(grants: Any, deny: Any, called: Tool, args: Any, random: Any) -> None:
    shuffled, closed = random.sample(grants, len(grants)), random.sample(deny, len(deny))
    one = decide(principal(grants, deny=deny), called, args, NOW)
    other = decide(principal(tuple(shuffled), deny=tuple(closed)), called, args, NOW)
    assert (one.effect, one.obligations) == (other.effect, other.obligations)


@CALM
@given(st.lists(GRANTS, max_size=8).map(tuple), POLICIES, TOOLS, ARGS, st.integers(0, 3))
def test_rules_together_say_what_each_says_alone(grants: Any, deny: Any, called: Tool, args: Any, used: int) -> None:
    """Rules about a tool are decided together, and in another order than the file's."""
    usage = {(one.rule, one.window): used for one in counters(principal(grants), called)}
    alone = [decide(principal((one,)), called, args, NOW, usage).effect for one in grants]
    closed = any(decide(principal((EVERY,), deny=(one,)), called, args, NOW).effect == "deny" for one in deny)
    strongest = max((STRENGTH[effect] for effect in alone), default=0)
    together = decide(principal(grants, deny=deny), called, args, NOW, usage)
    assert STRENGTH[together.effect] == (0 if closed else strongest)


@CALM
@given(POLICIES, POLICIES, POLICIES, TOOLS, ARGS)
def test_every_rule_either_decides_or_says_why_not(
    grants: Any, narrowing: Any, deny: Any, called: Tool, args: Any
) -> None:
    who = principal(grants, narrowing, deny=deny)
    decided = decide(who, called, args, NOW).rule.split(" and ")
    told = [rule for rule, why in considered(who, called, args, NOW) if why]
    assert len(told) == len(set(told))
    assert len(told) + len(set(decided) - {"default"}) == len(grants) + len(narrowing) + len(deny)


@CALM
@given(POLICIES, POLICIES, TOOLS, ARGS)
def test_what_is_allowed_is_seen(grants: Any, deny: Any, called: Tool, args: Any) -> None:
    who = principal(grants, deny=deny)
    assert decide(who, called, args, NOW).effect == "deny" or may_see(who, called)


@CALM
@given(POLICIES, TOOLS, st.recursive(VALUES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_any_json_gets_a_decision(grants: Any, called: Tool, args: Any) -> None:
    assert decide(principal(grants, deny=grants), called, args, NOW).effect in STRENGTH


def reference(pattern: str, text: str, *, separated: bool) -> bool:
    """The grammar of globs, spelt out as plainly as it can be."""
    if not pattern:
        return not text
    if separated and pattern.startswith("**"):
        return any(reference(pattern[2:], text[end:], separated=True) for end in range(len(text) + 1))
    if pattern.startswith("*"):
        ends = [end for end in range(len(text) + 1) if not separated or "/" not in text[:end]]
        return any(reference(pattern[1:], text[end:], separated=separated) for end in ends)
    fits = text[:1] not in ("", *("/" if separated else "")) if pattern[0] == "?" else text[:1] == pattern[0]
    return fits and reference(pattern[1:], text[1:], separated=separated)


@settings(CALM, max_examples=400)
@given(st.text("ab/*?", max_size=7), st.text("ab/?", max_size=8))
def test_globs_do_what_their_grammar_says(pattern: str, text: str) -> None:
    assert name_glob(pattern).fits(text) == reference(pattern, text, separated=False)
    if "***" not in pattern and "**/" not in pattern:
        assert argument_glob(pattern).fits(text) == reference(pattern, text, separated=True)


@settings(CALM, max_examples=400)
@given(st.lists(st.text("ab/*?", max_size=7), max_size=8, unique=True), st.text("ab/?", max_size=8))
def test_globs_together_fit_what_each_fits_alone(patterns: list[str], text: str) -> None:
    owners = {pattern: 1 << index for index, pattern in enumerate(patterns)}
    alone = {index for index, pattern in enumerate(patterns) if argument_glob(pattern).fits(text)}
    together = GlobSet(owners).owners(text)
    assert {index for index in range(len(patterns)) if together >> index & 1} == alone


@pytest.mark.parametrize(
    ("pattern", "fitting", "others"),
    [
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["ab", "a/xb", "xa/b", "a/b/c"]),
        ("**/b", ["b", "a/b", "a/x/b"], ["ab", "b/c"]),
        ("**/**/b", ["b", "a/b"], ["ab"]),
        ("a/**", ["a/b", "a/b/c"], ["a", "b/a/c"]),
        ("**", ["", "a", "a/b"], []),
    ],
)
def test_two_stars_and_a_slash_may_stand_for_nothing(pattern: str, fitting: list[str], others: list[str]) -> None:
    assert [text for text in fitting if not argument_glob(pattern).fits(text)] == []
    assert [text for text in others if argument_glob(pattern).fits(text)] == []


@CALM
@given(st.text("ab./%2e\\:@?#*", max_size=12))
def test_a_glob_without_fault_fits_its_own_text(pattern: str) -> None:
    if argument_glob_fault(pattern) is None:
        assert argument_glob(pattern).fits(pattern)
