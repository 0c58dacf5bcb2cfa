"""The webhook behind the server that serves it: bodies without a Content-Length, and caps on the wire."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager

import pytest

from renum.environment import BASE_DIR
from tests.cast import Cast
from webhooks.tests.helpers import KEY, connect, encode, go, inbox, text

MIB = 1024 * 1024
START_SECONDS = 30


@contextmanager
def granian(*, workers: int = 1, **settings: str) -> Iterator[int]:
    """A granian of our own, on the databases of this test run; yields its port."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        free: int = probe.getsockname()[1]
    command = f"-m granian --interface wsgi renum.wsgi:application --host 127.0.0.1 --port {free}"
    command += f" --no-access-log --workers {workers} --blocking-threads 4 --workers-kill-timeout 5"
    server = subprocess.Popen(
        [sys.executable, *command.split()],
        cwd=BASE_DIR,
        env={**os.environ, **settings},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        stop_at = time.monotonic() + START_SECONDS
        while True:
            try:
                request(free, "GET", "/health")
                break
            except OSError:
                assert server.poll() is None and time.monotonic() < stop_at, "granian did not start"
                time.sleep(0.05)
        yield free
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with granian() as free:
        yield free


def request(
    port: int,
    method: str,
    path: str,
    body: bytes | Iterable[bytes] | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(
            method,
            path,
            body,
            {"Content-Type": "application/json", **(headers or {})},
            encode_chunked=not isinstance(body, bytes | None),
        )
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def in_chunks(body: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def post_chunked(port: int, body: bytes, size: int = 1000, path: str = f"/webhooks/uazapi/{KEY}") -> int:
    headers = {"Transfer-Encoding": "chunked"}
    try:
        return request(port, "POST", path, in_chunks(body, size), headers)[0]
    except (BrokenPipeError, ConnectionResetError):  # it hung up on what was too much
        return 413


@pytest.mark.parametrize("size", [1, 7, 1000, 10**6])
def test_takes_in_a_chunked_body(committed_cast: Cast, port: int, size: int) -> None:
    connect(committed_cast.acme)
    assert post_chunked(port, encode(go(text("Olá 😀"))), size) == 200
    (event,) = inbox()
    assert event.payload["message"]["text"] == "Olá 😀"


def test_takes_in_a_chunked_mebibyte_and_not_a_byte_more(committed_cast: Cast, port: int) -> None:
    connect(committed_cast.acme)
    body = encode({"filler": ""})
    body = encode({"filler": "x" * (MIB - len(body))})

    assert post_chunked(port, body, 65_536) == 200
    assert len(inbox()) == 1
    assert post_chunked(port, body + b" ", 65_536) == 413
    assert post_chunked(port, body + b" " * (8 * MIB), 65_536) == 413
    assert len(inbox()) == 1


def test_refuses_a_chunked_body_with_a_wrong_key(committed_cast: Cast, port: int) -> None:
    connect(committed_cast.acme)
    assert post_chunked(port, encode(go()), path="/webhooks/uazapi/no-such-key") == 401
    assert inbox() == []


def test_refuses_more_than_a_mebibyte_by_its_declared_length(committed_cast: Cast, port: int) -> None:
    connect(committed_cast.acme)
    status, body = request(port, "POST", f"/webhooks/uazapi/{KEY}", b" " * (MIB + 1))
    assert status == 413
    assert b"PAYLOAD_TOO_LARGE" in body
    assert inbox() == []


@pytest.mark.parametrize("chunked", [False, True])
def test_whoever_sends_too_much_is_heard_out_and_answered(
    committed_cast: Cast, port: int, chunked: bool
) -> None:
    """Cut off while it writes, a client would see a broken pipe instead of the envelope."""
    connect(committed_cast.acme)
    much = b" " * (4 * MIB)
    headers = {"Transfer-Encoding": "chunked"} if chunked else {}
    for _ in range(5):
        body = in_chunks(much, 65_536) if chunked else much
        status, answer = request(port, "POST", f"/webhooks/uazapi/{KEY}", body, headers)
        assert (status, b"PAYLOAD_TOO_LARGE" in answer) == (413, True)
    assert inbox() == []


def test_an_empty_body_and_other_methods_are_answered(committed_cast: Cast, port: int) -> None:
    connect(committed_cast.acme)
    path = f"/webhooks/uazapi/{KEY}"
    assert request(port, "POST", path, b"")[0] == 400
    assert post_chunked(port, b"") == 400
    status, body = request(port, "GET", path)
    assert (status, b"METHOD_NOT_ALLOWED" in body) == (405, True)
    assert inbox() == []


def test_the_connection_survives_a_refusal(committed_cast: Cast, port: int) -> None:
    """What is left unread of a refused body must not be taken for the next request."""
    connect(committed_cast.acme)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        for path, expected in [("no-such-key", 401), (KEY, 200), ("no-such-key", 401), (KEY, 200)]:
            connection.request("POST", f"/webhooks/uazapi/{path}", encode(go()))
            response = connection.getresponse()
            response.read()
            assert response.status == expected
    finally:
        connection.close()
    assert len(inbox()) == 2


def test_webhooks_keep_the_security_headers_and_the_envelope_without_the_other_middleware(
    committed_cast: Cast, port: int
) -> None:
    connect(committed_cast.acme)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    answers = {}
    with closing(connection):
        for path in (f"/webhooks/uazapi/{KEY}", "/webhooks/nobody", "/webhooks/", "/health"):
            connection.request("POST", path, encode(go()), {"Host": "who.is.this", "Cookie": "sessionid=x"})
            response = connection.getresponse()
            answers[path] = (response.status, response.headers, response.read())
    status, headers, body = answers[f"/webhooks/uazapi/{KEY}"]
    assert (status, headers["X-Content-Type-Options"]) == (200, "nosniff")
    assert int(headers["Content-Length"]) == len(body)
    assert "Set-Cookie" not in headers
    for path in ("/webhooks/nobody", "/webhooks/"):
        assert answers[path][0] == 404
        assert b'"error_code": "NOT_FOUND"' in answers[path][2]
    assert answers["/health"][0] == 400  # everywhere else the host's name is checked
    assert len(inbox()) == 1


@pytest.mark.parametrize("path", ["/webhooks/nobody", "/api/nobody"])
def test_an_answer_that_needs_no_body_leaves_the_connection_to_the_next_request(port: int, path: str) -> None:
    """The body comes after its head, so that the server may answer before it is there."""
    body = b"x" * 1000
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(5):
            connection.sendall(head)
            request(port, "GET", "/health")  # time enough for it to answer, if it would
            connection.sendall(body)
            response = http.client.HTTPResponse(connection)
            response.begin()
            assert response.status == 404
            assert b"NOT_FOUND" in response.read()
