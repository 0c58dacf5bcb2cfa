"""Addresses that users type: every spelling of the inside is refused, whoever resolves it."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Any

import pytest

from renum.security.addresses import AddressRefused, VettedResolver, check_url, is_public, judge

INSIDE = [
    # loopback and "this host"
    "127.0.0.1",
    "127.0.0.2",
    "127.255.255.254",
    "0.0.0.0",
    "0.1.2.3",
    "::1",
    "::",
    # private
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.168.255.255",
    "fc00::1",
    "fd00:ec2::254",
    "fdff:ffff::1",
    # link-local, and the clouds' metadata there
    "169.254.169.254",
    "169.254.170.2",
    "169.254.0.1",
    "fe80::1",
    "fe80::a9fe:a9fe",
    "febf::1",
    "fec0::1",
    # carrier-grade NAT (Alibaba's metadata too), Azure's host agent
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "168.63.129.16",
    # protocol assignments, documentation, benchmarks, reserved, multicast, broadcast
    "192.0.0.1",
    "192.0.0.170",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "ff02::1",
    "ff0e::1",
    "2001:db8::1",
    "100::1",
    "3fff::1",
    "5f00::1",
    # IPv4 inside IPv6: mapped, compatible, translated, NAT64, 6to4, Teredo, ISATAP
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:100.64.0.1",
    "::ffff:0.0.0.0",
    "0:0:0:0:0:ffff:c0a8:1",
    "::127.0.0.1",
    "::7f00:1",
    "::a9fe:a9fe",
    "::8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2002:0a00:0001::1",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:10::1",
    "2001:20::1",
    "192.88.99.1",
    "fe80::5efe:7f00:1",
    # scoped
    "fe80::1%lo",
    "::1%lo",
    "2606:4700:4700::1111%eth0",
]

OUTSIDE = [
    "8.8.8.8",
    "1.1.1.1",
    "200.147.3.157",
    "172.15.255.255",
    "172.32.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "169.253.255.255",
    "168.63.129.17",
    "2606:4700:4700::1111",
    "2800:3f0:4001:80a::200e",
    "2a00:1450:4001:830::200e",
    "::ffff:8.8.8.8",
]

# Names that `getaddrinfo` turns into an address inside, without asking anybody.
SPELLINGS = [
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0x7f.0.0.1",
    "017700000001",
    "0177.0.0.1",
    "0177.1",
    "127.1",
    "127.0.1",
    "0",
    "0x0",
    "00.0",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "169.254.43518",
    "10.1",
    "0xa.0.0.1",
    "192.168.257",
    "localhost",
    "LOCALHOST",
    "::ffff:7f00:1",
]


def resolve(host: str, *, allow_loopback: bool = False) -> list[Any]:
    return asyncio.run(VettedResolver(allow_loopback=allow_loopback).resolve(host, 443))


@pytest.mark.parametrize("text", INSIDE)
def test_an_address_inside_is_refused(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))
    with pytest.raises(AddressRefused):
        judge(text, allow_loopback=False)


@pytest.mark.parametrize("text", OUTSIDE)
def test_an_address_of_the_public_internet_is_allowed(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))
    judge(text, allow_loopback=False)


LOOPBACK = {"127.0.0.1", "127.0.0.2", "127.255.255.254", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1"}


@pytest.mark.parametrize("text", [text for text in INSIDE if "%" not in text])
def test_allowing_loopback_allows_nothing_else(text: str) -> None:
    assert is_public(ipaddress.ip_address(text), allow_loopback=True) == (text in LOOPBACK)


@pytest.mark.parametrize("host", SPELLINGS)
def test_a_spelling_of_an_address_inside_does_not_resolve(host: str) -> None:
    with pytest.raises(OSError):
        resolve(host)


@pytest.mark.parametrize("host", ["169.254.169.254", "10.0.0.1", "fe80::1", "[::1]"])
def test_the_resolver_judges_literals_too(host: str) -> None:
    with pytest.raises(OSError):
        resolve(host)


def _answers(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Make the name server answer `addresses`; returns the list of names it is asked for."""
    asked: list[str] = []

    def getaddrinfo(host: Any, port: Any, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (address, port, 0, 0) if ":" in address else (address, port),
            )
            for address in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize("inside", ["127.0.0.1", "169.254.169.254", "::1", "fd00::1", "64:ff9b::7f00:1"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_address_inside_among_the_answers_refuses_them_all(
    monkeypatch: pytest.MonkeyPatch, inside: str, place: int
) -> None:
    answers = ["8.8.8.8", "2606:4700:4700::1111"]
    answers.insert(place, inside)
    _answers(monkeypatch, *answers)
    with pytest.raises(AddressRefused):
        resolve("rebind.example")


def test_a_name_is_resolved_once_and_only_judged_addresses_are_handed_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = _answers(monkeypatch, "8.8.8.8", "2606:4700:4700::1111")
    found = resolve("provider.example")
    assert asked == ["provider.example"]
    assert [(answer["hostname"], answer["host"]) for answer in found] == [
        ("provider.example", "8.8.8.8"),
        ("provider.example", "2606:4700:4700::1111"),
    ]
    assert all(answer["flags"] & socket.AI_NUMERICHOST for answer in found)


# --- What can be told from the text ----------------------------------------------------------------

REFUSED_URLS = [
    "",
    "   ",
    "uazapi.com",
    "//uazapi.com",
    "https://",
    "https:///path",
    "https://:443",
    "http://free.uazapi.com",  # not encrypted
    "HTTP://free.uazapi.com",
    "ftp://free.uazapi.com",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "javascript:alert(1)",
    "data:text/html,x",
    "unix:///var/run/postgres",
    "https://user@free.uazapi.com",
    "https://user:password@free.uazapi.com",
    "https://:password@free.uazapi.com",
    "https://free.uazapi.com@127.0.0.1",
    "https://127.0.0.1#@free.uazapi.com",
    "https://127.0.0.1\\@free.uazapi.com",
    "https://free.uazapi.com\\@127.0.0.1",
    "https://free.uazapi.com/?token=x",
    "https://free.uazapi.com/#x",
    "https://free.uazapi.com/a b",
    "https://free.uazapi.com/\r\nHost: evil",
    "https://free.uazapi.com\n",
    "\thttps://free.uazapi.com",
    "https://free.uazapi.com\x00.evil.example",
    "https://free.uazapi.com:0",
    "https://free.uazapi.com:65536",
    "https://free.uazapi.com:-1",
    "https://free.uazapi.com:https",
    "https://[::1",
    "https://::1]",
    "https://[uazapi.com]",
    "https://a..b",
    "https://%31%32%37.0.0.1",
    "https://localhost",
    "https://LOCALHOST.:8443",
    "https://db.localhost",
    "https://１２７．０．０．１",
    "https://⑫7.1",
    "https://ⓛocalhost",
    *(f"https://[{text}]" if ":" in text else f"https://{text}/" for text in INSIDE if "%" not in text),
]


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_an_address_that_cannot_be_right_is_refused_when_it_is_typed(url: str) -> None:
    with pytest.raises(ValueError):
        check_url(url)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8010/uazapi", "http://localhost:8010", "http://[::1]:8010"]
)
def test_the_sandbox_is_allowed_only_where_loopback_is(url: str) -> None:
    with pytest.raises(ValueError):
        check_url(url)
    check_url(url, allow_loopback=True)


@pytest.mark.parametrize(
    "url",
    ["http://10.0.0.1", "https://10.0.0.1", "http://0.0.0.0", "http://127.0.0.1@10.0.0.1", "http://::1"],
)
def test_allowing_loopback_does_not_open_other_urls(url: str) -> None:
    with pytest.raises(ValueError):
        check_url(url, allow_loopback=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://free.uazapi.com",
        "https://free.uazapi.com/",
        "https://FREE.UAZAPI.COM:8443/api/v2",
        "https://8.8.8.8/",
        "https://[2606:4700:4700::1111]:8443",
        "https://uazapi.com.br./x",
        "https://clínica.com.br",
        "https://xn--clnica-4va.com.br",
        "https://localhost.com.br",
        "https://8。8。8。8",
    ],
)
def test_an_address_of_a_provider_is_allowed(url: str) -> None:
    check_url(url)
