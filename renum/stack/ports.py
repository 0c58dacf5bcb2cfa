"""Loopback ports: which are free, and a clear word about one that is not."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import NamedTuple

from renum.stack.errors import StackError

LOOPBACK = "127.0.0.1"


class Port(NamedTuple):
    """A port that the stack needs, what for, and the variable that moves it."""

    number: int
    purpose: str
    variable: str


def require_free(ports: Sequence[Port]) -> None:
    """Raise `StackError` for the first port that is taken or asked for twice."""
    wanted: dict[int, Port] = {}
    for port in ports:
        if other := wanted.get(port.number):
            raise StackError(f"{other.variable} and {port.variable} are both {port.number}; change one.")
        wanted[port.number] = port
        if not is_free(port.number):
            raise StackError(
                f"Port {port.number} ({port.purpose}) is taken by another program; "
                f"stop it or set {port.variable}."
            )


def is_free(number: int) -> bool:
    """Tell whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        # As servers do: connections that a former server left in TIME_WAIT do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, number))
        except OSError:
            return False
    return True


def pick_free() -> int:
    """Return a loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
