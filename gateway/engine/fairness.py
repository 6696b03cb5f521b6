"""Whose turn it is: which of the runs that are due get the places that there are. Pure.

Max-min fairness in two levels: a place goes to the tenant that has the fewest, there to the agent that has the fewest,
and there to the run that has waited longest.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

from gateway.model import Principal

_Run = TypeVar("_Run")
Owner = tuple[Hashable, Hashable]
"""Tenant, and agent of that tenant."""


def owner_of(principal: Principal) -> Owner:
    return principal.tenant, principal.agent


def choose(due: Iterable[tuple[float, Owner, _Run]], places: int, at_work: Sequence[Owner] = ()) -> list[_Run]:
    """Up to `places` of the runs in `due` (since when, whose, which), in the order in which to begin them. `at_work`:
    the owners of the places that are taken, once for each."""
    tenants: Counter[Hashable] = Counter(tenant for tenant, _ in at_work)
    agents: Counter[Owner] = Counter(at_work)
    queues: dict[Owner, deque[tuple[float, _Run]]] = {}
    for since, owner, run in sorted(due, key=lambda one: one[0]):
        queues.setdefault(owner, deque()).append((since, run))
    chosen: list[_Run] = []
    while queues and len(chosen) < places:
        owner = min(queues, key=lambda one: (tenants[one[0]], agents[one], queues[one][0][0]))
        chosen.append(queues[owner].popleft()[1])
        tenants[owner[0]] += 1
        agents[owner] += 1
        if not queues[owner]:
            del queues[owner]
    return chosen
