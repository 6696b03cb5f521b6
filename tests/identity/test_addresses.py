"""What the gateway fetches on a stranger's word: nothing but public hosts."""

from __future__ import annotations

import pytest

from gateway.identity.addresses import problem_with_address, problem_with_host, problem_with_url

PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:4700::6810:84e5", "2a00:1450::1", "64:ff9b::8.8.8.8"]
NOT_PUBLIC = [
    "127.0.0.1", "127.8.9.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1",
    "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "224.0.0.1", "224.0.1.1",
    "239.1.1.1", "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "::ffff:169.254.169.254", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "3fff::1", "5f00::1",
    "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_reached(address: str) -> None:
    assert problem_with_address(address) is None
    assert problem_with_url(f"https://{f'[{address}]' if ':' in address else address}/client.json") is None


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_addresses_that_are_not_public_may_not(address: str) -> None:
    assert problem_with_address(address) == "is not on the public Internet"
    assert problem_with_host(address) == "is not on the public Internet"
    assert problem_with_url(f"https://{f'[{address}]' if ':' in address else address}/client.json") is not None


@pytest.mark.parametrize("text", ["", "1.2.3", "0127.0.0.1", "localhost", "8.8.8.8 ", "8.8.8.8/32", "8.8.8.8:443"])
def test_what_is_no_address_is_refused_as_one(text: str) -> None:
    assert problem_with_address(text) == "is not an address"


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example/client.json",
        "https://app.example:8443/a?b=c",
        "https://xn--bcher-kva.example/%7Ec",
        "https://APP.example/c",
        "https://a_b.app.example/c",
    ],
)
def test_public_names_may_be_resolved(url: str) -> None:
    assert problem_with_url(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "app.example",
        "http://app.example/c",
        "HTTPS://app.example/c",
        "ftp://app.example/c",
        "file:///etc/passwd",
        "gopher://app.example/_",
        "javascript:alert(1)",
        "https:app.example",
        "https:///c",
        "https:////app.example/c",
        "https://",
        "https://user@app.example/c",
        "https://user:pw@app.example/c",
        "https://app.example@127.0.0.1/c",
        "https://@app.example/c",
        "https://app.example/c#f",
        "https://app.example/c#",
        "https://app.example/ c",
        "https://app.example\\@127.0.0.1/c",
        "https://app.example/c\n",
        "https://app.example/c\r\nHost: x",
        "https://app.example/\u0441",
        "https://\u0430pp.example/c",
        "https://app\u3002example/c",
        "https://app.example:0/c",
        "https://app.example:99999/c",
        "https://app.example:8o/c",
        "https://[::1/c",
        "https://[fe80::1%25eth0]/c",
        "https://[v1.x]/c",
        "https://localhost/c",
        "https://LOCALHOST/c",
        "https://a.localhost/c",
        "https://localhost./c",
        "https://printer.local/c",
        "https://metadata.google.internal/c",
        "https://router.lan/c",
        "https://nas.home.arpa/c",
        "https://intranet/c",
        "https://127.1/c",
        "https://2130706433/c",
        "https://0x7f000001/c",
        "https://0x7f.1/c",
        "https://0177.0.0.1/c",
        "https://127.0.0.1./c",
        "https://127.0.0.0x1/c",
        "https://127.0.0.1%2eexample/c",
        "https://%6cocalhost/c",
        "https://-a.example/c",
        "https://a..example/c",
        "https://" + "a" * 64 + ".example/c",
        "https://" + "a." * 130 + "example/c",
        "https://app.example/" + "a" * 2048,
    ],
)
def test_other_urls_are_refused(url: str) -> None:
    assert problem_with_url(url) is not None


def test_the_operator_may_vouch_for_a_host() -> None:
    assert problem_with_url("https://sso.internal/c", trusted=["sso.internal"]) is None
    assert problem_with_url("https://127.0.0.1:8443/c", trusted=["127.0.0.1:8443"]) is None
    assert problem_with_url("https://127.0.0.1:22/c", trusted=["127.0.0.1:8443"]) is not None
    assert problem_with_url("http://sso.internal/c", trusted=["sso.internal"]) is not None
