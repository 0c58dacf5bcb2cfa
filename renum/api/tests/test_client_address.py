"""Whose address a request counts under: nobody may choose it by writing a header."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from pydantic import ValidationError

from renum.api.client_address import counted_address, find_client, parse_networks
from renum.environment import Environment

TRUSTED = parse_networks("10.0.0.0/8, 192.0.2.7, fd00::/8")

# peer, X-Forwarded-For, who it is
CASES = [
    ("203.0.113.9", "", "203.0.113.9"),
    ("203.0.113.9", "198.51.100.1", "203.0.113.9"),  # no proxy of ours: what it says is worth nothing
    ("203.0.113.9", "10.0.0.1", "203.0.113.9"),
    ("10.0.0.1", "", "10.0.0.1"),
    ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
    ("10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"),  # the first is what the client wrote
    ("10.0.0.1", "1.1.1.1, 198.51.100.1, 192.0.2.7", "198.51.100.1"),
    ("10.0.0.1", "1.1.1.1,198.51.100.1,10.9.9.9,192.0.2.7", "198.51.100.1"),
    ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
    ("10.0.0.1", "garbage", "10.0.0.1"),
    ("10.0.0.1", "198.51.100.1, garbage", "10.0.0.1"),
    ("10.0.0.1", "198.51.100.1, garbage, 192.0.2.7", "192.0.2.7"),
    ("10.0.0.1", "198.51.100.1, ", "10.0.0.1"),
    ("10.0.0.1", ",,,", "10.0.0.1"),
    ("10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
    ("10.0.0.1", "[2001:db8::1]:4711, fd00::1", "2001:db8::1"),
    ("fd00::5", "2001:db8::1", "2001:db8::1"),
    ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
    ("::ffff:203.0.113.9", "", "203.0.113.9"),
    ("10.0.0.1", "0x7f.1", "10.0.0.1"),
    ("10.0.0.1", "é😀", "10.0.0.1"),
    ("", "198.51.100.1", ""),
    ("unix:", "198.51.100.1", "unix:"),
]


def test_the_first_address_from_the_right_that_is_no_proxy_of_ours_counts() -> None:
    found = [(peer, forwarded, find_client(peer, forwarded, TRUSTED)) for peer, forwarded, _ in CASES]
    assert found == CASES


def test_without_proxies_of_ours_the_header_means_nothing() -> None:
    for peer, forwarded, _ in CASES:
        assert find_client(peer, forwarded, ()) == find_client(peer, "", ())


def test_an_ipv6_network_counts_as_one_sender() -> None:
    one, other = (counted_address({"REMOTE_ADDR": f"2001:db8:1:2::{end}"}) for end in ("1", "ffff:1"))
    assert one == other == "2001:db8:1:2::"
    assert counted_address({"REMOTE_ADDR": "2001:db8:1:3::1"}) != one
    assert counted_address({"REMOTE_ADDR": "203.0.113.9"}) == "203.0.113.9"


def test_networks_are_read_and_refused_when_the_process_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse_networks(" 10.0.0.0/8 ,, ::1 ") == (ip_network("10.0.0.0/8"), ip_network("::1"))
    monkeypatch.setenv("RENUM_TRUSTED_PROXIES", "10.0.0.0/8, the-proxy")
    with pytest.raises(ValidationError, match="the-proxy"):
        Environment()
