"""Peers on loopback for the tests of outbound connections: each is a listener and a behaviour."""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"


@dataclass
class Peer:
    """`heard`: the request bytes of each connection, in the order of arrival."""

    port: int
    heard: list[bytes] = field(default_factory=list)

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


def read_request(connection: socket.socket) -> bytes:
    """Read one request with its body; what was sent, if the client hangs up before."""
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(65_536)
        if not chunk:
            return received
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        ),
        0,
    )
    while len(body) < length:
        chunk = connection.recv(65_536)
        if not chunk:
            break
        received += chunk
        body += chunk
    return received


def reset(connection: socket.socket) -> None:
    """Close with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


Behaviour = Callable[[socket.socket, Peer, threading.Event], None]


@contextmanager
def listening(behave: Behaviour, *, host: str = "127.0.0.1") -> Iterator[Peer]:
    """Serve connections, each in a thread, until the block ends."""
    over = threading.Event()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family, dualstack_ipv6=host == "::") as server:
        server.settimeout(0.02)
        peer = Peer(server.getsockname()[1])
        threads: list[threading.Thread] = []

        def serve(connection: socket.socket) -> None:
            with connection:
                connection.settimeout(5)
                try:
                    behave(connection, peer, over)
                except OSError:
                    return

        def accept() -> None:
            while not over.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                threads.append(threading.Thread(target=serve, args=(connection,)))
                threads[-1].start()

        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield peer
        finally:
            over.set()
            acceptor.join()
            for thread in threads:
                thread.join()


def answering(answer: bytes = ANSWER) -> Behaviour:
    """Answer every request of a connection."""

    def behave(connection: socket.socket, peer: Peer, over: threading.Event) -> None:
        while not over.is_set():
            if not select.select([connection], [], [], 0.05)[0]:
                continue
            request = read_request(connection)
            if not request:
                return
            peer.heard.append(request)
            connection.sendall(answer)

    return behave


def closing(answer: bytes = b"") -> Behaviour:
    """Read the request, send `answer`, hang up."""

    def behave(connection: socket.socket, peer: Peer, over: threading.Event) -> None:
        peer.heard.append(read_request(connection))
        connection.sendall(answer)

    return behave


def resetting(connection: socket.socket, peer: Peer, over: threading.Event) -> None:
    """Read the request, then reset the connection."""
    peer.heard.append(read_request(connection))
    reset(connection)


def hanging(connection: socket.socket, peer: Peer, over: threading.Event) -> None:
    """Read the request and never answer."""
    peer.heard.append(read_request(connection))
    over.wait(10)
