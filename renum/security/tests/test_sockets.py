"""Connections other than HTTP: what is refused, what is dialled, and that no socket is left behind."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from renum.security import sockets
from renum.security.addresses import AddressRefused
from renum.security.sockets import NotConnected, check_host, connect_vetted, resolve_vetted
from renum.security.tests.peers import Peer, hanging, listening
from renum.security.tests.resolver import Dialled, Names

NAME = "mail.acme.example"


@pytest.fixture
def walled(settings: Any) -> None:
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update={"allow_loopback": False})


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    return Names(monkeypatch)


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> Dialled:
    return Dialled(monkeypatch)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[socket.socket]:
    """Every socket that was made to connect or listen."""
    found: list[socket.socket] = []

    class Noted(socket.socket):
        def __init__(self, *args: Any, **named: Any):
            super().__init__(*args, **named)
            if not named.get("fileno") and len(args) < 4:  # not accepted by a listener
                found.append(self)

    monkeypatch.setattr(socket, "socket", Noted)
    return found


@pytest.fixture
def server() -> Iterator[Peer]:
    with listening(hanging) as peer:
        yield peer


@pytest.fixture
def deaf() -> Iterator[int]:
    """The port of a listener whose backlog is full: connections to it never come about."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield int(listener.getsockname()[1])
        for one in waiting:
            one.close()


def peer_of(host: str, port: int) -> tuple[str, int]:
    """Connect, and tell whom to; the socket is closed again."""

    async def connect() -> tuple[str, int]:
        with await connect_vetted(host, port) as connection:
            assert not connection.getblocking()
            address: tuple[str, int] = connection.getpeername()[:2]
            return address

    return asyncio.run(connect())


def failure(host: str, port: int = 25) -> NotConnected:
    with pytest.raises(NotConnected) as raised:
        asyncio.run(connect_vetted(host, port))
    return raised.value


# --- what can be told from the text ---------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    ["smtp.acme.com.br", "SMTP.ACME.COM", "mail_1.acme.com", "acme", "acme.com.", "xn--clnica-4va.com.br", "8.8.8.8"]
    + ["2606:4700:4700::1111", "0x8.8.8.8", f"{'a' * 63}.com", "localhost.acme.com", "1and1.com", "127.0.0.1.acme.com"],
)  # fmt: skip
def test_a_name_or_address_of_the_public_internet_is_allowed(host: str) -> None:
    check_host(host)


@pytest.mark.parametrize(
    "host",
    ["", " ", ".", "..", "a..b", ".acme.com", "acme.com..", "-acme.com", "acme-.com", "a b.com", "acme.com:25"]
    + ["acme.com\n", "\tacme.com", "acme.com\x00", "user@acme.com", "https://acme.com", "acme.com/x", "acme.com#"]
    + ["[::1]", "/tmp", "/var/run/postgresql", "@socket", "acme.com,127.0.0.1", "a%2eb", "clínica.com.br"]
    + [f"{'a' * 64}.com", "a." * 127, "host=acme.com"],
)  # fmt: skip
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="servidor inválido"):
        check_host(host, allow_loopback=True)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "0x7f.1", "2130706433", "0177.0.0.1", "127.0.0.1.", "0", "::1", "::ffff:127.0.0.1"]
    + ["localhost", "LocalHost", "localhost.", "db.localhost"],
)  # fmt: skip
def test_this_machine_is_refused_unless_loopback_is_allowed(host: str) -> None:
    with pytest.raises(ValueError, match="não pertence à internet pública"):
        check_host(host)
    if host != "0":  # this host, but not its loopback
        check_host(host, allow_loopback=True)


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "fd00::1", "fe80::1%lo"]
)
def test_allowing_loopback_allows_no_other_network(host: str) -> None:
    with pytest.raises(ValueError, match="não pertence à internet pública"):
        check_host(host, allow_loopback=True)


# --- what a name leads to -------------------------------------------------------------------------


def test_a_name_gives_its_addresses_each_once_in_their_order(names: Names) -> None:
    names.lead(NAME, ("8.8.8.8", "2606:4700:4700::1111", "8.8.8.8", "1.1.1.1"))
    found = asyncio.run(resolve_vetted(NAME, 25))
    assert found == ["8.8.8.8", "2606:4700:4700::1111", "1.1.1.1"]
    assert names.asked == [NAME]


