"""What can befall a vendor: each fault by its name, made at the socket or scripted in the sandbox."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import trustme

from integrations.tests.databases import SCHEMA, door, execute, fatal
from integrations.tests.helpers import Vendor, closed_port
from integrations.tests.mailing import speaking
from renum.security.tests.peers import Behaviour, Peer, listening, read_request

RETRY_AFTER = 40  # seconds; longer than any wait of ours between tries
# What a mail server says where HTTP has a status: at which stage, and the reply.
SMTP_REPLIES: dict[str, tuple[str, int, str]] = {
    "400": ("data", 554, "5.5.1 no valid recipients"),  # refused for how it is said, before the mail
    "401": ("auth", 535, "5.7.8 authentication failed"),
    "403": ("mail", 550, "5.7.60 not permitted to send as this sender"),
    "404": ("rcpt", 550, "5.1.1 no such mailbox"),
    "413": ("body", 552, "5.3.4 message too big"),  # only seen once it is there
    "429": ("rcpt", 450, "4.7.1 slow down"),  # SMTP has no Retry-After
    "500": ("body", 451, "4.3.0 local error in processing"),  # 5xx is for good in SMTP: this is a 4xx
    "502": ("rcpt", 451, "4.4.1 no answer from the next host"),
    "503": ("connect", 421, "4.3.2 service not available"),
    "504": ("body", 421, "4.4.2 timed out"),  # unlike a gateway's, a word that the mail was not taken
}


@dataclass
class Place:
    """Where a vendor in trouble is, and who listens there: the sandbox, or a peer, or nobody."""

    port: int
    host: str = "127.0.0.1"
    tls: bool = False
    peers: list[Peer] = field(default_factory=list)


@contextmanager
def unreachable(fault: str) -> Iterator[Place]:
    """A vendor that no request can be sent to."""
    if fault == "connect-refused":
        yield Place(closed_port())
    elif fault == "dns-failure":
        yield Place(443, host="vendor.invalid", tls=True)
    elif fault == "tls-failure":
        with listening(untrusted()) as peer:
            yield Place(peer.port, tls=True, peers=[peer])
    else:
        assert fault == "hang-before-bytes"
        with deaf_port() as port:
            yield Place(port)


_BODIES = {
    "403-unverified-sender": {"errors": [{"message": "The from address is no verified Sender Identity"}]},
}
UNREACHABLE = ("connect-refused", "dns-failure", "tls-failure", "hang-before-bytes")


def script_http(sandbox: Vendor, fault: str, path: str | None = None) -> None:
    """Let every request to send, or to this path, meet the fault."""
    kinds = {"hang-after-bytes": "accept_then_hang", "garbage-200": "garbage", "cut-body": "cut"}
    script: dict[str, Any] = {"kind": kinds.get(fault, "status"), "times": 10}
    if fault[0].isdigit():
        script["status"] = int(fault[:3])
    if fault in _BODIES:
        script["body"] = _BODIES[fault]
    if fault == "429":
        script["retry_after"] = RETRY_AFTER
    sandbox.script(script | ({"path": path} if path else {}))


@contextmanager
def mail_server(sandbox: Vendor, fault: str) -> Iterator[Place]:
    """A mail server that is reached, and then this happens."""
    if fault == "garbage-200":
        with listening(speaking(body=b"<html>It works!</html>\r\n")) as peer:
            yield Place(peer.port, peers=[peer])
        return
    if fault in SMTP_REPLIES:
        stage, code, text = SMTP_REPLIES[fault]
        sandbox.script({"kind": "smtp_reply", "stage": stage, "code": code, "text": text, "times": 10})
    else:
        kind = {"hang-after-bytes": "smtp_hang", "cut-body": "smtp_drop"}[fault]
        sandbox.script({"kind": kind, "stage": "body", "times": 10})
    yield Place(sandbox.smtp_port)


# What a Postgres says where HTTP has a status. Some end the connection before anything is asked:
POSTGRES_REFUSALS = {
    "401": ("28P01", "password authentication failed"),
    "429": ("53300", "too many connections"),
    "503": ("57P03", "the database system is starting up"),
}
# and some are the answer to a query that asks for them.
POSTGRES_QUERIES: dict[str, dict[str, Any]] = {
    "400": {"filters": [{"column": "dia", "value": "never"}]},  # 22007
    "403": {"table": "fechada"},  # 42501
    "404": {"table": "ausente"},  # 42P01
    "413": {"table": "largas", "columns": [], "filters": [{"column": "id", "value": 200}]},
    "504": {"table": "lenta"},  # 57014, by its statement time-out
}
QUERY_WORDS = SCHEMA.encode()  # in each query, and in nothing else that is sent


@contextmanager
def postgres(fault: str, front: int) -> Iterator[Place]:
    """A Postgres that fails so; without the fault it is the one at `front`."""
    if fault in UNREACHABLE and fault != "tls-failure":
        with unreachable(fault) as place:
            yield place
        return
    behaviour = _postgres_behaviour(fault, front)
    with listening(behaviour) as peer:
        yield Place(peer.port, tls=fault == "tls-failure", peers=[peer])


def _postgres_behaviour(fault: str, front: int) -> Behaviour:
    if fault == "tls-failure":
        return door(certificate=unknown_certificate())
    if fault in POSTGRES_REFUSALS:
        return door(password="another", refusal=fatal(*POSTGRES_REFUSALS[fault]))
    if fault == "502":  # whoever is in between finds nobody behind
        return lambda connection, peer, over: peer.heard.append(connection.recv(65_536))
    return interrupted(front, QUERY_WORDS, _POSTGRES_ENDS.get(fault))


def _hang(connection: socket.socket, over: threading.Event) -> None:
    over.wait(10)


_POSTGRES_ENDS: dict[str, Callable[[socket.socket, threading.Event], None]] = {
    "500": lambda connection, over: connection.sendall(fatal("XX000", "internal error")),
    "hang-after-bytes": _hang,
    "garbage-200": lambda connection, over: connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n<html>"),
    "cut-body": lambda connection, over: connection.sendall(b"T\x00\x00\x00\x2a\x00\x01"),
}


def sessions_of(role: str) -> int:
    """How many sessions a role has at the suite's Postgres."""
    found = execute(f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{role}'")
    return int(found[0][0])


def arrived(sandbox: Vendor, place: Place, words: str) -> int:
    """How many requests with these words the vendor saw, whatever it made of them."""
    seen = sum(words in json.dumps(entry["body"]) for entry in sandbox.journal())
    return seen + sum(words.encode() in heard for peer in place.peers for heard in peer.heard)


# --- peers ----------------------------------------------------------------------------------------


def untrusted() -> Behaviour:
    """Open TLS with the certificate of an authority that nobody knows, and read what is sent all the same."""
    context = unknown_certificate()

    def behave(connection: socket.socket, peer: Peer, over: threading.Event) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            peer.heard.append(read_request(secured))

    return behave


def unknown_certificate() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context


@contextmanager
def deaf_port() -> Iterator[int]:
    """A listener whose backlog is full: a connection to it never comes about."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        try:
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(listener.getsockname())
            yield int(listener.getsockname()[1])
        finally:
            for one in waiting:
                one.close()


def interrupted(
    port: int, words: bytes, then: Callable[[socket.socket, threading.Event], None] | None
) -> Behaviour:
    """Lead to the server at `port` until the client says these words, which are noted, and do this instead."""

    def behave(connection: socket.socket, peer: Peer, over: threading.Event) -> None:
        with socket.create_connection(("127.0.0.1", port)) as server:
            connection.settimeout(0.01)
            server.settimeout(0.01)
            while not over.is_set():
                said = _read(connection)
                if said == b"" or (answer := _read(server)) == b"":
                    return
                if said and words in said:
                    peer.heard.append(said)
                    if then is not None:
                        then(connection, over)
                        return
                server.sendall(said or b"")
                connection.sendall(answer or b"")

    return behave


def _read(connection: socket.socket) -> bytes | None:
    """What there is to read; b"" once the other end is closed, None while it is silent."""
    try:
        return connection.recv(65_536)
    except TimeoutError:
        return None
