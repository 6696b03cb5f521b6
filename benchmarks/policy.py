"""What one decision costs with a hundred grants, or deny rules, in shapes that are hard for an index.

    python -m benchmarks.policy

Prints the p50 and p99 of 2,000 decisions, in microseconds; the arguments are a new object each time.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.engine.policy import decide
from gateway.model import JSON, Annotations, Grant, Principal, Tool

OUT = Path(__file__).parent / "out" / "policy.json"
RULES = 100
ROUNDS = 2_000
NOW = int(datetime(2026, 11, 18, 12, 0, tzinfo=UTC).timestamp() * 1000)
TOOL = Tool("crm", "create_issue", {}, Annotations(), "pin")

Args = dict[str, JSON]
Make = Callable[[int], Grant]


def _grant(**conditions: Any) -> Grant:
    return Grant("crm", ("create_*",), **conditions)


def _all_kinds(number: int) -> Grant:
    project = {"glob": [f"acme/team-{number}/*"], "max_bytes": 100 + number}
    more = {"count": {"range": {"min": number, "max": number + 3}}, "kind": {"one_of": ["a", f"b{number}"]}}
    return _grant(args={"project": project, **more})


SHAPES: dict[str, tuple[Make, Args]] = {
    "each about another server": (lambda n: Grant(f"crm{n or ''}", ("create_*",)), {}),
    "globs that differ at their start": (
        lambda n: _grant(args={"project": {"glob": [f"acme/team-{n}/*"]}}),
        {"project": "acme/team-57/web"},
    ),
    "the same, and none fits": (
        lambda n: _grant(args={"project": {"glob": [f"acme/team-{n}/*"]}}),
        {"project": "acme/team-x/web"},
    ),
    "globs that differ at their end": (
        lambda n: _grant(args={"project": {"glob": [f"*/team-{n}/*"]}}),
        {"project": "acme/team-57/web"},
    ),
    "the same, and none fits (2)": (
        lambda n: _grant(args={"project": {"glob": [f"**/team-{n}"]}}),
        {"project": "acme/eu/team-x"},
    ),
    "URLs": (
        lambda n: _grant(args={"url": {"glob": [f"https://h{n}.example/api/**"]}}),
        {"url": "https://h57.example/api/v1/items"},
    ),
    "all kinds of constraints": (_all_kinds, {"project": "acme/team-57/web", "count": 58, "kind": "b57"}),
    "another argument in each": (lambda n: _grant(args={f"p{n}": {"glob": ["acme/*"]}}), {"p57": "acme/x"}),
    "limits": (lambda n: _grant(limits={"per_minute": n + 1}), {}),
    "hours": (lambda n: _grant(hours={"from": f"{n // 60:02}:{n % 60:02}", "tz": "Europe/Zurich"}), {}),
    "another pointer in each": (
        lambda n: _grant(args={f"/issue/p{n}": {"glob": ["acme/*"]}}),
        {"issue": {"p57": "acme/x"}},
    ),
    "prefixes of each other": (lambda n: _grant(args={"project": {"glob": ["a" * n + "*"]}}), {"project": "a" * 120}),
    "100 arguments in the call": (
        lambda n: _grant(args={f"p{n}": {"glob": ["acme/*"]}}),
        {f"p{n}": "other/x" for n in range(RULES)},
    ),
}


def measure(policies: tuple[tuple[Grant, ...], ...], deny: tuple[Grant, ...], args: Args) -> dict[str, Any]:
    who = Principal("tok_1", "triage", "alice", "default", "sid", (), policies, deny)
    effect = decide(who, TOOL, args, NOW).effect
    taken = []
    for _ in range(ROUNDS):
        asked = dict(args)
        start = time.perf_counter_ns()
        decide(who, TOOL, asked, NOW)
        taken.append((time.perf_counter_ns() - start) / 1000)
    return {"effect": effect, "p50": statistics.median(taken), "p99": statistics.quantiles(taken, n=100)[98]}


def main() -> None:
    found: dict[str, dict[str, Any]] = {}
    print(f"{'µs':34} {'100 grants':>24} {'100 deny rules':>24}")
    for name, (make, args) in SHAPES.items():
        rules = tuple(make(number) for number in range(RULES))
        both = {"grants": measure((rules,), (), args), "deny": measure(((Grant("*"),),), rules, args)}
        found[name] = both
        columns = (f"{one['effect']:>6} {one['p50']:7.1f} {one['p99']:7.1f}" for one in both.values())
        print(f"{name:34} {'   '.join(columns)}")
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
