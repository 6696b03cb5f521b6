"""What a person reads, and who a person is: tables."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.config import GrantConfig, OidcSettings
from gateway.errors import Unauthenticated
from gateway.identity.people import person_of_claims
from gateway.model import JSON
from gateway.service.doors import doors
from gateway.service.rates import _neighbourhood
from gateway.web.pages import duration


@pytest.mark.parametrize(
    ("grant", "words"),
    [
        ({"server": "*", "tools": ["*"]}, "Any tools of any server."),
        (
            {"server": "git", "tools": ["a", "b_*"], "when": {"destructive": False, "open_world": False}},
            "The tools a or b_* of the server git that destroy nothing and that stay within their own data.",
        ),
        (
            {
                "server": "crm",
                "tools": ["*"],
                "args": {
                    "project": {"glob": ["acme/*", "demo/**"]},
                    "state": {"one_of": ["open", 3]},
                    "amount": {"range": [1, 100]},
                    "rate": {"range": {"max": 5}},
                    "text": {"max_bytes": 2000},
                },
            },
            "Any tools of the server crm; where project fits acme/* or demo/**; where state is open or 3; "
            "where amount is between 1 and 100; where rate is at most 5; where text has at most 2,000 bytes.",
        ),
        (
            {"server": "crm", "tools": ["*"], "limits": {"per_day": 1000, "bytes": 5}, "approval": {"by": "owner"}},
            "Any tools of the server crm; at most 1,000 calls a day and 5 bytes a run; "
            "each call only after the agent's owner has agreed to it.",
        ),
        (
            {"server": "crm", "tools": ["*"], "hours": {"days": "mon-tue", "from": "09:00", "to": "17:00"}},
            "Any tools of the server crm; only on Mon, Tue from 09:00 to 17:00 (UTC).",
        ),
    ],
)
def test_a_grant_in_plain_words(grant: dict[str, Any], words: str) -> None:
    assert doors([GrantConfig.model_validate(grant).to_grant()]) == (words,)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(86_400, "1 day"), (604_800, "7 days"), (3_600, "1 hour"), (5_400, "90 minutes"), (61, "61 seconds")],
)
def test_a_time_in_plain_words(seconds: int, words: str) -> None:
    assert duration(seconds) == words


OIDC = OidcSettings(
    issuer="https://id.example", client_id="x", roles_claim="groups", roles={"ops": "admin", "fin": "finance"}
)


@pytest.mark.parametrize(
    ("claims", "id_", "roles"),
    [
        ({"sub": "7", "email": "a@b.example", "email_verified": True}, "a@b.example", ()),
        ({"sub": "7", "email": "a@b.example", "email_verified": False}, "7", ()),
        ({"sub": "7", "email": "a@b.example", "email_verified": "true"}, "7", ()),
        ({"sub": "7", "email": "a@b.example"}, "7", ()),
        ({"sub": "7", "email": ["a@b.example"], "email_verified": True}, "7", ()),
        ({"sub": "7", "groups": ["fin", "ops", "other", 5]}, "7", ("admin", "finance")),
        ({"sub": "7", "groups": "fin"}, "7", ("finance",)),
        ({"sub": "7", "groups": {"ops": True}}, "7", ()),
    ],
)
def test_who_a_person_is(claims: dict[str, JSON], id_: str, roles: tuple[str, ...]) -> None:
    person = person_of_claims(claims, OIDC, now_ms=0)
    assert (person.id, person.roles, person.admin) == (id_, roles, "admin" in roles)


@pytest.mark.parametrize("subject", [None, "", 7, "a\nb", "x" * 201])
def test_who_is_nobody(subject: JSON) -> None:
    with pytest.raises(Unauthenticated):
        person_of_claims({"sub": subject}, OIDC, now_ms=0)


@pytest.mark.parametrize(
    ("owner", "may"), [("A@B.example", True), ("a@b.example", True), ("c@b.example", False), ("", False)]
)
def test_whose_agents_a_person_may_give(owner: str, may: bool) -> None:
    claims = {"sub": "7", "email": "a@b.example", "email_verified": True}
    assert person_of_claims(claims, OIDC, now_ms=0).may_act_as(owner) is may


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::1", "::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix", "unknown"),
    ],
)
def test_whose_allowance_a_request_uses(address: str, counted: str) -> None:
    assert _neighbourhood(address) == counted
