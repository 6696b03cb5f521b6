"""However a path or URL is spelt, it is matched as what it leads to."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.globs import argument_glob, argument_glob_fault
from gateway.config.readings import Unreadable, canonical, readings


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        ("acme/web", ["acme/web"]),
        ("./acme//web/", ["acme/web"]),
        ("acme/x/../web", ["acme/web"]),
        ("acme/../../web", ["../web"]),
        ("/..//srv/./x/..", ["/srv"]),
        ("", [""]),
        (".", ["."]),
        ("./", ["."]),
        ("acme/%2e%2e/hr", ["acme/%2e%2e/hr", "hr"]),
        ("acme/%252e%252e%252fhr", ["acme/%252e%252e%252fhr", "acme/%2e%2e%2fhr", "hr"]),
        ("acme\\..\\hr", ["acme\\..\\hr", "hr"]),
        (" acme/web\n", [" acme/web\n", "acme/web"]),
        ("100% sure", ["100% sure"]),
        ("feat: a and b", ["feat: a and b"]),
        ("HTTPS://Crm.Example:443/a/../b#part", ["https://crm.example/b"]),
        ("http://h:8080?q=/../x", ["http://h:8080/?q=/../x"]),
        ("http://h./a/", ["http://h/a"]),
        ("http://h:080/", ["http://h/"]),
        ("https:/h/a", ["https://h/a"]),
        ("https:h/a", ["https://h/a"]),
        ("https://good\\@evil".replace("@", "/"), ["https://good\\/evil", "https://good/evil"]),
        ("ht\ttps://evil/", ["ht\ttps:/evil", "https://evil/"]),
        ("http://[::FFFF:127.0.0.1]/", ["http://127.0.0.1/"]),
        ("http://[0:0::1]:80/", ["http://[::1]/"]),
        ("s3://bucket/a//b", ["s3://bucket/a/b"]),
        ("file:///etc/../srv/x", ["file:///srv/x"]),
        ("file:/srv/x", ["file:///srv/x"]),
        ("FILE://LOCALHOST/srv", ["file:///srv"]),
        ("git@host:acme/web.git", ["git@host:acme/web.git"]),
    ],
)
def test_forms(text: str, forms: list[str]) -> None:
    assert list(readings(text)) == forms


@pytest.mark.parametrize(
    "text",
    [
        "a\0b",
        "a%00b",
        "%ff",
        "%c0%ae%c0%ae/",
        "%" + "25" * 9 + "41",
        "https://user@evil.example/",
        "https://good.example%2F@evil.example/",
        "https://good.example\\@evil.example/",
        "https://evil%2eexample/",
        "https://exämple/",
        "https://ｇood.example/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://127.1/",
        "http://0177.0.0.1/",
        "http://[::1/",
        "file://other/etc/passwd",
        "x" * 16_385,
    ],
)
def test_what_has_no_certain_reading(text: str) -> None:
    with pytest.raises(Unreadable):
        readings(text)


@pytest.mark.parametrize(
    ("glob", "text"),
    [
        ("https://good.example/**", "https://good.example.evil.example/x"),
        ("https://good.example/**", "https://evil.example/https://good.example/"),
        ("https://*.good.example/**", "https://evil.example/x.good.example/"),
        ("https://*.good.example/**", "https://evil.example?.good.example/"),
        ("https://*.good.example/**", "https://evil.example#.good.example/"),
        ("https://*.good.example/**", "https://evil.example\\.good.example/"),
        ("https://good.example/public/**", "https://good.example/public/..%2fadmin"),
        ("https://good.example/public/**", "https://good.example/public/..\\admin"),
        ("/srv/data/**", "/srv/data/../secret"),
        ("/srv/data/**", "/srv/data/%2e%2e/secret"),
        ("/srv/data/**", "/srv/database"),
        ("/srv/data/**", "file:///srv/data/x"),
        ("acme/*", "acme/web/hidden"),
        ("acme/*", "acme/web%2fhidden"),
    ],
)
def test_ways_around_a_glob_that_do_not_work(glob: str, text: str) -> None:
    assert argument_glob_fault(glob) is None
    try:
        forms = readings(text)
    except Unreadable:
        return
    assert not all(argument_glob(glob).fits(form) for form in forms)


@settings(deadline=None)
@given(st.text("ab./\\:%2eE@?# \n[]0xf", max_size=24))
def test_a_canonical_form_stays_as_it_is(text: str) -> None:
    try:
        forms = readings(text)
        assert [form for form in forms if canonical(form) != form and "%" not in form and "://" not in form] == []
    except Unreadable:
        return


@settings(deadline=None)
@given(st.text("ab./", max_size=24))
def test_a_path_never_keeps_dots_inside(path: str) -> None:
    inner = canonical(path).lstrip("./").split("/")
    assert ".." not in inner or "/" not in path
