"""Host, Origin, CORS and body size, over a real connection; and the allow-lists as tables."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.errors import ConfigError
from gateway.web.sites import Authority, Origin, Sites
from tests.web.secured import MAX_BODY, Served, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("data")) as running:
        yield running


PATHS = ["/healthz", "/mcp", "/api/v1/whoami", "/ui/answer", "/.well-known/jwks.json", "/nowhere"]
LOOPBACK_HOSTS = ["127.0.0.1", "127.0.0.1:8787", "localhost:9000", "LocalHost", "[::1]:1", "[0:0:0:0:0:0:0:1]"]

# --- Host --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("host", ["evil.example", "evil.example:8787", "127.0.0.1.evil.example", "10.0.0.1:8787"])
def test_a_host_that_is_not_ours_is_misdirected_everywhere(served: Served, path: str, host: str) -> None:
    answer = served.client.get(path, headers={**served.bearer(), "Host": host})
    assert answer.status_code == 421
    assert "gateway.allowed_hosts" in answer.json()["error"]["message"]


@pytest.mark.parametrize("host", [*LOOPBACK_HOSTS, "gw.example", "GW.example:443", "gw.internal:1", "a.corp.example"])
def test_our_hosts_are_answered(served: Served, host: str) -> None:
    assert served.client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "head",
    [
        "GET /healthz HTTP/1.0\n\n",
        "GET /healthz HTTP/1.1\nHost: gw.example\nHost: evil.example\nConnection: close\n\n",
        "GET /healthz HTTP/1.1\nHost: gw.example\nHost: gw.example\nConnection: close\n\n",
        "GET /healthz HTTP/1.1\nHost: \nConnection: close\n\n",
        "GET http://gw.example/healthz HTTP/1.1\nHost: evil.example\nConnection: close\n\n",
    ],
)
def test_a_missing_or_doubled_host_is_misdirected(served: Served, head: str) -> None:
    assert served.raw(head).startswith(("HTTP/1.1 421 ", "HTTP/1.0 421 "))


ODD_HOSTS = [
    "",
    " ",
    "a b",
    "gw.example.",
    ".gw.example",
    "user@gw.example",
    "gw.example@evil.example",
    "gw.example:",
    "gw.example:99999999",
    "gw.example:-1",
    "gw.example:8o",
    "gw.example/path",
    "gw.example\\",
    "gw.example,evil.example",
    "gw.example\x00",
    "gw\u00ad.example",
    "\u212aelvin.example",
    "[::1",
    "[::1]x",
    "[::1%25eth0]",
    "[1.2.3.4]",
    "[]",
    "::1",
    "http://gw.example",
]


@pytest.mark.parametrize("text", ODD_HOSTS)
def test_what_is_no_host_is_not_parsed_as_one(text: str) -> None:
    assert Authority.parse(text) is None


@pytest.mark.parametrize("text", ["localhost.evil.example", "127.1", "2130706433", "0x7f.0.0.1", "[::ffff:7f00:1]"])
def test_what_only_looks_like_loopback_is_not_ours(text: str) -> None:
    host = Authority.parse(text)
    assert host is not None
    assert not Sites.of(listen="127.0.0.1:8787").answers_to(host)


@pytest.mark.parametrize(
    ("listen", "public_url", "allowed", "good", "bad"),
    [
        ("127.0.0.1:8787", None, [], LOOPBACK_HOSTS, ["gw.example", "127.0.0.2", "192.168.1.5:8787"]),
        ("[::1]:8787", None, [], LOOPBACK_HOSTS, ["[::2]"]),
        ("192.168.1.5:8787", None, [], ["192.168.1.5:8787"], ["192.168.1.5", "192.168.1.5:80", "localhost:8787"]),
        ("192.168.1.5:80", None, [], ["192.168.1.5:80", "192.168.1.5"], ["192.168.1.5:8787"]),
        ("0.0.0.0:8787", None, [], [*LOOPBACK_HOSTS, "10.1.2.3:8787", "[2001:db8::1]"], ["gw.example:8787", "10.1"]),
        ("[::]:8787", "https://gw.example", [], ["gw.example", "10.1.2.3"], ["gw.example:8787", "evil.gw.example"]),
        ("10.0.0.1:1", "https://gw.example:8443", [], ["gw.example:8443"], ["gw.example", "gw.example:443"]),
        ("10.0.0.1:1", None, ["gw.lan:1"], ["gw.lan:1", "GW.LAN:1"], ["gw.lan", "gw.lan:2", "a.gw.lan:1"]),
        ("10.0.0.1:1", None, ["gw.lan"], ["gw.lan", "gw.lan:2"], ["a.gw.lan", "agw.lan"]),
        ("10.0.0.1:1", None, ["*.gw.lan"], ["a.gw.lan", "a.b.gw.lan:2"], ["gw.lan", "agw.lan", "gw.lan.evil.example"]),
        ("10.0.0.1:1", None, ["[2001:DB8:0::1]"], ["[2001:db8::1]:5"], ["[2001:db8::2]"]),
    ],
)
def test_the_hosts_follow_from_the_settings(
    listen: str, public_url: str | None, allowed: list[str], good: list[str], bad: list[str]
) -> None:
    sites = Sites.of(listen=listen, public_url=public_url, allowed_hosts=allowed)
    answered = {text: sites.answers_to(host) for text in [*good, *bad] if (host := Authority.parse(text))}
    assert answered == dict.fromkeys(good, True) | dict.fromkeys(bad, False)


@pytest.mark.parametrize(
    ("hosts", "origins", "told"),
    [
        (["::1"], [], "gateway.allowed_hosts: '::1'"),
        (["*."], [], "gateway.allowed_hosts: ''"),
        ([], ["app.example"], "gateway.allowed_origins: 'app.example'"),
        ([], ["https://app.example/path"], "gateway.allowed_origins: 'https://app.example/path'"),
    ],
)
def test_a_bad_entry_is_named(hosts: list[str], origins: list[str], told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Sites.of(listen="127.0.0.1:8787", allowed_hosts=hosts, allowed_origins=origins)
    assert told in str(refused.value)


# --- Origin ------------------------------------------------------------------------------------------------------

FOREIGN = [
    "https://evil.example",
    "null",
    "https://gw.example.evil.example",
    "http://gw.example",
    "https://gw.example:1",
]


@pytest.mark.parametrize("path", ["/mcp", "/api/v1/whoami", "/ui/answer", "/healthz"])
@pytest.mark.parametrize("origin", [*FOREIGN, "", "https://gw.example/", "evil", "file://", "https://gw.example evil"])
def test_a_foreign_page_is_refused_even_with_a_token(served: Served, path: str, origin: str) -> None:
    answer = served.client.get(path, headers={**served.bearer(), "Host": "gw.example", "Origin": origin})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers
    assert "gateway.allowed_origins" in answer.json()["error"]["message"]


def test_two_origins_are_refused(served: Served) -> None:
    headers = [*served.bearer().items(), ("Origin", "https://app.example"), ("Origin", "https://app.example")]
    assert served.client.get("/mcp", headers=headers).status_code == 403


@pytest.mark.parametrize("path", ["/mcp", "/api/v1/whoami", "/ui/answer", "/healthz"])
def test_our_own_pages_may_call_everything(served: Served, path: str) -> None:
    for host, origin in (
        ("gw.example", "https://gw.example"),
        (f"127.0.0.1:{served.port}", served.base),
        (f"localhost:{served.port}", f"http://localhost:{served.port}"),
        ("gw.internal:99", "http://gw.internal:99"),
    ):
        answer = served.client.get(path, headers={**served.bearer(), "Host": host, "Origin": origin})
        assert answer.status_code == 200, (host, origin)


@pytest.mark.parametrize(
    ("host", "origin", "expected"),
    [
        ("gw.example", "https://app.example", {"/mcp": 200, "/api/v1/whoami": 403, "/ui/answer": 403}),
        ("gw.example", "https://app.example:443", {"/mcp": 200, "/ui/answer": 403}),
        ("gw.example", "http://app.example", {"/mcp": 403}),
        ("localhost:8787", "http://localhost:6274", {"/mcp": 200, "/api/v1/whoami": 403, "/ui/answer": 403}),
        ("127.0.0.1:8787", "http://[::1]:6274", {"/mcp": 200}),
        ("gw.example", "http://localhost:6274", {"/mcp": 403}),
        ("localhost:8787", "http://localhost.evil.example", {"/mcp": 403}),
    ],
)
def test_pages_of_other_origins_reach_only_what_needs_a_bearer(
    served: Served, host: str, origin: str, expected: dict[str, int]
) -> None:
    headers = {**served.bearer(), "Host": host, "Origin": origin}
    assert {path: served.client.get(path, headers=headers).status_code for path in expected} == expected


def test_extensions_are_origins_too() -> None:
    sites = Sites.of(listen="127.0.0.1:1", allowed_origins=["chrome-extension://abcdef", "HTTPS://App.example:443"])
    host = Authority("gw.example", None)
    for text in ("chrome-extension://abcdef", "https://app.example"):
        origin = Origin.parse(text)
        assert origin is not None
        assert sites.may_call(origin, host)


# --- CORS --------------------------------------------------------------------------------------------------------


def preflight(served: Served, path: str, origin: str, asked: str = "authorization,mcp-param-region") -> dict[str, str]:
    headers = {
        "Host": "gw.example",
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": asked,
    }
    answer = served.client.options(path, headers=headers)
    assert answer.content == b"" or answer.status_code != 204
    return {"status": str(answer.status_code), **answer.headers}


def test_a_preflight_for_mcp_needs_no_token(served: Served) -> None:
    told = preflight(served, "/mcp", "https://app.example")
    assert told["status"] == "204"
    assert told["access-control-allow-origin"] == "https://app.example"
    assert told["access-control-allow-headers"] == "authorization,mcp-param-region"
    assert {"GET", "POST", "DELETE"} <= set(told["access-control-allow-methods"].split(", "))
    assert "Origin" in told["vary"]
    assert "access-control-allow-credentials" not in told
    assert preflight(served, "/mcp", "https://evil.example")["status"] == "403"
    assert preflight(served, "/api/v1/whoami", "https://app.example")["status"] == "403"


@pytest.mark.parametrize("asked", ["a b", "é", "a;b", "x:y", "a,,b", "<x>"])
def test_header_names_that_are_none_are_not_echoed(served: Served, asked: str) -> None:
    headers = [
        (b"Host", b"gw.example"),
        (b"Origin", b"https://app.example"),
        (b"Access-Control-Request-Method", b"POST"),
        (b"Access-Control-Request-Headers", asked.encode("latin-1")),
    ]
    told = served.client.options("/mcp", headers=headers).headers
    assert told["access-control-allow-headers"] == "Authorization, Content-Type"


def test_a_page_can_read_the_challenge_and_the_session_id(served: Served) -> None:
    answer = served.client.post("/mcp", headers={"Host": "gw.example", "Origin": "https://app.example"})
    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert {"WWW-Authenticate", "Mcp-Session-Id"} <= set(answer.headers["access-control-expose-headers"].split(", "))
    assert answer.headers["vary"] == "Origin"


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("path", ["/.well-known/jwks.json", "/.well-known/oauth-protected-resource/mcp"])
def test_every_page_may_read_the_metadata(served: Served, path: str, origin: str) -> None:
    answer = served.client.get(path, headers={"Host": "gw.example", "Origin": origin})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "*")
    assert preflight(served, path, origin)["access-control-allow-origin"] == "*"


# --- bodies and streams --------------------------------------------------------------------------------------------


def test_a_body_over_the_cap_is_refused_declared_or_not(served: Served) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(11):
            yield b"x" * (MAX_BODY // 10)

    fits = served.client.post("/api/v1/size", headers=served.bearer(), content=b"x" * MAX_BODY)
    assert fits.json() == {"size": MAX_BODY}
    for content in (b"x" * (MAX_BODY + 1), chunks()):
        answer = served.client.post("/api/v1/size", headers=served.bearer(), content=content)
        assert answer.status_code == 413


def test_a_stream_flows_while_its_end_is_not_made_yet(served: Served) -> None:
    headers = {**served.bearer(), "Origin": served.base}
    with served.client.stream("GET", "/api/v1/stream", headers=headers) as answer:
        lines = answer.iter_lines()
        assert next(lines) == "first"
        served.go_on.set()
        assert list(lines)[-1] == "last"


def test_a_websocket_is_closed(served: Served) -> None:
    head = "GET /mcp HTTP/1.1\nHost: gw.example\nConnection: Upgrade\nUpgrade: websocket\n"
    answer = served.raw(f"{head}Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n\n")
    assert not answer.startswith("HTTP/1.1 101")
