"""The one HTTP factory, against real sockets on this machine."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from renum.security.http import left_before_sending, open_client
from renum.security.tests.peers import (
    ANSWER,
    Peer,
    answering,
    closing,
    hanging,
    listening,
    read_request,
    resetting,
)


@pytest.fixture
def canary() -> Iterator[Peer]:
    """A listener on every address of this machine, IPv4 and IPv6."""
    with listening(answering(), host="::") as peer:
        yield peer


def assert_silent(canary: Peer) -> None:
    """Nothing reached the canary: it accepts in order, and our own visit is the first."""
    with socket.create_connection(("127.0.0.1", canary.port), timeout=5) as visit:
        visit.sendall(b"GET /visit HTTP/1.1\r\n\r\n")
        visit.recv(1)
    assert [request.split(b"\r\n")[0] for request in canary.heard] == [b"GET /visit HTTP/1.1"]


def _loopback(settings: Any, *, allowed: bool) -> None:
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update={"allow_loopback": allowed})


@pytest.fixture
def walled(settings: Any) -> None:
    _loopback(settings, allowed=False)


@pytest.fixture
def at_home(settings: Any) -> None:
    _loopback(settings, allowed=True)


def ask(url: str, *, method: str = "GET", seconds: float = 2.0, **request: Any) -> httpx.Response:
    async def once() -> httpx.Response:
        async with open_client(timeout_seconds=seconds) as client:
            return await client.request(method, url, **request)

    return asyncio.run(once())


def failure(url: str, *, method: str = "POST", seconds: float = 2.0, **request: Any) -> Exception:
    with pytest.raises((httpx.HTTPError, OSError)) as caught:
        ask(url, method=method, seconds=seconds, **request)
    return caught.value


# --- The wall --------------------------------------------------------------------------------------

HOSTS = [
    "127.0.0.1",
    "127.0.0.2",
    "127.1",
    "127.0.1",
    "127.0.0.1.",
    "127.1.",
    "0",
    "0.0.0.0",
    "00",
    "0x0",
    "2130706433",
    "2130706433.",
    "0x7f000001",
    "0x7f.1",
    "0X7F.0.0.1",
    "0177.0.0.1",
    "0177.1",
    "017700000001",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "ip6-localhost",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[::ffff:0.0.0.0]",
    "[64:ff9b::127.0.0.1]",
    "[2002:7f00:1::]",
    "[::1%25lo]",
    "[fe80::1%25lo]",
    "１２７.0.0.1",
    "127。0。0。1",
    "①②⑦.⓪.⓪.①",
    "ⓛocalhost",
    "%31%32%37.0.0.1",
    "127%2e0.0.1",
    "user@127.0.0.1",
    "uazapi.com@127.0.0.1",
    "uazapi.com:443@localhost",
    "uazapi.com%40localhost",
    "127.0.0.1\t",
    " 127.0.0.1",
]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.usefixtures("walled")
def test_no_spelling_of_this_machine_is_reached(canary: Peer, host: str) -> None:
    with pytest.raises((httpx.HTTPError, httpx.InvalidURL, OSError, ValueError)):
        ask(f"http://{host}:{canary.port}/secret", method="POST", json={"token": "t"})
    assert_silent(canary)


@pytest.mark.usefixtures("walled")
def test_no_address_of_this_machine_is_reached_by_its_host_name(canary: Peer) -> None:
    with pytest.raises((httpx.HTTPError, OSError)):
        ask(f"http://{socket.gethostname()}:{canary.port}/")
    assert_silent(canary)


@pytest.mark.parametrize("scheme", ["https", "ftp", "ws", "unix", "file"])
@pytest.mark.usefixtures("walled")
def test_no_scheme_walks_around_the_wall(canary: Peer, scheme: str) -> None:
    with pytest.raises((httpx.HTTPError, httpx.InvalidURL, OSError)):
        ask(f"{scheme}://127.0.0.1:{canary.port}/")
    assert_silent(canary)


@pytest.mark.usefixtures("walled")
def test_a_name_that_resolves_to_this_machine_is_not_reached(
    canary: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *rest: Any, **named: Any) -> Any:
        return real("127.0.0.1" if host == "rebind.example" else host, port, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    error = failure(f"http://rebind.example:{canary.port}/")
    assert left_before_sending(error)
    monkeypatch.setattr(socket, "getaddrinfo", real)
    assert_silent(canary)


@pytest.mark.usefixtures("walled")
def test_a_refused_address_counts_as_never_sent() -> None:
    assert left_before_sending(failure("http://127.0.0.1:9/"))
    assert left_before_sending(failure("http://localhost:9/"))


# --- With loopback allowed -------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
@pytest.mark.usefixtures("at_home")
def test_the_sandbox_is_reached_where_loopback_is_allowed(canary: Peer, host: str) -> None:
    response = ask(f"http://{host}:{canary.port}/path", method="POST", json={"a": "ç"})
    assert (response.status_code, response.text) == (200, "ok")
    assert canary.heard[0].startswith(b"POST /path HTTP/1.1\r\n")
    assert canary.heard[0].endswith('{"a":"ç"}'.encode())


@pytest.mark.usefixtures("at_home")
def test_a_name_is_resolved_once_and_kept_in_the_host_header(
    canary: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asked = socket.getaddrinfo, []

    def getaddrinfo(host: Any, port: Any, *rest: Any, **named: Any) -> Any:
        asked.append(host)
        return real("127.0.0.1", port, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert ask(f"http://provider.example:{canary.port}/").status_code == 200
    assert asked == ["provider.example"]
    assert f"host: provider.example:{canary.port}".encode() in canary.heard[0].lower()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.usefixtures("at_home")
def test_redirects_are_not_followed(canary: Peer, status: int) -> None:
    answer = f"HTTP/1.1 {status} Moved\r\nLocation: {canary.url()}\r\nContent-Length: 0\r\n\r\n"
    with listening(answering(answer.encode())) as peer:
        assert ask(peer.url(), method="POST").status_code == status
    assert_silent(canary)


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.usefixtures("at_home")
def test_a_proxy_of_the_environment_is_not_used(
    canary: Peer, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, canary.url())
    with listening(answering()) as peer:
        assert ask(peer.url()).status_code == 200
    assert_silent(canary)


@pytest.mark.usefixtures("at_home")
def test_credentials_of_a_netrc_are_not_used(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login root password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with listening(answering()) as peer:
        ask(peer.url())
        assert b"authorization" not in peer.heard[0].lower()


@pytest.mark.usefixtures("at_home")
def test_a_cookie_set_for_one_request_is_not_sent_with_the_next() -> None:
    """Many clients' integrations share one HTTP client, and often one host."""
    answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: session=of-acme; Path=/\r\nContent-Length: 0\r\n\r\n"
    with listening(answering(answer)) as peer:

        async def twice() -> None:
            async with open_client() as client:
                await client.get(peer.url())
                await client.get(peer.url())

        asyncio.run(twice())
        assert len(peer.heard) == 2
        assert not any(b"cookie:" in request.lower() for request in peer.heard)


