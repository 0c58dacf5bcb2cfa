"""Judge the addresses behind names that users type, before anything connects to them."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Python 3.11's `is_global` is true for these; each can carry an IPv4 address or reach inside.
_NEVER = tuple(
    ipaddress.ip_network(text)
    for text in (
        "100.64.0.0/10",  # carrier-grade NAT
        "168.63.129.16/32",  # Azure's host agent
        "192.0.0.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "::/96",  # IPv4-compatible
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",  # Teredo and other protocol assignments
        "2002::/16",  # 6to4
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
    )
)

_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?")
_OLD_IPV4 = re.compile(r"(0x[0-9a-f]*|\d+)(\.(0x[0-9a-f]*|\d+)){0,3}\.?", re.IGNORECASE | re.ASCII)


class AddressRefused(OSError):
    """The address does not belong to the public internet."""


def is_public(address: Address, *, allow_loopback: bool = False) -> bool:
    """Tell whether a user-given name may lead to this address."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if allow_loopback and address.is_loopback:
        return True
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id:
        return False
    if any(address in network for network in _NEVER if network.version == address.version):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def check_url(url: str, *, allow_loopback: bool = False, allow_query: bool = False) -> None:
    """Refuse what can be told from the text alone; raises `ValueError` with a reason in Portuguese.

    `allow_query`: for addresses of files, which may be signed; those of services have none.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError("endereço inválido") from error
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ValueError("o endereço deve começar com https://")
    if parts.username or parts.password:
        raise ValueError("o endereço não pode conter usuário ou senha")
    if (
        (parts.query and not allow_query)
        or parts.fragment
        or any(ord(char) < 33 or char == "\\" for char in url)
    ):
        raise ValueError("o endereço contém caracteres não permitidos")
    if port == 0:
        raise ValueError("porta inválida")
    loopback = is_loopback_name(parts.hostname)
    if parts.scheme == "http" and not (allow_loopback and loopback):
        raise ValueError("o endereço deve começar com https://")
    # Brackets are for IPv6, though `urlsplit` takes them around anything.
    if not is_host(parts.hostname) or ("[" in parts.netloc and ":" not in parts.hostname):
        raise ValueError("endereço inválido")
    if leads_inside(parts.hostname, allow_loopback=allow_loopback):
        raise ValueError("o endereço não pertence à internet pública")


def is_host(host: str) -> bool:
    """Tell whether this is an address, or a name that can be asked for."""
    name = _as_asked(host)
    return as_literal(name) is not None or (len(name) <= 253 and _NAME.fullmatch(name) is not None)


def leads_inside(host: str, *, allow_loopback: bool = False) -> bool:
    """Tell whether a host's text alone says that it is not of the public internet."""
    literal = as_literal(host)
    if literal is not None:
        return not is_public(literal, allow_loopback=allow_loopback)
    name = _as_asked(host).lower().removesuffix(".")
    # RFC 6761: these names are this machine's, whatever a name server says.
    return not allow_loopback and (name == "localhost" or name.endswith(".localhost"))


def as_literal(host: str) -> Address | None:
    """Return the address if `host` is one. aiohttp does not resolve those: judge them beforehand.

    `getaddrinfo` takes other spellings of IPv4 for addresses too, such as 127.1, 0x7f.1 or 2130706433,
    and digits of other alphabets.
    """
    host = _as_asked(host)
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return _old_literal(host)


def _as_asked(host: str) -> str:
    """The host as Python hands it to the resolver; empty if it cannot be."""
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return ""


def _old_literal(host: str) -> Address | None:
    if not _OLD_IPV4.fullmatch(host):
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host.removesuffix(".")))
    except OSError:
        return None


def is_loopback_name(host: str) -> bool:
    """Tell whether a host's text alone says that it is this machine."""
    literal = as_literal(host)
    return literal.is_loopback if literal else host == "localhost"


class VettedResolver(AbstractResolver):
    """Resolves once, judges every address and hands out only the judged ones.

    The connector then connects to those addresses with the name in `Host` and SNI, so a second
    answer of the name server changes nothing.
    """

    def __init__(self, *, allow_loopback: bool):
        self._allow_loopback = allow_loopback

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        results: list[ResolveResult] = []
        for _family, _type, protocol, _name, sockaddr in found:
            judge(str(sockaddr[0]), allow_loopback=self._allow_loopback)
            results.append(
                ResolveResult(
                    hostname=host,
                    host=str(sockaddr[0]),
                    port=port,
                    family=_family,
                    proto=protocol,
                    flags=socket.AI_NUMERICHOST,
                )
            )
        return results

    async def close(self) -> None:
        return None


def judge(literal: str, *, allow_loopback: bool) -> None:
    """Raise `AddressRefused` unless the literal address is public."""
    if not is_public(ipaddress.ip_address(literal), allow_loopback=allow_loopback):
        raise AddressRefused("address refused")
