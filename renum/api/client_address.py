"""Where a request came from, when proxies of ours may stand between."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from django.conf import settings

from renum.environment import listed

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
_WITH_PORT = re.compile(r"\[([^\]]*)\](?::\d+)?|([^:]*):\d+")  # some proxies add the port
LOCAL_PREFIX = 64  # the part of an IPv6 address that a customer's router is given


@cache
def parse_networks(text: str) -> tuple[Network, ...]:
    """Read comma-separated addresses and networks; raises `ValueError` naming the one that is neither."""
    return tuple(ip_network(part) for part in listed(text))


def find_client(peer: str, forwarded: str, trusted: Sequence[Network]) -> str:
    """Return the address of whoever asks: the peer, or whom the trusted proxies had it from.

    `forwarded` is `X-Forwarded-For`, to which each proxy appends whom it saw: only what trusted ones
    appended is believed, read from the right. Where that is no address, the last trusted proxy stands for it.
    """
    seen = _parse(peer)
    if seen is None:
        return peer
    hops = forwarded.split(",") if forwarded else []
    while hops and _is_in(seen, trusted):
        before = _parse(hops.pop())
        if before is None:
            break
        seen = before
    return str(seen)


def client_address(environ: Mapping[str, Any]) -> str:
    """The address of a request's sender, by the proxies that are configured."""
    forwarded = environ.get("HTTP_X_FORWARDED_FOR", "")
    return _find_client(environ.get("REMOTE_ADDR", ""), forwarded, settings.ENVIRONMENT.trusted_proxies)


@lru_cache(maxsize=1024)
def _find_client(peer: str, forwarded: str, trusted: str) -> str:
    return find_client(peer, forwarded, parse_networks(trusted))


def counted_address(environ: Mapping[str, Any]) -> str:
    """What a limit an address counts under: of IPv6 the network, since its user has 2**64 addresses."""
    return _as_counted(client_address(environ))


@lru_cache(maxsize=1024)
def _as_counted(text: str) -> str:
    address = _parse(text)
    if isinstance(address, IPv6Address):
        return str(ip_network((int(address), LOCAL_PREFIX), strict=False).network_address)
    return text


def _parse(text: str) -> Address | None:
    text = text.strip()
    if found := _WITH_PORT.fullmatch(text):
        text = found[1] or found[2]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