@pytest.mark.usefixtures("at_home")
def test_many_requests_at_once_share_the_bound_on_connections() -> None:
    with listening(answering()) as peer:

        async def many() -> list[httpx.Response]:
            async with open_client(in_flight=4) as client:
                return await asyncio.gather(*(client.get(peer.url(f"/{n}")) for n in range(40)))

        assert {response.status_code for response in asyncio.run(many())} == {200}
        assert len(peer.heard) == 40


# --- Did the bytes leave? --------------------------------------------------------------------------


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.usefixtures("at_home")
def test_i3_a_refused_connection_was_never_sent() -> None:
    assert left_before_sending(failure(f"http://127.0.0.1:{_closed_port()}/", json={"a": 1}))


@pytest.mark.usefixtures("at_home")
def test_i3_a_name_that_does_not_resolve_was_never_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert left_before_sending(failure("http://absent.example/", json={"a": 1}))


@pytest.mark.usefixtures("at_home")
def test_i3_a_connection_that_does_not_come_about_was_never_sent() -> None:
    """A full backlog drops the handshake: the connection times out."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        address = server.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        try:
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(address)
            error = failure(f"http://127.0.0.1:{address[1]}/", seconds=0.3, json={"a": 1})
        finally:
            for one in waiting:
                one.close()
    assert left_before_sending(error)


def _not_tls(connection: socket.socket, peer: Peer, over: threading.Event) -> None:
    connection.sendall(b"this is not TLS\r\n")
    peer.heard.append(connection.recv(65_536))


@pytest.mark.parametrize("behaviour", [_not_tls, hanging], ids=["answers plain text", "hangs"])
@pytest.mark.usefixtures("at_home")
def test_i3_a_failed_tls_handshake_was_never_sent(behaviour: Any) -> None:
    with listening(behaviour) as peer:
        error = failure(f"https://127.0.0.1:{peer.port}/", seconds=0.3, json={"token": "secret"})
    assert left_before_sending(error)
    assert b"secret" not in b"".join(peer.heard)


@pytest.mark.parametrize(
    "behaviour",
    [
        closing(),
        resetting,
        closing(b"HTTP/1.1 200 OK\r\nContent-Le"),
        closing(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
        closing(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal"),
        closing(b"garbage instead of HTTP\r\n\r\n"),
        closing(b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n"),
        closing(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\nok\r\n0\r\n\r\n"),
        closing(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 100_000 + b"\r\n\r\n"),
        closing(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok"),
    ],
    ids=[
        "hangs up",
        "resets",
        "half a head",
        "half a body",
        "half a chunk",
        "garbage",
        "bad length",
        "bad chunk",
        "long header",
        "bad gzip",
    ],
)
@pytest.mark.usefixtures("at_home")
def test_i3_a_request_without_a_whole_answer_may_have_taken_effect(behaviour: Any) -> None:
    with listening(behaviour) as peer:
        error = failure(peer.url(), json={"a": 1})
        assert [request.endswith(b'{"a":1}') for request in peer.heard] == [True]
    assert not left_before_sending(error)


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"])
@pytest.mark.usefixtures("at_home")
def test_i3_a_request_whose_answer_did_not_come_in_time_may_have_taken_effect(head: bytes) -> None:
    def behave(connection: socket.socket, peer: Peer, over: threading.Event) -> None:
        if head:
            connection.sendall(head)
        hanging(connection, peer, over)

    with listening(behave) as peer:
        error = failure(peer.url(), seconds=0.3, json={"a": 1})
        assert len(peer.heard) == 1
    assert not left_before_sending(error)


@pytest.mark.usefixtures("at_home")
def test_i3_a_post_on_a_connection_that_the_peer_gave_up_is_not_repeated_by_itself() -> None:
    """The second request meets a peer that reads it and hangs up: it must arrive once, and fail."""

    def behave(connection: socket.socket, peer: Peer, over: threading.Event) -> None:
        peer.heard.append(read_request(connection))
        connection.sendall(ANSWER)
        if second := read_request(connection):
            peer.heard.append(second)

    with listening(behave) as peer:

        async def twice() -> Exception | None:
            async with open_client() as client:
                await client.post(peer.url("/first"), json={})
                try:
                    await client.post(peer.url("/second"), json={})
                except httpx.HTTPError as error:
                    return error
                return None

        error = asyncio.run(twice())
        lines = [request.split(b" HTTP")[0] for request in peer.heard]
        assert lines == [b"POST /first", b"POST /second"]
        assert error is not None
        assert not left_before_sending(error)  # type: ignore[arg-type]


@pytest.mark.usefixtures("at_home")
def test_a_scheme_that_is_not_http_was_never_sent() -> None:
    assert left_before_sending(failure("ftp://127.0.0.1/"))
