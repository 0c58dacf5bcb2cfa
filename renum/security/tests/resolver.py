"""A name server under a script, at the place where Python asks the machine's, and what is dialled then."""

from __future__ import annotations

import ipaddress
import socket
import threading
from asyncio.selector_events import BaseSelectorEventLoop
from typing import Any

import pytest

OWN_NAMES = ("localhost", socket.gethostname().lower())


class Names:
    """What names lead to. A name with several answers gives one after the other, then stays with the last.

    Addresses and the machine's own names resolve as ever; no other name does. `asked`: for what, in order.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.asked: list[str] = []
        self._answers: dict[str, list[tuple[str, ...]]] = {}
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._getaddrinfo)

    def lead(self, name: str, *answers: tuple[str, ...]) -> str:
        self._answers[name] = list(answers)
        return name

    def _getaddrinfo(
        self, host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> Any:
        if not isinstance(host, str):
            return self._real(host, port, family, type, proto, flags)
        name = host.encode("idna").decode().lower().removesuffix(".")
        if name in self._answers:
            self.asked.append(name)
            left = self._answers[name]
            addresses = left.pop(0) if len(left) > 1 else left[0]
            return [entry for one in addresses for entry in self._real(one, port, family, type, proto, flags)]
        if name not in OWN_NAMES:
            flags |= socket.AI_NUMERICHOST  # nobody outside is asked
        return self._real(host, port, family, type, proto, flags)


class Dialled(list[str]):
    """The addresses that event loops of this thread connect to; a stand-in's in another are its own affair.

    None outside this machine is really dialled: it refuses.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        super().__init__()
        real, ours = BaseSelectorEventLoop.sock_connect, threading.get_ident()

        async def sock_connect(loop: Any, connection: socket.socket, address: Any) -> None:
            if threading.get_ident() == ours:
                self.append(str(address[0]))
            if not ipaddress.ip_address(str(address[0])).is_loopback:
                raise ConnectionRefusedError
            await real(loop, connection, address)

        monkeypatch.setattr(BaseSelectorEventLoop, "sock_connect", sock_connect)
