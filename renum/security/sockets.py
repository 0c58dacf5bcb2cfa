"""Connections other than HTTP to hosts that users typed: resolved once, judged, then dialled as judged."""

from __future__ import annotations

import asyncio
import socket

from django.conf import settings

from renum.security.addresses import is_host, judge, leads_inside

CONNECT_SECONDS = 5.0


class NotConnected(OSError):
    """The host was not reached; no byte was sent to it."""


def check_host(host: str, *, allow_loopback: bool = False) -> None:
    """Refuse what can be told from a host's text alone; raises `ValueError` with a reason in Portuguese."""
    if not host.isascii() or not is_host(host):
        raise ValueError("servidor inválido")
    if leads_inside(host, allow_loopback=allow_loopback):
        raise ValueError("o servidor não pertence à internet pública")


async def resolve_vetted(host: str, port: int) -> list[str]:
    """The addresses of a host as literals, every one judged; raises `NotConnected`.

    One address that is refused refuses the host: a name that leads inside half of the time is no better.
    """
    allow_loopback = settings.ENVIRONMENT.allow_loopback
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        literals = [str(sockaddr[0]) for *_, sockaddr in found]
        for literal in literals:
            judge(literal, allow_loopback=allow_loopback)
    except (OSError, UnicodeError) as error:  # AddressRefused is an OSError, TimeoutError too
        raise NotConnected(type(error).__name__) from error
    return list(dict.fromkeys(literals))


async def connect_vetted(host: str, port: int) -> socket.socket:
    """Connect to one of the host's judged addresses; the caller closes the socket. Raises `NotConnected`.

    TLS is the caller's: it names `host` for SNI and the certificate.
    """
    problem: OSError | None = None
    for literal in await resolve_vetted(host, port):
        family = socket.AF_INET6 if ":" in literal else socket.AF_INET
        connection = socket.socket(family, socket.SOCK_STREAM)
        connection.setblocking(False)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await asyncio.get_running_loop().sock_connect(connection, (literal, port))
        except OSError as error:
            connection.close()
            problem = error
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise NotConnected(type(problem).__name__ if problem else "no address") from problem