@pytest.mark.parametrize(
    "inside", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00::1", "::ffff:10.0.0.1"]
)
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.usefixtures("walled")
def test_one_address_inside_refuses_the_name_and_nothing_is_dialled(
    names: Names, dialled: Dialled, inside: str, place: int
) -> None:
    answers = ["8.8.8.8", "2606:4700:4700::1111"]
    answers.insert(place, inside)
    names.lead(NAME, tuple(answers))
    assert isinstance(failure(NAME).__cause__, AddressRefused)
    assert dialled == []


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "0x7f.1", "localhost", "::1", "", "１２７.0.0.1"])
@pytest.mark.usefixtures("walled")
def test_this_machine_is_not_dialled_however_it_is_spelled(server: Peer, dialled: Dialled, host: str) -> None:
    failure(host, server.port)
    assert dialled == []


@pytest.mark.parametrize("host", ["absent.example", "a" * 64 + ".example", "a..b"])
def test_a_name_that_cannot_be_resolved_is_not_connected(names: Names, dialled: Dialled, host: str) -> None:
    assert failure(host).__cause__ is not None
    assert dialled == []


@pytest.mark.usefixtures("walled")
def test_a_second_answer_of_the_name_server_changes_nothing(
    server: Peer, names: Names, dialled: Dialled
) -> None:
    names.lead(NAME, ("8.8.8.8",), ("127.0.0.1",))
    failure(NAME, server.port)
    assert (names.asked, dialled) == ([NAME], ["8.8.8.8"])


def test_a_name_server_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "CONNECT_SECONDS", 0.1)

    async def never(*_: Any, **__: Any) -> Any:
        await asyncio.sleep(10)

    async def connect() -> None:
        asyncio.get_running_loop().getaddrinfo = never  # type: ignore[method-assign]
        await connect_vetted(NAME, 25)

    started = time.monotonic()
    with pytest.raises(NotConnected, match="TimeoutError"):
        asyncio.run(connect())
    assert time.monotonic() - started < 2


# --- what is dialled ------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", NAME])
def test_connects_to_the_judged_address(server: Peer, names: Names, host: str) -> None:
    names.lead(NAME, ("127.0.0.1",))
    assert peer_of(host, server.port) == ("127.0.0.1", server.port)


def test_connects_over_ipv6() -> None:
    with listening(hanging, host="::1") as peer:
        assert peer_of("::1", peer.port) == ("::1", peer.port)


def test_tries_the_addresses_in_turn_until_one_answers(
    server: Peer, names: Names, dialled: Dialled, made: list[socket.socket]
) -> None:
    names.lead(NAME, ("::1", "8.8.8.8", "127.0.0.1", "127.0.0.2"))
    assert peer_of(NAME, server.port) == ("127.0.0.1", server.port)
    assert dialled == ["::1", "8.8.8.8", "127.0.0.1"]
    assert [one.fileno() for one in made] == [-1] * len(made)


def test_an_address_that_does_not_answer_gives_way_to_the_next(
    deaf: int, names: Names, dialled: Dialled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "CONNECT_SECONDS", 0.2)
    names.lead(NAME, ("127.0.0.1", "127.0.0.2"))
    with socket.create_server(("127.0.0.2", deaf)):
        assert peer_of(NAME, deaf) == ("127.0.0.2", deaf)
    assert dialled == ["127.0.0.1", "127.0.0.2"]


def test_says_why_the_last_address_failed_and_leaves_no_socket(
    names: Names, dialled: Dialled, made: list[socket.socket]
) -> None:
    names.lead(NAME, ("8.8.8.8", "1.1.1.1"))
    error = failure(NAME)
    assert str(error) == "ConnectionRefusedError" and isinstance(error.__cause__, ConnectionRefusedError)
    assert dialled == ["8.8.8.8", "1.1.1.1"]
    assert [one.fileno() for one in made] == [-1] * len(made)


def test_a_connection_that_does_not_come_about_is_given_up_and_closed(
    deaf: int, made: list[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "CONNECT_SECONDS", 0.1)
    started = time.monotonic()
    assert str(failure("127.0.0.1", deaf)) == "TimeoutError"
    assert time.monotonic() - started < 2
    assert made and [one.fileno() for one in made] == [-1] * len(made)


@pytest.mark.parametrize("give_up", ["cancel", "time-out"])
def test_a_connection_that_its_caller_gives_up_is_closed(
    deaf: int, made: list[socket.socket], dialled: Dialled, give_up: str
) -> None:
    async def connect() -> None:
        task = asyncio.ensure_future(connect_vetted("127.0.0.1", deaf))
        if give_up == "cancel":
            while not dialled:
                await asyncio.wait({task}, timeout=0.01)
            task.cancel()
            await task
        else:
            await asyncio.wait_for(task, 0.1)

    with pytest.raises((asyncio.CancelledError, TimeoutError)):
        asyncio.run(connect())
    assert made and [one.fileno() for one in made] == [-1] * len(made)
